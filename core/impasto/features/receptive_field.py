"""Footprint of a network, measured, so that it can be evaluated in tiles: receptive fields and activation memory.

Checkpoints divide a network into segments. The receptive field of a segment's layers decides how wide a tile's halo
must be; the bytes that the segment keeps for its backward pass decide how large a tile may be. Both are found by
evaluating the network on a small picture, so any network will do.
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
from ..plugin.network import Capabilities
from .activation_memory import grad_bytes

FURTHEST = 192
"""Radius of the receptive field, in positions, above which a layer is evaluated on the whole picture."""
ALIKE = 0.02
"""Largest difference of maps that count as equal, beside their deviation: bfloat16 rounds, and sums change order."""
PROBE = 448
"""Side, in pixels, of the picture on which receptive fields are measured."""


@dataclass(frozen=True)
class Segment:
    """The layers between two checkpoints: they follow from the maps of `source`, None for the picture itself.

    The next segment starts from the maps of `checkpoint`; None if this is the last.
    """

    evaluate: Evaluator
    source: str | None
    checkpoint: str | None
    layers: tuple[str, ...]

    @property
    def asked(self) -> list[str]:
        """The layers, and `checkpoint`."""
        return list(dict.fromkeys([*self.layers, *([self.checkpoint] if self.checkpoint else [])]))

    def __call__(self, maps: Tensor, pad: tuple[bool, bool] = (True, True)) -> dict[str, Tensor]:
        """The maps `asked`, from `maps` of `source`, (1, N, h, w); for `pad` see `Capabilities.valid`."""
        more: dict[str, Any] = {} if self.source is None else {"after": self.source}
        if not all(pad):
            more["pad"] = pad
        return cast(dict[str, Tensor], cast(Any, self.evaluate)(maps, self.asked, **more))


def segments(evaluate: Evaluator, layers: Sequence[str]) -> list[Segment]:
    """The segments of a network up to the deepest of `layers`; a single one where it names no checkpoints."""
    found, source, left = [], None, list(layers)
    for checkpoint, deeper in Capabilities.of(evaluate).checkpoints.items():
        beyond = [layer for layer in left if layer in deeper]
        if not beyond:
            break
        found.append(Segment(evaluate, source, checkpoint, tuple(layer for layer in left if layer not in deeper)))
        source, left = checkpoint, beyond
    return [*found, Segment(evaluate, source, None, tuple(left))]


@dataclass(frozen=True)
class ValidTile:
    """How a segment is evaluated on a tile by "valid" convolutions: without padding, so that maps shrink.

    halo: positions of halo on each side. before: cells of each layer that come before the first of the tile's core.
    """

    halo: int
    before: Mapping[str, int]


@dataclass(frozen=True)
class Footprint:
    """What was measured of a network, by layer or by the `source` of a segment."""

    radius: Mapping[str, int]
    """Radius of a layer's receptive field, in positions of its segment's source; `PROBE` if all of it, or unknown."""
    grad_bytes: Mapping[str | None, float]
    """Bytes that a segment keeps for its backward pass, for each position of its source."""
    remaining_grad_bytes: Mapping[str | None, float]
    """The same for this segment and all deeper ones together."""
    valid: Mapping[str | None, ValidTile]
    """For segments that can be evaluated by "valid" convolutions."""


@torch.no_grad()
def footprint_of(evaluate: Evaluator, layers: Sequence[str], like: Tensor) -> Footprint:
    """Measure what `layers` see and what they keep, on the device and in the dtype of `like`."""
    maps = torch.rand(1, 3, PROBE, PROBE, generator=torch.Generator().manual_seed(0)).to(like)
    radius, bytes_, positions = dict.fromkeys(layers, PROBE), dict[str | None, float](), dict[str | None, int]()
    valid: dict[str | None, ValidTile] = {}
    for segment in segments(evaluate, layers):
        other, middle = maps.clone(), maps.shape[2] // 2
        other[..., middle : middle + 1, middle : middle + 1] += 1.0
        before, after = segment(maps), segment(other)
        radius |= {layer: _spread(before[layer] != after[layer], maps.shape[2]) for layer in before}
        near = {layer: found for layer, found in before.items() if radius[layer] <= FURTHEST}
        if near and Capabilities.of(evaluate).valid and (tile := _valid_tile(segment, maps, near)):
            valid[segment.source] = tile
        bytes_[segment.source] = grad_bytes(segment, maps[..., : maps.shape[2] // 2, : maps.shape[3] // 2])
        positions[segment.source] = maps[0, 0].numel()
        maps = before[segment.checkpoint] if segment.checkpoint else maps
    totals = list(accumulate(bytes_[name] * positions[name] for name in reversed(positions)))
    rest = {name: total / positions[name] for name, total in zip(reversed(positions), totals, strict=True)}
    return Footprint(radius, bytes_, rest, valid)


def _valid_tile(segment: Segment, maps: Tensor, whole: Mapping[str, Tensor]) -> ValidTile | None:
    """Try halos from 0 up, until a small tile in the middle gives what the `whole` of `maps` gives there."""
    length = maps.shape[2]
    densities = {layer: fineness(found.shape[2], length) for layer, found in whole.items()}
    stride = round(1 / min(densities.values()))
    first = (length // 2 - stride) // stride * stride
    last = first + 2 * stride
    for halo in range(min(first, length - last, FURTHEST) + 1):
        seen, before, cells = slice(first - halo, last + halo), dict[str, int](), dict[str, slice]()
        found = segment(maps[..., seen, seen], (False, False))
        for layer, density in densities.items():
            before[layer] = more = _before(found.get(layer), round((last - first) * density))
            cells[layer] = slice(round(first * density) - more, round(last * density) + more)
        if min(before.values()) >= 0 and _same(segment, maps, seen, whole, cells):
            return ValidTile(halo, before)
    return None


def _before(maps: Tensor | None, own: int) -> int:
    """How many cells more on each side than its `own`; -1 if fewer, or not the same on both."""
    more = -1 if maps is None else maps.shape[2] - own
    return -1 if more % 2 else more // 2


def _same(segment: Segment, maps: Tensor, seen: slice, whole: Mapping[str, Tensor], cells: Mapping[str, slice]) -> bool:
    """Whether the window `seen`, unpadded on both axes or on one, gives the same maps as the `whole` in `cells`."""
    for pad in ((False, False), (False, True), (True, False)):
        down, across = (slice(None) if padded else seen for padded in pad)
        found = segment(maps[..., down, across], pad)
        for layer, inner in cells.items():
            down, across = (slice(None) if padded else inner for padded in pad)
            if not _alike(found.get(layer), whole[layer][..., down, across]):
                return False
    return True


def _alike(one: Tensor | None, other: Tensor) -> bool:
    """Equal but for the order of sums, also in bfloat16."""
    if one is None or one.shape != other.shape:
        return False
    varied = other - other.mean((2, 3), keepdim=True)
    return float((one - other).norm()) <= ALIKE * float(varied.norm())


def _spread(changed: Tensor, length: int) -> int:
    """Radius of the receptive field, in positions, of cells that cover `length` of them.

    `changed` says which cells see the middle position.
    """
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


def fineness(cells: int, length: int) -> float:
    """Cells of a layer for each position of its segment's source, a power of two."""
    return 2.0 ** round(math.log2(cells / length))
