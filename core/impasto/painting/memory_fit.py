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
from ..features.receptive_field import Part, Sight, kept, measured
from ..features.tiles import Tiling
from ..memory import allocator, system
from ..memory.plan import (
    COSTS,
    ENOUGH,
    FORGETFUL,
    LARGEST,
    OTHERS,
    SMALLEST,
    STRIDE,
    Cost,
    Fit,
    Look,
    at_hand,
    costs,
    fit,
)
from ..objective.objective import Objective
from ..objective.tiled import Tiled
from ..plugin.backend import Evaluator
from ..plugin.network import checkpoints, unpadded
from ..recipe.recipe import Recipe
from .loading import Loaded

P = ParamSpec("P")
R = TypeVar("R")
LONG = 1e-5
"""Seconds for each unit of work, from which a network calculates long."""
PROBE, BESIDE = 128, 1.5
"""Side of the picture on which an unknown network is measured, and what a step takes beside what it keeps."""


class Room:
    """What a painting of (width, height) pixels, `size`, may take, and how it looks at pictures to keep to it.

    Raises `OutOfMemory` where nothing helps.
    """

    def __init__(self, loaded: Loaded, layers: Sequence[str], recipe: Recipe, size: tuple[int, int]) -> None:
        self.loaded, self.layers, self.recipe, self.size = loaded, list(dict.fromkeys(layers)), recipe, size
        free, taken = _memory(loaded.device)
        precision = getattr(loaded.evaluate, "precision", recipe.precision)
        cost = costs(recipe.network, precision) if recipe.network in COSTS else self._measured()
        enough = math.inf if loaded.device.startswith("cuda") else ENOUGH
        self.fit = fit(size[0] * size[1], recipe, free, taken, cost, enough)
        self._notice = self.fit.said(size[0] * size[1], taken)
        self._last: tuple[Objective, Fit, Objective | Tiled] | None = None

    def told(self) -> str:
        """What has changed since this was last asked for, in a sentence, or nothing."""
        notice, self._notice = self._notice, ""
        return notice

    def run(self, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """What `work` gives, tried again with less whenever memory runs out."""
        while True:
            try:
                return work(*args, **named)
            except (RuntimeError, MemoryError) as error:
                if not system.exhausted(error):
                    raise
                traceback.clear_frames(error.__traceback__)  # the maps of the step are there still
            self._shrink()

    def look(self, pixels: int) -> Look:
        """How to look at pictures of so many pixels."""
        return self.fit.look(pixels) or Look(self.fit.least, FORGETFUL, math.inf)

    def tiling(self, pixels: int) -> Tiling | None:
        """The tiles for that, if any."""
        look = self.look(pixels)
        return Tiling(look.tile, self._sight, look.spare, tidy=not self._long) if look.tile else None

    def aiming(self, pixels: int) -> Tiling | None:
        """The same for what computes the targets, which may not know of checkpoints."""
        side = self.look(pixels).tile
        return Tiling(side, self._aim) if side else None

    def looked(self, objective: Objective, image: Tensor) -> Objective | Tiled:
        """`objective`, in tiles if that is called for; the same as before while nothing changes."""
        if self._last is None or self._last[:2] != (objective, self.fit):
            tiling = self.tiling(image[0, 0].numel())
            self._last = objective, self.fit, Tiled(objective, image, tiling) if tiling else objective
        return self._last[2]

    def _shrink(self) -> None:
        """Halve the tiles, or begin with some, and remember half as much."""
        gc.collect()
        allocator.release()
        if self.loaded.device.startswith("cuda"):
            torch.cuda.empty_cache()
        look = self.look(self.size[0] * self.size[1])
        if look.tile and look.tile <= SMALLEST:
            raise OutOfMemory(f"Memory ran out with tiles of {look.tile} pixels.", "Set a smaller size.")
        half = (look.tile or min(LARGEST, max(self.size))) // 2 // STRIDE * STRIDE
        least, history = max(SMALLEST, half), max(FORGETFUL, look.history // 2)
        self.fit = replace(self.fit, budget=math.inf, least=SMALLEST, largest=least, history=history)
        self._notice = f"Memory ran out, so it looks at tiles of {least} pixels and remembers {history} steps."

    @property
    def _long(self) -> bool:
        """Whether the network is known to calculate long: what such a one frees is seldom in pieces."""
        return self.recipe.network in COSTS and self.fit.cost.seconds > LONG

    @cached_property
    def _sight(self) -> Sight:
        return self._seen(self.loaded.evaluate)

    @cached_property
    def _aim(self) -> Sight:
        one, other = self.loaded.aims, self.loaded.evaluate
        alike = checkpoints(one) == checkpoints(other) and unpadded(one) == unpadded(other)
        return self._sight if alike else self._seen(one)

    def _seen(self, evaluate: Evaluator) -> Sight:
        return measured(evaluate, self.layers, torch.zeros(1, device=self.loaded.device))

    def _measured(self) -> Cost:
        """What a network costs that is not known: by what a small picture makes it keep for its gradient."""
        image = torch.rand(1, 3, PROBE, PROBE, device=self.loaded.device)
        step = BESIDE * kept(Part(self.loaded.evaluate, None, None, tuple(self.layers)), image)
        return replace(OTHERS, step=step, tile=step, far=step / 5)


def _memory(device: str) -> tuple[float | None, float]:
    """Bytes that are free and that are taken, where the painting will be."""
    if not device.startswith("cuda"):
        return at_hand()
    taken = torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - taken, taken
