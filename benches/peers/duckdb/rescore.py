"""Runs rescore.sql once over the Parquet files of a dataset and prints, as JSON, the seconds it took.

The start of Python and the import of DuckDB are not among them. Each statement of the file counts, and so does the
writing of the results.
"""

import argparse
import json
import time
from pathlib import Path

import duckdb


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", help="Parquet files, as a glob")
    parser.add_argument("--as-of", required=True, metavar="YYYY-MM-DD")
    parser.add_argument("--known-at", required=True, metavar="MOMENT", help="such as 2026-10-31T10:00:00Z")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", required=True, metavar="FILE", help="the results, as Parquet")
    parser.add_argument("--profile", action="store_true", help="print the seconds of each operator instead")
    arguments = parser.parse_args()

    script = Path(__file__).with_name("rescore.sql").read_text(encoding="utf-8")
    *before, query = [text for text in script.split(";\n") if text.strip()]
    start = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"SET threads = {arguments.threads}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET VARIABLE facts = ?", [arguments.files])
    connection.execute("SET VARIABLE as_of = ?::DATE", [arguments.as_of])
    connection.execute("SET VARIABLE known_at = ?::TIMESTAMPTZ", [arguments.known_at])
    for statement in before:
        connection.execute(statement)
    prepared = time.perf_counter()
    copy = f"COPY ({query}) TO '{arguments.out}' (FORMAT parquet)"
    if arguments.profile:
        plan = json.loads(connection.execute(f"EXPLAIN (ANALYZE, FORMAT json) {copy}").fetchall()[0][1])
        for root in plan["operator"]:
            show(root, 0)
    else:
        connection.execute(copy)
        end = time.perf_counter()
        print(json.dumps({"seconds": end - start, "classes": prepared - start, "version": duckdb.__version__}))


def show(operator, depth):
    """The operators of a plan, with seconds summed over threads and the rows each gave."""
    if operator.get("timing", 0) >= 0.01:
        print(f"{'  ' * depth}{operator['name']} {operator['timing']:.2f} s, {operator['intermediate_rows']} rows")
        depth += 1
    for child in operator.get("children", []):
        show(child, depth)


if __name__ == "__main__":
    main()
