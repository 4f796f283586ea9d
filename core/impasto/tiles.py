"""A picture that is looked at in tiles: the losses and gradient of the whole, the memory of a part.

The losses see a picture only through sums over the positions of its layers, and these are sums over tiles. So a first
pass, without gradients, gathers them for the whole picture; from them follow the losses and how these change with every
sum. A second pass goes back from each tile's share of the sums to its pixels. Both look at a tile with a margin as wide
as a layer's field of view, and count only the positions that are the tile's own: what they give is what the whole would
give, up to the order of sums. Layers that see further than `FURTHEST` pixels, and those that a network calls coarse, as
they come from a small copy of the picture, are looked at whole.

The idea is that of Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer" (2024); there for VGG-19 and Gram
matrices and means, here for any network and every loss.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import heap
from .backend import Evaluator
from .losses import ALL, Box
from .objective import Key, Objective, wrapped

STRIDE = 32
"""Tiles begin at multiples of this, which the strides of all tiled layers divide."""
ALIGNED = 16
"""Margins are multiples of this, or of the largest stride of the tiled layers if that is more."""
FURTHEST = 192
"""Pixels that a tiled layer may see to each side, at most."""
PROBE = 640
"""Side of the picture on which fields of view are measured."""


@dataclass(frozen=True)
class Tile:
    """Pixels from `first` to `last` (down, across) are the tile's own; `seen` says from where to where it looks."""

    first: tuple[int, int]
    last: tuple[int, int]
    seen: tuple[slice, slice]


def tiles(height: int, width: int, side: int, margin: int) -> list[Tile]:
    """Tiles of like size that cover a picture, at most `side` pixels, a multiple of `STRIDE`; with margins inside."""

    def spans(length: int) -> list[tuple[int, int, slice]]:
        each = _rounded(length / math.ceil(length / side))
        starts = list(range(0, length, each))
        ends = [*starts[1:], length]
        return [(a, b, slice(max(0, a - margin), min(length, b + margin))) for a, b in zip(starts, ends, strict=True)]

    return [
        Tile((top, left), (bottom, right), (down, across))
        for top, bottom, down in spans(height)
        for left, right, across in spans(width)
    ]


@torch.no_grad()
def reaches(evaluate: Evaluator, layers: Sequence[str], like: Tensor) -> dict[str, int]:
    """How many pixels each layer sees to the side of a position, measured; `PROBE` where that is all of the probe."""
    noise = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0)).to(like)
    other, middle = noise.clone(), PROBE // 2
    other[..., middle : middle + 1, middle : middle + 1] += 1.0
    before, after = evaluate(noise, layers), evaluate(other, layers)
    return {layer: _spread(before[layer] != after[layer], middle) if layer in before else PROBE for layer in layers}


def _spread(changed: Tensor, middle: int) -> int:
    furthest = 0
    for axis in (2, 3):
        count = changed.shape[axis]
        cells = changed.any(dim=5 - axis).flatten(0, 1).any(dim=0).nonzero().flatten()
        if not len(cells):
            continue
        if cells[0] == 0 or cells[-1] == count - 1:
            return PROBE
        size = PROBE / count
        furthest = max(furthest, middle - int(cells[0] * size), int((int(cells[-1]) + 1) * size) - middle)
    return furthest + 2


@dataclass(frozen=True)
class Tiling:
    """How to look at a picture in tiles of at most `side` pixels; see `reaches` for `reach`.

    Layers in `coarse` are looked at whole, however far they see.
    """

    side: int
    reach: Mapping[str, int]
    coarse: Collection[str] = ()


