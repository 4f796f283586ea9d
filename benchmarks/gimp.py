"""What the plug-in adds in GIMP, on a layer of 4000x3000 pixels; in the root filesystem that tests/editors makes.

    python benchmarks/gimp.py [--runs 3]

"added" is the whole time of the plug-in less the seconds that the worker reports for the painting and its result: it is
reading the layer, sending both ways, converting, and the new layer. "preview" is the wait from Paint to the first one,
with a worker that is ready.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

EDITORS = Path(__file__).resolve().parents[1] / "tests" / "editors"
INSIDE = "exec(open('/checkout/benchmarks/in_gimp.py').read())"
CONSOLE = ["gimp-console", "-idfs", "--batch-interpreter", "python-fu-eval", "-b", INSIDE, "--quit"]
GOALS = {"added": 2.0, "preview": 3.0}
"""Seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    seen: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([EDITORS / "rootfs.sh", "install", scratch], check=True)
        enter(scratch, "impasto", "install", "gimp")
        for _ in range(runs):
            for name, seconds in re.findall(r"^SAID (\S+) (\S+)$", enter(scratch, *CONSOLE), re.MULTILINE):
                seen[name].append(float(seconds))
    print(f"{runs} runs, load {os.getloadavg()[0]:.1f}; seconds: median (least to most)\n")
    for name in list(seen):
        if name.endswith("-worker"):
            kind = name.removesuffix("worker")
            pairs = zip(seen[f"{kind}whole"], seen.pop(name), strict=True)
            seen[f"{kind}added"] = [whole - worker for whole, worker in pairs]
    for name, values in seen.items():
        goal = GOALS.get(name.rsplit("-", 1)[1])
        met = "" if goal is None else f"  goal {goal:g}: " + ("met" if median(values) <= goal else "MISSED")
        print(f"{name:<16}{median(values):>7.2f} ({min(values):.2f} to {max(values):.2f}){met}")


def enter(scratch: str, *command: str) -> str:
    start = [EDITORS / "rootfs.sh", "run", scratch, "/checkout/tests/editors/start.sh", *command]
    done = subprocess.run(start, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
