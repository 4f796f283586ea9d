"""The Gram losses: the matrix, and every formula that compares two of them; `profiles.py` picks one.

Notation (Gatys, Ecker and Bethge, CVPR 2016): a layer l has N_l channels on M_l positions. F^l are the features of the
picture being painted, (1, N_l, h, w) with h * w = M_l. G^l and A^l are Gram matrices per position, F F^T / M, of the
picture and of the style, both (N_l, N_l): dividing by each picture's own M lets pictures of different sizes be
compared. The formulas take both, `value` and `target`, and give a scalar, not weighted.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..features.grid import ALL, Box
from .content import Sums, relative_error
from .spatial_weights import SpatialWeights, precise, rows


class _Gram(torch.autograd.Function):
    """F F^T of F, (1, N, h, w) -> (N, N), in float32 or better; its gradient is one product, where autograd takes two.

    Where `value` is False the result is 0, which takes no time, and only the gradient is right.
    """

    @staticmethod
    def forward(ctx: Any, maps: Tensor, value: bool) -> Tensor:
        ctx.save_for_backward(maps)
        each = rows(precise(maps if value else maps[:, :, :0]))  # of nothing, all sums are 0
        return each.T @ each

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (maps,) = ctx.saved_tensors
        (gradient,) = gradients
        found = (rows(precise(maps)) @ (gradient + gradient.T)).to(maps.dtype)
        return found.view(1, *maps.shape[-2:], maps.shape[1]).permute(0, 3, 1, 2), None


def gram(features: Tensor, where: SpatialWeights | None = None, box: Box = ALL, value: bool = True) -> Tensor:
    """G = F F^T / M (eq. 3, per position): (1, N, h, w) -> (N, N), float32 or better.

    With `where`, positions count by its weights: the guided Gram matrix of Gatys et al., "Controlling Perceptual
    Factors in Neural Style Transfer" (CVPR 2017), eq. 6 and 7, there with weights that sum to one. Features of a part
    of the layer, `box`, give what that adds to G. Where only its gradient is of use, `value` is False.
    """
    where = where or SpatialWeights(*features.shape[-2:])
    product: Tensor = _Gram.apply(where.apply(features, box), value)
    return product / where.positions


def relative(value: Tensor, target: Tensor) -> Tensor:
    """sum (G - A)^2 / sum A^2."""
    return relative_error(Sums.of(value, target))


def gatys(value: Tensor, target: Tensor) -> Tensor:
    """E_l = sum (G - A)^2 / (4 N^2 M^2): Gatys, Ecker and Bethge (CVPR 2016), eq. 4.

    The paper has one M, for a style of the picture's size. Here G and A are each divided by their own, which is the
    same there and lets sizes differ.
    """
    return _difference(value, target).square().sum() / (4 * len(value) ** 2)


def mean_by_channels(value: Tensor, target: Tensor) -> Tensor:
    """mean ((G - A) / (N M))^2, which is 4 E_l / N^2: wide layers count for less than in the paper."""
    return _difference(value, target).square().mean() / len(value) ** 2


def sum_by_channels(value: Tensor, target: Tensor) -> Tensor:
    """sum ((G - A) / (N M))^2, which is 4 E_l: layers count as in the paper."""
    return _difference(value, target).square().sum() / len(value) ** 2


def steady(value: Tensor, target: Tensor) -> Tensor:
    """sum d^2 / (sum |d| + 1e-8) of d = (G - A) / M: its gradient with respect to G hardly shrinks as G nears A."""
    difference = _difference(value, target)
    return difference.square().sum() / (difference.abs().sum() + 1e-8)


def _difference(value: Tensor, target: Tensor) -> Tensor:
    """In float32 or better: half precision would leave little of a small difference, and overflow when squared."""
    return precise(value) - precise(target)
