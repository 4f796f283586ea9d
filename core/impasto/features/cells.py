"""Hypercolumns: what all layers see at one place, on one grid of cells of a few pixels each.

Where a layer has several positions in a cell these are averaged; where it has one position for several cells they share
it. So each position has cells of its own, and the cells of a tile follow from the tile alone. Kolkin et al. (2022)
interpolate deep layers instead.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .grid import ALL, Box

CELL = 4
"""Pixels of the picture for each cell, along each axis: Kolkin et al. (2022), section 3.1."""


def cell_grid(picture: Tensor) -> tuple[int, int]:
    """The cells of a picture, (1, 3, H, W), down and across; the last ones may lie half outside."""
    return math.ceil(picture.shape[-2] / CELL), math.ceil(picture.shape[-1] / CELL)


def cells(maps: Tensor, grid: tuple[int, int], shape: tuple[int, int], box: Box = ALL) -> tuple[Tensor, Box]:
    """`maps`, (1, N, h, w), `box` of a layer of size `grid`, on cells of `shape`: (1, N, a, b), and where they lie.

    A box has to begin at a multiple of `CELL` pixels, as those of tiles do.
    """
    place, pooled, repeated = [], [1, 1], [1, 1]
    for axis, (positions, count, span) in enumerate(zip(grid, shape, box, strict=True)):
        first, last, _ = span.indices(positions)
        dense = round(math.log2(positions / count))  # positions in a cell, as a power of two
        if dense >= 0:
            pooled[axis] = 2**dense
            place.append(slice(first >> dense, math.ceil(last / 2**dense)))
        else:
            repeated[axis] = 2**-dense
            place.append(slice(first << -dense, last << -dense))
    if max(pooled) > 1:
        maps = F.avg_pool2d(maps, pooled, ceil_mode=True, count_include_pad=False)
    if max(repeated) > 1:
        maps = F.interpolate(maps, scale_factor=repeated, mode="nearest")
    for axis, (positions, count, span) in enumerate(zip(grid, shape, box, strict=True)):
        if span.indices(positions)[1] == positions:  # where cells go on after the layer, they repeat its last
            maps = _reaching(maps, axis + 2, count - place[axis].start)
            place[axis] = slice(place[axis].start, count)
    return maps, (place[0], place[1])


def _reaching(maps: Tensor, axis: int, count: int) -> Tensor:
    """`maps` cut to `count` along `axis`, or its last one repeated up to there."""
    lack = count - maps.shape[axis]
    if lack <= 0:
        return maps.narrow(axis, 0, count)
    return torch.cat([maps, *[maps.narrow(axis, maps.shape[axis] - 1, 1)] * lack], axis)
