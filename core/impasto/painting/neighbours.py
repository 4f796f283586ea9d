"""The objectives of profile nnst at one size: which place of the painting is nearest to each of the picture.

Source: Kolkin et al., "Neural neighbor style transfer" (2022), sections 3.1 to 3.3; see `objective/neighbours.py`.
Above `MATCHED` pixels places are those found at a smaller size, but larger: comparing all with all grows with the
fourth power of the side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.cells import cell_grid, cells
from ..features.tiles import TiledForward
from ..objective.neighbours import ColumnTarget, Hypercolumns, LayerNeighbours, LayerTarget, centred, nearest, picked
from ..objective.objective import Weights
from ..objective.profiles import Profile
from ..objective.spatial_weights import SpatialWeights
from ..objective.summed import wrapped
from ..optim.start import detailed
from .loading import Loaded
from .targets import StylePart, TilingFor, View

TINY = 1e-8
MATCHED = 640
"""Longest side up to which all hypercolumns are compared with all."""
MOST_KEYS = 25_000
"""Hypercolumns of a painting that are compared; of more, each second, third or nth."""
REACHED = 256
"""Side of a picture that reaches all layers."""
SAMPLED = 64
"""Positions of a layer along its longest side, in the second phase: section 3.3."""


Table = dict[str, Tensor]
"""Hypercolumns of a picture, layer by layer: (a, b, N), each multiplied by its scale."""


@dataclass(frozen=True)
class _Field:
    """The place in a painting of `grid` cells, (2, a, b), that was found for each cell of the picture."""

    places: Tensor
    grid: tuple[int, int]

    def enlarged(self, shape: tuple[int, int], grid: tuple[int, int]) -> _Field:
        """The same for a picture of `shape` cells and a painting of `grid`: neighbours stay neighbours."""
        found = []
        down, across = (
            torch.arange(count) * old / count for count, old in zip(shape, self.places.shape[1:], strict=True)
        )
        rows, columns = down.long(), across.long()
        inner = (down - rows)[:, None], (across - columns)[None]
        for axis in range(2):
            place = self.places[axis].cpu()[rows][:, columns] + inner[axis]
            found.append((place * grid[axis] / self.grid[axis]).long().clamp_(max=grid[axis] - 1))
        return _Field(torch.stack(found), grid)


class NeighbourObjectives:
    """Makes the objectives of one painting, from size to size."""

    def __init__(self, profile: Profile, weights: Weights, loaded: Loaded, tiling: TilingFor, strength: float) -> None:
        """strength: 0 to 100. Up to 50 targets go from the content's own features to those of the painting, and from
        there on the picture so far counts more and more in finding them, and the content less.
        """
        self.profile, self.weights, self.loaded, self.tiling = profile, weights, loaded, tiling
        self.towards = min(1.0, strength / 50)
        own = 1 - min(1.0, profile.content_weight)
        self.own = own + (1 - own) * max(0.0, strength / 50 - 1)
        self.layers = [layer for layer, weight in weights.style.items() if weight]
        self.fields: list[_Field] = []

    @torch.no_grad()
    def hypercolumns(self, view: View, image: Tensor | None) -> Hypercolumns:
        """The first phase; `image`: the picture so far at this size, (1, 3, H, W), None for nothing yet."""
        content = wrapped(view.content, view.wrap)
        shape = cell_grid(content)
        small = max(content.shape[-2:]) <= MATCHED + 2 * view.wrap
        if not small and not self.fields:
            self.hypercolumns(replace(view, longest=MATCHED), None)
        parts = view.parts
        tables = [self._table(part.painting) for part in parts]
        side = min(*content.shape[-2:], REACHED)
        reached = self.loaded.target_evaluator(content[..., :side, :side], self.layers)
        scales = _scales(tables, parts, {layer: self.weights.style[layer] for layer in reached})
        for table in tables:
            _scale(table, scales)
        if small:
            asked = content if image is None else torch.lerp(content, self._asked(image, view), self.own)
            ours = _scale(self._table(asked), scales)
            self.fields = [_found(ours, table, part.weight) for table, part in zip(tables, parts, strict=True)]
        else:
            grids = [cell_grid(part.painting) for part in parts]
            self.fields = [field.enlarged(shape, grid) for field, grid in zip(self.fields, grids, strict=True)]
        own = None if self.towards == 1 else _scale(self._table(content), scales)
        targets = []
        for field, table, part in zip(self.fields, tables, parts, strict=True):
            columns = {layer: table[layer][tuple(field.places)] for layer in scales}
            if own is not None:
                columns = {layer: torch.lerp(own[layer], columns[layer], self.towards) for layer in scales}
            targets.append(ColumnTarget(_unit(columns), part.share, _counting(view.framed(part.mask), shape)))
        return Hypercolumns(self.profile, self.weights, scales, targets, shape, self.loaded.evaluate, view.wrap)

    @torch.no_grad()
    def layer_by_layer(self, view: View, image: Tensor, noise: torch.Generator) -> LayerNeighbours:
        """The second phase, at positions drawn from `noise`, for the `image` so far, (1, 3, H, W)."""
        grids, positions, ours = dict[str, tuple[int, int]](), dict[str, Tensor](), dict[str, Tensor]()
        strides: dict[str, tuple[int, Tensor]] = {}
        whole = wrapped(image, view.wrap)
        for layer, maps, grid, box in self._forward(whole).pieces(whole):
            if layer not in strides:
                stride = max(1, max(grid) // SAMPLED)
                strides[layer] = stride, torch.randint(stride, (2,), generator=noise)
                grids[layer], positions[layer] = grid, _strided(grid, *strides[layer])
            _add(ours, layer, picked(maps, positions[layer], box))
        ours, theirs = _all_centred(ours), [_all_centred(self._sampled(part, strides)) for part in view.parts]
        layers = [layer for layer in positions if all(layer in each for each in theirs)]
        content = wrapped(view.content, view.wrap)
        own = _all_centred(self._picked(content, positions)) if self.towards < 1 else None
        targets = []
        for features, part in zip(theirs, view.parts, strict=True):
            found = {layer: features[layer][nearest(ours[layer], features[layer])] for layer in layers}
            if own is not None:
                found = {layer: torch.lerp(own[layer], found[layer], self.towards) for layer in layers}
            mask, weights = view.framed(part.mask), dict[str, Tensor]()
            for layer in layers:
                if (counted := _counting(mask, grids[layer])) is not None:
                    weights[layer] = counted[tuple(positions[layer].T)]
            targets.append(LayerTarget(found, part.share, weights))
        chosen = {layer: positions[layer] for layer in layers}
        return LayerNeighbours(self.profile, self.weights, chosen, targets, self.loaded.evaluate, view.wrap)

    def _asked(self, image: Tensor, view: View) -> Tensor:
        """The image with the finest octave of the content: edges are looked for that it does not have yet."""
        half = max(1, image.shape[-2] // 2), max(1, image.shape[-1] // 2)
        return wrapped(detailed(image, view.content, half, 1.0).clamp_(0, 1), view.wrap)

    def _table(self, picture: Tensor) -> Table:
        """The hypercolumns of a picture, of the layers that it reaches, not scaled yet."""
        shape, found = cell_grid(picture), Table()
        kind = torch.bfloat16 if shape[0] * shape[1] > MOST_KEYS else torch.float32
        for layer, maps, grid, box in self._forward(picture).pieces(picture):
            piece, place = cells(maps, grid, shape, box)
            if layer not in found:
                found[layer] = piece.new_empty(*shape, piece.shape[1], dtype=kind)
            found[layer][place] = piece[0].permute(1, 2, 0).to(kind)
        return found

    def _sampled(self, part: StylePart, strides: Mapping[str, tuple[int, Tensor]]) -> dict[str, Tensor]:
        """The features of a painting, (K, N), at positions of each layer that count."""
        found, positions = dict[str, Tensor](), dict[str, Tensor]()
        for layer, maps, grid, box in self._forward(part.painting).pieces(part.painting):
            if layer not in strides:
                continue
            if layer not in positions:
                positions[layer] = _strided(grid, *strides[layer])
                if (weights := _counting(part.weight, grid)) is not None:
                    here = weights[tuple(positions[layer].T)]
                    positions[layer] = positions[layer][here >= here.max() / 2]
            _add(found, layer, picked(maps, positions[layer], box))
        return found

    def _picked(self, picture: Tensor, positions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for layer, maps, _, box in self._forward(picture).pieces(picture):
            _add(found, layer, picked(maps, positions[layer], box))
        return found

    def _forward(self, picture: Tensor) -> TiledForward:
        return TiledForward(self.loaded.target_evaluator, self.layers, picture, self.tiling(picture[0, 0].numel()))


def _scales(tables: Sequence[Table], parts: Sequence[StylePart], weights: Mapping[str, float]) -> dict[str, float]:
    """What each layer is multiplied by: its weight, divided by the root mean square length of the paintings' there."""
    layers = [layer for layer in weights if all(layer in table for table in tables)]
    squares = {
        layer: sum(
            part.share * float(table[layer].float().square().sum(2).mean())
            for table, part in zip(tables, parts, strict=True)
        )
        for layer in layers
    }
    most = max(weights.values())
    return {layer: weights[layer] / most / math.sqrt(max(squares[layer], TINY)) for layer in layers}


