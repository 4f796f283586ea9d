"""Gatys' losses on feature maps, one formula each, in the paper's terms. They do not know which network they look at.

Notation (Gatys, Ecker and Bethge, CVPR 2016): a layer l has N_l channels on M_l positions. F^l are the features of the
picture being painted and P^l those of the content, both (1, N_l, h, w) with h * w = M_l. G^l and A^l are Gram matrices
per position, F F^T / M, of the picture and of the style, both (N_l, N_l): dividing by each picture's own M lets
pictures of different sizes be compared.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

OPPONENT = torch.nn.functional.normalize(
    torch.tensor([[0.299, 0.587, 0.114], [0.5, 0.5, -1.0], [1.0, -1.0, 0.0]]), dim=1
)
"""Luma, yellow-blue and red-green of an RGB pixel: rows of unit length, so that a distance weighs them alike."""

TINY = 1e-12
QUANTILES = 2**20
"""Of a colour, at most: more are not told apart, and are worth their memory elsewhere."""
MAGNITUDE, PLACE, CHUNK = np.int32(0x7FFFFFFF), 0xFFFFFFFF, 2**18
"""Bits of a float32 but for its sign; of a key, those that say where it stood; how many places are filled at once."""


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


Box = tuple[slice, slice]
"""A part of a layer's grid, down and across."""
ALL = slice(None), slice(None)


class Where:
    """How much each position of a layer counts, and over how many it counts in all, M: whole ones and parts of some."""

    def __init__(self, height: int, width: int, weights: Tensor | None = None) -> None:
        """`weights`, (height, width) in [0, 1]; None where all count fully."""
        self.weights = weights
        self.positions = float(height * width if weights is None else weights.sum())
        self._parts: dict[tuple[int | None, ...], tuple[Tensor, Tensor]] = {}

    @classmethod
    def of(cls, mask: Tensor | None, height: int, width: int) -> Where:
        """What a mask of the picture, (1, 1, H, W) in [0, 1], leaves of a layer's grid: each position by its area."""
        if mask is None:
            return cls(height, width)
        return cls(height, width, torch.nn.functional.adaptive_avg_pool2d(mask, (height, width))[0, 0])

    def seen(self, features: Tensor, box: Box = ALL) -> Tensor:
        """The features, (1, N, h, w), of `box`; only where they count, (1, N, K, 1), weighted so that squares are."""
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


def gram(features: Tensor, where: Where | None = None, box: Box = ALL, value: bool = True) -> Tensor:
    """G = F F^T / M (eq. 3, per position): (1, N, h, w) -> (N, N), float32 or better.

    With `where`, positions count by its weights: the guided Gram matrix of Gatys et al., "Controlling Perceptual
    Factors in Neural Style Transfer" (CVPR 2017), eq. 6 and 7, there with weights that sum to one. Features of a part
    of the layer, `box`, give what that adds to G. Where only its gradient is of use, `value` is False.
    """
    where = where or Where(*features.shape[-2:])
    product: Tensor = _Gram.apply(where.seen(features, box), value)
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
    features: Tensor, target: Tensor, where: Where | None = None, box: Box = ALL, value: bool = True
) -> Tensor:
    """`Sums` of F and P, (1, N, h, w), where they count, as one tensor, (4,); of the part `box` of a layer too.

    Where only its gradient is of use, `value` is False.
    """
    where = where or Where(*features.shape[-2:])
    found: Tensor = _Sums.apply(where.seen(features, box), where.seen(target, box), value)
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


def _precise(maps: Tensor) -> Tensor:
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


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


def opponent(image: Tensor) -> Tensor:
    """Luma, yellow-blue, red-green of (1, 3, H, W) as (3, H * W)."""
    return OPPONENT.to(image) @ image.flatten(2)[0]


def from_opponent(colours: Tensor, like: Tensor) -> Tensor:
    """The image (1, 3, H, W), of `like`'s shape, that has these opponent colours (3, H * W)."""
    inverse: Tensor = torch.linalg.inv(OPPONENT.double()).to(colours)
    return (inverse @ colours).view_as(like)


