"""Gram matrices and sums of feature maps, of a whole layer or of a part of it, weighted by a mask where there is one.

Notation (Gatys, Ecker and Bethge, CVPR 2016): a layer l has N_l channels on M_l positions. F^l are the features of the
picture being painted and P^l those of the content, both (1, N_l, h, w) with h * w = M_l. G^l and A^l are Gram matrices
per position, F F^T / M, of the picture and of the style, both (N_l, N_l): dividing by each picture's own M lets
pictures of different sizes be compared.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..features.grid import ALL, Box


class _Gram(torch.autograd.Function):
    """F F^T of F, (1, N, h, w) -> (N, N), and its gradient as one product, both in float32 or better.

    Without its `value`, it only has the gradient.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, value: bool) -> Tensor:
        ctx.save_for_backward(maps)
        rows = _rows(_precise(maps if value else maps[:, :, :0]))  # of nothing, all sums are 0
        return rows.T @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (maps,) = ctx.saved_tensors
        (gradient,) = gradients
        found = (_rows(_precise(maps)) @ (gradient + gradient.T)).to(maps.dtype)
        return found.view(1, *maps.shape[-2:], maps.shape[1]).permute(0, 3, 1, 2), None


class SpatialWeights:
    """Weights of the positions of a layer, in [0, 1], and their sum M, over which statistics are averaged."""

    def __init__(self, height: int, width: int, weights: Tensor | None = None) -> None:
        """`weights`, (height, width) in [0, 1]; None where all count fully."""
        self.weights = weights
        self.positions = float(height * width if weights is None else weights.sum())
        self._parts: dict[tuple[int | None, ...], tuple[Tensor, Tensor]] = {}

    @classmethod
    def of(cls, mask: Tensor | None, height: int, width: int) -> SpatialWeights:
        """What a mask of the picture, (1, 1, H, W) in [0, 1], leaves of a layer's grid: each position by its area."""
        if mask is None:
            return cls(height, width)
        return cls(height, width, torch.nn.functional.adaptive_avg_pool2d(mask, (height, width))[0, 0])

    def apply(self, features: Tensor, box: Box = ALL) -> Tensor:
        """The features, (1, N, h, w), of `box`: the K positions that count, (1, N, K, 1), by the root of their weights.

        So their squares and products are weighted once. Without weights, the features as they are.
        """
        if self.weights is None:
            return features
        key = box[0].start, box[0].stop, box[1].start, box[1].stop
        if key not in self._parts:
            weights = self.weights[box].flatten()
            index = weights.nonzero().flatten()
            self._parts[key] = index.int(), weights[index].sqrt()[:, None]
        index, root = self._parts[key]
        return (_precise(_rows(features).index_select(0, index)) * root).T[None, :, :, None]


def _rows(features: Tensor) -> Tensor:
    """(1, N, h, w) -> (h * w, N); no copy where channels are last in memory."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def gram(features: Tensor, where: SpatialWeights | None = None, box: Box = ALL, value: bool = True) -> Tensor:
    """G = F F^T / M (eq. 3, per position): (1, N, h, w) -> (N, N), float32 or better.

    With `where`, positions count by its weights: the guided Gram matrix of Gatys et al., "Controlling Perceptual
    Factors in Neural Style Transfer" (CVPR 2017), eq. 6 and 7, there with weights that sum to one. Features of a part
    of the layer, `box`, give what that adds to G. Where only its gradient is of use, `value` is False.
    """
    where = where or SpatialWeights(*features.shape[-2:])
    product: Tensor = _Gram.apply(where.apply(features, box), value)
    return product / where.positions


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
        value, target = _precise(value), _precise(target)
        parts = [(value - target).square_().sum(), value.square().sum(), target.square().sum()]
        sums = torch.stack([parts[0].new_full((), count), *parts])
        return sums if sums.device.type == "mps" else sums.double()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        value, target = ctx.saved_tensors
        kind = torch.promote_types(value.dtype, torch.float32)
        _, difference, square, _ = (2 * gradients[0]).to(kind)
        return ((_precise(value) - target) * difference).addcmul_(_precise(value), square).to(value.dtype), None, None


def compared(
    features: Tensor, target: Tensor, where: SpatialWeights | None = None, box: Box = ALL, value: bool = True
) -> Tensor:
    """`Sums` of F and P, (1, N, h, w), where they count, as one tensor, (4,); of the part `box` of a layer too.

    Where only its gradient is of use, `value` is False.
    """
    where = where or SpatialWeights(*features.shape[-2:])
    found: Tensor = _Sums.apply(where.apply(features, box), where.apply(target, box), value)
    return found


def _precise(maps: Tensor) -> Tensor:
    return maps.to(torch.promote_types(maps.dtype, torch.float32))
