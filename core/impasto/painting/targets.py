"""The targets of a scene at one size: what the networks see of each picture there, and where it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.target_cache import recalled
from ..features.tiles import TiledForward, Tiling, put
from ..matching.matching import Aim
from ..matching.patches import SIDE
from ..objective.colours import quantiles
from ..objective.gram import gram
from ..objective.objective import Colours, StyleTarget, Targets, Weights
from ..objective.spatial_weights import SpatialWeights
from ..objective.summed import wrapped
from ..optim.start import covariance
from ..pictures.picture import Picture, Pixels
from ..plugin.backend import Evaluator
from ..storage.cache import CONTENTS, STYLES
from .scene import Scene, fitted, stretched


def content_targets(
    evaluate: Evaluator, content: Tensor, weights: Weights, tiling: Tiling | None = None
) -> dict[str, Tensor]:
    """P^l of the layers that count, whole, whether evaluated in tiles or not."""
    layers = [layer for layer, weight in weights.content.items() if weight]

    def maps() -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for layer, piece, grid, box in TiledForward(evaluate, layers, content, tiling).pieces(content):
            found[layer] = put(found.get(layer), piece, grid, box)
        return found

    return recalled(CONTENTS, evaluate, layers, [content], maps)


def style_targets(
    evaluate: Evaluator, style: Tensor, weights: Weights, mask: Tensor | None = None, tiling: Tiling | None = None
) -> dict[str, Tensor]:
    """A^l, per position, of the layers that count; of the part of `style` that `mask`, (1, 1, H, W), leaves."""
    layers = [layer for layer, weight in weights.style.items() if weight]

    def grams() -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        where: dict[str, SpatialWeights] = {}
        for layer, piece, grid, box in TiledForward(evaluate, layers, style, tiling).pieces(style):
            if layer not in where:
                where[layer] = SpatialWeights.of(mask, *grid)
            share = gram(piece, where[layer], box)
            found[layer] = found[layer] + share if layer in found else share
        return found

    return recalled(STYLES, evaluate, layers, [style, mask], grams)


TilingFor = Callable[[int], Tiling | None]
"""The tiles for a picture of so many pixels; None to evaluate it whole."""


def _whole(_: int) -> None:
    return None


@dataclass(frozen=True)
class StylePart:
    """A painting at the scale of the picture, (1, 3, h, w), and where it counts.

    weight: (1, 1, h, w), how much each of its pixels counts; None for all alike. share: its part of the style loss.
    mask: (1, 1, H, W) of the content, where it is to be matched; None for everywhere.
    """

    painting: Tensor
    weight: Tensor | None
    share: float
    mask: Tensor | None


@dataclass(frozen=True)
class View:
    """A scene with the longest side of what is painted brought to `longest` pixels, on one device.

    `scales` are those of `Scene.scales`; `wrap` is as for `Objective`.
    """

    scene: Scene
    longest: int
    device: str
    scales: Sequence[float]
    wrap: int = 0

    @cached_property
    def content(self) -> Tensor:
        """The part of the content to paint, (1, 3, H, W)."""
        return self.tensor(fitted(self.scene.crop, self.longest))

    def targets(self, evaluate: Evaluator, weights: Weights, tiling: TilingFor = _whole) -> Targets:
        """What that part is to match; `tiling` gives the tiles for so many pixels, with the same result."""
        styles = [
            StyleTarget(
                style_targets(evaluate, part.painting, weights, part.weight, tiling(part.painting[0, 0].numel())),
                part.share,
                _framed(part.mask, self.content, self.wrap),
            )
            for part in self.parts
        ]
        grain = sum((part.share * covariance(part.painting, part.weight) for part in self.parts), torch.zeros(()))
        mask = self.framed(self.mask)
        whole = wrapped(self.content, self.wrap)
        seen = content_targets(evaluate, whole, weights, tiling(whole[0, 0].numel()))
        return Targets(seen, styles, self.colours, mask, grain if self.parts else None)

    @cached_property
    def mask(self) -> Tensor | None:
        """Where the content counts, (1, 1, H, W); None for everywhere."""
        return self._mask(self.scene.mask, self.content)

    @cached_property
    def parts(self) -> list[StylePart]:
        """The paintings, and how much and where each of them counts."""
        masks = [_both(self.mask, self._mask(share, self.content)) for share in self.scene.shares]
        shares = self._shares(masks, self.mask)
        return [StylePart(*self._painting(number), *one) for number, one in enumerate(zip(shares, masks, strict=True))]

    @property
    def colours(self) -> list[Colours]:
        """The colours that go with the styles."""
        return _colours(self.parts, self.content)

    def framed(self, mask: Tensor | None) -> Tensor | None:
        """`mask`, (1, 1, H, W) of the content, as `wrapped` enlarges the picture."""
        return _framed(mask, self.content, self.wrap)

    def aims(self) -> list[Aim]:
        """The paintings to match with, and where each belongs."""
        shares = [self._mask(share, self.content) for share in self.scene.shares]
        segments = self._shares(shares, None)
        return [Aim(*self._painting(number), *one) for number, one in enumerate(zip(shares, segments, strict=True))]

    def tensor(self, picture: Picture) -> Tensor:
        """(1, 3, H, W) on the device."""
        return torch.from_numpy(picture.pixels).permute(2, 0, 1)[None].contiguous().to(self.device)

    def _painting(self, number: int) -> tuple[Tensor, Tensor | None]:
        """Style `number` and how much each of its pixels counts, (1, 1, H, W)."""
        beside = self.longest / max(self.scene.crop.size)
        least = (SIDE + 1) / min(self.scene.paintings[number][0].size)
        picture, weight = self.scene.painting(number, max(beside * self.scales[number], least))
        return self.tensor(picture), None if weight is None else self._plane(weight)

    def _mask(self, mask: Pixels | None, content: Tensor) -> Tensor | None:
        return None if mask is None else self._plane(stretched(mask, content.shape[-1], content.shape[-2]))

    def _plane(self, plane: Pixels) -> Tensor:
        return torch.from_numpy(plane).to(self.device)[None, None]

    def _shares(self, masks: list[Tensor | None], mask: Tensor | None) -> list[float]:
        """What each style counts: its weight among the others or, where they have masks, its part of the area."""
        if all(share is None for share in self.scene.shares):
            weights = [style.weight for style in self.scene.styles]
            return [weight / sum(weights) for weight in weights]
        whole = 1.0 if mask is None else float(mask.mean())
        return [float(own.mean()) / whole for own in masks if own is not None]


def _both(mask: Tensor | None, share: Tensor | None) -> Tensor | None:
    if mask is None or share is None:
        return mask if share is None else share
    return mask * share


def _framed(mask: Tensor | None, content: Tensor, border: int) -> Tensor | None:
    """`mask`, or the whole of `content`, inside a border that does not count; as `wrapped` enlarges the picture."""
    if not border:
        return mask
    inside = torch.ones_like(content[:, :1]) if mask is None else mask
    across, down = min(border, content.shape[-1]), min(border, content.shape[-2])
    return F.pad(inside, (across, across, down, down))


def _colours(parts: list[StylePart], content: Tensor) -> list[Colours]:
    """The colours that go with the styles: one blend for all, or each style's own for the pixels that are most its."""
    if len({id(part.mask) for part in parts}) == 1:
        index = _counting(parts[0].mask)
        count = content[0, 0].numel() if index is None else len(index)
        rows = [part.share * quantiles(part.painting, count, _counting(part.weight)) for part in parts]
        return [Colours(sum(rows, 0 * rows[0]), index)]
    best = torch.stack([part.mask.flatten() for part in parts if part.mask is not None]).max(dim=0)
    owned = [((best.indices == number) & (best.values > 0)).nonzero().flatten() for number in range(len(parts))]
    return [
        Colours(quantiles(part.painting, len(index), _counting(part.weight)), index, part.share)
        for part, index in zip(parts, owned, strict=True)
        if len(index)
    ]


def _counting(mask: Tensor | None) -> Tensor | None:
    """Indices of the pixels that count for more than half of what the most counting does; None for all."""
    return None if mask is None else (mask.flatten() > mask.max() / 2).nonzero().flatten()
