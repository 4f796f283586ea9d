"""Damaged input is read, or refused with an error of ours: no crash, hang, traceback, flood of memory or litter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .child import TARGETS
from .watch import run

PLACE = re.compile(r"File .*(?:core|plugins)/.*\n.*")
FEW, FEW_PROCESSES, MOST_SHOWN = 60, 6, 20
"""Cases of each in the ordinary run, of those that start a process each, and of those that went wrong."""


@pytest.mark.fuzz
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="what a case takes and leaves is read in /proc")
@pytest.mark.parametrize("target", TARGETS)
def test_damaged_input_is_read_or_refused(target: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    count, seed, first = (request.config.getoption(f"--fuzz-{name}") for name in ("count", "seed", "first"))
    report = run(target, count or (FEW_PROCESSES if target == "worker" else FEW), seed, tmp_path, first)
    print(target, dict(report.outcomes), f"slowest {report.slowest:.1f} s, most memory {report.peak / 1e6:.0f} MB")
    if report.wrong:
        places = {re.sub(r"\d+", "", " ".join(PLACE.findall(wrong)[-1:]) or wrong): wrong for wrong in report.wrong}
        shown = list(places.values())[:MOST_SHOWN]
        pytest.fail("\n\n".join([f"{len(report.wrong)} cases went wrong, of which:", *shown]), False)
    assert first or len(report.outcomes) > 1  # else no case was damaged, or none was read