def _scale(table: Table, scales: Mapping[str, float]) -> Table:
    """`table`, changed, with each layer multiplied by its scale."""
    for layer, scale in scales.items():
        if layer in table:
            table[layer] *= scale
    return table


def _found(ours: Table, theirs: Table, weight: Tensor | None) -> _Field:
    """Where in a painting the nearest of its hypercolumns are that count."""
    layers = [layer for layer in theirs if layer in ours]
    grid = theirs[layers[0]].shape[0], theirs[layers[0]].shape[1]
    counted = torch.arange(grid[0] * grid[1], device=theirs[layers[0]].device)
    if weight is not None:
        here = F.adaptive_avg_pool2d(weight, grid).flatten()
        counted = counted[here >= here.max() / 2]
    counted = counted[:: math.ceil(len(counted) / MOST_KEYS)]
    queries = torch.cat([ours[layer].flatten(0, 1) for layer in layers], 1).float()
    keys = torch.cat([theirs[layer].flatten(0, 1)[counted] for layer in layers], 1).float()
    index = counted[nearest(centred(queries), centred(keys))].view(ours[layers[0]].shape[:2])
    return _Field(torch.stack([index // grid[1], index % grid[1]]), grid)


def _unit(columns: Table) -> dict[str, Tensor]:
    """(a, b, N) of each layer -> (1, N, a, b), changed so that all layers of a cell have length 1 together."""
    length = torch.stack([maps.float().square().sum(2) for maps in columns.values()]).sum(0).clamp_min(TINY).sqrt()
    return {layer: maps.div_(length[..., None].to(maps)).permute(2, 0, 1)[None] for layer, maps in columns.items()}


def _counting(mask: Tensor | None, grid: tuple[int, int]) -> Tensor | None:
    """What `mask` leaves of each position of a grid."""
    return None if mask is None else SpatialWeights.of(mask, *grid).weights


def _strided(grid: tuple[int, int], stride: int, first: Tensor) -> Tensor:
    """Positions of a grid, (K, 2), `stride` apart."""
    down, across = (torch.arange(int(start) % count, count, stride) for start, count in zip(first, grid, strict=True))
    return torch.cartesian_prod(down, across).view(-1, 2)


def _all_centred(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {layer: centred(rows) for layer, rows in features.items()}


def _add(found: dict[str, Tensor], layer: str, part: Tensor) -> None:
    found[layer] = found[layer] + part if layer in found else part
