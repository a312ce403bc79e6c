"""A trained model as PMML, scored by an evaluator that is not ours: every row has the score and the reasons it has here.

The evaluator is JPMML, in Java. Models of whole and of fractional points are trained on German Credit as it is shipped and on the
same rows with holes, special values and categories that training did not see. Scores are compared as integers, in
ten-thousandths, without tolerance; reasons with those computed from the bins, and with those the engine gives.

Usage: pmml.py HENGXIN_BINARY
"""

import json
import subprocess
import sys
import tempfile
import traceback
from decimal import Decimal
from pathlib import Path

import jpmml_evaluator
import pyarrow as pa
import pyarrow.parquet as pq

from laboratory import german

AGE, AMOUNT, PURPOSE = "age_in_years", "credit_amount", "purpose"
ENTERPRISE = "91330199MAY0005780"


def with_holes(table):
    """Every third age of those who did not default unknown, so that not to tell pays; every seventh amount the special value -1;
    every ninth purpose unknown."""
    columns = table.to_pydict()
    safe = [cell == "good" for cell in columns["creditability"]]
    columns[AGE] = [None if safe[row] and row % 3 == 0 else cell for row, cell in enumerate(columns[AGE])]
    for name, every, value in ((AMOUNT, 7, -1.0), (PURPOSE, 9, None)):
        columns[name] = [value if row % every == 0 else cell for row, cell in enumerate(columns[name])]
    return pa.table(columns)


