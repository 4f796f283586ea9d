"""The curvature of a loss by octave and axis of colour: what L-BFGS begins with in place of one number for all.

Coarse shapes and fine strokes, luma and chroma, differ in curvature by orders of magnitude, and one number for all of
them makes the small ones crawl. The last move and the change of gradient that it made tell it for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache

import torch
from torch import Tensor

from ..pictures.colour_axes import opponent_axes
from ..ranks import WHOLE, Strips, split

OCTAVES, SPREAD = 8, 100.0
"""How many are told apart, from the finest down, and by how much one may differ from what holds for all of them."""
AXES = torch.linalg.qr(opponent_axes().T)[0].T
"""Luma, yellow-blue and red-green, turned to right angles, so that going back is the transpose."""

InverseCurvature = list[list[float]]
"""For each axis and octave."""
Ring = tuple[tuple[slice, slice], ...]
"""Parts of a spectrum that make up an octave."""


def inverse_curvature(move: Tensor, change: Tensor, gamma: float, strips: Strips = WHOLE) -> InverseCurvature:
    """The inverse curvature, how far to move for a gradient: s.y / y.y of a move s and a change y, (1, 3, H, W).

    For each axis and octave (Nocedal and Wright, eq. 7.20). None is further than `SPREAD` from `gamma`, that of all
    together. Of `strips`, both are this rank's.
    """
    found, rings = [], _rings(move, strips)
    for axis in _axes(move.device, move.dtype):
        moved, changed = (torch.view_as_real(_waves(_along(axis, maps), strips)) for maps in (move, change))
        both, square = (strips.ranks.sums(_sums(waves, rings)) for waves in (moved.mul_(changed), changed.square_()))
        ratios = [a / b if b > 0 else gamma for a, b in zip(both, square, strict=True)]
        found.append([min(max(ratio, gamma / SPREAD), gamma * SPREAD) for ratio in ratios])
    return found


def scaled(maps: Tensor, by: InverseCurvature, strips: Strips = WHOLE) -> Tensor:
    """`maps`, (1, 3, H, W), each octave of each axis times its number; of `strips`, this rank's, and so the result."""
    result, rings = torch.zeros_like(maps), _rings(maps, strips)
    for axis, numbers in zip(_axes(maps.device, maps.dtype), by, strict=True):
        waves = _waves(_along(axis, maps), strips)
        for ring, number in zip(rings, numbers, strict=True):
            for part in ring:
                waves[part] *= number
        result += axis[:, None, None] * _plane(waves, strips.size(maps), strips)
    return result


def _waves(plane: Tensor, strips: Strips) -> Tensor:
    """What `rfft2` gives of a plane, (H, W); of strips, of this rank's rows, for its share of the columns."""
    found: Tensor = (
        torch.fft.fft(strips.by_columns(torch.fft.rfft(plane)), dim=0) if strips.shared else torch.fft.rfft2(plane)
    )
    return found


def _plane(waves: Tensor, size: tuple[int, int], strips: Strips) -> Tensor:
    """The way back of `_waves`."""
    if strips.shared:
        rows = strips.by_rows(torch.fft.ifft(waves, dim=0), size[1] // 2 + 1)
    found: Tensor = torch.fft.irfft(rows, n=size[1]) if strips.shared else torch.fft.irfft2(waves, s=size)
    return found


@cache
def _axes(device: torch.device, dtype: torch.dtype) -> Tensor:
    """`AXES` there, once: copying them to a graphics card would wait for it at each step."""
    axes: Tensor = AXES.to(device, dtype)
    return axes


def _along(axis: Tensor, maps: Tensor) -> Tensor:
    plane: Tensor = torch.tensordot(axis, maps[0], dims=1)
    return plane


def _sums(waves: Tensor, rings: Sequence[Ring]) -> list[float]:
    return [math.fsum(float(waves[part].sum()) for part in ring) for ring in rings]


def _rings(maps: Tensor, strips: Strips) -> list[Ring]:
    """The octaves of what `_waves` gives of `maps`."""
    height, width = strips.size(maps)
    columns = split(width // 2 + 1, strips.ranks.size)[strips.ranks.rank]

    def own(part: tuple[slice, slice]) -> tuple[slice, slice]:
        first, last = (min(max(end, columns.start), columns.stop) for end in (part[1].start, part[1].stop))
        return part[0], slice(first - columns.start, last - columns.start)

    return [tuple(own(part) for part in ring) for ring in _all_rings(height, width)]


def _all_rings(height: int, width: int) -> Iterator[Ring]:
    """The octaves of what `rfft2` gives of (H, W), finest first: square rings around frequency 0, the last one full.

    Frequencies down are positive first, then negative ones from the last row up; across there are positive ones only.
    """
    for octave in range(OCTAVES):
        down, across = height >> octave + 1, width >> octave + 1
        low, left = (height >> octave + 2, width >> octave + 2) if octave < OCTAVES - 1 else (-1, -1)
        negative, outer, inner = max(height - down, down + 1), slice(left + 1, across + 1), slice(0, left + 1)
        yield (
            (slice(0, down + 1), outer),
            (slice(negative, height), outer),
            (slice(low + 1, down + 1), inner),
            (slice(negative, height - low), inner),
        )
