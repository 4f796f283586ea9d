"""Evaluating a network in tiles: the feature maps of the whole picture, within the activation memory of one tile.

A tile is evaluated with a halo as wide as the receptive field of its layers, and of its maps only the core is used: so
they equal those of the whole picture. Layers whose receptive field is wider than `FURTHEST` are evaluated whole.

In a deep network halos would cost more than the cores. If it names checkpoints, maps from which all deeper layers
follow, then each segment between two of them has tiles and halos of its own, on the maps of its source. Maps of
checkpoints are kept whole: they are small beside those that lead to them. What follows from the last of them, if small
enough, is evaluated whole, which takes one evaluation instead of two. As many tiles as there is memory to spare for are
evaluated once too, the deepest first, by retaining their activations for the backward pass.

Ranks that paint together share out the rows of tiles of each segment. They fetch the halos of theirs from one another,
once for each segment, and what follows from the last checkpoint each of them evaluates whole.

Padded ("same") convolutions add zeros at the borders of a tile, and cells that see these are of no use. A network that
offers unpadded ("valid") convolutions shrinks the maps from layer to layer instead, and computes few cells in vain.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise, zip_longest
from typing import Any

import torch
from torch import Tensor

from ..plugin.backend import Evaluator
from ..plugin.network import Capabilities
from ..ranks import WHOLE, Ranks, Strips, extent, split
from .grid import ALL, NONE, Box, Grids
from .receptive_field import FURTHEST, PROBE, Footprint, Segment, ValidTile, fineness, segments

ALIGNED = 4
"""Cores begin at multiples of so many pixels at least, so that each cell of `cells.py` lies in one tile."""
NARROW = 128
"""Side of the strips that tell the sizes of layers."""


@dataclass(frozen=True)
class Tile:
    """A tile of a segment's source, (down, across): its `core`, and the `input_window`, the core with its halo.

    `pad` says on which axes convolutions pad: where the window reaches a border of the picture they must.
    """

    core: tuple[slice, slice]
    input_window: tuple[slice, slice]
    pad: tuple[bool, bool] = (True, True)

    @property
    def start(self) -> tuple[int, int]:
        """The first position of the core."""
        return self.core[0].start, self.core[1].start


def tiles(
    height: int, width: int, side: int, halo: int, stride: int, valid: int | None = None, ranks: int = 1
) -> list[Tile]:
    """Tiles whose cores cover a picture, alike in size: at most `side` pixels, a multiple of `stride`.

    halo: width of the halo, cut off at the picture's borders. valid: width of the halo for "valid" convolutions, None
    where there are none; used where the window stays inside the picture. ranks: the rows of tiles can be shared out
    among so many, if the picture is high enough.
    """

    def span(first: int, last: int, length: int) -> tuple[slice, slice, bool]:
        core = slice(first, last)
        if valid is not None and first >= valid and last + valid <= length:
            return core, slice(first - valid, last + valid), False
        return core, slice(max(0, first - halo), min(length, last + halo)), True

    def spans(length: int, parts: int = 1) -> list[tuple[slice, slice, bool]]:
        each = _rounded(length / _rounded(length / side, parts), stride)
        starts = list(range(0, length, each))
        return [span(first, last, length) for first, last in pairwise([*starts, length])]

    return [
        Tile((rows, columns), (down, across), (pad_down, pad_across))
        for rows, down, pad_down in spans(height, ranks)
        for columns, across, pad_across in spans(width)
    ]


@dataclass(frozen=True)
class Tiling:
    """Tiles of at most `side` pixels for the first segment, and of as many bytes for deeper ones.

    spare: bytes for retained activations; tiles that have them need no second evaluation for the backward pass. trim:
    give freed memory back after each row of tiles, which is slower, but keeps the heap from fragmenting.
    """

    side: int
    footprint: Footprint
    spare: float = 0.0
    trim: bool = True


class _Inner(torch.autograd.Function):
    """A window of maps, (1, N, h, w), whose gradient has the memory layout of the maps: torch's own would be NCHW."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, down: slice, across: slice) -> Tensor:
        ctx.like, ctx.segment = torch.empty_like(maps, device="meta"), (down, across)
        return maps[:, :, down, across]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        back = torch.zeros_like(ctx.like, dtype=gradients[0].dtype, device=gradients[0].device)
        back[:, :, ctx.segment[0], ctx.segment[1]] = gradients[0]
        return back, None, None


