"""Coarse to fine: at which sizes to work, and for how many steps."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, NamedTuple

from .knobs import NEIGHBOURS, OURS, TRANSPORT
from .recipe import Recipe

COARSEST, FIRST = 128, 64
"""Longest side of the first size, by Gram matrices and by single features."""
STEPS, USUAL = 18, 512
"""Steps at a longest side of so many pixels."""
GROWTH = 1.5
DRAFT = 512
SHARES = {"draft": 0.35, "normal": 1.0, "fine": 2.0}
"""Steps beside `STEPS`, by quality."""
NEIGHBOUR_STEPS = 12
"""Steps of profile nnst at `USUAL` with all layers as one; a round with each layer on its own has half as many."""
ROUNDS = 2
"""How many of these rounds there are."""
COMPARING = 3
"""How many steps take as long as finding neighbours once."""
TRANSPORT_STEPS, DRAWN = 18, 4
"""Steps of profile strotss at `USUAL`, and after how many positions are drawn anew."""
MATCHED, RATIO, NARROW = 44, math.sqrt(2), 8
"""Matching: longest side of the coarsest size, how much larger each next one is, and the least short side."""
GUIDED = 300
"""Longest side up to which hypercolumns are compared: the product of their numbers grows with its fourth power."""
FRAME = 3
"""A frame of a film after the first takes one in so many of the steps."""
LIVE_SIZES, LIVE = 3, 6
"""From a picture that was painted with other knobs: sizes that are matched, and steps of an optimiser at most."""
MATCHING, SEARCHED = 8e-6, 160
"""Seconds that it takes for each pixel of each size, on two cores; and what any size takes besides, as long as so
many pixels a side."""


@dataclass(frozen=True)
class Stage:
    """One size to work at: `size` is the longest side in pixels."""

    size: int
    steps: int
    sizes: tuple[int, ...] = ()
    """Those of matching, one for each step, up to that of the stage."""
    compares: Literal["", "hypercolumns", "layers"] = ""
    """Whether it finds neighbours first: of all layers as one, or of each layer on its own."""
    before: int = 0
    """Steps of stages before it at the same size."""
    draw: int = 0
    """How often positions were drawn at this size before, in profile strotss."""

    def seconds(self, unit: float) -> float:
        """What the stage takes for a square picture: its pixels, and something for each step itself.

        unit: seconds that a network takes for each pixel and step.
        """
        if self.sizes:
            return sum(map(matching_seconds, self.sizes))
        steps = self.steps + (COMPARING if self.compares else 0)
        return unit * steps * (self.size**2 + COARSEST**2)


def matching_seconds(size: int) -> float:
    """What matching a square picture at one size takes."""
    return MATCHING * (size**2 + SEARCHED**2)


class Reached(NamedTuple):
    """How far a painting has come: the longest side at which it works, and all steps of an optimiser taken there.

    `step` None is all of them. What comes before that size is done.
    """

    size: int
    step: int | None = None

    def share(self, stage: Stage) -> float:
        """How much of `stage` is done, 0 to 1."""
        if stage.size < self.size or (stage.size == self.size and (stage.sizes or self.step is None)):
            return 1.0
        if stage.sizes:
            taken = [(size, matching_seconds(size)) for size in stage.sizes]
            return sum(seconds for size, seconds in taken if size <= self.size) / sum(seconds for _, seconds in taken)
        return self.steps(stage) / stage.steps

    def steps(self, stage: Stage) -> int:
        """The steps of `stage` that are done, where it has steps of an optimiser."""
        if stage.size != self.size:
            return stage.steps if stage.size < self.size else 0
        return stage.steps if self.step is None else min(stage.steps, max(0, self.step - stage.before))


def stages(recipe: Recipe, longest: int, shortest: int, finish: int = 0) -> list[Stage]:
    """The stages of a painting of (longest, shortest) pixels; `finish`: steps of its network after a matched start.

    After that one size is worked at, if nothing else is asked for.
    """
    if recipe.profile == NEIGHBOURS:
        return _neighbours(recipe, longest, shortest)
    if recipe.profile == TRANSPORT:
        return [draw for stage in _stages(recipe, longest, shortest, TRANSPORT_STEPS, FIRST) for draw in _drawn(stage)]
    if not recipe.matched:
        return _stages(recipe, longest, shortest, STEPS)
    drafted = left_out(recipe)
    scales = recipe.scales or 1 + drafted * (longest / 2**drafted >= COARSEST / RATIO)
    steps = finish if recipe.profile == OURS else STEPS
    plan = _stages(recipe.model_copy(update={"scales": scales}), longest, shortest, steps)
    sizes = matching(plan[0].size, shortest / longest)
    return [Stage(plan[0].size, len(sizes), sizes), *(stage for stage in plan if stage.steps)]


def frame_stages(plan: Sequence[Stage], narrow: float) -> list[Stage]:
    """The stages of `plan` for a frame of a film after the first; `narrow` as for `matching`.

    What is newly seen is matched, whatever the first frame started from, and a few steps at the last size blend it in.
    """
    last = plan[-1]
    sizes = last.sizes or matching(last.size, narrow)
    rest = [] if last.sizes else [replace(last, steps=max(1, round(last.steps / FRAME)))]
    return [Stage(last.size, len(sizes), sizes), *rest]


def live_stages(plan: Sequence[Stage], found: Collection[int]) -> list[Stage]:
    """The last of the stages of `plan`, from a picture that was painted with other knobs.

    found: the sizes at which patches were found then; the last few of them are matched, and what comes after them.
    """
    first, last, known = plan[0], plan[-1], sorted(found)[-LIVE_SIZES:]
    sizes = tuple(size for size in first.sizes if size >= known[0]) if known else ()
    rest = [] if last.sizes else [replace(last, steps=min(last.steps, LIVE))]
    return [replace(first, steps=len(sizes), sizes=sizes), *rest] if sizes else rest


def matching(longest: int, narrow: float = 1.0) -> tuple[int, ...]:
    """Longest sides to match at, up to `longest`, those of half the size among them; `narrow`: short side by long."""
    count = max(0, round(math.log(longest / MATCHED, RATIO)))
    sizes = [round(longest / RATIO**down) for down in range(count, -1, -1)]
    return tuple(size for size in sizes if size * narrow >= NARROW or size == longest)


def guiding(sizes: Sequence[int]) -> Sequence[int]:
    """Those of the `sizes` of matching at which hypercolumns are compared: each other one, up to `GUIDED`."""
    small = [size for size in sizes if size <= GUIDED] or sizes[:1]
    return small[::-2][::-1]


def _neighbours(recipe: Recipe, longest: int, shortest: int) -> list[Stage]:
    """Sizes that double from 64 pixels, and at the last of them a few rounds for the layers one by one."""
    plan = _stages(recipe, longest, shortest, NEIGHBOUR_STEPS, FIRST)
    first, steps = plan[-1], max(1, plan[-1].steps // 2)
    rounds = [
        Stage(first.size, steps, compares="layers", before=first.steps + steps * number) for number in range(ROUNDS)
    ]
    return [*(replace(stage, compares="hypercolumns") for stage in plan), *rounds]


def _drawn(stage: Stage) -> list[Stage]:
    """The same in stages of about `DRAWN` steps, with positions of their own."""
    count = max(1, round(stage.steps / DRAWN))
    ends = [round(stage.steps * number / count) for number in range(count + 1)]
    return [
        Stage(stage.size, end - begin, before=begin, draw=number) for number, (begin, end) in enumerate(pairwise(ends))
    ]


def _stages(recipe: Recipe, longest: int, shortest: int, steps: int, coarsest: int = COARSEST) -> list[Stage]:
    """Sizes that double up to that of what is painted, (longest, shortest) pixels, with fewer steps as they grow.

    Large shapes settle at small sizes, where a step costs little, and past `USUAL` pixels only the finest are new: each
    size takes two thirds of the steps of the one below it, which has at most twice those of `USUAL`. The coarsest has a
    longest side of about `coarsest` pixels, and none has a short side below 16.
    """
    scales = recipe.scales or 1 + max(0, round(math.log2(longest / coarsest)))
    scales = min(scales, 1 + int(math.log2(max(shortest, 16) / 16)))
    if recipe.init in ("content", "matched") and not recipe.strength:
        scales = 1  # the content is there already, and smaller sizes would only blur it
    usual = recipe.steps or steps * SHARES[recipe.quality]
    above = 0.0 if recipe.steps else max(0.0, math.log2(longest / USUAL))
    plan = [
        Stage(round(longest / 2**down), round(usual * min(GROWTH ** (down - above), 2)))
        for down in range(scales - 1, -1, -1)
    ]
    return plan[: max(1, len(plan) - left_out(recipe))]


def left_out(recipe: Recipe) -> int:
    """How many of the last sizes a draft leaves out: it works at half the size or less, at 512 pixels at most."""
    return max(1, math.ceil(math.log2(recipe.longest / DRAFT))) if recipe.quality == "draft" else 0