def with_surprises(table):
    """Purposes and ages that no learning row had."""
    columns = table.to_pydict()
    odd = ["a <boat> & \"more\"", "", "retraining ", "零"]
    columns[PURPOSE] = [odd[row // 5 % 4] if row % 5 == 0 else cell for row, cell in enumerate(columns[PURPOSE])]
    columns[AGE] = [1e9 if row % 13 == 0 else -0.5 if row % 13 == 1 else cell for row, cell in enumerate(columns[AGE])]
    return pa.table(columns)


class Case:
    """A model trained on a table, and its PMML."""

    def __init__(self, binary, folder, table, decimals, special=()):
        self.binary, self.folder, self.table = binary, folder, table
        folder.mkdir()
        pq.write_table(table, folder / "history.parquet")
        history = {"target": {"column": "creditability", "default": "bad"}, "decimals": 4}
        history["columns"] = {AMOUNT: {"special": list(special)}}
        plan = {
            "id": "german-credit", "edition": "2026.1", "title": "German <Credit>", "history": history,
            "split": {"rows": {"share": 0.3, "seed": 42}},
            "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": decimals},
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        self.run("train", "plan.json", "--history", "history.parquet", "--out", "model")
        self.run("export", "model/model.json", "--as", "pmml", "--out", "model.pmml")
        self.model = json.loads((folder / "model/model.json").read_text())
        evaluator = jpmml_evaluator.make_evaluator(str(folder / "model.pmml"), backend="jpype")
        self.evaluator = evaluator.verify()

    def run(self, *arguments):
        run = subprocess.run([self.binary, *arguments], cwd=self.folder, text=True, capture_output=True)
        assert run.returncode == 0, (arguments, run.stderr)
        return run.stdout

    def scores(self, table):
        """Ours, in ten-thousandths."""
        pq.write_table(table, self.folder / "rows.parquet")
        self.run("score-history", "model/model.json", "rows.parquet", "--out", "scored.parquet")
        scores = pq.read_table(self.folder / "scored.parquet").column("score").to_pylist()
        return [int(score * 10_000) for score in scores]

    def told(self, table):
        """What the evaluator says: of each row the score in ten-thousandths and the reasons."""
        columns = [feature["column"] for feature in self.model["features"]]
        for row in table.select(columns).to_pylist():
            told = self.evaluator.evaluate(row)
            # The shortest digits that mean this double, as a reader of the score sees it.
            exact = Decimal(repr(told["score"])) * 10_000
            assert exact == int(exact), f"{told['score']} is no decimal of four places"
            ranks = sum(str(name).startswith("reason_code_") for name in told)
            yield int(exact), [told[f"reason_code_{rank}"] for rank in range(1, ranks + 1)]

    def reasons(self, row):
        """From the bins: the title of each indicator that stays below its most, the furthest first."""
        lost = []
        for feature in self.model["features"]:
            points = {kind: 0 for kind in ("missing", "unseen")}
            ranges, names, special, known = [], {}, {}, []
            for bin in feature["bins"]:
                units = round(bin["points"] * 10_000)
                if "missing" in bin:
                    points["missing"] = units
                    continue
                if "unseen" in bin:
                    points["unseen"] = units
                    if feature["kind"] == "numeric":
                        continue
                elif "range" in bin:
                    ranges.append((*bin["range"], units))
                elif "special" in bin:
                    special[bin["special"]] = units
                else:
                    names.update((name, units) for name in bin["categories"])
                known.append(units)
            value, most = row[feature["column"]], max(known)
            if value is None:
                earned = min(points["missing"], most)
            elif value in special:
                earned = special[value]
            elif feature["kind"] == "categorical":
                earned = names.get(value, points["unseen"])
            else:
                [earned] = [p for a, b, p in ranges if (a is None or a <= value) and (b is None or value < b)]
            lost.append((most - earned, feature["column"]))
            more = points["missing"] - most
            if more > 0:
                lost.append((0 if value is None else more, f"{feature['column']}, missing"))
        # Sorting keeps the order of the document among equals.
        return [title for points, title in sorted(lost, key=lambda one: -one[0]) if points > 0]

    def check(self, table):
        """Scores of all rows, and their reasons; how many rows they were and how many reasons."""
        ours, rows, told = self.scores(table), table.to_pylist(), 0
        for number, (row, score, (theirs, reasons)) in enumerate(zip(rows, ours, self.told(table), strict=True)):
            assert theirs == score, f"row {number}: {theirs} by the evaluator, {score} here"
            expected = self.reasons(row)
            # Behind them are those where nothing is lost, which the engine does not tell.
            assert reasons[: len(expected)] == expected, f"row {number}: {reasons}, expected {expected}"
            told += len(expected)
        return len(rows), told


def whole_points_on_the_rows_as_they_are(binary, folder):
    return Case(binary, folder, german(), 0).check(german())


def fractional_points_on_rows_with_holes(binary, folder):
    table = with_holes(german())
    case = Case(binary, folder, table, 4, special=[-1])
    assert any("special" in bin for feature in case.model["features"] for bin in feature["bins"]), "no special value"
    assert f"{AGE}, missing" in case.reasons(table.slice(1, 1).to_pylist()[0]), "to tell an age costs nothing"
    return case.check(table)


def values_that_training_did_not_see(binary, folder):
    case = Case(binary, folder, with_holes(german()), 2, special=[-1])
    return case.check(with_surprises(with_holes(german())))


def the_engine_ranks_the_reasons_alike(binary, folder):
    """Ten rows as what was known of one enterprise on ten days."""
    case = Case(binary, folder, german(), 0)
    case.run("export", "model/model.json", "--as", "standard", "--from", "2026-01-01", "--out", "standards")
    rows = german().slice(0, 10)
    place = ["--data", "data", "--standards", "standards"]
    for number, feature in enumerate(case.model["features"], 1):
        lines = [f"{ENTERPRISE},2026-06-{day:02},\"{row[feature['column']]}\"" for day, row in enumerate(rows.to_pylist(), 1)]
        (folder / "values.csv").write_text("\n".join(["subject_code,observed_on,value", *lines]) + "\n")
        case.run("ingest", "--as", f"input-{number}", "values.csv", *place, "--deliver", "model-inputs=2026-06-30")
    titles = {f"input-{number}": feature["column"] for number, feature in enumerate(case.model["features"], 1)}
    titles |= {f"{id}-missing": f"{title}, missing" for id, title in titles.items()}
    told = 0
    for day, (score, reasons) in enumerate(case.told(rows), 1):
        ask = ["explain", ENTERPRISE, "--standard", "german-credit", "--as-of", f"2026-06-{day:02}", "--json"]
        engine = json.loads(case.run(*ask, *place))
        told += len(engine["reasons"])
        ranked = [titles[reason["indicator"]] for reason in engine["reasons"]]
        assert ranked and reasons[: len(ranked)] == ranked, (day, reasons, ranked)
        assert Decimal(str(engine["score"])) * 10_000 == score, (day, engine["score"], score)
    return len(rows), told


TESTS = [
    whole_points_on_the_rows_as_they_are,
    fractional_points_on_rows_with_holes,
    values_that_training_did_not_see,
    the_engine_ranks_the_reasons_alike,
]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for test in TESTS:
            try:
                rows, reasons = test(str(Path(sys.argv[1]).resolve()), Path(folder) / test.__name__)
                print(f"{test.__name__.replace('_', ' ')}: {rows} rows, {reasons} reasons alike")
                passed += 1
            except Exception:
                failed += 1
                print(f"failed: {test.__name__.replace('_', ' ')}")
                traceback.print_exc()
    print(f"{passed} tests of PMML passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
