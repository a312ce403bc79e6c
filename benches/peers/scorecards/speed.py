"""Time, memory, AUC and information values on a large table: Hengxin beside OptBinning with scikit-learn.

    speed.py TABLE.parquet --hengxin BINARY [--rounds 5] [--fine-bins 200] [--json FILE]

In each round, in turn: training (Parquet to model, with the scores of all rows written), validation, scoring on one thread,
and OptBinning (Parquet to bins, weights of evidence, scikit-learn's regression, and scores of all rows). Hengxin is counted
with the start of its processes, OptBinning from the moment its modules are loaded. OptBinning has no validation; so there
are two ratios, with and without ours.

Constraints are equal: at least 5 % of the rows with a value in a bin, at most 20 pieces (OptBinning) or bins (Hengxin). For the
information values each number goes up or down along its bins, nothing else, on both sides: ours is trained once with each
direction and the better of both counts, which is what OptBinning's `auto_asc_desc` decides before it searches. Coefficients
are free there, since a feature whose coefficient would have the wrong sign is no part of our model. With --rounds 0 only the
information values are compared; --fine-bins says among how many quantiles our search may cut.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import pyarrow.compute as pc
import pyarrow.parquet as pq

from sides import LEARN, command, peer, plan, quality, train

PEER = "optbinning-observed"
EVERYTHING = {"information_value_min": 0.0, "correlation_max": None}
SHARE = 0.05


def equal(table, trend):
    """The plan whose constraints are those of peer.py; a share of rows is one of the rows with a value, as OptBinning counts."""
    columns = pq.read_table(table)
    learn = columns.filter(pc.equal(columns.column("side"), LEARN))
    rules = {"trend": trend, "share_min": SHARE, "bins_max": 20}
    of = {}
    for name in learn.column_names:
        known = 1 - learn.column(name).null_count / len(learn)
        if known < 1:
            of[name] = rules | {"share_min": SHARE * known}
    return plan(binning=rules, binning_of=of, selection=EVERYTHING)



def directed(table, trend, fine_bins):
    """The same for information values: every feature stays, and cuts lie at so many quantiles."""
    document = equal(table, trend) | {"regression": {"ridge": 1.0, "bounds": "none"}}
    document["history"]["fine_bins"] = fine_bins
    for rules in [document["binning"], *document["binning_of"].values()]:
        rules["pieces_max"] = min(1000, max(256, fine_bins))
    return document


def information_values(model):
    return {one["column"]: one["information_value"] for one in model["features"]}


def one_round(table, hengxin, folder, document):
    scores, training, model = train(hengxin, table, folder, document)
    file = folder / "model" / "model.json"
    validation = command(folder, hengxin, "validate", file, "--history", table, "--out", folder / "report")
    scoring = command(folder, hengxin, "score-history", file, table, "--threads", "1", "--out", folder / "scored.parquet")
    theirs, process, said = peer(PEER, table, folder)
    if theirs is None:
        sys.exit(f"{PEER}: {said}")
    return {
        "training": training | {"auc": quality(scores, table)[0]},
        "validation": validation,
        "scoring": scoring,
        PEER: {"seconds": said["seconds"], "cpu": said["cpu"], "mib": process["mib"], "auc": quality(theirs, table)[0]},
        f"{PEER}, whole process": process,
    }, said["information_values"]


def spread(values, digits=1):
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def show(rounds, rows):
    print("| | seconds | processor seconds | peak MiB | AUC |\n|---|---|---|---|---|")
    for case in rounds[0]:
        line = [spread([one[case][key] for one in rounds], digits) for key, digits in [("seconds", 1), ("cpu", 1), ("mib", 0)]]
        auc = f"{rounds[0][case]['auc']:.4f}" if "auc" in rounds[0][case] else ""
        print(f"| {case} | {' | '.join(line)} | {auc} |")
    for told, parts in [("training", ["training"]), ("training and validation", ["training", "validation"])]:
        ratio = {}
        for key, together in [("seconds", sum), ("cpu", sum), ("mib", max)]:
            ratio[key] = spread([one[PEER][key] / together(one[part][key] for part in parts) for one in rounds])
        print(f"OptBinning over our {told}: {ratio['seconds']} by the clock, {ratio['cpu']} in processor seconds, "
              f"{ratio['mib']} in memory")
    a_second = [rows / one["scoring"]["cpu"] / 1e6 for one in rounds]
    print(f"scoring from Parquet to Parquet: {spread(a_second, 2)} million rows a processor second")


def compare_values(ours, theirs):
    """Prints the variables whose information value is lower than theirs."""
    lower = {name: (ours.get(name, 0.0), value) for name, value in theirs.items() if ours.get(name, 0.0) < value - 1e-9}
    print(f"information value: {len(theirs) - len(lower)} of {len(theirs)} variables no lower than OptBinning's; sum "
          f"{sum(ours.values()):.4f}, theirs {sum(theirs.values()):.4f}")
    for name, (mine, value) in lower.items():
        print(f"  {name}: {mine:.6f}, theirs {value:.6f}")
    return lower


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--hengxin", required=True, help="the program, built with --release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fine-bins", type=int, default=200)
    parser.add_argument("--json", type=Path, help="write the figures of every round there too")
    asked = parser.parse_args()
    rounds, values = [], {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for number in range(asked.rounds):
            figures, values = one_round(asked.table, asked.hengxin, folder, equal(asked.table, "automatic"))
            rounds.append(figures)
            print(f"round {number + 1} of {asked.rounds}, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        if not rounds:
            _, _, said = peer(PEER, asked.table, folder)
            values = said["information_values"]
        ours = {}
        for trend in ["ascending", "descending"]:
            _, _, model = train(asked.hengxin, asked.table, folder, directed(asked.table, trend, asked.fine_bins))
            for name, value in information_values(model).items():
                ours[name] = max(value, ours.get(name, 0.0))
    if rounds:
        show(rounds, pq.read_metadata(asked.table).num_rows)
    lower = compare_values(ours, values)
    if asked.json:
        asked.json.write_text(json.dumps({"rounds": rounds, "ours": ours, "theirs": values, "lower": lower}, indent=1) + "\n")


if __name__ == "__main__":
    main()
