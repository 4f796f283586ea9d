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

OCTAVES, SPREAD = 8, 100.0
"""How many are told apart, from the finest down, and by how much one may differ from what holds for all of them."""
AXES = torch.linalg.qr(opponent_axes().T)[0].T
"""Luma, yellow-blue and red-green, turned to right angles, so that going back is the transpose."""

InverseCurvature = list[list[float]]
"""For each axis and octave."""
Ring = tuple[tuple[slice, slice], ...]
"""Parts of a spectrum that make up an octave."""


def inverse_curvature(move: Tensor, change: Tensor, gamma: float) -> InverseCurvature:
    """The inverse curvature, how far to move for a gradient: s.y / y.y of a move s and a change y, (1, 3, H, W).

    For each axis and octave (Nocedal and Wright, eq. 7.20). None is further than `SPREAD` from `gamma`, that of all
    together.
    """
    found, rings = [], list(_rings(*move.shape[-2:]))
    for axis in _axes(move.device, move.dtype):
        moved, changed = (torch.view_as_real(torch.fft.rfft2(_along(axis, maps))) for maps in (move, change))
        both, square = _sums(moved.mul_(changed), rings), _sums(changed.square_(), rings)
        ratios = [a / b if b > 0 else gamma for a, b in zip(both, square, strict=True)]
        found.append([min(max(ratio, gamma / SPREAD), gamma * SPREAD) for ratio in ratios])
    return found


def scaled(maps: Tensor, by: InverseCurvature) -> Tensor:
    """`maps`, (1, 3, H, W), each octave of each axis times its number."""
    result, (height, width) = torch.zeros_like(maps), maps.shape[-2:]
    for axis, numbers in zip(_axes(maps.device, maps.dtype), by, strict=True):
        waves = torch.fft.rfft2(_along(axis, maps))
        for ring, number in zip(_rings(height, width), numbers, strict=True):
            for part in ring:
                waves[part] *= number
        result += axis[:, None, None] * torch.fft.irfft2(waves, s=(height, width))
    return result


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


def _rings(height: int, width: int) -> Iterator[Ring]:
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
