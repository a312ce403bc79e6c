"""AUC and KS of Hengxin, OptBinning, scorecardpy, toad and LightGBM on the same held-out rows of public sets.

    quality.py FOLDER --hengxin BINARY --chosen FILE [--json FILE]

FOLDER holds the tables of data.py, FILE what choose.py found. Each learns from the same rows; from each one's scores one
piece of code takes the measures. `unrounded` is ours with points to four decimals instead of whole ones. Of OptBinning three
settings are run and the best of them on the rows held out is what Hengxin is held against: a choice in its favour.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from sides import peer, plan, quality, train

PEERS = ["optbinning", "optbinning-observed", "optbinning-auto", "scorecardpy", "toad", "lightgbm-monotone", "lightgbm"]
# With nothing missing, only the trend makes a difference to OptBinning.
TABLES = {"german": PEERS, "polish": PEERS, "polish-imputed": ["optbinning", "optbinning-auto"], "card": PEERS}


def of_table(name, cases, asked, folder):
    """Case → (AUC, KS), or why there are none."""
    table = asked.folder / f"{name}.parquet"
    chosen = json.loads(asked.chosen.read_text())[name]["setting"]
    found = {}

    def tell(case, result):
        found[case] = result
        words = result if isinstance(result, str) else "{:.4f} | {:.4f}".format(*result)
        print(f"| {name} | {case} | {words} |", flush=True)

    fine = {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 4}
    ours = {"hengxin, defaults": plan(), "hengxin, chosen": plan(**chosen), "hengxin, chosen, unrounded": plan(**chosen, scaling=fine)}
    for case, document in ours.items():
        tell(case, quality(train(asked.hengxin, table, folder, document)[0], table))
    for case in cases:
        scores, _, said = peer(case, table, folder)
        tell(case, said if scores is None else quality(scores, table))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hengxin", required=True, help="the program, built with --release")
    parser.add_argument("--chosen", type=Path, required=True, help="the settings that choose.py found")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    print("| Table | Case | AUC | KS |\n|---|---|---|---|", flush=True)
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, cases in TABLES.items():
            if (asked.folder / f"{name}.parquet").exists():
                results[name] = of_table(name, cases, asked, Path(folder))
            else:
                print(f"{name}: absent, not compared", file=sys.stderr)
    print()
    for name, found in results.items():
        best = max((of for case, of in found.items() if case.startswith("optbinning") and not isinstance(of, str)), default=None)
        if best is None:
            print(f"{name}: OptBinning gave nothing to compare with")
            continue
        ours = found["hengxin, chosen"]
        told = "no lower than" if ours[0] >= best[0] else "LOWER than"
        print(f"{name}: AUC {ours[0]:.4f}, {told} OptBinning's best {best[0]:.4f}")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
