"""Draws docs/growth.svg: what a step takes from 0.25 to 16 megapixels, in seconds and in memory.

    python benchmarks/performance.py | tee table.txt
    python benchmarks/growth.py table.txt

Both axes are logarithmic, so what grows with the pixels is a straight line.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from performance import Figures

from impasto.cli.losses.plot import Point, Vector

OUT = Path(__file__).parents[1] / "docs" / "growth.svg"
COLOURS = {"wavelet": "#d7301f", "vgg19": "#2a788e"}
PANELS = {"seconds for a step": (70, 1.0, (0.1, 1, 10, 100, 1000)), "peak memory, MB": (560, 1000.0, (0.5, 1, 2, 4, 8))}
"""Where each begins, its unit, and the marks on its axis."""
WIDTH, TOP, BOTTOM = 380, 60, 540
LINE = r"(?m)^(\w+), ([\d.]+) megapixels: (.*?) +(\S+)$"
Found = Mapping[str, Mapping[float, Figures]]


def main() -> None:
    """Draw what the table says of growth."""
    found: dict[str, dict[float, Figures]] = {}
    for network, megapixels, name, value in re.findall(LINE, Path(sys.argv[1]).read_text()):
        found.setdefault(network, {}).setdefault(float(megapixels), {})[name] = float(value)
    OUT.write_bytes(drawn(found))


def drawn(found: Found) -> bytes:
    """The two panels side by side."""
    paper = Vector()
    for name, (left, unit, marks) in PANELS.items():
        paper.text(left, TOP - 26, name.replace("MB", "GB"), "l")
        for mark in marks:
            y = _place(mark, marks[0], marks[-1], BOTTOM, TOP)
            paper.line([(left, y), (left + WIDTH, y)], "#dddddd", 1)
            paper.text(left - 8, y, f"{mark:g}", "r")
        for megapixels in (0.25, 1, 4, 16):
            paper.text(_across(megapixels, left), BOTTOM + 18, f"{megapixels:g}", "m")
        paper.text(left + WIDTH / 2, BOTTOM + 40, "megapixels", "m")
        for network, values in found.items():
            points: list[Point] = []
            for megapixels, figures in values.items():
                y = _place(figures[name] / unit, marks[0], marks[-1], BOTTOM, TOP)
                points.append((_across(megapixels, left), y))
                paper.line([(points[-1][0] - 3, y), (points[-1][0] + 3, y)], COLOURS[network], 6)
            paper.line(points, COLOURS[network], 2)
            paper.text(points[-1][0] - 8, points[-1][1] - 14, network, "r")
    return paper.finish()


def _across(megapixels: float, left: float) -> float:
    return _place(megapixels, 0.25, 16, left, left + WIDTH)


def _place(value: float, low: float, high: float, first: float, last: float) -> float:
    share = math.log(value / low) / math.log(high / low)
    return first + share * (last - first)


if __name__ == "__main__":
    main()
