"""Gatys' objective on feature maps, in the paper's terms. It does not know which network it looks at.

Notation (Gatys, Ecker and Bethge, CVPR 2016): a layer l has N_l channels on M_l positions. F^l are the features of the
picture being painted, P^l of the content, both (N_l, M_l); G^l is the Gram matrix of F^l, A^l the style's.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# Luma, yellow-blue and red-green: rows of unit length, so that the colour loss weighs them alike.
OPPONENT = torch.nn.functional.normalize(
    torch.tensor([[0.299, 0.587, 0.114], [0.5, 0.5, -1.0], [1.0, -1.0, 0.0]]), dim=1
)


def gram(features: Tensor) -> Tensor:
    """G = F F^T (eq. 3), unnormalised: (1, N, h, w) -> (N, N)."""
    f = features.flatten(2)[0]
    return f @ f.T


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """sum (value - target)^2 / sum target^2: the same strength means the same for every layer and style."""
    return (value - target).square().sum() / target.square().sum().clamp_min(1e-12)


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, down and across: (1, 3, H, W) in [0, 1] -> scalar."""
    down, across = image.diff(dim=2), image.diff(dim=3)
    return down.square().mean() + across.square().mean()


def sorted_opponent(image: Tensor) -> Tensor:
    """Each opponent colour of (1, 3, H, W), sorted: (3, H * W), a colour histogram of the finest bins."""
    return opponent(image).sort(dim=1).values


def opponent(image: Tensor) -> Tensor:
    """Luma, yellow-blue, red-green of (1, 3, H, W) as (3, H * W)."""
    return OPPONENT.to(image) @ image.flatten(2)[0]


def histogram_loss(image: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of the sorted opponent colours to `target`, (3, H * W): 1-D Wasserstein-2, squared.

    Source: Risser, Wilmot and Barnes (2017), section 4, histogram loss; here on colours and by exact sorting, where
    the paper matches histograms of features in bins.
    """
    return (sorted_opponent(image) - target).square().mean()


def style_loss(grams: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """sum_l w_l E_l (eq. 5), with E_l the relative error of the Gram matrix per position."""
    return torch.stack([weights[layer] * relative_error(grams[layer], a) for layer, a in targets.items()]).sum()


class Objective:
    """The losses of one painting at one size, against targets computed once."""

    def __init__(self, recipe, evaluate, layers, content, style, histogram, weights):  # type: ignore[no-untyped-def]
        self.recipe, self.evaluate, self.layers = recipe, evaluate, layers
        self.content, self.style, self.histogram, self.weights = content, style, histogram, weights

    @classmethod
    @torch.no_grad()
    def of(cls, recipe, network, evaluate, content: Tensor, style: Tensor):  # type: ignore[no-untyped-def]
        p = evaluate(content, network.content_layers)
        a = {k: gram(v) / v[0, 0].numel() for k, v in evaluate(style, network.style_layers).items()}
        n = content[0, 0].numel()
        histogram = torch.nn.functional.interpolate(sorted_opponent(style)[None], size=n, mode="linear")[0]
        a = {k: v for k, v in a.items() if k in evaluate(content, network.style_layers)}
        return cls(recipe, evaluate, [*p, *a], p, a, histogram, {**network.content_layers, **network.style_layers})

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        features = self.evaluate(image, self.layers)
        grams = {k: gram(features[k]) / features[k][0, 0].numel() for k in self.style}
        s = self.recipe.strength / 50
        content = torch.stack([self.weights[k] * relative_error(features[k], p) for k, p in self.content.items()]).sum()
        return {
            "content": (2 - s) * content,
            "style": s * style_loss(grams, self.style, self.weights),
            "histogram": s * 50 * histogram_loss(image, self.histogram),
        }