Place = tuple[str | None, tuple[int, int]]
"""A tile: the source of its segment, and the first position of its core."""


@dataclass(frozen=True)
class TileActivations:
    """The activations of one tile.

    input: what it was evaluated on, (1, N, h, w), with its halo. core: for each layer of the segment and for its
    checkpoint, the maps of the core, and where in the whole layer they lie.
    """

    input: Tensor
    core: list[tuple[str, Tensor, Box]]


@dataclass(frozen=True)
class TiledSegment:
    """A segment in tiles, for a source of `size`, (h, w); `grids` are the sizes of its layers and of its checkpoint.

    The activations of the first `retained` tiles are kept for the backward pass; the others are computed twice.
    `tiles` are those of this `rank`; seen, cores: by rank, the rows of the source that its tiles see, and those of
    their cores. empty: for each layer and the checkpoint, maps without a row.
    """

    segment: Segment
    size: tuple[int, int]
    grids: Grids
    tiles: list[Tile]
    seen: list[slice]
    cores: list[slice]
    valid: ValidTile | None
    empty: Mapping[str, Tensor]
    rank: int = 0
    retained: int = 0

    def activations(self, tile: Tile, maps: Tensor, graph: bool) -> TileActivations:
        """Evaluate the segment on the window of `tile`; `graph` allows for a backward pass to that window.

        maps: the rows of the source that the tiles see.
        """
        window = maps[..., moved(tile.input_window[0], -self.first), tile.input_window[1]]
        if graph:
            window = window.clone().requires_grad_()
        with torch.set_grad_enabled(graph):
            return TileActivations(window, list(self._core(tile, window)))

    @property
    def rows(self) -> list[list[Tile]]:
        """The tiles, row by row."""
        return [list(row) for _, row in groupby(self.tiles, lambda tile: tile.start[0])]

    @property
    def first(self) -> int:
        """The first row of the source that the tiles see."""
        return int(self.seen[self.rank].start)

    @property
    def made(self) -> list[slice]:
        """By rank, the rows of the checkpoint that its tiles give; of the source, where there is no checkpoint."""
        rows = self.grids[self.segment.checkpoint][0] if self.segment.checkpoint else self.size[0]
        density = fineness(rows, self.size[0])
        ends = [rows if core.stop == self.size[0] else int(core.stop * density) for core in self.cores]
        return [slice(int(core.start * density), end) for core, end in zip(self.cores, ends, strict=True)]

    def own(self, box: Box) -> tuple[tuple[int, int], Box]:
        """The size of this rank's part of the checkpoint, and where in it the part `box` of the whole lies."""
        rows, columns = self.made[self.rank], self.grids[self.segment.checkpoint or ""][1]
        return (extent(rows), columns), (moved(box[0], -rows.start), box[1])

    def _core(self, tile: Tile, window: Tensor) -> Iterator[tuple[str, Tensor, Box]]:
        """For each layer, and for the checkpoint: its cells in the core of `tile`, and where in the layer they lie."""
        for layer, maps in self.segment(window, tile.pad).items():
            inside, box = [], []
            for axis, (length, cells) in enumerate(zip(self.size, self.grids[layer], strict=True)):
                density, core = fineness(cells, length), tile.core[axis]
                first, start = int(core.start * density), int(tile.input_window[axis].start * density)
                if self.valid and not tile.pad[axis]:  # the first cell of a valid tile may begin inside the window
                    start = first - self.valid.before[layer]
                end = cells if core.stop == length else int(core.stop * density)
                inside.append(slice(first - start, end - start))
                box.append(slice(first, end))
            yield layer, _Inner.apply(maps, *inside), (box[0], box[1])


