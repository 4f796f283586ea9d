"""A picture that is looked at in tiles: every layer of the whole, the memory of a part.

A tile is looked at with a margin as wide as its layers see, and only the positions count that are the tile's own: so
they are what the whole picture would give. Layers that see further than `FURTHEST` are looked at whole.

A deep network sees far, and margins would cost more than the tiles. If it names checkpoints, maps from which all
deeper layers follow, then each part of it, from one to the next, has tiles and margins of its own, on the maps of the
checkpoint before it. These are kept whole: they are small beside what leads to them. And where all that is left is
small, it is looked at whole: that takes one look instead of two. So do as many tiles as there is memory to spare for,
deep ones first, by keeping what their gradient needs.

Convolutions add zeros at the borders of a tile, as they do at those of a picture, and what sees these is of no use. A
network that can do without them shrinks a tile from layer to layer instead, and calculates little that is not used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any

import torch
from torch import Tensor

from ..features.grid import Grids
from ..plugin.backend import Evaluator
from ..plugin.network import checkpoints
from .grid import ALL, Box
from .receptive_field import FURTHEST, PROBE, Bare, Part, Sight, fineness, parts

NARROW = 128
"""Side of the strips that tell the sizes of layers."""


@dataclass(frozen=True)
class Tile:
    """Positions from `first` to `last` (down, across) are the tile's own; `seen` says from where to where it looks.

    `pad` says whether that is with what is added at the borders, as it must where it reaches those of the picture.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    seen: tuple[slice, slice]
    pad: tuple[bool, bool] = (True, True)


def tiles(height: int, width: int, side: int, margin: int, stride: int, bare: int | None = None) -> list[Tile]:
    """Tiles of like size that cover a picture, at most `side` pixels, a multiple of `stride`; with margins inside.

    `bare` is the margin without what is added at borders, where that can be left out.
    """

    def span(first: int, last: int, length: int) -> tuple[int, int, slice, bool]:
        if bare is not None and first >= bare and last + bare <= length:
            return first, last, slice(first - bare, last + bare), False
        return first, last, slice(max(0, first - margin), min(length, last + margin)), True

    def spans(length: int) -> list[tuple[int, int, slice, bool]]:
        each = _rounded(length / math.ceil(length / side), stride)
        starts = list(range(0, length, each))
        return [span(first, last, length) for first, last in pairwise([*starts, length])]

    return [
        Tile((top, left), (bottom, right), (down, across), (pad_down, pad_across))
        for top, bottom, down, pad_down in spans(height)
        for left, right, across, pad_across in spans(width)
    ]


@dataclass(frozen=True)
class Tiling:
    """How to look at a picture in tiles of at most `side` pixels; deeper parts in such as take as much memory.

    With `spare` bytes as many tiles as these allow are looked at once for their gradient, the others twice. `tidy`
    gives memory back after each row of tiles: slower, but what they leave does not fall to pieces that add up.
    """

    side: int
    sight: Sight
    spare: float = 0.0
    tidy: bool = True


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


Place = tuple[str | None, tuple[int, int]]
"""A tile: what its part follows from, and its first position."""


@dataclass(frozen=True)
class Looked:
    """What a tile has `seen`; of what it gives its `own`: each layer, and what comes then, and where that lies."""

    seen: Tensor
    own: list[tuple[str, Tensor, Box]]


@dataclass(frozen=True)
class Cut:
    """A part of a network in tiles, for maps to begin from of one size; `grids` are the sizes of what it gives.

    The first `once` of the tiles are looked at once for their gradient.
    """

    part: Part
    size: tuple[int, int]
    grids: Grids
    tiles: list[Tile]
    bare: Bare | None
    once: int = 0

    def looked(self, tile: Tile, maps: Tensor, graph: bool) -> Looked:
        """What `tile` sees of `maps`, and gives; with a `graph`, so that one can go back to what it sees."""
        seen = maps[..., tile.seen[0], tile.seen[1]]
        if graph:
            seen = seen.clone().requires_grad_()
        with torch.set_grad_enabled(graph):
            return Looked(seen, list(self.own(tile, seen)))

    @property
    def rows(self) -> list[list[Tile]]:
        """The tiles, row by row."""
        return [list(row) for _, row in groupby(self.tiles, lambda tile: tile.first[0])]

    def own(self, tile: Tile, seen: Tensor) -> Iterator[tuple[str, Tensor, Box]]:
        """Each layer, and what comes `then`, with the positions that are the tile's own, and where these lie in it.

        `seen` is what the tile sees.
        """
        for layer, maps in self.part(seen, tile.pad).items():
            inside, box = [], []
            for axis, (length, cells) in enumerate(zip(self.size, self.grids[layer], strict=True)):
                density = fineness(cells, length)
                first, start = int(tile.first[axis] * density), int(tile.seen[axis].start * density)
                if self.bare and not tile.pad[axis]:  # what is seen begins between cells
                    start = first - self.bare.before[layer]
                end = cells if tile.last[axis] == length else int(tile.last[axis] * density)
                inside.append(slice(first - start, end - start))
                box.append(slice(first, end))
            yield layer, _Inner.apply(maps, *inside), (box[0], box[1])


