"""Writes a dataset once more as plain Parquet: the same rows, columns, order and subjects per file, as pyarrow writes
them when nothing is asked of it (Snappy, texts as strings), with a manifest of its own.

    plain.py WORLD OUT
"""

import argparse
import hashlib
import json
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def plain(world: Path, out: Path, together: int = 1, dictionaries: bool = True):
    """Writes the dataset in `world` to `out`; `together` shards become one file."""
    manifest = json.loads((world / "dataset.json").read_text(encoding="utf-8"))
    (out / "shards").mkdir(parents=True)
    shards = []
    for number, first in enumerate(range(0, len(manifest["shards"]), together)):
        group = manifest["shards"][first : first + together]
        tables = [pq.ParquetFile(world / shard["file"]).read() for shard in group]
        table = pa.concat_tables([table.cast(plain_schema(table.schema)) for table in tables])
        name = f"shards/{number:06}.parquet"
        pq.write_table(table, out / name, use_dictionary=dictionaries)
        content = (out / name).read_bytes()
        shards.append(
            {
                "file": name,
                "first": group[0]["first"],
                "last": group[-1]["last"],
                "subjects": sum(shard["subjects"] for shard in group),
                "rows": table.num_rows,
                "changed_at": max(shard["changed_at"] for shard in group),
                "superseded_rows": sum(shard["superseded_rows"] for shard in group),
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    manifest["origin"] += ", written plainly"
    manifest["shards"] = shards
    manifest["digest"] = digest(manifest)
    (out / "dataset.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def plain_schema(schema):
    """Without dictionaries, and without the schema kept for arrow-rs."""
    types = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in schema]
    return pa.schema([pa.field(field.name, kind) for field, kind in zip(schema, types)])


def digest(manifest):
    """SHA-256 over vocabulary, deliveries and the shards' digests, each preceded by its length."""
    parts = ["hengxin dataset 1", manifest["vocabulary"]]
    parts += [f"{d['register']} {d['region']} {d['through']} {d['recorded_at']}" for d in manifest["deliveries"]]
    parts += [shard["sha256"] for shard in manifest["shards"]]
    total = hashlib.sha256()
    for part in parts:
        total.update(struct.pack("<Q", len(part.encode())) + part.encode())
    return total.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path, help="the folder of a dataset")
    parser.add_argument("out", type=Path, help="the folder of the new one; must not exist")
    parser.add_argument("--together", type=int, default=1, metavar="N", help="N shards in one file")
    parser.add_argument("--no-dictionaries", action="store_true", help="every value written out, PLAIN")
    arguments = parser.parse_args()
    plain(arguments.world, arguments.out, arguments.together, not arguments.no_dictionaries)


if __name__ == "__main__":
    main()
