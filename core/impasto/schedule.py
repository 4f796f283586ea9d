"""Coarse to fine: at which sizes to work, and for how many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .recipe import Recipe

COARSEST = 128
STEPS, USUAL = 18, 512
"""Steps at a longest side of so many pixels."""
GROWTH = 1.5
DRAFT = 512
SHARES = {"draft": 0.35, "normal": 1.0, "fine": 2.0}
"""Steps beside `STEPS`, by quality."""


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

    Large shapes settle at small sizes, where a step costs little, and past `USUAL` pixels only the finest are new: each
    size takes two thirds of the steps of the one below it, which has at most twice those of `USUAL`. The coarsest has a
    longest side of about 128 pixels, and none has a short side below 16.
    """
    scales = recipe.scales or 1 + max(0, round(math.log2(longest / COARSEST)))
    scales = min(scales, 1 + int(math.log2(max(shortest, 16) / 16)))
    if recipe.init == "content" and not recipe.strength:
        scales = 1  # the content is there already, and smaller sizes would only blur it
    usual = recipe.steps or STEPS * SHARES[recipe.quality]
    above = 0.0 if recipe.steps else max(0.0, math.log2(longest / USUAL))
    plan = [
        Stage(round(longest / 2**down), round(usual * min(GROWTH ** (down - above), 2)))
        for down in range(scales - 1, -1, -1)
    ]
    return plan[: max(1, len(plan) - left_out(recipe))]


def left_out(recipe: Recipe) -> int:
    """How many of the last sizes a draft leaves out: it works at half the size or less, at 512 pixels at most."""
    return max(1, math.ceil(math.log2(recipe.size / DRAFT))) if recipe.quality == "draft" else 0