class Mosaic:
    """The layers of pictures of one size, in tiles; without a tiling all of them whole.

    `cuts` are the parts that come in tiles, and `tail` is what follows from them and does not; `far` are the layers
    that need all of the picture. `grids` are the sizes of those in tiles.
    """

    def __init__(self, evaluate: Evaluator, layers: Sequence[str], like: Tensor, tiling: Tiling | None) -> None:
        """`like` has the size of the pictures, (1, 3, H, W)."""
        self.evaluate = evaluate
        self.cuts, self.tail = _cuts(evaluate, layers, like, tiling) if tiling else ([], None)
        self.grids = {layer: cut.grids[layer] for cut in self.cuts for layer in cut.part.layers if layer in cut.grids}
        near = {*self.grids, *(self.tail.layers if self.tail else ())}
        self.far = [layer for layer in layers if layer not in near]
        if tiling and not self.far:  # they take what there is to spare
            self.cuts = _sparing(self.cuts, tiling)

    @torch.no_grad()
    def near(self, kept: list[Tensor], held: dict[Place, Looked] | None = None) -> Iterator[tuple[str, Tensor, Box]]:
        """The layers that come in tiles, piece by piece: the layer, the piece, and where it lies.

        `kept` holds the picture; what each part begins from is added to it, last what the tail does. `held` takes what
        those tiles see and give that are looked at once.
        """
        for cut in self.cuts:
            begin, after = kept[-1], None
            for number, tile in enumerate(cut.tiles):
                once = held is not None and number < cut.once
                looked = cut.looked(tile, begin, graph=once)
                for layer, maps, box in looked.own:
                    if layer in cut.part.layers:
                        yield layer, maps.detach(), box
                    if layer == cut.part.then:  # gradients will take the place of what is kept, not of what is held
                        piece = maps.clone() if once else maps
                        after = put(after, piece, cut.grids[layer], box)
                if held is not None and once:
                    held[cut.part.after, tile.first] = looked
            if after is not None:
                kept.append(after)

    @torch.no_grad()
    def pieces(self, whole: Tensor) -> Iterator[tuple[str, Tensor, tuple[int, int], Box]]:
        """All layers of a picture piece by piece: the layer, the piece, the size of the layer, and where it lies."""
        kept = [whole]
        for layer, maps, box in self.near(kept):
            yield layer, maps, self.grids[layer], box
        for layer, maps in self.others(whole, kept[-1]).items():
            yield layer, maps, (maps.shape[2], maps.shape[3]), ALL

    def others(self, whole: Tensor, base: Tensor) -> dict[str, Tensor]:
        """The layers that do not come in tiles: those far, and the tail from `base`."""
        return (self.evaluate(whole, self.far) if self.far else {}) | (self.tail(base) if self.tail else {})


@torch.no_grad()
def _cuts(evaluate: Evaluator, layers: Sequence[str], like: Tensor, tiling: Tiling) -> tuple[list[Cut], Part | None]:
    """The parts that come in tiles, and what then follows whole; two strips of the picture tell the sizes of layers."""
    cuts, sight, most = list[Cut](), tiling.sight, 0.0
    deeper = next(iter(checkpoints(evaluate).values()), ())
    near = [layer for layer in layers if layer in deeper or sight.reach.get(layer, PROBE) <= FURTHEST]
    size, tall, wide = (like.shape[2], like.shape[3]), like[..., :NARROW], like[..., :NARROW, :]
    left = parts(evaluate, near) if near else []
    while left:
        part, furthest = left[0], max(sight.reach[layer] for layer in left[0].asked)
        if cuts and (furthest > FURTHEST or sight.rest[part.after] * math.prod(size) <= most):
            return cuts, Part(evaluate, part.after, None, tuple(layer for each in left for layer in each.layers))
        down, across = part(tall), part(wide)
        grids = {layer: (down[layer].shape[2], across[layer].shape[3]) for layer in down if layer in across}
        if not grids:
            break
        there = tuple(layer for layer in part.layers if layer in grids)
        part = replace(part, layers=there, then=part.then if part.then in grids else None)
        stride = max(round(1 / fineness(*side)) for grid in grids.values() for side in zip(grid, size, strict=True))
        margin, weight, bare = _rounded(furthest, stride), sight.weight[part.after], sight.bare.get(part.after)
        usual = bare.margin if bare else margin
        most = most or weight * (tiling.side + 2 * usual) ** 2
        side = max(32, math.floor(math.sqrt(most / weight) - 2 * usual)) // stride * stride
        cuts.append(Cut(part, size, grids, tiles(*size, side, margin, stride, usual if bare else None), bare))
        if part.then is None:
            break
        size, tall, wide, left = grids[part.then], down[part.then], across[part.then], left[1:]
    return cuts, None


def _sparing(cuts: list[Cut], tiling: Tiling) -> list[Cut]:
    """As many tiles looked at once as there is memory for; deep ones keep least for what they calculate."""
    found, spare = list[Cut](), tiling.spare
    for cut in reversed(cuts):
        seen = max(math.prod(span.stop - span.start for span in tile.seen) for tile in cut.tiles)
        each = seen * tiling.sight.weight[cut.part.after]
        once = min(len(cut.tiles), int(spare / each))
        found.append(replace(cut, once=once))
        spare -= once * each
    return found[::-1]


def put(into: Tensor | None, piece: Tensor, grid: tuple[int, int], box: Box) -> Tensor:
    """A layer of size `grid` with `piece`, (1, N, h, w), at its place; begun with the first one."""
    if piece.shape[-2:] == grid:
        return piece
    if into is None:
        shape, form = (1, piece.shape[1], *grid), torch.channels_last
        into = torch.empty(shape, dtype=piece.dtype, device=piece.device, memory_format=form)
    into[:, :, box[0], box[1]] = piece
    return into


def _rounded(length: float, step: int) -> int:
    """Up to a multiple of `step`."""
    return step * math.ceil(length / step)
