"""The losses as a file: a table or a plot, by its suffix."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ...storage import files
from .record import Curves

FORMATS = (".csv", ".png", ".svg")
HEAD = ("taken", "stage", "size", "step", "seconds", "total")


def write(curves: Curves, path: Path) -> None:
    """A table (.csv) or a plot (.png, .svg) of `curves`, atomically; raises `OutputError`."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        files.replace(path, _table(curves))
    else:
        from .plot import Raster, Vector, plot

        files.replace(path, plot(curves, Raster() if suffix == ".png" else Vector()))


def _table(curves: Curves) -> bytes:
    """RFC 4180 in UTF-8; a loss that a stage does not have is an empty cell."""
    text, names = io.StringIO(), curves.names
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*HEAD, *names])
    for *where, seconds, losses in curves.rows:
        figures = (_figure(losses[name]) if name in losses else "" for name in names)
        table.writerow([*where, f"{seconds:.3f}", _figure(sum(losses.values())), *figures])
    return text.getvalue().encode()


def _figure(loss: float) -> str:
    return f"{loss:.9g}"  # enough to give float32 back to the last bit
