"""Hengxin beside OptBinning, scorecardpy, toad and LightGBM on the same rows.

Usage: run.py FOLDER --hengxin BINARY [--speed] [--rounds N] [--json FILE]

FOLDER holds the tables of data.py. Without --speed: AUC and KS of each on the same held-out rows of each public set, by
one piece of code from each one's scores. With --speed: the synthetic table end to end, in turns; wall clock, processor
seconds, memory, AUC, and the information value of every variable at equal constraints.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score, roc_curve

PEERS = ["optbinning", "optbinning-observed", "optbinning-auto", "scorecardpy", "toad", "lightgbm-monotone", "lightgbm"]
# Constraints that allow at least what the peer's allow: 5 % of the rows in a bin, and a trend.
EQUAL = {"share_min": 0.05, "trend": "automatic", "bins_max": 20}

# What choose.py found best on the learning rows of each set, in AUC.
ALL = {"correlation_max": None, "information_value_min": 0.0}
FREE = {"ridge": 1.0, "bounds": "none"}
CHOSEN = {
    "german": {"regression": FREE},
    "polish": {"binning": {"share_min": 0.05}, "selection": ALL},
    "card": {"binning": {"share_min": 0.05}, "selection": ALL, "regression": FREE},
}


def plan(**more):
    return {
        "id": "peers", "edition": "1", "title": "Beside its peers",
        "history": {"target": {"column": "bad", "default": 1}, "month": "side"},
        "split": {"from-month": "2000-02"},
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}, **more,
    }


def ours(binary, table, folder, document, validate=False):
    """Scores that rise with risk; seconds, processor seconds and memory of all commands."""
    (folder / "plan.json").write_text(json.dumps(document))
    model = folder / "model"
    commands = [[binary, "train", folder / "plan.json", "--history", table, "--out", model]]
    if validate:
        commands.append([binary, "validate", model / "model.json", "--history", table, "--out", folder / "report"])
    begun, cpu, most = time.perf_counter(), 0.0, 0.0
    for command in commands:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"{command} failed")
        cpu, most = cpu + used.ru_utime + used.ru_stime, max(most, used.ru_maxrss / 1024)
    measured = {"seconds": time.perf_counter() - begun, "cpu": cpu, "mib": most}
    scores = -pq.read_table(model / "scores.parquet").column("score").to_numpy().astype(float)
    read = json.loads((model / "model.json").read_text())
    measured["information_values"] = {one["column"]: one["information_value"] for one in read["features"]}
    return scores, measured


def peer(case, table, folder):
    """Scores and measures; a reason in words when it has none."""
    out = folder / "scores.npy"
    command = [sys.executable, str(Path(__file__).with_name("peer.py")), case, str(table), str(out)]
    # One thread each, so that processor seconds are those of the work and not of waiting.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1][:100] if done.stderr.strip() else "failed"
    return np.load(out), json.loads(done.stdout.strip().splitlines()[-1])


def quality(scores, table):
    """AUC and KS on the rows held out."""
    columns = pq.read_table(table, columns=["bad", "side"])
    held = columns.column("side").to_numpy() == 200002
    bad = columns.column("bad").to_numpy()[held]
    false, true, _ = roc_curve(bad, scores[held])
    return roc_auc_score(bad, scores[held]), float(np.max(true - false))


def compare(asked, folder, results):
    print("| Table | Case | AUC | KS |\n|---|---|---|---|")
    for name in ["german", "polish", "card"]:
        table = asked.folder / f"{name}.parquet"
        if not table.exists():
            print(f"{name}: absent", file=sys.stderr)
            continue
        for case, document in [("hengxin, defaults", plan()), ("hengxin, chosen", plan(**CHOSEN[name]))]:
            scores, _ = ours(asked.hengxin, table, folder, document)
            told(results, name, case, *quality(scores, table))
        for case in PEERS:
            scores, why = peer(case, table, folder)
            if scores is None:
                print(f"| {name} | {case} | {why} |")
                continue
            told(results, name, case, *quality(scores, table))


def told(results, name, case, auc, ks):
    results.append({"table": name, "case": case, "auc": auc, "ks": ks})
    print(f"| {name} | {case} | {auc:.4f} | {ks:.4f} |", flush=True)


def race(asked, folder, results):
    table = asked.folder / "synthetic.parquet"
    kept = {"hengxin": [], "optbinning-observed": []}
    for turn in range(asked.rounds):
        document = plan(binning=EQUAL, selection={"information_value_min": 0.0, "correlation_max": None})
        scores, measured = ours(asked.hengxin, table, folder, document, validate=True)
        kept["hengxin"].append(measured | {"auc": quality(scores, table)[0]})
        scores, measured = peer("optbinning-observed", table, folder)
        if scores is None:
            sys.exit(f"optbinning: {measured}")
        kept["optbinning-observed"].append(measured | {"auc": quality(scores, table)[0]})
        print(f"round {turn + 1} of {asked.rounds}", file=sys.stderr)
    middle = {case: {key: median(one[key] for one in list) for key in ("seconds", "cpu", "mib", "auc")}
              for case, list in kept.items()}
    for case, figures in middle.items():
        print(f"| {case} | {figures['seconds']:.1f} s | {figures['cpu']:.1f} s | {figures['mib']:.0f} MiB | {figures['auc']:.4f} |")
    us, them = middle["hengxin"], middle["optbinning-observed"]
    print(f"ratio: {them['seconds'] / us['seconds']:.1f} by the clock, {them['cpu'] / us['cpu']:.1f} in processor seconds, "
          f"{them['mib'] / us['mib']:.1f} in memory")
    values = kept["hengxin"][0]["information_values"], kept["optbinning-observed"][0]["information_values"]
    lower = [(name, values[0].get(name, 0.0), value) for name, value in values[1].items()
             if values[0].get(name, 0.0) < value - 1e-9]
    print(f"information value: {len(values[1]) - len(lower)} of {len(values[1])} variables no lower than OptBinning's")
    for name, ours_value, theirs in lower:
        print(f"  {name}: {ours_value:.5f}, theirs {theirs:.5f}")
    results.append({"middle": middle, "lower": lower})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hengxin", required=True, help="the binary, built with --release")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        (race if asked.speed else compare)(asked, Path(folder), results)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
