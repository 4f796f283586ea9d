"""Coarse to fine: at which sizes to work, and for how many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .recipe import Recipe

COARSEST = 128
STEPS = 32
GROWTH = 1.32


@dataclass(frozen=True)
class Stage:
    """One size to work at: `size` is the longest side in pixels."""

    size: int
    steps: int

    @property
    def work(self) -> float:
        """What the stage costs, relative to others: its pixels, and something for each step itself."""
        return self.steps * (self.size**2 + COARSEST**2)


def stages(recipe: Recipe, longest: int, shortest: int) -> list[Stage]:
    """Sizes that double up to that of what is painted, (longest, shortest) pixels, with fewer steps as they grow.

    Large shapes settle at small sizes, where a step costs little: each size down takes a third more steps than the one
    above it, up to twice those of the last. The coarsest has a longest side of about 128 pixels, and none has a short
    side below 16.
    """
    scales = recipe.scales or 1 + max(0, round(math.log2(longest / COARSEST)))
    scales = min(scales, 1 + int(math.log2(max(shortest, 16) / 16)))
    if recipe.init == "content" and not recipe.strength:
        scales = 1  # the content is there already, and smaller sizes would only blur it
    last = recipe.steps or STEPS
    return [
        Stage(round(longest / 2**down), min(round(last * GROWTH**down), 2 * last)) for down in range(scales - 1, -1, -1)
    ]
