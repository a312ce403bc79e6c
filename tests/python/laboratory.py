"""A joint laboratory for real: the built binary, histories in Parquet, a client over gRPC that knows nothing but reflection.

A model is trained, its numbers read, approved by two, handed over, and served: the score of the engine over gRPC must be
the one the trainer gives. Then the service is killed in the middle of a training, and one that is started again ends it.

Usage: laboratory.py HENGXIN_BINARY
"""

import csv
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from pathlib import Path

import grpc
import pyarrow as pa
import pyarrow.parquet as pq

from reflection import Client, points
from runs import Service, refusal

MODELS, SCORES, LEDGER = (f"hengxin.v1.{name}Service" for name in ("Model", "Scoring", "Ledger"))
GERMAN = Path(__file__).parents[2] / "models/data/german-credit/germancredit.csv"
QUEUED, RUNNING, SUCCEEDED, FAILED = 1, 2, 3, 4
DRAFT, VALIDATED, APPROVED, RETIRED = 1, 2, 3, 4
NAME = "models/german-credit/editions/2026.1"
ENTERPRISES = ["91330199MAY0005780", "91110101MA00000U27"]


def german():
    """German Credit as columns: numbers where every cell is one."""
    rows = list(csv.DictReader(open(GERMAN)))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    for name, cells in columns.items():
        try:
            columns[name] = [float(cell) for cell in cells]
        except ValueError:
            pass
    return pa.table(columns)