class _Inner(torch.autograd.Function):
    """A part of maps, (1, N, h, w), whose gradient lies in memory as they do: torch's own would put channels first."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, down: slice, across: slice) -> Tensor:
        ctx.like, ctx.part = torch.empty_like(maps, device="meta"), (down, across)
        return maps[:, :, down, across]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        back = torch.zeros_like(ctx.like, dtype=gradients[0].dtype, device=gradients[0].device)
        back[:, :, ctx.part[0], ctx.part[1]] = gradients[0]
        return back, None, None


class Mosaic:
    """The layers of pictures of one size, in tiles; without a tiling all of them whole.

    `near` are those that come in tiles, `far` the others; `grids` are the sizes, (h, w), of those near.
    """

    def __init__(self, evaluate: Evaluator, layers: Sequence[str], like: Tensor, tiling: Tiling | None) -> None:
        """`like` has the size of the pictures, (1, 3, H, W)."""
        self.evaluate = evaluate
        reach = tiling.reach if tiling else {}
        near = [layer for layer in layers if reach.get(layer, PROBE) <= FURTHEST]
        self.grids = self._grids(near, like) if near else {}
        self.near, self.far = list(self.grids), [layer for layer in layers if layer not in self.grids]
        height, width = like.shape[-2:]
        sides = [side for grid in self.grids.values() for side in zip(grid, (height, width), strict=True)]
        stride = max([ALIGNED, *(round(1 / _density(*side)) for side in sides)])
        margin = _rounded(max((reach[layer] for layer in self.near), default=0), stride)
        self.tiles = tiles(height, width, _rounded(tiling.side), margin) if tiling and near else []

    @torch.no_grad()
    def _grids(self, layers: Sequence[str], whole: Tensor) -> dict[str, tuple[int, int]]:
        """(h, w) of every layer of the whole picture, from two strips of it."""
        narrow = 8 * STRIDE
        tall, wide = self.evaluate(whole[..., :narrow], layers), self.evaluate(whole[..., :narrow, :], layers)
        return {
            layer: (tall[layer].shape[2], wide[layer].shape[3]) for layer in layers if layer in tall and layer in wide
        }

    def own(self, tile: Tile, whole: Tensor, part: Tensor | None = None) -> Iterator[tuple[str, Tensor, Box]]:
        """Each layer near with the positions that are the tile's own, and where these lie in the whole layer.

        `part` is what the tile sees of the picture `whole`, if it has been cut out.
        """
        found = self.evaluate(whole[..., tile.seen[0], tile.seen[1]] if part is None else part, self.near)
        for layer, maps in found.items():
            inside, box = [], []
            for axis, (length, cells) in enumerate(zip(whole.shape[-2:], self.grids[layer], strict=True)):
                density = _density(cells, length)
                first, start = int(tile.first[axis] * density), int(tile.seen[axis].start * density)
                end = cells if tile.last[axis] == length else int(tile.last[axis] * density)
                inside.append(slice(first - start, end - start))
                box.append(slice(first, end))
            yield layer, _Inner.apply(maps, *inside), (box[0], box[1])

    @torch.no_grad()
    def pieces(self, whole: Tensor) -> Iterator[tuple[str, Tensor, tuple[int, int], Box]]:
        """All layers of a picture piece by piece: the layer, the piece, the size of the layer, and where it lies."""
        for tile in self.tiles:
            for layer, maps, box in self.own(tile, whole):
                yield layer, maps, self.grids[layer], box
        for layer, maps in (self.evaluate(whole, self.far) if self.far else {}).items():
            yield layer, maps, (maps.shape[2], maps.shape[3]), ALL


class Tiled:
    """`objective` on images of one size, (1, 3, H, W), in tiles."""

    def __init__(self, objective: Objective, image: Tensor, tiling: Tiling) -> None:
        self.objective = objective
        self.mosaic = Mosaic(objective.evaluate, objective.layers, wrapped(image, objective.wrap), tiling)

    def slope(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses by name, as `Objective` gives them, and the gradient of their sum, (1, 3, H, W)."""
        heap.release()  # what was left by tiles is no use to what sees all pixels, and the other way round
        image = image.detach().requires_grad_()
        gradient, others = torch.zeros_like(image), dict[str, Tensor]()
        for name, loss in self.objective.others(image):
            gradient += _grad({name: loss}, [image])[0]
            others[name] = loss.detach()
        heap.release()
        whole = wrapped(image, self.objective.wrap)
        sums = self._gathered(whole.detach())
        far, grids = self.objective.summed(self.mosaic.evaluate(whole, self.mosaic.far) if self.mosaic.far else {})
        losses = self.objective.losses(sums | far, {**self.mosaic.grids, **grids})
        more, *slopes = _grad(losses, [image, *sums.values()])
        del far
        gradient += more
        del more
        back = torch.zeros_like(whole) if self.objective.wrap else gradient
        self._return(back, whole.detach(), dict(zip(sums, slopes, strict=True)))
        if self.objective.wrap:
            gradient += torch.autograd.grad(wrapped(image, self.objective.wrap), image, back)[0]
        heap.release()
        return {name: loss.detach() for name, loss in losses.items()} | others, gradient

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        """The sum of the losses, without a gradient."""
        whole, sums, grids = wrapped(image, self.objective.wrap), dict[Key, Tensor](), {}
        for layer, maps, grid, box in self.mosaic.pieces(whole):
            grids[layer] = grid
            _add(sums, self.objective.sums(layer, maps, grid, box))
        losses = self.objective.losses(sums, grids) | dict(self.objective.others(image))
        return float(torch.stack(list(losses.values())).sum())

    @torch.no_grad()
    def _gathered(self, whole: Tensor) -> dict[Key, Tensor]:
        """The layers near, summed up over all tiles; what the losses' slopes are asked for."""
        sums: dict[Key, Tensor] = {}
        for tile in self.mosaic.tiles:
            for layer, own, box in self.mosaic.own(tile, whole):
                _add(sums, self.objective.sums(layer, own, self.mosaic.grids[layer], box))
        return {key: value.requires_grad_() for key, value in sums.items()}

    def _return(self, gradient: Tensor, whole: Tensor, slopes: Mapping[Key, Tensor]) -> None:
        """Add to `gradient` what the slopes of the sums mean for the pixels."""
        for tile in self.mosaic.tiles:
            part = whole[..., tile.seen[0], tile.seen[1]].clone().requires_grad_()
            terms = [
                (slopes[key] * share).sum()
                for layer, own, box in self.mosaic.own(tile, whole, part)
                for key, share in self.objective.sums(layer, own, self.mosaic.grids[layer], box).items()
            ]
            (back,) = torch.autograd.grad(torch.stack(terms).sum(), part)
            gradient[..., tile.seen[0], tile.seen[1]] += back


def _grad(losses: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """How the sum of the losses changes with each of the inputs."""
    total = sum(losses.values(), torch.zeros((), device=inputs[0].device, requires_grad=True))
    return torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)


def _add(sums: dict[Key, Tensor], more: Mapping[Key, Tensor]) -> None:
    for key, share in more.items():
        sums[key] = sums[key] + share if key in sums else share


def _density(cells: int, length: int) -> float:
    """Cells of a layer for each pixel, a power of two."""
    return 2.0 ** round(math.log2(cells / length))


def _rounded(length: float, step: int = STRIDE) -> int:
    """Up to a multiple of `step`."""
    return step * math.ceil(length / step)
