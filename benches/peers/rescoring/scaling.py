"""How the time and the memory of re-scoring grow with the facts (measure S3), as figures and as a drawing.

    scaling.py WORLD [WORLD …] [--rounds 3] --json scaling.json --svg scaling.svg
    scaling.py --json scaling.json --svg scaling.svg

Each WORLD is measured as run.py measures it, results compared, and its figures put into the JSON file beside those of
other sizes; without a world, the drawing is made from the file alone. Where an engine fails, for want of memory for
instance, measure that size with `--engines hengxin`: the other's line then ends before it.
"""

import argparse
import json
import statistics
from pathlib import Path

import run

NAMES = {"hengxin": "Hengxin", "duckdb": "DuckDB", "polars": "Polars"}
COLOURS = {"hengxin": "#b03a2e", "duckdb": "#7f7f7f", "polars": "#4a7ba6"}


def summary(rounds):
    """Of the rounds of one engine: median, least and most of each figure."""
    of = {key: [figures[key] for figures in rounds] for key in ("seconds", "cpu", "mib")}
    return {key: [round(f(values), 3) for f in (statistics.median, min, max)] for key, values in of.items()}


def draw(measured, target):
    # Only now: what this program holds while it measures counts as the peak of what it starts.
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogFormatter, NullFormatter

    sizes = sorted(measured.values(), key=lambda size: size["facts"])
    plt.rcParams.update({"svg.hashsalt": "hengxin", "svg.fonttype": "none", "font.family": "sans-serif"})
    figure, (time, memory) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for engine, name in NAMES.items():
        of_engine = [(size["facts"], size["engines"][engine]) for size in sizes if engine in size["engines"]]
        if not of_engine:
            continue
        facts = [count for count, _ in of_engine]
        for axes, key in ((time, "seconds"), (memory, "mib")):
            middle, least, most = zip(*(figures[key] for _, figures in of_engine))
            spread = [[m - l for m, l in zip(middle, least)], [h - m for m, h in zip(middle, most)]]
            axes.errorbar(facts, middle, yerr=spread, marker="o", capsize=3, color=COLOURS[engine], label=name)
        if engine == "hengxin":
            first = of_engine[0][1]["seconds"][0]
            time.plot(facts, [first * count / facts[0] for count in facts], ":", color="#444444", label="as the facts grow")
    memory.axhline(1024, linestyle=":", color="#444444", label="1 GiB")
    facts = [size["facts"] for size in sizes]
    for axes, title in ((time, "seconds by the clock"), (memory, "peak memory, MiB")):
        axes.set(xscale="log", yscale="log", xlabel="million facts", title=title)
        axes.set_xticks(facts, [f"{count / 1e6:.3g}" for count in facts], minor=False)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.8)))
        axes.grid(True, which="major", color="#dddddd")
        axes.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run.arguments_of(parser, ["hengxin", "duckdb"])
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="measured figures, kept from run to run")
    parser.add_argument("--svg", type=Path, required=True, metavar="FILE", help="the drawing")
    parser.set_defaults(rounds=3)
    arguments = parser.parse_args()
    measured = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.json.exists() else {}
    for folder in arguments.worlds:
        world = run.World(folder)
        engines = {engine: summary(rounds) for engine, rounds in run.one_world(world, arguments).items()}
        measured[str(world.subjects)] = {"facts": world.facts, "threads": arguments.threads, "engines": engines}
        arguments.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    draw(measured, arguments.svg)


if __name__ == "__main__":
    main()
