"""What every objective has in common: it sees layers only through sums over their positions.

So a picture can be evaluated whole or in tiles (`tiled.py`): the statistics of parts of a layer add up to those of the
layer, and losses and gradient follow from these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..features.grid import ALL, Box, Grids
from ..plugin.backend import Evaluator
from ..ranks import Strips

Key = tuple[int | None, str]
"""What a layer is summed up for: the style of that number, or None, the content or all styles alike."""


class SummedObjective(ABC):
    """Losses of an image, (1, 3, H, W), by name, that follow from sums over the positions of `layers`.

    With `wrap`, layers see the image continued over its edges by that many pixels, as if it were laid in tiles.
    """

    evaluate: Evaluator
    layers: Sequence[str]
    wrap: int

    @abstractmethod
    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """The sums over positions that the losses follow from: of `maps`, (1, N, h, w), which is `box` of the layer.

        Those of parts add up to those of the layer. Where only their gradient is of use, `value` is False.
        """

    @abstractmethod
    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """The losses that follow from the statistics of layers, and from the sizes of these."""

    @abstractmethod
    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The losses on the pixels themselves, one by one: each takes some memory."""

    def strip_losses(self, image: Tensor, strips: Strips) -> Iterator[tuple[str, Tensor]]:
        """`pixel_losses` of a picture of which `image` is this rank's strip."""
        yield from self.pixel_losses(picture_of(image, strips))

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Weighted losses; their sum is what is minimised."""
        features = self.evaluate(wrapped(image, self.wrap), self.layers) if self.layers else {}
        return self.losses(*self.layer_statistics(features)) | dict(self.pixel_losses(image))

    def layer_statistics(self, features: Mapping[str, Tensor]) -> tuple[dict[Key, Tensor], Grids]:
        """The statistics of whole layers, and the sizes of these."""
        grids = {layer: (maps.shape[2], maps.shape[3]) for layer, maps in features.items()}
        sums: dict[Key, Tensor] = {}
        for layer, maps in features.items():
            sums |= self.statistics(layer, maps, grids[layer])
        return sums, grids

    def value_and_grad(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses, and the gradient of their sum, (1, 3, H, W)."""
        image = image.detach().requires_grad_()
        losses = self(image)
        (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), image)
        return {name: loss.detach() for name, loss in losses.items()}, gradient

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        """The sum of the losses, without a gradient."""
        return float(torch.stack(list(self(image).values())).sum())


class _Picture(torch.autograd.Function):
    """A picture from its strips; each rank goes back from the same losses of it, so its rows are all its gradient."""

    @staticmethod
    def forward(ctx: Any, strip: Tensor, strips: Strips) -> Tensor:
        ctx.strips = strips
        return strips.whole(strip)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.strips.own(gradients[0]), None


def picture_of(strip: Tensor, strips: Strips) -> Tensor:
    """The picture that the strips of all ranks make, for losses that each rank evaluates of the whole."""
    found: Tensor = _Picture.apply(strip, strips)
    return found


def wrapped(image: Tensor, margin: int) -> Tensor:
    """`image`, (1, C, H, W), continued over its edges by `margin` pixels of the opposite side, at most once round."""
    if not margin:
        return image
    height, width = image.shape[-2:]
    across, down = min(margin, width), min(margin, height)
    return torch.nn.functional.pad(image, (across, across, down, down), mode="circular")
