"""Runs `child` over all cases, from outside: what crashes or hangs is one finding, and the next case goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

HANGS, STARTS = 10.0, 120.0
"""Seconds after which a case counts as hanging, and a process that has yet to import what it needs."""
TESTS = Path(__file__).parents[1]


@dataclass
class Report:
    """How often what came of a case, the slowest in seconds, the most bytes of memory, and what was wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    peak: int = 0
    wrong: list[str] = field(default_factory=list)


def run(target: str, count: int, seed: int, folder: Path, first: int = 0) -> Report:
    """`count` cases of `target` from the number `first`. What is wrong says how to have that case again."""
    report, last = Report(), first + count
    while first < last:
        first = _run(target, seed, range(first, last), folder, report)
    return report


def _run(target: str, seed: int, numbers: range, folder: Path, report: Report) -> int:
    """Cases until one ends the process; the number to go on from."""
    (folder / "temporary").mkdir(parents=True, exist_ok=True)
    arguments = [target, seed, numbers.start, len(numbers), folder]
    with (folder / "stderr").open("a+b") as said:
        command = [sys.executable, "-m", "fuzz.child", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=_environment(folder), text=True)
        lines: SimpleQueue[str] = SimpleQueue()
        forwarding = threading.Thread(target=_forward, args=(process, lines))
        forwarding.start()
        now, hangs = numbers.start - 1, STARTS if target == "worker" else HANGS
        wrong = ""
        try:
            while line := lines.get(timeout=STARTS if now < numbers.start else hangs):
                now = int(line)
                outcome, seconds, peak, wrong = json.loads(lines.get(timeout=hangs) or '["ended", 0, 0, ""]')
                report.outcomes[outcome] += 1
                report.slowest, report.peak = max(report.slowest, seconds), max(report.peak, peak)
                if wrong:
                    report.wrong.append(_again(target, seed, now) + wrong)
            wrong = "" if now == numbers[-1] and not process.wait() else f"it ended with exit code {process.wait()}"
        except Empty:
            wrong = f"it hung for {hangs:.0f} seconds"
        finally:
            process.kill()
            process.wait()
            forwarding.join()
        if wrong:
            said = (folder / "stderr").read_text("utf-8", "replace")
            report.wrong.append(f"{_again(target, seed, now)}{wrong}\n{said}")
    return now + 1 if now >= numbers.start else numbers.stop


def _forward(process: subprocess.Popen[str], lines: SimpleQueue[str]) -> None:
    with process.stdout as pipe:
        for line in pipe:
            lines.put(line)
    lines.put("")  # in place of a number
    lines.put("")  # and of what came of it


def _again(target: str, seed: int, number: int) -> str:
    return f"pytest tests/fuzz -k {target} --fuzz-seed {seed} --fuzz-first {number} --fuzz-count 1\n"


def _environment(folder: Path) -> dict[str, str]:
    """All folders that anything may be written to are `folder`."""
    homes = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "IMPASTO_DATA")
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    more = {"TMPDIR": str(folder / "temporary"), "IMPASTO_CACHE": str(folder / "cache"), "PYTHONPATH": path}
    single = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | {name: str(folder / "home") for name in homes} | more | single
