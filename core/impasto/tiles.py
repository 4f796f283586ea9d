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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from typing import Any, cast

import torch
from torch import Tensor

from .backend import Evaluator
from .losses import ALL, Box
from .network import checkpoints, unpadded
from .objective import Grids

FURTHEST = 192
"""Positions that a tiled layer may see to each side, at most."""
ALIKE = 0.02
"""By how much the same maps may differ, beside how far they vary."""
PROBE, NARROW = 448, 128
"""Side of the picture on which fields of view are measured, and of strips that tell the sizes of layers."""


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
class Part:
    """The layers that follow from those of `after`, or from the picture; the next part follows from `then`."""

    evaluate: Evaluator
    after: str | None
    then: str | None
    layers: tuple[str, ...]

    @property
    def asked(self) -> list[str]:
        """The layers, and `then`."""
        return list(dict.fromkeys([*self.layers, *([self.then] if self.then else [])]))

    def __call__(self, maps: Tensor, pad: tuple[bool, bool] = (True, True)) -> dict[str, Tensor]:
        """What is asked for, from `maps` of `after`, (1, N, h, w); see `impasto.network` for `pad`."""
        more: dict[str, Any] = {} if self.after is None else {"after": self.after}
        if not all(pad):
            more["pad"] = pad
        return cast(dict[str, Tensor], cast(Any, self.evaluate)(maps, self.asked, **more))


def parts(evaluate: Evaluator, layers: Sequence[str]) -> list[Part]:
    """The parts of a network up to the deepest of `layers`; one where it names no checkpoints."""
    found, after, left = [], None, list(layers)
    for then, deeper in checkpoints(evaluate).items():
        beyond = [layer for layer in left if layer in deeper]
        if not beyond:
            break
        found.append(Part(evaluate, after, then, tuple(layer for layer in left if layer not in deeper)))
        after, left = then, beyond
    return [*found, Part(evaluate, after, None, tuple(left))]


@dataclass(frozen=True)
class Bare:
    """How a tile is looked at without what convolutions add at borders: all of the last layer is then its own."""

    margin: int
    before: Mapping[str, int]
    """Cells of a layer that come before the first of the tile's own."""


@dataclass(frozen=True)
class Sight:
    """What was measured of a network, part by part."""

    reach: Mapping[str, int]
    """How many positions of what its part follows from a layer sees to its side; `PROBE` if all, or unknown."""
    weight: Mapping[str | None, float]
    """Bytes that a part keeps for its gradient, for each position of `Part.after`."""
    rest: Mapping[str | None, float]
    """The same for it and all deeper ones."""
    bare: Mapping[str | None, Bare]
    """For the parts that can do without what is added at borders."""


