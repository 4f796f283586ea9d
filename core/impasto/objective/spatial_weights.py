"""What each position of a layer counts, where a mask of the picture weighs them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..features.grid import ALL, Box


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
        return (precise(rows(features).index_select(0, index)) * root).T[None, :, :, None]


def rows(features: Tensor) -> Tensor:
    """(1, N, h, w) -> (h * w, N); no copy where channels are last in memory."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def precise(maps: Tensor) -> Tensor:
    """`maps` in float32 or better."""
    return maps.to(torch.promote_types(maps.dtype, torch.float32))
