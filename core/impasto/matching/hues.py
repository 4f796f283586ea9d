"""Which hues of a painting belong to which things of a photograph: those of its nearest hypercolumns.

A hypercolumn is what all layers of a network see at one place. Each place of the content takes the colour that the
painting has where its hypercolumn is nearest, coarse to fine, so that leaves get one hue and the sky another, as light
alone cannot tell. What is found is rough, a colour for each few pixels; along edges it is made to follow the content.

Sources: nearest hypercolumns by centred cosine at a quarter of the size, found again at each size for what was found
at the one before, mixed with the content: Kolkin et al., "Neural neighbor style transfer" (2022), sections 3.1 and 3.2;
edges: He and Sun, "Fast guided filter" (2015). There features are inverted into a picture; here only places are taken
from them, because strokes come as whole patches from the painting. Layers are divided by their root mean square, not
by the number of their channels, so that the share of one does not hang on how strong its activations are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.cells import CELL
from ..features.largest import largest
from ..optim.start import detailed
from ..pictures.filters import blurred, resized
from ..plugin.backend import Evaluator

OWN = 0.25
"""How much what was found at the size before counts beside the content."""
BROADEST = 2
"""Longest side of a painting beside that of the content, from which on it is made smaller."""
ROWS = 1024
"""NearestHues that are compared at once."""
AROUND, STEEP = 1 / 43, 0.02
"""The guided filter: deviation of its Gaussian beside the longest side, and of light where it follows edges half."""


@dataclass(frozen=True)
class Hues:
    """Colours for a content at any size, a straight line of its light at each place: (1, 3, h, w) each."""

    slope: Tensor
    offset: Tensor

    def at(self, light: Tensor) -> Tensor:
        """(1, 1, H, W), the content's light -> its colours, (1, 3, H, W) in [0, 1]."""
        slope, offset = (resized(maps, *light.shape[-2:]) for maps in (self.slope, self.offset))
        return offset.add_(slope.mul_(light)).clamp_(0, 1)


Sight = tuple[Tensor, Tensor, Tensor | None]
"""A content and a painting at one scale, (1, 3, H, W) each, and how much each pixel of the painting counts."""


class NearestHues:
    """Finds hues by the nearest hypercolumns of a network."""

    def __init__(self, evaluate: Evaluator, layers: Sequence[str]) -> None:
        self.evaluate, self.layers = evaluate, layers

    @torch.no_grad()
    def hues(self, sights: Iterable[Sight], light: Tensor) -> Hues:
        """The hues of the nearest hypercolumns at the last of `sights`, from coarse to fine.

        light: (1, 1, H, W) of the last content, in whose edges those of the hues will lie.
        """
        found: Tensor | None = None
        for content, painting, weight in sights:
            asked = content if found is None else torch.lerp(content, _detailed(found, content), OWN)
            found = self._colours(asked, _within(painting, content), weight)
        if found is None:
            raise ValueError("There is no size at which to compare hypercolumns.")
        return _along_edges(resized(found, *light.shape[-2:]), light)

    def _colours(self, content: Tensor, painting: Tensor, weight: Tensor | None) -> Tensor:
        """Those of `painting` where its hypercolumns are nearest to those of `content`, (1, 3, H / 4, W / 4)."""
        ours, theirs = (self.evaluate(picture, self.layers) for picture in (content, painting))
        layers = [layer for layer in self.layers if layer in ours and layer in theirs]
        if not layers:  # too small for the network: colours alone
            ours, theirs, layers = {"": content}, {"": painting}, [""]
        grid, other = (_grid(picture) for picture in (content, painting))
        scales = {layer: _length(theirs[layer]) for layer in layers}
        queries, keys = (
            torch.cat([_cells(maps[layer].float() / scales[layer], *size) for layer in layers], 1)
            for maps, size in ((ours, grid), (theirs, other))
        )
        counted = None if weight is None else _counted(_cells(weight, *other)[:, 0])
        nearest = _nearest(queries, keys if counted is None else keys[counted])
        colours = _cells(painting, *other)
        return (colours if counted is None else colours[counted])[nearest].T.reshape(1, 3, *grid)


def _nearest(queries: Tensor, keys: Tensor) -> Tensor:
    """For each row of `queries`, (Q, N), the row of `keys`, (K, N), at the least centred cosine distance."""
    queries, keys = (F.normalize(rows - rows.mean(0), dim=1) for rows in (queries, keys))
    return torch.cat([largest(rows @ keys.T)[1][:, 0] for rows in torch.split(queries, ROWS)])


def _cells(maps: Tensor, height: int, width: int) -> Tensor:
    """(1, C, h, w) of any grid, as rows of one of (height, width) cells, (height * width, C)."""
    if maps.shape[-2] >= height and maps.shape[-1] >= width:
        cells = F.adaptive_avg_pool2d(maps, (height, width))
    else:
        cells = F.interpolate(maps, size=(height, width), mode="bilinear")
    return cells[0].flatten(1).T


def _grid(picture: Tensor) -> tuple[int, int]:
    return max(1, picture.shape[-2] // CELL), max(1, picture.shape[-1] // CELL)


def _length(maps: Tensor) -> float:
    """The root mean square length of what a layer sees at a place."""
    return max(math.sqrt(float(maps.float().square().sum(1).mean())), 1e-8)


def _counted(weight: Tensor) -> Tensor:
    """The cells that count for at least half of what the most counting does."""
    return (weight >= weight.max() / 2).nonzero()[:, 0]


def _within(painting: Tensor, content: Tensor) -> Tensor:
    """`painting`, made smaller where it is more than `BROADEST` times as large as `content`."""
    scale = BROADEST * max(content.shape[-2:]) / max(painting.shape[-2:])
    if scale >= 1:
        return painting
    return resized(painting, *(max(1, round(side * scale)) for side in painting.shape[-2:])).clamp_(0, 1)


def _detailed(found: Tensor, content: Tensor) -> Tensor:
    """`found` at the size of `content`, with the finest octave of that."""
    height, width = content.shape[-2:]
    return detailed(resized(found, height, width).clamp_(0, 1), content, (max(1, height // 2), max(1, width // 2)), 1.0)


def _along_edges(colours: Tensor, light: Tensor) -> Hues:
    """`colours`, (1, 3, H, W), blurred, but not over the edges of `light`, (1, 1, H, W): as lines of it."""
    around = max(light.shape[-2:]) * AROUND
    mean, colour = blurred(light, around), blurred(colours, around)
    covariance = blurred(light * colours, around) - mean * colour
    slope = covariance / (blurred(light.square(), around) - mean.square() + STEEP**2)
    return Hues(blurred(slope, around), blurred(colour - slope * mean, around))
