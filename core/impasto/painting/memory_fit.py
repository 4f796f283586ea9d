"""Makes a painting fit into the memory there is: before it begins, and again when memory runs out on the way."""

from __future__ import annotations

import gc
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from ..errors import OutOfMemory
from ..features.activation_memory import measured_cost
from ..features.receptive_field import Footprint, footprint_of
from ..features.tiles import Tiling
from ..memory import allocator, system
from ..memory.plan import (
    MAX_TILE,
    MIN_HISTORY,
    MIN_TILE,
    STRIDE,
    MemoryBudget,
    TilingPlan,
    memory_budget,
)
from ..objective.summed import SummedObjective
from ..objective.tiled import Tiled
from ..plugin.backend import Evaluator
from ..plugin.network import Capabilities
from ..plugin.registry import registry
from ..ranks import ALONE, WHOLE, Ranks, Strips
from ..recipe.recipe import Recipe
from .loading import Loaded

P = ParamSpec("P")
R = TypeVar("R")
LONG = 1e-5
"""Seconds for each pixel and step from which on a network computes for long."""


class MemoryFitter:
    """Keeps a painting of `size`, (width, height) in pixels, within the memory there is: plans tiles, and shrinks them.

    Raises `OutOfMemory` where the smallest tiles are too large.
    """

    def __init__(
        self, loaded: Loaded, layers: Sequence[str], recipe: Recipe, size: tuple[int, int], ranks: Ranks = ALONE
    ) -> None:
        self.ranks = ranks
        self.loaded, self.layers, self.recipe, self.size = loaded, list(dict.fromkeys(layers)), recipe, size
        known = registry().network(recipe.network).cost
        cost = None if known else measured_cost(loaded.evaluate, self.layers, loaded.device)
        pixels = size[0] * size[1]
        budget = memory_budget(pixels, recipe, loaded.device, loaded.precision, cost, ranks.size)
        self.budget: MemoryBudget = min(ranks.objects(budget), key=lambda budget: budget.limit)  # the same plan for all
        self._notice: str = self.budget.notice(pixels)
        self._last: tuple[SummedObjective, MemoryBudget, SummedObjective | Tiled] | None = None

    def take_notice(self) -> str:
        """What has changed in the plan since the last call, in a sentence; "" if nothing."""
        notice, self._notice = self._notice, ""
        return notice

    def retry_on_oom(self, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """The result of `work`, called again with smaller tiles whenever memory runs out.

        `work` must leave what it works on as it was unless it returns. Ranks that paint together do not call again:
        the others have gone on already.
        """
        while True:
            try:
                return work(*args, **named)
            except (RuntimeError, MemoryError) as error:
                if not system.exhausted(error, self.plan(self.size[0] * self.size[1]).bytes):
                    raise
                if self.ranks.size > 1:
                    seen = f"Memory ran out on rank {self.ranks.rank} of {self.ranks.size}."
                    raise OutOfMemory(seen, "Lower --memory, set a smaller size, or start more ranks.") from error
                traceback.clear_frames(error.__traceback__)  # the maps of the step are there still
                cause = error.with_traceback(None)
            self._shrink(cause)

    def plan(self, pixels: int) -> TilingPlan:
        """The tiling plan for a picture of so many pixels."""
        return self.budget.plan(pixels) or TilingPlan(self.budget.least, MIN_HISTORY, math.inf)

    def tiling(self, pixels: int) -> Tiling | None:
        """The tiles of the plan for a picture of so many pixels; None if it is evaluated whole."""
        plan = self.plan(pixels)
        return Tiling(plan.tile, self._footprint, plan.spare, trim=not self._long) if plan.tile else None

    def target_tiling(self, pixels: int) -> Tiling | None:
        """The same for the evaluator of the targets, which may have no checkpoints."""
        side = self.plan(pixels).tile
        return Tiling(side, self._target_footprint) if side else None

    def strips(self, image: Tensor) -> Strips:
        """What each rank has of a picture of this size: a part of one that is evaluated in tiles, all of others."""
        return Strips(self.ranks, image.shape[-2]) if self.plan(image[0, 0].numel()).tile else WHOLE

    def objective_for(self, objective: SummedObjective, image: Tensor, strips: Strips) -> SummedObjective | Tiled:
        """`objective`, in tiles if the plan says so; the same object as before while neither changes.

        image: of `strips`, this rank's.
        """
        if self._last is None or self._last[:2] != (objective, self.budget):
            tiling = self.tiling(math.prod(strips.size(image)))
            self._last = objective, self.budget, Tiled(objective, image, tiling, strips) if tiling else objective
        return self._last[2]

    def _shrink(self, cause: Exception) -> None:
        """Halve the tiles, or begin to use some, and halve the history of L-BFGS; `cause` says that memory ran out."""
        gc.collect()
        allocator.release()
        if self.loaded.device.startswith("cuda"):
            torch.cuda.empty_cache()
        plan = self.plan(self.size[0] * self.size[1])
        if plan.tile and plan.tile <= MIN_TILE:
            raise OutOfMemory(f"Memory ran out with tiles of {plan.tile} pixels.", "Set a smaller size.") from cause
        half = (plan.tile or min(MAX_TILE, max(self.size))) // 2 // STRIDE * STRIDE
        least, history = max(MIN_TILE, half), max(MIN_HISTORY, plan.history // 2)
        self.budget = replace(self.budget, limit=math.inf, least=MIN_TILE, largest=least, history=history)
        self._notice = f"Memory ran out, so it evaluates tiles of {least} pixels and remembers {history} steps."

    @property
    def _long(self) -> bool:
        """Whether the network is known to compute for long: memory that it frees seldom fragments."""
        known = registry().network(self.recipe.network).cost
        return known is not None and known.seconds > LONG

    @cached_property
    def _footprint(self) -> Footprint:
        return self._footprint_of(self.loaded.evaluate)

    @cached_property
    def _target_footprint(self) -> Footprint:
        one, other = (Capabilities.of(each) for each in (self.loaded.target_evaluator, self.loaded.evaluate))
        alike = one.checkpoints == other.checkpoints and one.valid == other.valid
        return self._footprint if alike else self._footprint_of(self.loaded.target_evaluator)

    def _footprint_of(self, evaluate: Evaluator) -> Footprint:
        return footprint_of(evaluate, self.layers, torch.zeros(1, device=self.loaded.device))
