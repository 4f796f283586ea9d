"""The part of a picture inside its frame: paintings are photographed with the strip of another thing at the border."""

from __future__ import annotations

import numpy as np

from .picture import Picture

LONGEST = 512
"""Pixels of the longest side at which borders are told."""
USUAL, DEEPEST = 0.02, 0.08
"""Share of each side that is left out in any case, and the share in which a border is looked for."""
STRAIGHT, STRONG = 0.55, 0.03
"""How much of the change across a line is the same all along it, and how large that is, where a border is."""


def inside(picture: Picture) -> tuple[float, float, float, float]:
    """(left, top, width, height), shares of `picture`: without a border, or what may be one.

    A border ends in a straight line along a whole side, across which colours change by about the same all along.
    """
    small = picture.resized(*picture.fit(min(LONGEST, max(picture.size)))).pixels
    top, bottom = _border(small), _border(small[::-1])
    turned = small.swapaxes(0, 1)
    left, right = _border(turned), _border(turned[::-1])
    return left, top, 1 - left - right, 1 - top - bottom


def _border(rows: np.ndarray) -> float:
    """Share of the rows, (H, W, 3), that the border at the first of them takes."""
    change = rows[2:] - rows[:-2]
    common = np.linalg.norm(change.mean(axis=1), axis=1)
    usual = np.linalg.norm(change, axis=2).mean(axis=1)
    lines = np.flatnonzero((common > STRAIGHT * usual) & (common > STRONG))
    lines = lines[lines < DEEPEST * len(rows)]
    return max(USUAL, (lines[-1] + 3) / len(rows) if len(lines) else 0.0)
