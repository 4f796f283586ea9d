"""The objective of a picture that is looked at in tiles: the losses and gradient of the whole, the memory of a part.

The losses see a picture only through Gram matrices and content maps, and these are sums over, and pieces of, tiles.
So a first pass, without gradients, gathers them for the whole picture; from them follow the losses and how these
change with every entry, dL/dG and dL/dF. A second pass goes back from each tile's share of G and F to its pixels. Both
look at a tile with a margin as wide as a layer's field of view, and count only the positions that are the tile's own:
what they give is what the whole would give, up to the order of sums. Layers that see further than `FURTHEST` pixels,
and those that a network calls coarse, as they come from a small copy of the picture, are looked at whole.

The idea is that of Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer" (2024); there for VGG-19 and Gram
matrices and means, here for any network and every loss.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .backend import Evaluator
from .losses import gram
from .objective import Objective, wrapped

STRIDE = 32
"""Tiles begin at multiples of this, which the strides of all tiled layers divide."""
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
    """Tiles of `side` pixels, a multiple of `STRIDE`, that cover a picture, each with a margin where there is one."""

    def spans(length: int) -> list[tuple[int, int, slice]]:
        starts = list(range(0, max(1, length - side // 2), side))  # no sliver at the end
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


class Tiled:
    """`objective` on images of one size, (1, 3, H, W), in tiles of `side` pixels, or up to `STRIDE` more.

    Layers in `coarse` are looked at whole, however far they see.
    """

    def __init__(self, objective: Objective, image: Tensor, side: int, coarse: Collection[str] = ()) -> None:
        self.objective, self.evaluate = objective, objective.evaluate
        tiled = [layer for layer in objective.layers if layer not in coarse]
        reach = reaches(self.evaluate, tiled, image) if tiled else {}
        self.near = [layer for layer in tiled if reach[layer] <= FURTHEST]
        self.far = [layer for layer in objective.layers if layer not in self.near]
        margin = max((reach[layer] for layer in self.near), default=0)
        height, width = wrapped(image, objective.wrap).shape[-2:]
        side, margin = (STRIDE * math.ceil(length / STRIDE) for length in (side, margin))
        self.tiles = tiles(height, width, side, margin)
        self.grids = self._grids(wrapped(image, objective.wrap)) if self.near else {}
        self.near = list(self.grids)

    def slope(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses by name, as `Objective` gives them, and the gradient of their sum, (1, 3, H, W)."""
        image = image.detach().requires_grad_()
        whole = wrapped(image, self.objective.wrap)
        grams, maps = self._gathered(whole.detach())
        far = self.evaluate(whole, self.far) if self.far else {}
        leaves = [*grams.values(), *maps.values()]
        for leaf in leaves:
            leaf.requires_grad_()
        known = {key: (value, self._positions(*key)) for key, value in grams.items()}
        losses = self.objective.combined({**maps, **far}, known, image)
        total = torch.stack(list(losses.values())).sum()
        gradient, *slopes = torch.autograd.grad(total, [image, *leaves], allow_unused=True, materialize_grads=True)
        del far
        keys: list[tuple[int, str] | str] = [*grams, *maps]
        slope_of = dict(zip(keys, slopes, strict=True))
        back = self._returned(whole.detach(), slope_of)
        if self.objective.wrap:
            (back,) = torch.autograd.grad(wrapped(image, self.objective.wrap), image, back)
        return {name: loss.detach() for name, loss in losses.items()}, gradient + back

    @torch.no_grad()
    def _gathered(self, whole: Tensor) -> tuple[dict[tuple[int, str], Tensor], dict[str, Tensor]]:
        """Every style's Gram matrices, by its number and layer, and the content maps, of tiled layers."""
        grams: dict[tuple[int, str], Tensor] = {}
        maps: dict[str, Tensor] = {}
        for tile in self.tiles:
            for layer, own, box in self._own(tile, whole):
                if layer in self.objective.targets.content:
                    height, width = self.grids[layer]
                    full = maps.setdefault(layer, own.new_empty(1, own.shape[1], height, width))
                    full[:, :, box[0], box[1]] = own
                for key, share in self._shares(layer, own, box).items():
                    grams[key] = grams[key] + share if key in grams else share
        return grams, maps

    def _returned(self, whole: Tensor, slopes: Mapping[tuple[int, str] | str, Tensor]) -> Tensor:
        """What the slopes of Gram matrices and content maps mean for the pixels."""
        gradient = torch.zeros_like(whole)
        for tile in self.tiles:
            part = whole[..., tile.seen[0], tile.seen[1]].clone().requires_grad_()
            terms = []
            for layer, own, box in self._own(tile, whole, part):
                if layer in slopes:
                    terms.append((slopes[layer][:, :, box[0], box[1]] * own).sum())
                terms += [(slopes[key] * share).sum() for key, share in self._shares(layer, own, box).items()]
            if terms:
                (back,) = torch.autograd.grad(torch.stack(terms).sum(), part)
                gradient[..., tile.seen[0], tile.seen[1]] += back
        return gradient

    def _own(
        self, tile: Tile, whole: Tensor, part: Tensor | None = None
    ) -> Iterator[tuple[str, Tensor, tuple[slice, slice]]]:
        """Each tiled layer with the positions that are the tile's own, and where these lie in the whole layer."""
        part = whole[..., tile.seen[0], tile.seen[1]] if part is None else part
        found = self.evaluate(part, self.near) if self.near else {}
        for layer, maps in found.items():
            inside, box = [], []
            for axis, (length, cells) in enumerate(zip(whole.shape[-2:], self.grids[layer], strict=True)):
                density = 2.0 ** round(math.log2(cells / length))
                first, start = int(tile.first[axis] * density), int(tile.seen[axis].start * density)
                end = cells if tile.last[axis] == length else int(tile.last[axis] * density)
                inside.append(slice(first - start, end - start))
                box.append(slice(first, end))
            yield layer, maps[:, :, inside[0], inside[1]], (box[0], box[1])

    def _shares(self, layer: str, own: Tensor, box: tuple[slice, slice]) -> dict[tuple[int, str], Tensor]:
        """What the tile adds to each style's Gram matrix of `layer`; styles without masks have one in common."""
        shares: dict[tuple[int, str], Tensor] = {}
        plain: Tensor | None = None
        for number, style in enumerate(self.objective.targets.styles):
            if layer not in style.grams:
                continue
            if style.mask is None:
                if plain is None:
                    plain = gram(own) * (own[0, 0].numel() / self._positions(number, layer))
                shares[number, layer] = plain
            else:
                where = self.objective.where(style.mask, *self.grids[layer]).part(box, self.grids[layer][1])
                if len(where.index):
                    shares[number, layer] = gram(own, where) * (where.positions / self._positions(number, layer))
        return shares

    def _positions(self, number: int, layer: str) -> float:
        """Over how many positions of `layer` style `number` counts."""
        mask = self.objective.targets.styles[number].mask
        height, width = self.grids[layer]
        return height * width if mask is None else self.objective.where(mask, height, width).positions

    @torch.no_grad()
    def _grids(self, whole: Tensor) -> dict[str, tuple[int, int]]:
        """(h, w) of every tiled layer of the whole picture, from two strips of it."""
        narrow = 8 * STRIDE
        tall, wide = self.evaluate(whole[..., :narrow], self.near), self.evaluate(whole[..., :narrow, :], self.near)
        return {
            layer: (tall[layer].shape[2], wide[layer].shape[3])
            for layer in self.near
            if layer in tall and layer in wide
        }
