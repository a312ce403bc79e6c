"""The tables both sides are run on, as Parquet, with the side of the split in each row.

Usage: data.py FOLDER [--synthetic ROWS]

Public sets are looked for below HENGXIN_DATA; German Credit is in the project. One that is not there is named and left out.
`side` is 200001 for rows that learn and 200002 for rows held out: 70/30, stratified, seed 42, as scikit-learn's
train_test_split draws them. It looks like a month because our plans can split by one. `bad` is the target, 1 for a default.
"""

import argparse
import io
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.model_selection import train_test_split

from sides import HELD_OUT, LEARN

PROJECT = Path(__file__).resolve().parents[3]
SEED = 20240601


def german():
    table = pd.read_csv(PROJECT / "models/data/german-credit/germancredit.csv")
    table["bad"] = (table.pop("creditability") == "bad").astype("int32")
    return table


def card_defaults(folder):
    table = pd.read_csv(folder / "uci-default-credit-card/UCI_Credit_Card.csv")
    return table.rename(columns={"default.payment.next.month": "bad"}).drop(columns=["ID"])


def polish(folder):
    text = (folder / "polish-bankruptcy/1year.arff").read_text(encoding="utf-8", errors="replace")
    head, body = text.split("@data" if "@data" in text else "@DATA", 1)
    attributes = sum(line.lower().startswith("@attribute") for line in head.splitlines())
    names = [f"attr{place}" for place in range(1, attributes)] + ["bad"]
    return pd.read_csv(io.StringIO(body.strip()), header=None, names=names, na_values="?")


def imputed(table):
    """Every missing number is the median of the rows that learn: what is done where a tool does not know of missing values."""
    learn = table["side"] == LEARN
    return table.fillna(table[learn].median(numeric_only=True))


def synthetic(rows):
    """Fifty numbers of five shapes that share a factor, ten categories of 4 to 340 values, a default rate near 1.5 %.

    Twenty numbers and five categories matter, every fourth of the numbers in the middle and at both ends; one number in
    seven is missing in 8 % of the rows.
    """
    random = np.random.default_rng(SEED)
    columns, risk = {}, np.full(rows, -3.4)
    factor = random.standard_normal(rows)
    for place in range(50):
        share = 0.45 if place % 3 == 0 else 0.15
        value = share * factor + np.sqrt(1 - share * share) * random.standard_normal(rows)
        match place % 5:
            case 1:
                value = np.exp(value)
            case 2:
                value = np.floor(3 * np.abs(value) + random.random(rows))
            case 3:
                value = np.round(100 * value)
            case 4:
                value = np.where(random.random(rows) < 0.6, 0.0, np.exp(2 * value))
        if place < 20:
            scaled = np.clip((value - value.mean()) / value.std(), -3, 3)
            risk += 0.28 * (1 if place % 2 else -1) * (scaled if place % 4 else np.abs(scaled))
        if place % 7 == 0:
            missing = random.random(rows) < 0.08
            value = np.where(missing, np.nan, value)
            risk += 0.25 * missing * (place < 20)
        columns[f"n{place:02}"] = value
    for place, size in enumerate([4, 6, 8, 12, 19, 31, 60, 96, 120, 340]):
        code = np.minimum((random.pareto(1.2, rows) * size / 6).astype(int), size - 1)
        risk += random.normal(0, 0.35 if place < 5 else 0.05, size)[code]
        columns[f"c{place:02}"] = np.char.add(f"k{place}_", code.astype(str))
    columns["bad"] = (random.random(rows) < 1 / (1 + np.exp(-risk))).astype("int32")
    return pd.DataFrame(columns)


def split(table):
    """The table with its sides."""
    bad = table["bad"].to_numpy()
    _, held = train_test_split(np.arange(len(table)), test_size=0.30, random_state=42, stratify=bad)
    side = np.full(len(table), LEARN, dtype="int32")
    side[held] = HELD_OUT
    return table.assign(side=side)


def write(folder, name, table):
    bad = table["bad"].to_numpy()
    whole = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(whole, folder / f"{name}.parquet", compression="zstd", row_group_size=131_072)
    missing = table.isna().to_numpy().mean()
    print(f"{name}: {len(table)} rows, {table.shape[1] - 2} features, {bad.mean():.4f} default, {missing:.4f} of the cells missing")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--synthetic", type=int, metavar="ROWS", help="a synthetic table of so many rows, and no other")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.synthetic:
        write(asked.folder, "synthetic", split(synthetic(asked.synthetic)))
        return
    write(asked.folder, "german", split(german()))
    data = os.environ.get("HENGXIN_DATA")
    for name, make in [("polish", polish), ("card", card_defaults)]:
        try:
            table = split(make(Path(data or "nowhere")))
        except FileNotFoundError as absent:
            missed = f"{absent.filename} is not there; HENGXIN_DATA is {data or 'not set'}"
            print(f"{name}: absent, {missed}", file=sys.stderr)
            (asked.folder / f"{name}.parquet").unlink(missing_ok=True)
            continue
        write(asked.folder, name, table)
        if name == "polish":
            write(asked.folder, "polish-imputed", imputed(table))


if __name__ == "__main__":
    main()
