"""The content losses: sums that compare feature maps, and every formula that follows; `profiles.py` picks one.

F^l are the features of the picture being painted and P^l those of the content, both (1, N_l, h, w). The formulas take
`Sums` of them and give a scalar, not weighted.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..features.grid import ALL, Box
from .spatial_weights import SpatialWeights, precise

TINY = 1e-12
"""Stands in for squares that are 0 where something is divided by them."""


class Sums(NamedTuple):
    """What the content losses follow from: sums over all entries of F and P, which those of parts add up to."""

    entries: Tensor
    difference: Tensor
    """sum (F - P)^2"""
    value: Tensor
    """sum F^2"""
    target: Tensor
    """sum P^2"""

    @classmethod
    def of(cls, value: Tensor, target: Tensor) -> Sums:
        """Those of F and P, of one shape."""
        return cls(*_Sums.apply(value, target, True))


class _Sums(torch.autograd.Function):
    """`Sums` as one tensor, (4,), in float64 where the device has it; keeps F and P for its gradient, and no more."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, target: Tensor, summed: bool) -> Tensor:
        ctx.save_for_backward(value, target)
        count = value.numel()
        if not summed:
            value, target = value[:0], target[:0]  # of nothing, all sums are 0
        value, target = precise(value), precise(target)
        parts = [(value - target).square_().sum(), value.square().sum(), target.square().sum()]
        sums = torch.stack([parts[0].new_full((), count), *parts])
        return sums if sums.device.type == "mps" else sums.double()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        value, target = ctx.saved_tensors
        dtype = torch.promote_types(value.dtype, torch.float32)
        _, difference, square, _ = (2 * gradients[0]).to(dtype)
        return ((precise(value) - target) * difference).addcmul_(precise(value), square).to(value.dtype), None, None


def compared(
    features: Tensor, target: Tensor, where: SpatialWeights | None = None, box: Box = ALL, value: bool = True
) -> Tensor:
    """`Sums` of F and P, (1, N, h, w), where they count, as one tensor, (4,); of the part `box` of a layer too.

    Where only its gradient is of use, `value` is False.
    """
    where = where or SpatialWeights(*features.shape[-2:])
    found: Tensor = _Sums.apply(where.apply(features, box), where.apply(target, box), value)
    return found


def relative_error(sums: Sums) -> Tensor:
    """sum (F - P)^2 / sum P^2: one scale for every layer and style."""
    return sums.difference / sums.target.clamp_min(TINY)


def direction_error(sums: Sums) -> Tensor:
    """|f - p|^2 of F and P scaled to length one, which is 2 (1 - cosine): shapes are compared, contrast is not.

    Written with differences, because 2 - 2 cos leaves a rounding error with a gradient where both are the same.
    """
    value, target = (square.clamp_min(TINY).sqrt() for square in (sums.value, sums.target))
    return (sums.difference - (value - target).square()) / (value * target)


def half_squares(sums: Sums) -> Tensor:
    """1/2 sum (F - P)^2: Gatys, Ecker and Bethge (CVPR 2016), eq. 1."""
    return sums.difference / 2


def mean_squares(sums: Sums) -> Tensor:
    """mean (F - P)^2: every implementation after the paper."""
    return sums.difference / sums.entries
