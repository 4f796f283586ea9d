"""Coarse to fine: at which sizes to work, for how many steps, at which rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .recipe import Recipe

COARSEST = 128
STEPS = 60


@dataclass(frozen=True)
class Stage:
    """One size to work at: `size` is the longest side in pixels."""

    size: int
    steps: int


def stages(recipe: Recipe) -> list[Stage]:
    """Doubling sizes up to the recipe's, with fewer steps as they grow: half as many again for each size down."""
    scales = recipe.scales or 1 + max(0, round(math.log2(recipe.size / COARSEST)))
    steps = recipe.steps or STEPS
    downs = range(scales - 1, -1, -1)
    return [Stage(round(recipe.size / 2**down), round(steps * 1.6**down)) for down in downs]


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """Cosine decay of the learning rate from its full value to a twentieth, over `steps`."""
    return recipe.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
