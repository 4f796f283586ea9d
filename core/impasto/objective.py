"""The objective: every loss of one painting at one size, against targets that are computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .backend import Evaluator
from .errors import RecipeError
from .losses import gram, histogram_loss
from .profiles import Profile
from .recipe import Recipe

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
class Targets:
    """What the picture is to match: P^l of the content, A^l of the style, the style's colour quantiles (3, H * W)."""

    content: Mapping[str, Tensor]
    style: Mapping[str, Tensor]
    colours: Tensor


@torch.no_grad()
def content_targets(evaluate: Evaluator, content: Tensor, weights: Weights) -> dict[str, Tensor]:
    """P^l of the layers that count."""
    return evaluate(content, [layer for layer, weight in weights.content.items() if weight])


@torch.no_grad()
def style_targets(evaluate: Evaluator, style: Tensor, weights: Weights) -> dict[str, Tensor]:
    """A^l, per position, of the layers that count."""
    features = evaluate(style, [layer for layer, weight in weights.style.items() if weight])
    return {layer: gram(maps) for layer, maps in features.items()}


class Objective:
    """Losses of an image, (1, 3, H, W), by name: "content <layer>", "style <layer>", "tv", "norm", "histogram"."""

    def __init__(self, profile: Profile, weights: Weights, targets: Targets, evaluate: Evaluator) -> None:
        """Layers that a picture of this size does not reach hand their weight to those it does.

        Raises `RecipeError` where that leaves nothing but regularisers, which would make a grey sheet.
        """
        if not (targets.content or targets.style or weights.histogram):
            seen = "Nothing is left to match: every weight is 0, or the picture does not reach the layers asked for."
            raise RecipeError(seen, "Raise a weight or the size, choose other layers, or set scales to 1.")
        self.profile, self.targets, self.evaluate = profile, targets, evaluate
        self.weights = Weights(
            _shared_out(weights.content, targets.content),
            _shared_out(weights.style, targets.style),
            weights.variation,
            weights.histogram,
            weights.norm,
        )

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Weighted losses; their sum is what is minimised."""
        layers = dict.fromkeys([*self.targets.content, *self.targets.style])
        features = self.evaluate(image, list(layers)) if layers else {}
        losses: dict[str, Tensor] = {}
        for layer, target in self.targets.content.items():
            losses[f"content {layer}"] = self.weights.content[layer] * self.profile.content(features[layer], target)
        for layer, target in self.targets.style.items():
            if layer in features:
                weight = self.weights.style[layer] * self._trust(features[layer])
                losses[f"style {layer}"] = weight * self.profile.style(gram(features[layer]), target)
        if self.weights.variation:
            losses["tv"] = self.weights.variation * self.profile.variation(image)
        if self.weights.norm:
            losses["norm"] = self.weights.norm * self.profile.norm(image)
        if self.weights.histogram:
            losses["histogram"] = self.weights.histogram * histogram_loss(image, self.targets.colours)
        return losses

    def _trust(self, features: Tensor) -> float:
        """What a Gram matrix over this many positions counts, 0 to 1; see `Profile.doubt`."""
        positions = features[0, 0].numel()
        return positions / (positions + self.profile.doubt)


def _shared_out(weights: Mapping[str, float], present: Mapping[str, Tensor]) -> dict[str, float]:
    total, here = sum(weights.values()), sum(weights[layer] for layer in present)
    return {layer: weights[layer] * total / here for layer in present}


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
