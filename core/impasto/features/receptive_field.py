"""What a network sees and what it takes, part by part: measured, so that its pictures can be looked at in tiles.

A part goes from one checkpoint to the next. How far its layers see tells the margins of tiles, and what it keeps for
its gradient tells their sizes. Both are found by trial, of any network.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor

from ..plugin.backend import Evaluator
from ..plugin.network import checkpoints, unpadded

FURTHEST = 192
"""Positions that a tiled layer may see to each side, at most."""
ALIKE = 0.02
"""By how much the same maps may differ, beside how far they vary."""
PROBE = 448
"""Side of the picture on which fields of view are measured."""


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
        """What is asked for, from `maps` of `after`, (1, N, h, w); see `impasto.plugin.network` for `pad`."""
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
    densities = {layer: fineness(found.shape[2], length) for layer, found in whole.items()}
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
        size = 1 / fineness(count, length)
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


def fineness(cells: int, length: int) -> float:
    """Cells of a layer for each position that its part begins from, a power of two."""
    return 2.0 ** round(math.log2(cells / length))
