"""Gatys' losses on feature maps, one formula each, in the paper's terms. They do not know which network they look at.

Notation (Gatys, Ecker and Bethge, CVPR 2016): a layer l has N_l channels on M_l positions. F^l are the features of the
picture being painted and P^l those of the content, both (1, N_l, h, w) with h * w = M_l. G^l and A^l are Gram matrices
per position, F F^T / M, of the picture and of the style, both (N_l, N_l): dividing by each picture's own M lets
pictures of different sizes be compared.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

OPPONENT = torch.nn.functional.normalize(
    torch.tensor([[0.299, 0.587, 0.114], [0.5, 0.5, -1.0], [1.0, -1.0, 0.0]]), dim=1
)
"""Luma, yellow-blue and red-green of an RGB pixel: rows of unit length, so that a distance weighs them alike."""

TINY = 1e-12


class _Gram(torch.autograd.Function):
    """F^T F of rows F, (M, N) -> (N, N), with its gradient as one product instead of two."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return rows.T @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        (gradient,) = gradients
        result: Tensor = rows @ (gradient + gradient.T)
        return result


@dataclass(frozen=True)
class Where:
    """The positions of a layer that count, (K,), and the square root of how much each does, (K, 1), in (0, 1]."""

    index: Tensor
    root: Tensor

    @classmethod
    def of(cls, mask: Tensor, height: int, width: int) -> Where:
        """What a mask of the picture, (1, 1, H, W) in [0, 1], leaves of a layer's grid: each position by its area."""
        weights = torch.nn.functional.adaptive_avg_pool2d(mask, (height, width)).flatten()
        index = weights.nonzero().flatten()
        return cls(index, weights[index].sqrt()[:, None])

    @property
    def positions(self) -> float:
        """M, whole positions and parts of positions."""
        return float(self.root.square().sum())

    def part(self, box: tuple[slice, slice], width: int) -> Where:
        """The same for the part `box` (down, across) of a grid `width` positions wide."""
        down, across = box
        row, column = self.index // width, self.index % width
        inside = (row >= down.start) & (row < down.stop) & (column >= across.start) & (column < across.stop)
        index = (row - down.start) * (across.stop - across.start) + column - across.start
        return Where(index[inside], self.root[inside])

    def rows(self, features: Tensor) -> Tensor:
        """(1, N, h, w) -> (K, N): the features where they count, so weighted that squares have their share."""
        return _rows(features).index_select(0, self.index) * self.root


def _rows(features: Tensor) -> Tensor:
    """(1, N, h, w) -> (h * w, N) in float32 or better; no copy where channels are last in memory."""
    return _precise(features.permute(0, 2, 3, 1).reshape(-1, features.shape[1]))


def gram(features: Tensor, where: Where | None = None) -> Tensor:
    """G = F F^T / M (eq. 3, per position): (1, N, h, w) -> (N, N), float32 or better.

    With `where`, positions count by its weights: the guided Gram matrix of Gatys et al., "Controlling Perceptual
    Factors in Neural Style Transfer" (CVPR 2017), eq. 6 and 7, there with weights that sum to one.
    """
    rows = where.rows(features) if where else _rows(features)
    product: Tensor = _Gram.apply(rows)
    return product / (where.positions if where else len(rows))


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """sum (value - target)^2 / sum target^2: one scale for every layer and style."""
    return (value - target).square().sum() / target.square().sum().clamp_min(TINY)


def direction_error(value: Tensor, target: Tensor) -> Tensor:
    """|v - t|^2 of both scaled to length one, which is 2 (1 - cosine): shapes are compared, contrast is not.

    Written as a difference, because 2 - 2 cos leaves a rounding error with a gradient where both are the same.
    """
    return (_direction(value) - _direction(target)).square().sum()


def _direction(maps: Tensor) -> Tensor:
    maps = _precise(maps)
    return maps / maps.square().sum().clamp_min(TINY).sqrt()


def _precise(maps: Tensor) -> Tensor:
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, down and across: (1, 3, H, W) in [0, 1] -> scalar."""
    return image.diff(dim=2).square().mean() + image.diff(dim=3).square().mean()


def opponent(image: Tensor) -> Tensor:
    """Luma, yellow-blue, red-green of (1, 3, H, W) as (3, H * W)."""
    return OPPONENT.to(image) @ image.flatten(2)[0]


def from_opponent(colours: Tensor, like: Tensor) -> Tensor:
    """The image (1, 3, H, W), of `like`'s shape, that has these opponent colours (3, H * W)."""
    inverse: Tensor = torch.linalg.inv(OPPONENT.double()).to(colours)
    return (inverse @ colours).view_as(like)


def order(values: Tensor) -> Tensor:
    """Indices that sort each row of (C, M). numpy's vectorised sort is several times faster than torch's on a CPU."""
    if values.device.type != "cpu":
        return values.argsort(dim=1)
    with ThreadPoolExecutor(len(values)) as pool:  # numpy lets go of the interpreter while it sorts
        return torch.from_numpy(np.stack(list(pool.map(np.argsort, values.detach().numpy()))))


def quantiles(image: Tensor, count: int, index: Tensor | None = None) -> Tensor:
    """The colour histogram of (1, 3, H, W) in its finest form: each opponent colour sorted, as `count` quantiles.

    With `index`, (K,), only of those pixels.
    """
    rows = _pixels(opponent(image), index).sort(dim=1).values
    resampled: Tensor = torch.nn.functional.interpolate(rows[None], size=count, mode="linear", align_corners=False)
    return resampled[0]


def histogram_loss(image: Tensor, target: Tensor, index: Tensor | None = None) -> Tensor:
    """Mean squared distance of the sorted opponent colours to `target`, (3, K): Wasserstein-2 squared, per axis.

    K is the number of pixels of `image`, (1, 3, H, W), or of those in `index`, (K,).
    Source: Risser, Wilmot and Barnes, "Stable and controllable neural texture synthesis and style transfer using
    histogram losses" (2017), section 4; there on features by matching bins, here on colours and exact.
    """
    rows = _pixels(opponent(image), index)
    return (rows.gather(1, order(rows)) - target).square().mean()


def recoloured(image: Tensor, target: Tensor, index: Tensor | None = None) -> Tensor:
    """`image`, (1, 3, H, W), each opponent colour replaced by the quantile of `target`, (3, K), of its rank.

    With `index`, (K,), only those pixels change.
    """
    rows = opponent(image)
    some = _pixels(rows, index)
    matched = torch.empty_like(some).scatter_(1, order(some), target)
    rows = matched if index is None else rows.index_copy(1, index, matched)
    return from_opponent(rows, image).clamp(0, 1)


def _pixels(rows: Tensor, index: Tensor | None) -> Tensor:
    return rows if index is None else rows[:, index]
