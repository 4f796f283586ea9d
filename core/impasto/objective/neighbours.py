"""Neural neighbors: each place of the picture is to have the features of its nearest place in the painting.

Source: Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich, "Neural neighbor style transfer" (2022), sections
3.1 to 3.3. Two objectives, one after the other. `Hypercolumns` pulls what all layers see at a place, as one vector,
towards a target that was found before. `LayerNeighbours` has each layer on its own, at sampled positions; with it,
matches no longer have to agree between layers, which brings fine strokes.

Departures. A layer is divided by the root mean square length of the painting's features there, not by the number of its
channels, so that its share does not hang on how strong its activations are. Cells are blocks (`features/cells.py`).
Matches and sampled positions are kept for several steps, so that L-BFGS has one objective to go down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.cells import cells
from ..features.grid import ALL, Box, Grids
from ..features.largest import largest
from ..plugin.backend import Evaluator
from .objective import Weights, regularised
from .profiles import Profile
from .summed import Key, SummedObjective

ROWS = 1024
"""Queries that are compared at once."""
CLOSE, FEW = 8, 1e7
"""Candidates in half precision among which the nearest is told in float32; and comparisons up to which all are."""
TINY = 1e-8


def centred(rows: Tensor) -> Tensor:
    """(K, N), changed: without their mean, each of length 1."""
    rows -= rows.mean(0)
    rows /= rows.norm(dim=1, keepdim=True).clamp_min_(TINY)
    return rows


def nearest(queries: Tensor, keys: Tensor) -> Tensor:
    """For each row of `queries`, (Q, N), the row of `keys`, (K, N), at the least cosine distance: (Q,).

    All are of length 1; `centred` before, the distance is that of section 3.1. No (Q, K) matrix is ever whole.
    """
    if len(queries) * len(keys) <= FEW:
        return torch.cat([largest(rows @ keys.T)[1][:, 0] for rows in torch.split(queries, ROWS)])
    half, count, found = keys.bfloat16(), min(CLOSE, len(keys)), []
    for rows in torch.split(queries, ROWS):
        close = largest(rows.bfloat16() @ half.T, count)[1]
        exact = torch.einsum("qn,qkn->qk", rows, keys[close])
        found.append(close.gather(1, exact.argmax(1, keepdim=True))[:, 0])
    return torch.cat(found)


@dataclass(frozen=True)
class ColumnTarget:
    """The hypercolumns that one style asks for.

    columns: of each layer, (1, N, a, b) on the cells, together of length 1 in each cell. share: part of the loss, of
    all styles'. weights: (a, b), how much each cell counts; None for all alike.
    """

    columns: Mapping[str, Tensor]
    share: float = 1.0
    weights: Tensor | None = None


class _Products(torch.autograd.Function):
    """In each cell the square of f and its products with targets, (a, b) each; f: (1, N, a, b) times `scale`.

    Keeps f and the targets for its gradient, and nothing else.
    """

    @staticmethod
    def forward(ctx: Any, columns: Tensor, scale: float, *targets: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(columns, *targets)
        ctx.scale = scale
        square = columns.square().sum((0, 1)) * scale**2
        return square, *(scale * (columns * one).sum((0, 1)) for one in targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        columns, *targets = ctx.saved_tensors
        found = columns * (2 * ctx.scale**2 * gradients[0])
        for gradient, target in zip(gradients[1:], targets, strict=True):
            found.addcmul_(target, ctx.scale * gradient)
        return found, None, *(None for _ in targets)


class Hypercolumns(SummedObjective):
    """The mean over cells of 1 - cos(f, t): of hypercolumns f of the image with those of each target (section 3.2)."""

    def __init__(
        self,
        profile: Profile,
        weights: Weights,
        scales: Mapping[str, float],
        targets: Sequence[ColumnTarget],
        shape: tuple[int, int],
        evaluate: Evaluator,
        wrap: int = 0,
    ) -> None:
        """scales: what each layer is multiplied by. shape: the cells, down and across, as `cell_grid` counts them."""
        self.profile, self.weights, self.evaluate, self.wrap = profile, weights, evaluate, wrap
        self.scales, self.targets, self.shape, self.layers = scales, targets, shape, list(scales)

    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """In each cell, (a, b): the product of f and t in this layer, of each style; and the square of f."""
        columns, place = cells(maps, grid, self.shape, box)
        targets = [target.columns[layer][:, :, place[0], place[1]] for target in self.targets]
        square, *products = _Products.apply(columns.float(), self.scales[layer], *targets)
        found: dict[Key, Tensor] = {(None, layer): self._laid(square, place)}
        return found | {(number, layer): self._laid(one, place) for number, one in enumerate(products)}

    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """The losses that follow from the statistics of layers, and from the sizes of these."""
        length = _summed(sums[None, layer] for layer in self.layers).clamp_min(TINY).sqrt()
        total = length.new_zeros(())
        for number, target in enumerate(self.targets):
            distance = 1 - _summed(sums[number, layer] for layer in self.layers) / length
            weights = torch.ones_like(distance) if target.weights is None else target.weights
            total = total + target.share * (weights * distance).sum() / weights.sum().clamp_min(TINY)
        return {"hypercolumns": _beta(self.weights) * total}

    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The losses on the pixels themselves, one by one: each takes some memory."""
        yield from regularised(image, self.weights, self.profile)

    def _laid(self, part: Tensor, place: Box) -> Tensor:
        """(h, w) at `place` on all cells, 0 elsewhere."""
        (top, bottom), (left, right) = ((span.start, span.stop) for span in place)
        return F.pad(part, (left, self.shape[1] - right, top, self.shape[0] - bottom))