def matched(rows: Tensor, target: Tensor) -> Tensor:
    """Each row of (C, M) with its k-th smallest value replaced by the k-th of M quantiles of `target`, (C, K).

    Where K is not M, those between are interpolated. On a CPU by a sort of whole numbers that hold value and place,
    several times faster than one that gives indices.
    """
    if rows.device.type != "cpu" or rows.dtype != torch.float32:
        return torch.empty_like(rows).scatter_(1, rows.argsort(dim=1), _resampled(target, rows.shape[1]))
    found = torch.empty_like(rows)
    list(_threads().map(_match, rows.detach().numpy(), target.numpy(), found.numpy()))
    return found


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that sort, while numpy lets go of the interpreter; begun once: without memory, beginning one may hang."""
    return ThreadPoolExecutor(2, "sort")


def _match(row: np.ndarray, target: np.ndarray, found: np.ndarray) -> None:
    keys = np.empty(len(row), np.int64)
    for first in range(0, len(row), CHUNK):
        bits = row[first : first + CHUNK].view(np.int32)
        bits = bits ^ ((bits >> 31) & MAGNITUDE)  # in the order of the values, the negative ones too
        keys[first : first + CHUNK] = bits.astype(np.int64) << 32 | np.arange(first, first + len(bits))
    keys.sort()
    knots = None if len(target) == len(row) else np.arange(len(target))
    for first in range(0, len(keys), CHUNK):
        places = keys[first : first + CHUNK] & PLACE
        wished = target[first : first + CHUNK]
        if knots is not None:
            ranks = np.arange(first, first + len(places)) + 0.5
            wished = np.interp(ranks * (len(target) / len(row)) - 0.5, knots, target)
        found[places] = wished


def quantiles(image: Tensor, count: int, index: Tensor | None = None) -> Tensor:
    """The colour histogram of (1, 3, H, W) in its finest form: each opponent colour sorted, as `count` quantiles.

    At most `QUANTILES`. With `index`, (K,), only of those pixels.
    """
    return _resampled(_ordered(_pixels(opponent(image), index)), min(count, QUANTILES))


def _resampled(rows: Tensor, count: int) -> Tensor:
    found: Tensor = torch.nn.functional.interpolate(rows[None], size=count, mode="linear", align_corners=False)
    return found[0]


class _Histogram(torch.autograd.Function):
    """As `_TotalVariation`: no more than the gradient is kept."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, target: Tensor, index: Tensor | None) -> Tensor:
        rows = _pixels(opponent(image), index)
        rows -= matched(rows, target)
        loss = rows.square().mean()
        rows = OPPONENT.to(image).T @ rows.mul_(2 / rows.numel())
        ctx.save_for_backward(rows, index)
        ctx.shape = image.shape
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        rows, index = ctx.saved_tensors
        rows = gradients[0] * rows
        if index is not None:
            rows = rows.new_zeros(3, ctx.shape[2] * ctx.shape[3]).index_copy_(1, index, rows)
        return rows.view(ctx.shape), None, None


def histogram_loss(image: Tensor, target: Tensor, index: Tensor | None = None) -> Tensor:
    """Mean squared distance of the sorted opponent colours to `target`, (3, Q): Wasserstein-2 squared, per axis.

    They are those of `image`, (1, 3, H, W), or of the pixels in `index`, (K,).
    Source: Risser, Wilmot and Barnes, "Stable and controllable neural texture synthesis and style transfer using
    histogram losses" (2017), section 4; there on features by matching bins, here on colours and exact.
    """
    found: Tensor = _Histogram.apply(image, target, index)
    return found


def recoloured(image: Tensor, target: Tensor, index: Tensor | None = None) -> Tensor:
    """`image`, (1, 3, H, W), each opponent colour replaced by the quantile of `target`, (3, Q), of its rank.

    With `index`, (K,), only those pixels change.
    """
    rows = opponent(image)
    found = matched(_pixels(rows, index), target)
    rows = found if index is None else rows.index_copy(1, index, found)
    return from_opponent(rows, image).clamp(0, 1)


def _ordered(rows: Tensor) -> Tensor:
    """Each row sorted; numpy needs a tenth of torch's time, and no indices."""
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    return torch.from_numpy(np.sort(rows.detach().numpy(), axis=1))


def _pixels(rows: Tensor, index: Tensor | None) -> Tensor:
    return rows if index is None else rows[:, index]
