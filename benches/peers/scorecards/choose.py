"""Settings by five-fold cross-validation on the rows that learn; the rows held out are never looked at.

Usage: choose.py TABLE.parquet --hengxin BINARY
"""

import argparse
import itertools
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import StratifiedKFold

from run import ours, plan, quality


def settings():
    binnings = [{}, {"share_min": 0.05}, {"share_min": 0.05, "trend": "free"}]
    selections = [{}, {"correlation_max": None, "information_value_min": 0.0}]
    regressions = [{"ridge": 1.0, "bounds": "not-positive"}, {"ridge": 1.0, "bounds": "none"}]
    for binning, selection, regression in itertools.product(binnings, selections, regressions):
        yield {"binning": binning, "selection": selection, "regression": regression}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--hengxin", required=True, help="the binary, built with --release")
    asked = parser.parse_args()
    table = pq.read_table(asked.table)
    learn = table.filter(pa.compute.equal(table.column("side"), 200001))
    bad = learn.column("bad").to_numpy()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=42).split(bad, bad))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for number, (_, held) in enumerate(folds):
            side = np.full(len(bad), 200001, dtype="int32")
            side[held] = 200002
            part = learn.set_column(learn.schema.get_field_index("side"), "side", pa.array(side))
            pq.write_table(part, folder / f"{number}.parquet")
        for setting in settings():
            found = []
            for number in range(len(folds)):
                file = folder / f"{number}.parquet"
                scores, _ = ours(asked.hengxin, file, folder, plan(**setting))
                found.append(quality(scores, file))
            print(f"{mean(auc for auc, _ in found):.4f} {mean(ks for _, ks in found):.4f} {setting}", flush=True)


if __name__ == "__main__":
    main()