@dataclass(frozen=True)
class LayerTarget:
    """The features that one style asks for at the sampled positions of each layer, (K, N), centred and of length 1.

    weights: (K,) for each layer, how much each position counts; none for all alike.
    """

    features: Mapping[str, Tensor]
    share: float = 1.0
    weights: Mapping[str, Tensor] = field(default_factory=dict)


class LayerNeighbours(SummedObjective):
    """The sum over layers of the mean of 1 - cos(f - mean f, t) at sampled positions (section 3.3)."""

    def __init__(
        self,
        profile: Profile,
        weights: Weights,
        positions: Mapping[str, Tensor],
        targets: Sequence[LayerTarget],
        evaluate: Evaluator,
        wrap: int = 0,
    ) -> None:
        """positions: of each layer, (K, 2), down and across on its grid."""
        self.profile, self.weights, self.evaluate, self.wrap = profile, weights, evaluate, wrap
        self.positions, self.targets, self.layers = positions, targets, list(positions)

    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """The features at the sampled positions, (K, N); 0 at those outside `box`."""
        return {(None, layer): picked(maps, self.positions[layer], box)}

    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """The losses that follow from the statistics of layers, and from the sizes of these."""
        return {f"style {layer}": _beta(self.weights) * self._loss(layer, sums[None, layer]) for layer in self.layers}

    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The losses on the pixels themselves, one by one: each takes some memory."""
        yield from regularised(image, self.weights, self.profile)

    def _loss(self, layer: str, features: Tensor) -> Tensor:
        unit, total = F.normalize(features - features.mean(0), dim=1), features.new_zeros(())
        for target in self.targets:
            distance = 1 - (unit * target.features[layer]).sum(1)
            weights = target.weights.get(layer, torch.ones_like(distance))
            total = total + target.share * (weights * distance).sum() / weights.sum().clamp_min(TINY)
        return total


def picked(maps: Tensor, positions: Tensor, box: Box = ALL) -> Tensor:
    """The features at `positions`, (K, 2), of a layer: (K, N). `maps`, (1, N, h, w), is its `box`; 0 outside that."""
    first = positions.new_tensor([span.start or 0 for span in box])
    inner = positions - first
    here = ((inner >= 0) & (inner < inner.new_tensor(maps.shape[-2:]))).all(1).nonzero()[:, 0]
    down, across = inner[here].T
    features = maps[0, :, down, across].T.float()
    return features.new_zeros(len(positions), maps.shape[1]).index_copy(0, here, features)


def _summed(parts: Iterator[Tensor]) -> Tensor:
    return torch.stack(list(parts)).sum(0)


def _beta(weights: Weights) -> float:
    """What style counts beside the regularisers."""
    return max(weights.style.values(), default=0.0)
