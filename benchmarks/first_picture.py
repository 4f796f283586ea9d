"""What a first picture costs: time, processor time, memory, the wait for a preview, and where the time goes.

    python benchmarks/first_picture.py [CONTENT STYLE] [--size 512] [--runs 3] [--knob NAME=VALUE ...]

Each run is a process of its own, as a first picture is; the table shows medians.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from statistics import median

EXAMPLES = Path(__file__).parents[1] / "examples"
MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit that `getrusage` counts memory in."""
Figures = dict[str, float]


def main() -> None:
    """Run, and print one table."""
    wanted = arguments()
    if wanted.once:
        print(json.dumps(once(wanted)))
        return
    runs = [fresh() for _ in range(wanted.runs)]
    print(f"{wanted.content.name} as {wanted.style.name}, {wanted.size} px; median of {wanted.runs}, {machine()}\n")
    for name in runs[0]:
        values = [run[name] for run in runs]
        print(f"{name:<34}{median(values):>10.3f}   ({min(values):.3f} to {max(values):.3f})")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("content", nargs="?", type=Path, default=EXAMPLES / "harbour.jpg")
    parser.add_argument("style", nargs="?", type=Path, default=EXAMPLES / "night.jpg")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE", help="any knob of a recipe")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)  # this is one of the fresh processes
    return parser.parse_args()


def fresh() -> Figures:
    """The figures of one run, in a process that has loaded nothing yet."""
    command = [sys.executable, __file__, *sys.argv[1:], "--once"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, load {os.getloadavg()[0]:.1f}"


def once(wanted: argparse.Namespace) -> Figures:
    """Paint once, with a preview of the first step and the result as files, as the command line does it."""
    begin = time.perf_counter()
    from impasto import prepare_process

    prepare_process()
    from impasto import Recipe, paint, read, write

    loaded, busy = time.perf_counter(), time.process_time()
    recipe = Recipe.of(size=wanted.size, **dict(knob.split("=", 1) for knob in wanted.knob))
    marks: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for step in paint(read(wanted.content), read(wanted.style), recipe):
            if not marks:
                write(Path(folder) / "preview.png", step.picture())
                preview = time.perf_counter() - loaded
            marks.append((step.size, step.seconds))
        write(Path(folder) / "result.png", step.picture())
    return {
        "imports, s": loaded - begin,
        "first preview after imports, s": preview,
        "picture after imports, s": time.perf_counter() - loaded,
        "processor time after imports, s": time.process_time() - busy,
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS / 1e6,
        **dict(stages(marks)),
    }


def stages(marks: list[tuple[int, float]]) -> Iterator[tuple[str, float]]:
    """Seconds per step of each size, and those before its first step is done: targets, and the step itself."""
    before = 0.0
    for size, group in groupby(marks, key=lambda mark: mark[0]):
        seconds = [at for _, at in group]
        yield f"{size} px, first step, s", seconds[0] - before
        if len(seconds) > 1:
            yield f"{size} px, each of {len(seconds) - 1} more, s", (seconds[-1] - seconds[0]) / (len(seconds) - 1)
        before = seconds[-1]


if __name__ == "__main__":
    main()
