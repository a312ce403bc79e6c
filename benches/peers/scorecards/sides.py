"""What both sides of the comparison are run by, and the one measure of quality that is taken of both."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score, roc_curve

LEARN, HELD_OUT = 200001, 200002


def plan(**more):
    """A plan of ours that learns from the rows of side LEARN; what `more` does not say has its default."""
    return {
        "id": "peers", "edition": "1", "title": "Beside its peers",
        "history": {"target": {"column": "bad", "default": 1}, "month": "side"},
        "split": {"from-month": "2000-02"},
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}, **more,
    }


def measured(command, folder, **more):
    """Runs a command to its end under clock.py: its figures, exit code, and what it printed."""
    file = folder / "clock.json"
    clock = [sys.executable, "-I", "-S", str(Path(__file__).with_name("clock.py")), str(file)]
    done = subprocess.run([*clock, *map(str, command)], stdout=subprocess.PIPE, text=True, **more)
    return json.loads(file.read_text()), done.returncode, done.stdout


class Refused(Exception):
    """A command of ours ended with another exit code than 0; the message is what it said."""


def command(folder, hengxin, *rest):
    """One command of ours, measured."""
    with open(folder / "errors.txt", "w+", encoding="utf-8") as errors:
        figures, code, _ = measured([hengxin, *rest], folder, stderr=errors)
        errors.seek(0)
        said = errors.read().strip()
    if code:
        raise Refused(f"exit code {code}: hengxin {' '.join(map(str, rest))}: {said}")
    return figures


def train(hengxin, table, folder, document):
    """Trains into `folder`/model. Scores of all rows that rise with risk, the figures of the command, and the model."""
    (folder / "plan.json").write_text(json.dumps(document))
    model = folder / "model"
    figures = command(folder, hengxin, "train", folder / "plan.json", "--history", table, "--out", model)
    # Whole points, as they are served: rows that differ by less than a point are tied.
    scores = -pq.read_table(model / "scores.parquet").column("score").to_numpy().astype(float)
    return scores, figures, json.loads((model / "model.json").read_text())


def peer(case, table, folder, seconds_most=1800):
    """Scores of all rows by peer.py, the figures of its process, and what it says of itself; or nothing and why."""
    out = folder / "scores.npy"
    script = str(Path(__file__).with_name("peer.py"))
    # One thread each, so that processor seconds are those of the work and not of waiting for one another.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    call = ["timeout", str(seconds_most), sys.executable, script, case, str(table), str(out)]
    with open(folder / "errors.txt", "w+", encoding="utf-8") as errors:
        # scorecardpy asks a question where it is in doubt: it gets no answer and fails.
        figures, code, printed = measured(call, folder, env=environment, stdin=subprocess.DEVNULL, stderr=errors)
        errors.seek(0)
        last = (errors.read().strip().splitlines() or ["nothing said"])[-1]
    if code:
        return None, figures, f"not within {seconds_most} s" if code == 124 else f"exit code {code}: {last[:100]}"
    said = json.loads(printed.strip().splitlines()[-1])
    return np.load(out), figures, said


def quality(scores, table):
    """AUC and KS on the rows held out."""
    columns = pq.read_table(table, columns=["bad", "side"])
    held = columns.column("side").to_numpy() == HELD_OUT
    bad = columns.column("bad").to_numpy()[held]
    false, true, _ = roc_curve(bad, scores[held])
    return roc_auc_score(bad, scores[held]), float(np.max(true - false))
