"""The objective: every loss of one painting at one size, against targets that are computed once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import RecipeError
from ..features.grid import ALL, Box, Grids
from ..plugin.backend import Evaluator
from ..ranks import Strips
from ..recipe.recipe import Recipe
from .colours import histogram_loss
from .content import Sums, compared
from .gram import gram
from .profiles import Profile
from .spatial_weights import SpatialWeights
from .summed import Key, SummedObjective, picture_of

MIDDLE = 50.0
"""The strength at which content and style have the weights that the profile gives them."""


@dataclass(frozen=True)
class Weights:
    """What each loss counts: per layer for content and style, plain numbers for the others."""

    content: Mapping[str, float]
    style: Mapping[str, float]
    variation: float
    histogram: float
    norm: float = 0.0

    @classmethod
    def of(cls, recipe: Recipe, profile: Profile, content: Mapping[str, float], style: Mapping[str, float]) -> Weights:
        """The recipe's weights, or the profile's; `content` and `style` are the w_l of the layers.

        alpha / beta goes with the square of the odds, (100 - strength) / strength: a straight line would leave nearly
        all of the change to the last few points. At 0 only content counts, at 100 only style.
        """
        towards = (recipe.strength / MIDDLE) ** 2
        alpha = (2 - recipe.strength / MIDDLE) ** 2 * _or(recipe.content_weight, profile.content_weight)
        beta = towards * _or(recipe.style_weight, profile.style_weight)
        return cls(
            {layer: alpha * weight for layer, weight in content.items()},
            {layer: beta * weight for layer, weight in style.items()},
            _or(recipe.tv_weight, profile.tv_weight),
            towards * _or(recipe.histogram_weight, profile.histogram_weight),
            _or(recipe.norm_weight, profile.norm_weight),
        )


@dataclass(frozen=True)
class StyleTarget:
    """A^l of one style, and where on the picture it is to be matched."""

    grams: Mapping[str, Tensor]
    share: float = 1.0
    """Part of the style loss: of the picture's area, of the styles' weights, or both."""
    mask: Tensor | None = None
    """(1, 1, H, W) in [0, 1], the part of each pixel that is this style's; None for all pixels alike."""


@dataclass(frozen=True)
class Colours:
    """Colour quantiles, (3, K), and the K pixels that are to have them: all, or those of `index`."""

    quantiles: Tensor
    index: Tensor | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Targets:
    """What the picture is to match: P^l of the content; the styles; their colours. `mask` is where content counts.

    `grain`, (3, 3), is for a start: the covariance of the styles' colours in the finest octave.
    """

    content: Mapping[str, Tensor]
    styles: Sequence[StyleTarget]
    colours: Sequence[Colours]
    mask: Tensor | None = None
    grain: Tensor | None = None


class Objective(SummedObjective):
    """Losses of an image, (1, 3, H, W), by name: "content <layer>", "style <layer>", "tv", "norm", "histogram".

    Where there are masks, what lies outside them counts in no loss but the regularisers. With `wrap`, layers see the
    image continued over its edges by that many pixels, as if it were laid in tiles.
    """

    def __init__(
        self, profile: Profile, weights: Weights, targets: Targets, evaluate: Evaluator, wrap: int = 0
    ) -> None:
        """Layers that a picture of this size does not reach hand their weight to those it does.

        Raises `RecipeError` where that leaves nothing but regularisers, which would make a grey sheet.
        """
        if not (targets.content or any(style.grams for style in targets.styles) or weights.histogram):
            seen = "Nothing is left to match: every weight is 0, or the picture does not reach the layers asked for."
            raise RecipeError(seen, "Raise a weight or the size, choose other layers, or set scales to 1.")
        self.profile, self.weights, self.targets, self.evaluate, self.wrap = profile, weights, targets, evaluate, wrap
        self.content_weights = _shared_out(weights.content, targets.content)
        self.style_weights = [_shared_out(weights.style, style.grams) for style in targets.styles]
        self.layers = list(
            dict.fromkeys([*targets.content, *(name for style in targets.styles for name in style.grams)])
        )
        self._where: dict[tuple[int, int, int], SpatialWeights] = {}

    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """The sums over positions that the losses follow from: of `maps`, (1, N, h, w), which is `box` of the layer.

        Those of parts add up to those of the layer. Where only their gradient is of use, `value` is False.
        """
        found: dict[Key, Tensor] = {}
        if layer in self.targets.content:
            where = self._counted(self.targets.mask, grid)
            found[None, layer] = compared(maps, self.targets.content[layer][:, :, box[0], box[1]], where, box, value)
        grams: dict[int, Tensor] = {}  # styles without masks have one in common
        for number, style in enumerate(self.targets.styles):
            if layer in style.grams:
                if id(style.mask) not in grams:
                    grams[id(style.mask)] = gram(maps, self._counted(style.mask, grid), box, value)
                found[number, layer] = grams[id(style.mask)]
        return found

    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """The losses that follow from the statistics of layers, and from the sizes of these."""
        losses = {
            f"content {layer}": self.content_weights[layer] * self.profile.content(Sums(*sums[None, layer]))
            for layer in self.targets.content
        }
        for number, (style, weights) in enumerate(zip(self.targets.styles, self.style_weights, strict=True)):
            for layer, target in style.grams.items():
                if (number, layer) in sums:
                    weight = style.share * weights[layer] * self._trust(self._counted(style.mask, grids[layer]))
                    loss = weight * self.profile.style(sums[number, layer], target)
                    losses[f"style {layer}"] = losses.get(f"style {layer}", 0) + loss
        return losses

    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The losses on the pixels themselves, one by one: each takes some memory."""
        yield from regularised(image, self.weights, self.profile)
        if self.weights.histogram:
            total = image.new_zeros(())
            for part in self.targets.colours:
                total = total + part.share * histogram_loss(image, part.quantiles, part.index)
            yield "histogram", self.weights.histogram * total

    def strip_losses(self, image: Tensor, strips: Strips) -> Iterator[tuple[str, Tensor]]:
        """See `SummedObjective`; only regularisers need the whole picture."""
        if self.weights.variation or self.weights.norm:
            yield from regularised(picture_of(image, strips), self.weights, self.profile)
        if self.weights.histogram:
            total = image.new_zeros(())
            for part in self.targets.colours:
                index = strips.own_index(part.index, image.shape[-1])
                total = total + part.share * histogram_loss(image, part.quantiles, index, strips.ranks)
            yield "histogram", self.weights.histogram * total

    def _counted(self, mask: Tensor | None, grid: tuple[int, int]) -> SpatialWeights:
        """What `mask` leaves of a grid of this size; worked out once for each."""
        key = id(mask), *grid
        if key not in self._where:
            self._where[key] = SpatialWeights.of(mask, *grid)
        return self._where[key]

    def _trust(self, where: SpatialWeights) -> float:
        """What a Gram matrix over these positions counts, 0 to 1; see `Profile.half_trust_positions`."""
        return where.positions / (where.positions + self.profile.half_trust_positions) if where.positions else 0.0


def regularised(image: Tensor, weights: Weights, profile: Profile) -> Iterator[tuple[str, Tensor]]:
    """The losses "tv" and "norm" of an image, (1, 3, H, W), where they count."""
    if weights.variation:
        yield "tv", weights.variation * profile.variation(image)
    if weights.norm:
        yield "norm", weights.norm * profile.norm(image)


def _shared_out(weights: Mapping[str, float], present: Mapping[str, Tensor]) -> dict[str, float]:
    total, here = sum(weights.values()), sum(weights[layer] for layer in present)
    return {layer: weights[layer] * total / here for layer in present}


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
