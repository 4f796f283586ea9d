"""Colours of a picture: their histogram as quantiles, the loss on it, and a picture recoloured by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..pictures.colour_axes import opponent_axes
from ..ranks import ALONE, Ranks

OPPONENT = opponent_axes()
QUANTILES, BINS = 2**20, 2**12
"""Of a colour, at most: more are not told apart, and are worth their memory elsewhere. And bins of colours, by which
ranks share out the sorting."""
MAGNITUDE, PLACE, CHUNK = np.int32(0x7FFFFFFF), 0xFFFFFFFF, 2**18
"""Bits of a float32 but for its sign; of a key, those that say where it stood; how many places are filled at once."""


@cache
def _axes(device: torch.device, dtype: torch.dtype) -> Tensor:
    """`OPPONENT` there, once: a graphics card would wait for a copy at each step."""
    return OPPONENT.to(device, dtype)


def opponent(image: Tensor) -> Tensor:
    """Luma, yellow-blue, red-green of (1, 3, H, W) as (3, H * W)."""
    return _axes(image.device, image.dtype) @ image.flatten(2)[0]


def from_opponent(colours: Tensor, like: Tensor) -> Tensor:
    """The image (1, 3, H, W), of `like`'s shape, that has these opponent colours (3, H * W)."""
    inverse: Tensor = torch.linalg.inv(OPPONENT.double()).to(colours)
    return (inverse @ colours).view_as(like)


