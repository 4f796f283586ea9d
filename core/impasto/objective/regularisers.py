"""The regularisers: total variations and the alpha-norm of the picture itself; `profiles.py` picks them.

They take the picture, (1, 3, H, W) in [0, 1], bring it to the range of their source, and give a scalar, not weighted.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .content import TINY

RANGE = 1 / 2
"""B of Mahendran and Vedaldi: natural pixels lie within B of middle grey."""
SLOPE = RANGE / 100
"""a B: neighbouring natural pixels differ by about a hundredth of that, a = 1%."""


class _TotalVariation(torch.autograd.Function):
    """Its gradient is worked out with the loss, in a third of the memory that going back would take."""

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        loss, gradient = image.new_zeros(()), torch.zeros_like(image)
        for axis in (2, 3):
            change, pairs = image.diff(dim=axis), image.shape[axis] - 1
            loss += change.square().mean()
            change *= 2 / change.numel()
            gradient.narrow(axis, 1, pairs).add_(change)
            gradient.narrow(axis, 0, pairs).sub_(change)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = ctx.saved_tensors
        return gradients[0] * gradient  # type: ignore[no-any-return]


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, down and across: (1, 3, H, W) in [0, 1] -> scalar."""
    found: Tensor = _TotalVariation.apply(image)
    return found


def squared_variation(image: Tensor) -> Tensor:
    """1/2 sum (dx^2 + dy^2) of 256 x, in all rows and columns but the last: jcjohnson/neural-style, `nn.TVLoss`.

    There only its gradient is computed, and the printed loss leaves it out; here it is a loss like the others.
    """
    dx, dy = 256 * image.diff(dim=3)[..., :-1, :], 256 * image.diff(dim=2)[..., :-1]
    return (dx.square() + dy.square()).sum() / 2


def absolute_variation(image: Tensor) -> Tensor:
    """sum |dx| + sum |dy| of 255 x: gordicaleksa/pytorch-neural-style-transfer, `total_variation`."""
    return 255 * (image.diff(dim=3).abs().sum() + image.diff(dim=2).abs().sum())


def nine_point_variation(image: Tensor) -> Tensor:
    """2 (dx^2/3 + dy^2/3 + two diagonals^2/12), means, over a border repeated once: crowsonkb, `TVLoss`."""
    x = F.pad(image, (1, 1, 1, 1), mode="replicate")
    right, down = x[..., 1:-1, 2:] - x[..., 1:-1, 1:-1], x[..., 2:, 1:-1] - x[..., 1:-1, 1:-1]
    falling, rising = x[..., 1:, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, 1:]
    straight, diagonal = _power(right) + _power(down), _power(falling) + _power(rising)
    return 2 * (straight / 3 + diagonal / 12)


def alpha_norm(image: Tensor, power: float = 6) -> Tensor:
    """lambda sum |x - 1/2|^alpha, lambda = 1 / (H W B^alpha): keeps pixels in their range.

    Source: Mahendran and Vedaldi (CVPR 2015), section 3, R_alpha, alpha = 6, with the lambda that they suggest there,
    by which sizes agree. Their pictures have their mean taken off, ours middle grey.
    """
    return ((image - 0.5) / RANGE).abs().pow(power).sum() / image[0, 0].numel()


def power_variation(image: Tensor, power: float = 2) -> Tensor:
    """lambda sum (dx^2 + dy^2)^(beta/2), lambda = 1 / (H W (a B)^beta): keeps neighbours alike.

    Source: Mahendran and Vedaldi (CVPR 2015), section 3, R_V^beta, beta = 2, with the lambda that they suggest there.
    The last column has no dx and the last row no dy.
    """
    dx, dy = F.pad(image.diff(dim=3), (0, 1, 0, 0)), F.pad(image.diff(dim=2), (0, 0, 0, 1))
    squares = (dx.square() + dy.square()) / SLOPE**2
    return squares.clamp_min(TINY).pow(power / 2).sum() / image[0, 0].numel()  # below 2, the slope at 0 has no end


def _power(difference: Tensor) -> Tensor:
    return difference.square().mean()