@torch.no_grad()
def measured(evaluate: Evaluator, layers: Sequence[str], like: Tensor) -> Sight:
    """What `layers` see, and what they take, on the device of `like`."""
    maps = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0)).to(like)
    reach, weight, positions = dict.fromkeys(layers, PROBE), dict[str | None, float](), dict[str | None, int]()
    bare: dict[str | None, Bare] = {}
    for part in parts(evaluate, layers):
        other, middle = maps.clone(), maps.shape[2] // 2
        other[..., middle : middle + 1, middle : middle + 1] += 1.0
        before, after = part(maps), part(other)
        reach |= {layer: _spread(before[layer] != after[layer], maps.shape[2]) for layer in before}
        near = {layer: found for layer, found in before.items() if reach[layer] <= FURTHEST}
        if near and unpadded(evaluate) and (tile := _bare(part, maps, near)):
            bare[part.after] = tile
        weight[part.after] = kept(part, maps[..., : maps.shape[2] // 2, : maps.shape[3] // 2])
        positions[part.after] = maps[0, 0].numel()
        maps = before[part.then] if part.then else maps
    totals = list(accumulate(weight[name] * positions[name] for name in reversed(positions)))
    rest = {name: total / positions[name] for name, total in zip(reversed(positions), totals, strict=True)}
    return Sight(reach, weight, rest, bare)


def _bare(part: Part, maps: Tensor, whole: Mapping[str, Tensor]) -> Bare | None:
    """By trying margins, until what a small tile in the middle gives is what the `whole` of `maps` gives there."""
    length = maps.shape[2]
    densities = {layer: _density(found.shape[2], length) for layer, found in whole.items()}
    stride = round(1 / min(densities.values()))
    first = (length // 2 - stride) // stride * stride
    last = first + 2 * stride
    for margin in range(min(first, length - last, FURTHEST) + 1):
        seen, before, cells = slice(first - margin, last + margin), dict[str, int](), dict[str, slice]()
        found = part(maps[..., seen, seen], (False, False))
        for layer, density in densities.items():
            before[layer] = more = _before(found.get(layer), round((last - first) * density))
            cells[layer] = slice(round(first * density) - more, round(last * density) + more)
        if min(before.values()) >= 0 and _same(part, maps, seen, whole, cells):
            return Bare(margin, before)
    return None


def _before(maps: Tensor | None, own: int) -> int:
    """How many cells more on each side than its `own`; -1 if fewer, or not the same on both."""
    more = -1 if maps is None else maps.shape[2] - own
    return -1 if more % 2 else more // 2


def _same(part: Part, maps: Tensor, seen: slice, whole: Mapping[str, Tensor], cells: Mapping[str, slice]) -> bool:
    """Whether `cells` of the `whole` are what is `seen` gives without borders: on all sides, and on two."""
    for pad in ((False, False), (False, True), (True, False)):
        down, across = (slice(None) if padded else seen for padded in pad)
        found = part(maps[..., down, across], pad)
        for layer, inner in cells.items():
            down, across = (slice(None) if padded else inner for padded in pad)
            if not _alike(found.get(layer), whole[layer][..., down, across]):
                return False
    return True


def _alike(one: Tensor | None, other: Tensor) -> bool:
    """But for the order of sums, also in bfloat16."""
    if one is None or one.shape != other.shape:
        return False
    varied = other - other.mean((2, 3), keepdim=True)
    return float((one - other).norm()) <= ALIKE * float(varied.norm())


def _spread(changed: Tensor, length: int) -> int:
    """How far cells see that cover `length` positions, where those in `changed` see the middle one."""
    furthest, middle = 0, length // 2
    for axis in (2, 3):
        count = changed.shape[axis]
        cells = changed.any(dim=5 - axis).flatten(0, 1).any(dim=0).nonzero().flatten().tolist()
        if not cells:
            continue
        if cells[0] == 0 or cells[-1] == count - 1:
            return PROBE
        size = 1 / _density(count, length)
        furthest = max(furthest, math.ceil(middle - cells[0] * size), math.ceil((cells[-1] + 1) * size - 1) - middle)
    return furthest


def kept(part: Part, maps: Tensor) -> float:
    """Bytes that `part` keeps for its gradient, for each position of `maps`, (1, N, h, w), at least 1.

    By what more positions take: weights do not count.
    """
    half = maps[..., : maps.shape[2] // 2, :]
    return max(1.0, (_kept(part, maps) - _kept(part, half)) / (maps[0, 0].numel() - half[0, 0].numel()))


def _kept(part: Part, maps: Tensor) -> int:
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a result that its own gradient keeps would never be freed

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = part(maps.clone().requires_grad_())
    for layer in found.values():
        keep(layer)
    return sum(sizes.values())


@dataclass(frozen=True)
class Tiling:
    """How to look at a picture in tiles of at most `side` pixels; deeper parts in such as take as much memory.

    With `spare` bytes as many tiles as these allow are looked at once for their gradient, the others twice. `tidy`
    gives memory back after each row of tiles: else what they leave falls to pieces that add up, and time is saved.
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
                density = _density(cells, length)
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
        if tiling:
            self.cuts = _sparing(self.cuts, tiling)
        self.grids = {layer: cut.grids[layer] for cut in self.cuts for layer in cut.part.layers if layer in cut.grids}
        near = {*self.grids, *(self.tail.layers if self.tail else ())}
        self.far = [layer for layer in layers if layer not in near]

    @torch.no_grad()
    def near(self, kept: list[Tensor], held: dict[Place, Looked] | None = None) -> Iterator[tuple[str, Tensor, Box]]:
        """The layers that come in tiles, piece by piece: the layer, the piece, and where it lies.

        `kept` holds the picture; what each part begins from is added to it, last what the tail does. `held` takes what
        those tiles see and give that are looked at once.
        """
        for cut in self.cuts:
            begin, after = kept[-1], None
            for number, tile in enumerate(cut.tiles):
                looked = cut.looked(tile, begin, graph=held is not None and number < cut.once)
                for layer, maps, box in looked.own:
                    if layer in cut.part.layers:
                        yield layer, maps.detach(), box
                    if layer == cut.part.then:
                        after = put(after, maps.detach(), cut.grids[layer], box)
                if held is not None and number < cut.once:
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
        stride = max(round(1 / _density(*side)) for grid in grids.values() for side in zip(grid, size, strict=True))
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
        seen = max(
            (down.stop - down.start) * (across.stop - across.start) for down, across in (t.seen for t in cut.tiles)
        )
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


def _density(cells: int, length: int) -> float:
    """Cells of a layer for each position that its part begins from, a power of two."""
    return 2.0 ** round(math.log2(cells / length))


def _rounded(length: float, step: int) -> int:
    """Up to a multiple of `step`."""
    return step * math.ceil(length / step)
