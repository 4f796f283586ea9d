"""How the losses went, step by step: kept as figures, written as a table or a plot by the suffix of the file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .. import files

if TYPE_CHECKING:
    from ..stylize import Step

FORMATS = (".csv", ".png", ".svg")
HEAD = ("taken", "stage", "size", "step", "seconds", "total")


class Row(NamedTuple):
    """One step: how many were taken with it, its stage from 1, the longest side there, its number in the stage."""

    taken: int
    stage: int
    size: int
    step: int
    seconds: float
    losses: dict[str, float]


class Curves:
    """The figures of every step, without the pictures."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, step: Step) -> None:
        """Keep the figures of `step`."""
        taken = len(self.rows) + 1
        self.rows.append(Row(taken, step.stage + 1, step.size, step.step, step.seconds, dict(step.losses)))

    @property
    def names(self) -> list[str]:
        """Every loss that any stage has; small stages may lack layers, so in the order of the last."""
        names = dict.fromkeys(self.rows[-1].losses) if self.rows else {}
        return list(names | dict.fromkeys(name for row in self.rows for name in row.losses))

    def write(self, path: Path) -> None:
        """A table (.csv) or a plot (.png, .svg), atomically; raises `OutputError`."""
        suffix = path.suffix.lower()
        if suffix == ".csv":
            files.replace(path, self._table())
        else:
            from .plot import Raster, Vector, plot

            files.replace(path, plot(self, Raster() if suffix == ".png" else Vector()))

    def _table(self) -> bytes:
        """RFC 4180 in UTF-8; a loss that a stage does not have is an empty cell."""
        text, names = io.StringIO(), self.names
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*HEAD, *names])
        for *where, seconds, losses in self.rows:
            figures = (_figure(losses[name]) if name in losses else "" for name in names)
            table.writerow([*where, f"{seconds:.3f}", _figure(sum(losses.values())), *figures])
        return text.getvalue().encode()


def _figure(loss: float) -> str:
    return f"{loss:.9g}"  # enough to give float32 back to the last bit
