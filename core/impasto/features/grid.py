"""A layer's grid of positions, and parts of it."""

from __future__ import annotations

from collections.abc import Mapping

Grids = Mapping[str, tuple[int, int]]
"""Layer -> positions down and across."""
Box = tuple[slice, slice]
"""A part of a layer's grid, down and across."""
ALL: Box = slice(None), slice(None)
NONE: Box = slice(0, 0), slice(None)