class TiledForward:
    """Forward passes over pictures of one size, in tiles; without a tiling, whole.

    Of `strips`, each rank gives its own of a picture, and gets the layers of its own tiles.

    tiled: the segments evaluated in tiles. tail: the segment after them, evaluated whole, or None. far: layers whose
    receptive field is too wide for tiles, evaluated whole from the picture. grids: sizes of the layers in tiles.
    """

    def __init__(
        self, evaluate: Evaluator, layers: Sequence[str], like: Tensor, tiling: Tiling | None, strips: Strips = WHOLE
    ) -> None:
        """`like` has the size of the pictures, (1, 3, H, W), or of a strip of them."""
        self.evaluate, self.strips = evaluate, strips
        like = like[:, :, :1].expand(1, 3, *strips.size(like)) if strips.shared else like
        self.tiled, self.tail = _tiled(evaluate, layers, like, tiling, strips.ranks) if tiling else ([], None)
        self.grids = {
            layer: each.grids[layer] for each in self.tiled for layer in each.segment.layers if layer in each.grids
        }
        near = {*self.grids, *(self.tail.layers if self.tail else ())}
        self.far = [layer for layer in layers if layer not in near]
        if tiling and not self.far:  # these would take the memory that there is to spare
            self.tiled = _retaining(self.tiled, tiling)

    @torch.no_grad()
    def near(
        self, sources: list[Tensor], held: dict[Place, TileActivations] | None = None
    ) -> Iterator[tuple[str, Tensor, Box]]:
        """The layers in tiles, piece by piece: the layer, the piece, and where in the layer it lies.

        sources: holds what `begun` gives of the picture; that of each further segment is appended, last that of the
        tail. held: is filled with the activations that are retained for the backward pass.
        """
        for tiled, following in zip_longest(self.tiled, self.tiled[1:]):
            source, segment, checkpoint = sources[-1], tiled.segment, None
            for layer in segment.layers if not tiled.tiles else ():
                yield layer, tiled.empty[layer], NONE
            for number, tile in enumerate(tiled.tiles):
                retained = held is not None and number < tiled.retained
                activations = tiled.activations(tile, source, graph=retained)
                for layer, maps, box in activations.core:
                    if layer in segment.layers:
                        yield layer, maps.detach(), box
                    if layer == segment.checkpoint:  # gradients will overwrite what is kept, but not what is held
                        piece = maps.clone() if retained else maps
                        checkpoint = put(checkpoint, piece, *tiled.own(box))
                if held is not None and retained:
                    held[segment.source, tile.start] = activations
            if segment.checkpoint is not None:
                empty = tiled.empty[segment.checkpoint]
                sources.append(self._fetched(empty if checkpoint is None else checkpoint, tiled.made, following))

    def begun(self, image: Tensor) -> Tensor:
        """What the first segment sees of a picture, of which each rank gives its strip."""
        return self._fetched(image, self.strips.rows, self.tiled[0]) if self.tiled else image

    def _fetched(self, maps: Tensor, rows: list[slice], following: TiledSegment | None) -> Tensor:
        """What the segment that follows sees of maps, of which each rank has `rows`; all where it is the tail."""
        everything = [slice(0, rows[-1].stop)] * len(rows)
        return self.strips.ranks.fetched(maps, rows, following.seen if following else everything)

    @torch.no_grad()
    def pieces(self, whole: Tensor) -> Iterator[tuple[str, Tensor, tuple[int, int], Box]]:
        """All layers of a picture, piece by piece: the layer, the piece, the size of the layer, where the piece is."""
        sources = [whole]
        for layer, maps, box in self.near(sources):
            yield layer, maps, self.grids[layer], box
        for layer, maps in self.others(whole, sources[-1]).items():
            yield layer, maps, (maps.shape[2], maps.shape[3]), ALL

    def others(self, whole: Tensor, base: Tensor) -> dict[str, Tensor]:
        """The layers that are not in tiles: the far ones, and those of the tail, from its source `base`."""
        return (self.evaluate(whole, self.far) if self.far else {}) | (self.tail(base) if self.tail else {})