def matched(rows: Tensor, target: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Each row of (C, M) with its k-th smallest value replaced by the k-th of M quantiles of `target`, (C, K).

    Where K is not M, those between are interpolated. On a CPU by a sort of whole numbers that hold value and place,
    several times faster than one that gives indices. Of `ranks`, the rows are this one's part of them, and the k-th
    value is that of all parts, one after the other.
    """
    if ranks.size > 1:
        return _shared_match(rows, target, ranks)
    if rows.device.type != "cpu" or rows.dtype != torch.float32:
        return torch.empty_like(rows).scatter_(1, rows.argsort(dim=1), _resampled(target, rows.shape[1]))
    found = torch.empty_like(rows)
    list(_threads().map(_match, rows.detach().numpy(), target.numpy(), found.numpy()))
    return found


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that sort, while numpy lets go of the interpreter; begun once: without memory, beginning one may hang."""
    return ThreadPoolExecutor(2, "sort")


def _shared_match(rows: Tensor, target: Tensor, ranks: Ranks) -> Tensor:
    given, wished = (each.detach().float().cpu().numpy() for each in (rows, target))
    found = np.empty_like(given)
    for row, quantiles, result in zip(given, wished, found, strict=True):
        _match_range(row, quantiles, result, ranks)
    return torch.from_numpy(found).to(rows)


def _match_range(row: np.ndarray, target: np.ndarray, found: np.ndarray, ranks: Ranks) -> None:
    """As `_match`, where `row` is this rank's part: each of them sorts a range of the values of all."""
    ends = ranks.objects((row.min(initial=np.inf), row.max(initial=-np.inf)))
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    bins = np.minimum((row - low) * np.float32(BINS / max(high - low, 1e-30)), BINS - 1).astype(np.int32)
    counts = np.stack(ranks.objects(np.bincount(bins, minlength=BINS)))
    total = counts.sum(0)
    owners = (total.cumsum() - total) * ranks.size // total.sum()
    amounts = np.stack([counts[:, owners == owner].sum(1) for owner in range(ranks.size)], 1).tolist()
    owner = owners.astype(np.int16)[bins]
    sent = {other: torch.from_numpy(row[owner == other]) for other in range(ranks.size)}
    mine = {other: amounts[other][ranks.rank] for other in range(ranks.size)}
    values = torch.cat(list(ranks.swapped(sent, {other: (size,) for other, size in mine.items()}, sent[0]).values()))
    result, before = torch.empty_like(values), sum(sum(each[: ranks.rank]) for each in amounts)
    _match(values.numpy(), target, result.numpy(), int(total.sum()), before)
    back = dict(enumerate(torch.split(result, list(mine.values()))))
    shapes = {other: (size,) for other, size in enumerate(amounts[ranks.rank])}
    for other, piece in ranks.swapped(back, shapes, result).items():
        found[owner == other] = piece.numpy()


def _match(row: np.ndarray, target: np.ndarray, found: np.ndarray, count: int = 0, before: int = 0) -> None:
    """Fill `found`; `row` may be a part of `count` values, with `before` smaller ones elsewhere."""
    count, keys = count or len(row), np.empty(len(row), np.int64)
    for first in range(0, len(row), CHUNK):
        bits = row[first : first + CHUNK].view(np.int32)
        bits = bits ^ ((bits >> 31) & MAGNITUDE)  # in the order of the values, the negative ones too
        keys[first : first + CHUNK] = bits.astype(np.int64) << 32 | np.arange(first, first + len(bits))
    keys.sort()
    knots = None if len(target) == count else np.arange(len(target))
    for first in range(0, len(keys), CHUNK):
        places = keys[first : first + CHUNK] & PLACE
        order = np.arange(before + first, before + first + len(places))
        if knots is None:
            found[places] = target[order]
        else:
            found[places] = np.interp((order + 0.5) * (len(target) / count) - 0.5, knots, target)


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
    def forward(ctx: Any, image: Tensor, target: Tensor, index: Tensor | None, ranks: Ranks) -> Tensor:
        rows = _pixels(opponent(image), index)
        rows -= matched(rows, target, ranks)
        if ranks.size == 1:
            loss, count = rows.square().mean(), float(rows.numel())
        else:
            total, count = ranks.sums([float(rows.square().sum(dtype=torch.float64)), rows.numel()])
            loss = rows.new_tensor(total / count)
        rows = _axes(image.device, image.dtype).T @ rows.mul_(2 / count)
        ctx.save_for_backward(rows, index)
        ctx.shape = image.shape
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        rows, index = ctx.saved_tensors
        rows = gradients[0] * rows
        if index is not None:
            rows = rows.new_zeros(3, ctx.shape[2] * ctx.shape[3]).index_copy_(1, index, rows)
        return rows.view(ctx.shape), None, None, None


def histogram_loss(image: Tensor, target: Tensor, index: Tensor | None = None, ranks: Ranks = ALONE) -> Tensor:
    """Mean squared distance of the sorted opponent colours to `target`, (3, Q): Wasserstein-2 squared, per axis.

    They are those of `image`, (1, 3, H, W), or of the pixels in `index`, (K,); of `ranks`, both are this one's strip.
    Source: Risser, Wilmot and Barnes, "Stable and controllable neural texture synthesis and style transfer using
    histogram losses" (2017), section 4; there on features by matching bins, here on colours and exact.
    """
    found: Tensor = _Histogram.apply(image, target, index, ranks)
    return found


def recoloured(image: Tensor, target: Tensor, index: Tensor | None = None, ranks: Ranks = ALONE) -> Tensor:
    """`image`, (1, 3, H, W), each opponent colour replaced by the quantile of `target`, (3, Q), of its rank.

    With `index`, (K,), only those pixels change. Of `ranks`, both are this one's strip.
    """
    rows = opponent(image)
    found = matched(_pixels(rows, index), target, ranks)
    rows = found if index is None else rows.index_copy(1, index, found)
    return from_opponent(rows, image).clamp(0, 1)


def _ordered(rows: Tensor) -> Tensor:
    """Each row sorted; numpy needs a tenth of torch's time, and no indices."""
    if rows.device.type != "cpu":
        return rows.sort(dim=1).values
    return torch.from_numpy(np.sort(rows.detach().numpy(), axis=1))


def _pixels(rows: Tensor, index: Tensor | None) -> Tensor:
    return rows if index is None else rows[:, index]
