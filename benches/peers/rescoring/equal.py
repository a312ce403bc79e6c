"""Compares the results of a Hengxin run, subject by subject, with those of others: outcome, score and grade of both
standards, and tier. Prints how many subjects differ; exit code 1 when any does.

    equal.py RUN FILE [FILE …]
"""

import argparse
import json
import sys
from pathlib import Path

import duckdb

COLUMNS = {
    "public_outcome": '"standard:public-comprehensive".outcome',
    "public_score": '"standard:public-comprehensive".score',
    "public_grade": '"standard:public-comprehensive".grade',
    "food_outcome": '"standard:food-producers".outcome',
    "food_score": '"standard:food-producers".score',
    "food_grade": '"standard:food-producers".grade',
    "tier": '"field:food-production".tier',
}


def differences(ours: Path, theirs: Path):
    """How many subjects there are on either side, how many differ in each column or in any, and a few of those."""
    wanted = ", ".join(f"{path} AS {name}" for name, path in COLUMNS.items())
    differs = {name: f"o.{name} IS DISTINCT FROM t.{name}" for name in COLUMNS}
    either = " OR ".join(["o.subject IS NULL", "t.subject IS NULL", *differs.values()])
    both = f"""(SELECT subject, {wanted} FROM '{ours}/results/*.parquet') o
        FULL JOIN '{theirs}' t ON o.subject = t.subject"""
    counts = ", ".join(f"count(*) FILTER ({test}) AS {name}" for name, test in differs.items())
    row = duckdb.execute(f"SELECT count(o.subject), count(t.subject), {counts}, count(*) FILTER ({either}) FROM {both}")
    ours_count, theirs_count, *columns, any_column = row.fetchall()[0]
    sample = duckdb.execute(f"SELECT o, t FROM {both} WHERE {either} ORDER BY coalesce(o.subject, t.subject) LIMIT 5")
    return ours_count, theirs_count, dict(zip(COLUMNS, columns)), any_column, sample.fetchall()


def agrees(ours: Path, theirs: Path, expected):
    """Prints whether the results in a file are Hengxin's."""
    ours_count, theirs_count, columns, differing, sample = differences(ours, theirs)
    print(f"  {theirs.stem}: {theirs_count} subjects, {differing} of them differ from Hengxin's", flush=True)
    if differing == 0 and ours_count == theirs_count == expected:
        return True
    print(f"    Hengxin {ours_count}, its manifest {expected}; by column {columns}")
    for pair in sample:
        print(f"    Hengxin {pair[0]}\n    {theirs.stem} {pair[1]}")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="results as the queries write them")
    arguments = parser.parse_args()
    duckdb.execute("SET enable_progress_bar = false")
    subjects = json.loads((arguments.run / "run.json").read_text(encoding="utf-8"))["subjects"]
    if not all([agrees(arguments.run, file, subjects) for file in arguments.files]):
        sys.exit(1)


if __name__ == "__main__":
    main()
