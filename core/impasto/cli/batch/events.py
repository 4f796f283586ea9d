"""What a batch tells: lines for people, or of JSON for scripts, and in the end which pictures failed."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from ...errors import ImpastoError
from ..estimate import clock
from ..job import Job
from .plan import DAMAGED, NEW, OTHER

SAID = {
    "planned": "to paint",
    "painted": "painted",
    "passed": "there already",
    "elsewhere": "left to another process",
    "failed": "failed",
}
"""What becomes of a picture, and how that is said."""
REPLACES = {
    NEW: "",
    DAMAGED: "; in place of one that was damaged",
    OTHER: "; in place of one that has other settings",
}


class Events:
    """Tells and counts what becomes of each picture. A dry run tells people on standard output, as its result."""

    def __init__(self, as_json: bool, dry_run: bool, quiet: bool) -> None:
        self.json, self.dry_run, self.quiet = as_json, dry_run, quiet
        self.counts: Counter[str] = Counter()
        self.failed: dict[Path, str] = {}
        self._out = sys.stdout  # which a bar in a terminal takes the place of

    def add(self, event: str, job: Job, **fields: Any) -> None:
        """`event` is one of `SAID`, or "painting" for what begins."""
        self.counts[event] += 1
        self._write(event, result=str(job.output), photograph=str(job.content), style=str(job.style), **fields)

    def painted(self, job: Job, size: tuple[int, int], seconds: float, was: str) -> None:
        """Tell that the result of `job` is there, of this (width, height), in place of what `was` there."""
        width, height = size
        self.add("painted", job, width=width, height=height, seconds=round(seconds, 3), replaces=was)
        self.tell(f"{job.output}: {width}x{height} pixels in {seconds:.1f} s{REPLACES[was]}.")

    def fail(self, job: Job, error: Exception) -> None:
        """Keep that `job` failed, and why."""
        text = str(error) if isinstance(error, ImpastoError) else f"{type(error).__name__}: {error}"
        self.failed[job.output] = " ".join(text.split())
        self.add("failed", job, error=self.failed[job.output])

    def tell(self, line: str) -> None:
        """Tell people."""
        if self.dry_run and not self.json:
            click.echo(line)
        elif not self.quiet:
            click.echo(f"impasto: {line}", err=True)

    def end(self, seconds: float, stopped: bool) -> None:
        """Tell what has become of all and what failed; of a dry run the `seconds` that are expected."""
        counts = {event: self.counts[event] for event in SAID}
        self._write("end", **counts, seconds=round(seconds, 3), stopped=stopped)
        said = ", ".join(f"{count} {SAID[event]}" for event, count in counts.items() if count)
        self.tell(f"{said or 'nothing painted'}, {'about' if self.dry_run else 'in'} {clock(seconds)}.")
        for output, error in self.failed.items():
            click.echo(f"impasto: error: {output} is not painted. {error}", err=True)

    def _write(self, event: str, **fields: Any) -> None:
        if self.json:
            click.echo(json.dumps({"event": event, **fields}), file=self._out)
