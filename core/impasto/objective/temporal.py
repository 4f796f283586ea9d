"""The temporal loss of a film: what was painted before stays, where it moves with what is filmed.

Source: Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos" (GCPR 2016), eq. 6 to 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..features.grid import ALL, Box, Grids
from ..pictures.filters import resized
from .summed import Key, SummedObjective

TOLERATED = 3 / 255
"""Root mean square change of trusted pixels that costs as much as all other losses do at the start."""


@dataclass(frozen=True)
class Warped:
    """What was painted before, warped to this frame: `picture` (1, 3, H, W), and `trust`, c, (1, 1, H, W) in [0, 1]."""

    picture: Tensor
    trust: Tensor

    def over(self, image: Tensor) -> Tensor:
        """`image`, (1, 3, h, w) of any size, replaced by the warped picture as far as that is trusted."""
        shape = image.shape[-2:]
        picture, trust = (resized(maps, *shape).clamp_(0, 1) for maps in (self.picture, self.trust))
        return torch.lerp(image, picture, trust)


class TemporalObjective(SummedObjective):
    """`inner` with one loss more, "temporal": weight times the mean of c (x - warped)^2 over pixels and colours.

    Formulas differ by factors of millions from profile to profile. So the weight is none of theirs: it follows from
    the other losses at the first evaluation, see `TOLERATED`.
    """

    def __init__(self, inner: SummedObjective, warped: Warped) -> None:
        """`warped` is of the size of the image."""
        self.inner, self.warped, self.weight = inner, warped, 0.0
        self.evaluate, self.layers, self.wrap = inner.evaluate, inner.layers, inner.wrap

    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """Those of the other losses."""
        return self.inner.statistics(layer, maps, grid, box, value)

    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """Those of layers, by which the weight is set the first time."""
        losses = self.inner.losses(sums, grids)
        if not self.weight:
            self.weight = sum(float(loss.detach()) for loss in losses.values()) / TOLERATED**2
        return losses

    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The others, and the temporal loss."""
        yield from self.inner.pixel_losses(image)
        change = self.warped.trust * (image - self.warped.picture).square()
        yield "temporal", self.weight * change.mean()