class Laboratory:
    """A data folder with a registered history, and a service over it."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.data = binary, folder, folder / "data"
        self.table = german()
        pq.write_table(self.table, folder / "german.parquet")
        self.write("history.json", {"target": {"column": "creditability", "default": "bad"}, "decimals": 4})
        self.write("limits.json", {"limits": {"auc_min": 0.7, "psi_max": 0.25}})
        self.register("loans", "german.parquet", budget=3)
        self.service = Service(binary, self.data)

    def write(self, name, document):
        (self.folder / name).write_text(json.dumps(document))

    def register(self, name, file, budget=20):
        command = [self.binary, "laboratory", "register", name, "--history", file, "--description", "history.json"]
        command += ["--request", "limits.json", "--budget", str(budget), "--person", "keeper", "--data", str(self.data)]
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)

    def plan(self, edition="2026.1", **more):
        return json.dumps({
            "id": "german-credit", "edition": edition, "title": "German Credit",
            "split": {"rows": {"share": 0.3, "seed": 42}},
            "binning": {"share_min": 0.05, "events_min": 10, "nonevents_min": 10},
            "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}, **more,
        })

    def call(self, method, **fields):
        return self.service.client.call(MODELS, method, **fields)

    def train(self, plan, history="loans", person="wang"):
        fields = dict(request_id=str(uuid.uuid4()), person=person, history=history, plan=plan)
        return self.call("StartTraining", **fields).study

    def watched(self, name, seconds=120):
        """How a study ended, and every state it was seen in."""
        seen = []
        for event in self.service.client.stream(MODELS, "WatchStudy", seconds, name=name):
            seen.append(event.study)
        return seen[-1], [study.state for study in seen]


def a_model_is_trained_and_its_numbers_leave_by_the_rules(lab):
    histories = lab.call("ListHistories").histories
    assert [(h.name, h.rows_min, h.events_min, h.budget) for h in histories] == [("histories/loans", 30, 5, 3)]
    assert "german.parquet" not in str(histories), "where a history lies is nobody's business"
    study, states = lab.watched(lab.train(lab.plan()).name)
    assert study.state == SUCCEEDED and study.passed and states[-1] == SUCCEEDED, study
    assert study.model == NAME, study
    report = lab.call("ReadReport", study=study.name, person="wang", columns=["age_in_years"])
    named = {figure.name: figure for figure in report.figures}
    auc = named["held.auc"]
    assert auc.rows == 300 and auc.defaults == 90 and 0.7 < float(auc.value) < 0.9, auc
    assert {figure.column for figure in report.figures} == {"", "age_in_years"}
    for figure in report.figures:
        if figure.withheld:
            assert (figure.value, figure.rows, figure.defaults) == ("", 0, 0), figure
        elif figure.rows:
            assert figure.rows >= 30 and 5 <= figure.defaults <= figure.rows - 5, figure
    log = lab.call("ListReleases", page_size=1000).releases
    told = [figure.name for figure in report.figures if not figure.withheld]
    assert [entry.figure.name for entry in reversed(log)] == told, "each number that left is logged, and no other"
    assert {entry.person for entry in log} == {"wang"}
    # Two more studies may tell of the column, and then none.
    for edition in ("2026.2", "2026.3"):
        again, _ = lab.watched(lab.train(lab.plan(edition)).name)
        lab.call("ReadReport", study=again.name, person="wang", columns=["age_in_years"])
    spent, _ = lab.watched(lab.train(lab.plan("2026.4")).name)
    code, words = refusal(lambda: lab.call("ReadReport", study=spent.name, person="wang", columns=["age_in_years"]))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "budget of 3" in words, (code, words)


def a_model_is_approved_by_two_others_and_handed_over(lab):
    code, words = refusal(lambda: lab.call("ApproveModel", name=NAME, person="wang"))
    assert code == grpc.StatusCode.PERMISSION_DENIED and "somebody else" in words, (code, words)
    code, words = refusal(lambda: lab.call("FetchModel", name=NAME, person="wang"))
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "is validated, expected one that is approved" in words, words
    first = lab.call("ApproveModel", name=NAME, person="li", note="in line with last year").model
    assert first.state == VALIDATED, first
    second = lab.call("ApproveModel", name=NAME, person="zhao").model
    assert second.state == APPROVED, second
    assert [(event.act, event.person) for event in second.events] == [
        ("trained", "wang"), ("validated", "wang"), ("approved", "li"), ("approved", "zhao")
    ]
    files = lab.call("FetchModel", name=NAME, person="bank", effective_from="2026-01-01").files
    for file in files:
        path = lab.folder / "standards" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    assert [file.path for file in files] == ["vocabulary.yaml", "german-credit/2026.1.yaml"], files
    log = lab.call("ListReleases", history="loans", page_size=1000).releases
    points_told = [entry for entry in log if entry.person == "bank"]
    assert points_told and all(entry.figure.name.endswith(".points") for entry in points_told), "points are numbers, too"


def the_engine_serves_the_score_of_the_trainer_with_reasons(lab):
    folder = lab.data / "laboratory/study-1"
    model = json.loads((folder / "model.json").read_text())
    scores = pq.read_table(folder / "scores.parquet").column("score").to_pylist()
    command = [lab.binary, "serve", "--create", "--data", str(lab.folder / "bank"), "--listen", "127.0.0.1:0"]
    command += ["--standards", str(lab.folder / "standards")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bank:
        try:
            client = Client(bank.stdout.readline().split(" on ")[1].split(";")[0])
            for row, code in zip((0, 700), ENTERPRISES):
                submit(client, lab.table.slice(row, 1).to_pylist()[0], model, code)
                answer = client.call(
                    SCORES, "Evaluate", enterprise=code, standard="german-credit", as_of="2026-06-30", view=2
                ).evaluation
                assert points(answer.score) == scores[row], (points(answer.score), scores[row])
                assert answer.reasons, "no reasons"
        finally:
            bank.send_signal(signal.SIGTERM)


def submit(client, row, model, code):
    """A row of the history as facts: numbers rounded down to four decimals, categories by their titles."""
    facts = []
    for place, feature in enumerate(model["features"], 1):
        value = row[feature["column"]]
        if isinstance(value, float):
            value = str(math.floor(value * 10_000) / 10_000)
        fields = {"subject_code": code, "observed_on": "2026-06-01", "value": value}
        facts.append({"code": f"input-{place}", "fields": [{"id": id, "value": text} for id, text in fields.items()]})
    deliveries = [{"register": "model-inputs", "region": "100000", "through": "2026-06-30"}]
    for what in (dict(facts=facts), dict(deliveries=deliveries)):
        fields = dict(request_id=str(uuid.uuid4()), source="bank", **what)
        stub, request = client.stub(client.channel.stream_unary, LEDGER, "SubmitFacts", fields)
        answer = stub(iter([request]), timeout=20)
        assert answer.accepted + answer.deliveries == len(list(what.values())[0]) and not answer.quarantined, answer


def what_cannot_be_is_refused_in_words(lab):
    for fields, said in [
        (dict(history="nobody", plan=lab.plan("9")), "no history `nobody`"),
        (dict(history="loans", plan=lab.plan("2026.1")), "exists already"),
        (dict(history="loans", plan="{"), "plan: "),
        (dict(history="loans", plan=lab.plan("9", split="none")), "expected one that holds rows out"),
        (dict(history="loans", plan=lab.plan("9", history={"target": {"column": "telephone", "default": "none"}})),
         "something else than the registered history"),
        (dict(history="loans", plan=""), "expected a plan"),
        (dict(history="loans", plan=lab.plan("9"), person=""), "expected who asks"),
    ]:
        _, words = refusal(lambda: lab.train(fields["plan"], fields["history"], fields.get("person", "wang")))
        assert said in words, (said, words)
    retired = lab.call("RetireModel", name=NAME, person="sun", note="an exercise").model
    assert retired.state == RETIRED
    code, words = refusal(lambda: lab.call("FetchModel", name=NAME, person="wang"))
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "is retired" in words, words


def a_history_that_is_not_what_it_was_fails_the_study(lab):
    pq.write_table(lab.table.slice(0, 900), lab.folder / "changing.parquet")
    lab.register("changing", "changing.parquet")
    pq.write_table(lab.table.slice(0, 901), lab.folder / "changing.parquet")
    study, _ = lab.watched(lab.train(lab.plan("c"), "changing").name)
    assert study.state == FAILED and "that of its registration" in study.detail, study
    assert str(lab.folder) not in study.detail, study.detail


def a_killed_service_leaves_a_training_that_the_next_one_ends(lab):
    large = pa.concat_tables([lab.table] * 300)
    pq.write_table(large, lab.folder / "large.parquet")
    lab.register("large", "large.parquet")
    name = lab.train(lab.plan("k"), "large").name
    end = time.monotonic() + 60
    while lab.call("GetStudy", name=name).study.state == QUEUED and time.monotonic() < end:
        time.sleep(0.01)
    assert lab.call("GetStudy", name=name).study.state == RUNNING, "the training was over before it could be killed"
    lab.service.stop(signal.SIGKILL)
    lab.service.start()
    study, states = lab.watched(name, seconds=180)
    assert study.state == SUCCEEDED and study.attempts == 2, study
    assert QUEUED in states or RUNNING in states, states
    assert lab.call("GetModel", name="models/german-credit/editions/k").model.state in (DRAFT, VALIDATED)


TESTS = [
    a_model_is_trained_and_its_numbers_leave_by_the_rules,
    a_model_is_approved_by_two_others_and_handed_over,
    the_engine_serves_the_score_of_the_trainer_with_reasons,
    what_cannot_be_is_refused_in_words,
    a_history_that_is_not_what_it_was_fails_the_study,
    a_killed_service_leaves_a_training_that_the_next_one_ends,
]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        lab = Laboratory(sys.argv[1], Path(folder))
        try:
            for test in TESTS:
                try:
                    test(lab)
                    passed += 1
                except Exception:
                    failed += 1
                    print(f"failed: {test.__name__.replace('_', ' ')}")
                    traceback.print_exc()
        finally:
            lab.service.stop(signal.SIGTERM)
    print(f"{passed} tests of a laboratory passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