@torch.no_grad()
def _tiled(
    evaluate: Evaluator, layers: Sequence[str], like: Tensor, tiling: Tiling, ranks: Ranks
) -> tuple[list[TiledSegment], Segment | None]:
    """The segments in tiles, and the tail that follows them whole; two strips of `like` tell the sizes of layers."""
    found, footprint, most = list[TiledSegment](), tiling.footprint, 0.0
    deeper = next(iter(Capabilities.of(evaluate).checkpoints.values()), ())
    near = [layer for layer in layers if layer in deeper or footprint.radius.get(layer, PROBE) <= FURTHEST]
    size, tall, wide = (like.shape[2], like.shape[3]), like[..., :NARROW], like[..., :NARROW, :]
    left = segments(evaluate, near) if near else []
    while left:
        segment, furthest = left[0], max(footprint.radius[layer] for layer in left[0].asked)
        source = segment.source
        if found and (furthest > FURTHEST or footprint.remaining_grad_bytes[source] * math.prod(size) <= most):
            return found, Segment(evaluate, source, None, tuple(layer for each in left for layer in each.layers))
        down, across = segment(tall), segment(wide)
        grids = {layer: (down[layer].shape[2], across[layer].shape[3]) for layer in down if layer in across}
        if not grids:
            break
        there = tuple(layer for layer in segment.layers if layer in grids)
        segment = replace(segment, layers=there, checkpoint=segment.checkpoint if segment.checkpoint in grids else None)
        coarsest = max(round(1 / fineness(*side)) for grid in grids.values() for side in zip(grid, size, strict=True))
        stride = max(round(ALIGNED * size[0] / like.shape[2]), coarsest)
        padded, each, valid = _rounded(furthest, stride), footprint.grad_bytes[source], footprint.valid.get(source)
        halo = valid.halo if valid else padded
        most = most or each * (tiling.side + 2 * halo) ** 2
        side = max(32, math.floor(math.sqrt(most / each) - 2 * halo)) // stride * stride
        cover = tiles(*size, side, padded, stride, halo if valid else None, ranks.size)
        empty = {layer: down[layer].new_empty(1, down[layer].shape[1], 0, grids[layer][1]) for layer in grids}
        found.append(TiledSegment(segment, size, grids, *_shared(cover, ranks), valid, empty, ranks.rank))
        if segment.checkpoint is None:
            break
        size, tall, wide = grids[segment.checkpoint], down[segment.checkpoint], across[segment.checkpoint]
        left = left[1:]
    return found, None


def _retaining(tiled: list[TiledSegment], tiling: Tiling) -> list[TiledSegment]:
    """Retain the activations of as many tiles as fit into the spare memory, of deep segments first.

    These keep the fewest bytes for the work that a second evaluation would take.
    """
    found, spare = list[TiledSegment](), tiling.spare
    for each in reversed(tiled):
        sizes = [math.prod(map(extent, tile.input_window)) for tile in each.tiles]
        size = max(sizes, default=1) * tiling.footprint.grad_bytes[each.segment.source]
        retained = min(len(each.tiles), int(spare / size))
        found.append(replace(each, retained=retained))
        spare -= retained * size
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


def moved(rows: slice, by: int) -> slice:
    """The same rows, counted from another one."""
    return slice(rows.start + by, rows.stop + by)


def _shared(cover: list[Tile], ranks: Ranks) -> tuple[list[Tile], list[slice], list[slice]]:
    """The tiles of this rank; by rank, the rows that its tiles see, and those of their cores."""
    rows = [list(row) for _, row in groupby(cover, lambda tile: tile.start[0])]
    parts = [rows[part] for part in split(len(rows), ranks.size)]
    cores = [slice(part[0][0].core[0].start, part[-1][0].core[0].stop) if part else slice(0, 0) for part in parts]
    windows = [[row[0].input_window[0] for row in part] for part in parts]
    seen = [
        slice(min(rows.start for rows in each), max(rows.stop for rows in each)) if each else slice(0, 0)
        for each in windows
    ]
    return [tile for row in parts[ranks.rank] for tile in row], seen, cores


def _rounded(length: float, step: int) -> int:
    """Up to a multiple of `step`."""
    return step * math.ceil(length / step)
