"""Re-scoring a population: `hengxin rescore --field food-production` beside DuckDB and Polars, on the same files.

    run.py WORLD [WORLD …] [--rounds 5] [--engines hengxin,duckdb,polars]

Each WORLD is the folder of a dataset: one as `rescoring world` writes it, and the same rows written plainly by plain.py.
For each of them every engine runs once a round, in turn, each time as a process of its own and with the same number of
threads. Printed are medians with minimum and maximum of the seconds by the clock, of CPU seconds (of the whole process)
and of the peak memory, and the ratio to Hengxin of each round.

Hengxin is timed as the whole command, the start of the process included. The others are timed inside the process: the
start of Python and imports are not counted. What Hengxin gives and they do not: the horizon, which findings apply, how
many indicators are unknown, fingerprints, what is taken over from the registration, rows in the order of the subjects.

Before any figure is printed the results are compared, subject by subject: outcome, score and grade of both standards,
and tier. A difference ends the run with exit code 1.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEERS = Path(__file__).resolve().parent.parent
FIELD = "food-production"
EDITIONS_SINCE = "2026-04-01"
ENGINES = ["hengxin", "duckdb", "polars"]


class World:
    """A dataset, and the day and moment its results are for."""

    def __init__(self, folder: Path):
        self.folder = folder
        manifest = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        self.subjects, self.facts, self.known_at = manifest["subjects"], manifest["rows"], manifest["known_at"]
        national = {}
        for delivery in manifest["deliveries"]:
            if delivery["region"] == "000000":
                through = national.get(delivery["register"], "")
                national[delivery["register"]] = max(through, delivery["through"])
        self.as_of = max(national.values(), default="")
        self.files = str(folder / "shards" / "*.parquet")
        late = [register for register, through in national.items() if through < self.as_of]
        if late or not national or self.as_of < EDITIONS_SINCE:
            sys.exit(
                f"{folder}: the queries are written for a dataset in which every register is complete for the country, "
                f"on a day from {EDITIONS_SINCE} on; found {late or self.as_of or 'no delivery'}"
            )


def measured(command):
    """Runs a command: seconds by the clock, CPU seconds, peak MiB, and what it printed.

    The peak is never less than what this program itself holds when it starts the command: it imports nothing large.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"exit code {process.returncode}: {' '.join(map(str, command))}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}, printed


def once(engine, world, results, hengxin, threads):
    """One run of an engine over a world; its results lie in `results` afterwards."""
    remove(results)
    if engine == "hengxin":
        day = ["--as-of", world.as_of, "--known-at", world.known_at]
        command = [hengxin, "rescore", "--no-verify", "--dataset", world.folder, "--field", FIELD, *day]
        figures, _ = measured([*command, "--threads", str(threads), "--out", results])
        return figures
    command = [sys.executable, PEERS / engine / "rescore.py", world.files, "--as-of", world.as_of]
    command += ["--known-at", world.known_at, "--threads", str(threads), "--out", results]
    figures, printed = measured(command)
    figures["seconds"] = json.loads(printed)["seconds"]
    return figures


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def median(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def compare(world, engines, hengxin, threads, rounds, work):
    """All rounds of all engines over one world: the figures of each engine, a list for each round."""
    work.mkdir(parents=True)
    results = {engine: work / (engine if engine == "hengxin" else f"{engine}.parquet") for engine in engines}
    figures = {engine: [] for engine in engines}
    for number in range(rounds):
        turn = engines[number % len(engines) :] + engines[: number % len(engines)]
        for engine in turn:
            figures[engine].append(once(engine, world, results[engine], hengxin, threads))
        if number == 0 and "hengxin" in engines:
            others = [engine for engine in engines if engine != "hengxin"]
            files = [results[engine] for engine in others]
            command = [sys.executable, PEERS / "rescoring" / "equal.py", results["hengxin"], *files]
            if others and subprocess.run(command).returncode != 0:
                sys.exit(1)
    remove(work)
    return figures


def show(figures):
    print(f"  {'':8} {'seconds':>22} {'CPU seconds':>22} {'peak MiB':>24} {'times the clock':>22} {'times the CPU':>22}")
    for engine, rounds in figures.items():
        line = [median([r[key] for r in rounds]) for key in ("seconds", "cpu")]
        line.append(f"{statistics.median(r['mib'] for r in rounds):.0f} (most {max(r['mib'] for r in rounds):.0f})")
        if engine != "hengxin" and "hengxin" in figures:
            for key in ("seconds", "cpu"):
                line.append(median([r[key] / h[key] for r, h in zip(rounds, figures["hengxin"])]))
        else:
            line += ["", ""]
        print(f"  {engine:8} {line[0]:>22} {line[1]:>22} {line[2]:>24} {line[3]:>22} {line[4]:>22}", flush=True)


def one_world(world, arguments):
    """Measures a world and prints its figures."""
    about = f"{world.subjects:,} subjects, {world.facts:,} facts, as of {world.as_of}, {arguments.threads} threads"
    print(f"{world.folder.name}: {about}, {arguments.rounds} rounds", flush=True)
    engines = arguments.engines
    figures = compare(world, engines, arguments.hengxin, arguments.threads, arguments.rounds, arguments.work)
    show(figures)
    return figures


def names(text):
    engines = text.split(",")
    if not set(engines) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"`{text}`; expected some of {','.join(ENGINES)}")
    return engines


def arguments_of(parser, engines):
    """Those of this program and of scaling.py."""
    root = PEERS.parent.parent
    parser.add_argument("worlds", type=Path, nargs="*", metavar="WORLD", help="the folder of a dataset")
    parser.add_argument("--engines", type=names, default=engines, help="some of hengxin,duckdb,polars")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hengxin", type=Path, default=root / "target/release/hengxin", help="the program")
    parser.add_argument("--work", type=Path, default=Path("rescoring-work"), help="where results are put; made, and removed afterwards")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments_of(parser, ENGINES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round there too")
    arguments = parser.parse_args()
    everything = {}
    for folder in arguments.worlds:
        world = World(folder)
        figures = one_world(world, arguments)
        everything[folder.name] = {"subjects": world.subjects, "facts": world.facts, "figures": figures}
    if arguments.json:
        arguments.json.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
