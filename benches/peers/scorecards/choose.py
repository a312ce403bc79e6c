"""Our settings for each public set, by five-fold cross-validation on the rows that learn; held-out rows are not in it.

    choose.py FOLDER --hengxin BINARY --json FILE

The grid is the same for all sets. The setting with the greatest mean AUC is taken; of equal ones the first.
"""

import argparse
import itertools
import json
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold

from sides import HELD_OUT, LEARN, Refused, plan, quality, train

TABLES = ["german", "polish", "polish-imputed", "card"]
BINNINGS = [{}, {"share_min": 0.05}, {"share_min": 0.01}, {"share_min": 0.05, "trend": "free"}]
SELECTIONS = [{}, {"correlation_max": None, "information_value_min": 0.0}]
REGRESSIONS = [{"ridge": 1.0, "bounds": "not-positive"}, {"ridge": 1.0, "bounds": "none"}]


def folds(table, folder):
    """Five files with the learning rows of the table, in each a fifth of them as the side held out."""
    rows = pq.read_table(table)
    learn = rows.filter(pc.equal(rows.column("side"), LEARN))
    bad = learn.column("bad").to_numpy()
    files = []
    for number, (_, held) in enumerate(StratifiedKFold(5, shuffle=True, random_state=42).split(bad, bad)):
        side = np.full(len(bad), LEARN, dtype="int32")
        side[held] = HELD_OUT
        files.append(folder / f"{number}.parquet")
        pq.write_table(learn.set_column(learn.schema.get_field_index("side"), "side", pa.array(side)), files[-1])
    return files


def choose(table, hengxin, folder):
    files, tried = folds(table, folder), []
    for binning, selection, regression in itertools.product(BINNINGS, SELECTIONS, REGRESSIONS):
        setting = {"binning": binning, "selection": selection, "regression": regression}
        try:
            found = [quality(train(hengxin, file, folder, plan(**setting))[0], file) for file in files]
        except Refused as refused:
            # A setting that cannot be trained on every fold is no choice.
            print(f"  {json.dumps(setting)}: {refused}", flush=True)
            continue
        tried.append({"auc": mean(auc for auc, _ in found), "ks": mean(ks for _, ks in found), "setting": setting})
    return max(tried, key=lambda one: one["auc"]), tried


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hengxin", required=True, help="the program, built with --release")
    parser.add_argument("--json", type=Path, required=True, help="where the settings are written")
    asked = parser.parse_args()
    chosen = {}
    for name in TABLES:
        table = asked.folder / f"{name}.parquet"
        if not table.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            best, tried = choose(table, asked.hengxin, Path(folder))
        chosen[name] = best | {"tried": tried}
        print(f"{name}: {best['auc']:.4f} over five folds with {json.dumps(best['setting'])}", flush=True)
    asked.json.write_text(json.dumps(chosen, indent=1) + "\n")


if __name__ == "__main__":
    main()
