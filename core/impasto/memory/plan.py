"""How long a painting will take, how much memory, and the tiles in which it fits into the memory there is.

Time is proportional to the pixels of all steps. Memory has three parts: bytes for each pixel of the picture, bytes for
each pixel that is evaluated at once, and the history of L-BFGS. The constants were measured; a process learns its own
speed. A painting and its estimate have the same plan, `memory_budget`; only an estimate has to ask which device it is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import OutOfMemory
from ..plugin.network import Cost
from ..plugin.registry import AUTO, registry
from ..recipe.knobs import NEIGHBOURS, OURS, TRANSPORT
from ..recipe.recipe import Recipe
from ..recipe.schedule import Stage, stages
from . import allocator, process, system

BASE = 640e6
"""Bytes before anything is painted: mostly the libraries."""
USABLE_SHARE = 0.85
"""Share of the memory there is that a plan may use: the rest is for what no model knows."""
DEFAULT_BUDGET, BUDGET_GROWTH = 3e9, 1.1
"""Bytes to make do with, the program included, if nothing is said: an editor with the same picture wants some too. And
by how much that is raised while it will not do."""
UNKNOWN = Cost(2e-5, 2500, 2500, 40, 96, math.inf)
"""Of a network whose record says nothing."""
PICTURE_BYTES, LOSSES_BYTES = 66, 115
"""Bytes for each pixel of the picture: those of images and gradients, which are there all the time; and these with what
the optimiser or a loss on all pixels takes for a moment. Without tiles the network takes more than that anyway."""
SAMPLED_SHARE = 1.6
"""What a network takes in profile strotss beside Gram matrices: gradients of all sampled layers at once."""
SHARED_BYTES = 60
"""Bytes for each pixel that a rank has of those of other ranks: content, targets, and the start of each size."""
BFLOAT16_SHARE = 0.6
"""What a network takes in bfloat16, which the losses are not, beside what it takes in float32."""
PAIR_BYTES, SHORT_PAIR_BYTES = 24, 12
"""Bytes for each pixel and step that L-BFGS remembers; for a picture in tiles, in half the precision."""
COMPARED, COMPARED_BYTES, TARGET_BYTES = 640**2, 2900, 1000
"""Pixels up to which hypercolumns are compared, in float32; bytes for each of these; and for each of a larger picture,
where they follow from a smaller one, in bfloat16."""
MATCHED_BYTES = 200
"""Bytes for each pixel of a picture that is matched, and that no network goes over."""
RECOLOUR_SECONDS = 1e-6
"""Seconds for each pixel where colours change and nothing is painted."""
MIN_TILE, MAX_TILE, STRIDE = 128, 2048, 32
"""Sides of tiles, in pixels: the limits, and what they go in steps of."""
GOOD_TILE_HALOS, AMPLE_TILE_HALOS = 24, 40
"""Sides of tiles in widths of the halo: below the first, fewer remembered steps or more memory are better; above the
second, memory is better spent on retaining activations."""
MIN_HISTORY = 2
"""Steps that L-BFGS remembers at least."""
RECOMPUTE_WORK = 1.3
"""Work of evaluating a tile twice, the first time without a backward pass, beside that of evaluating it once."""


@dataclass(frozen=True)
class TilingPlan:
    """How a picture is evaluated: the side of tiles in pixels (None: whole), and the steps that L-BFGS remembers."""

    tile: int | None
    history: int
    bytes: float
    """Bytes that this takes, besides those that the process has already."""
    spare: float = 0.0
    """Bytes of them for retained activations: tiles that have them are evaluated once, the others twice."""


@dataclass(frozen=True)
class MemoryBudget:
    """Plans for pictures of any size within `limit` bytes, besides those that are `taken` already."""

    recipe: Recipe
    cost: Cost
    limit: float
    taken: float
    least: int = MIN_TILE
    """Sides of tiles in pixels: plans go below `least` only where the recipe asks for it, and never above `largest`."""
    largest: int = MAX_TILE
    history: int = 1000
    """Steps that L-BFGS remembers at most."""
    ranks: int = 1
    """Processes that share out a picture in tiles; each has that much memory."""

    def plan(self, pixels: int) -> TilingPlan | None:
        """The fastest plan for so many pixels; None where nothing fits."""
        history = min(self.history, self.recipe.history)
        while True:
            tile = self._tile(pixels, history)
            found = TilingPlan(tile, history, self._needed(pixels, tile, history))
            enough = tile is None or tile >= self.least
            if found.bytes <= self.limit and (enough or self.recipe.tile):
                return self._spent(found, pixels)
            if history <= MIN_HISTORY or self.recipe.optimiser != "lbfgs":
                return found if self.recipe.tile else None  # as was asked for: it may do
            history = max(MIN_HISTORY, history // 2)

    def notice(self, pixels: int) -> str:
        """What is stepped down for so many pixels, in a sentence, or nothing."""
        plan = self.plan(pixels)
        if plan is None or not _steps(self.recipe):
            return ""
        fewer = plan.history < self.recipe.history and self.recipe.optimiser == "lbfgs"
        begin = f"To make do with {(plan.bytes + self.taken) / 1e9:.1f} GB of memory, it"
        tiles, steps = f"evaluates tiles of {plan.tile} pixels", f"remembers {plan.history} steps"
        if plan.tile and plan.tile != self.recipe.tile:
            return f"{begin} {tiles} and {steps}." if fewer else f"{begin} {tiles}."
        return f"{begin} {steps}." if fewer else ""

    def too_large(self, pixels: int) -> OutOfMemory:
        """The error that says which size would do instead, or which limit."""
        fixed, least = (self._least(count) for count in (0, pixels))
        needed, can = self.taken + least, max(0.0, self.taken + self.limit)
        size = int(self.recipe.longest * math.sqrt(max(0.0, self.limit - fixed) / (least - fixed)) // 16 * 16)
        limited = self.recipe.memory is not None and self.limit == self.recipe.memory * 1e9 - self.taken
        hint = f"Use --memory {math.ceil(needed / 1e8) / 10:g}." if limited else "Close other programs."
        hint = f"Use --size {size}, which would do." if size >= 16 else hint
        count = f"{pixels / 1e6:.1f} megapixels" if pixels >= 1e5 else f"{pixels} pixels"
        took = f"{count} take {_amount(needed)} of memory at least, {_amount(self.taken)} of it for the program itself"
        return OutOfMemory(f"{took}; {_amount(can)} can be had.", hint)

    def _least(self, pixels: int) -> float:
        """Bytes without which so many pixels cannot be painted."""
        return self._needed(pixels, self.least, MIN_HISTORY) if _steps(self.recipe) else MATCHED_BYTES * pixels

    def _spent(self, plan: TilingPlan, pixels: int) -> TilingPlan:
        """The same with what is left of the budget to spare for tiles."""
        if plan.tile is None or math.isinf(self.limit):
            return plan
        spare = min(self.limit - plan.bytes, self.cost.step * pixels)
        return replace(plan, bytes=plan.bytes + spare, spare=spare)

    def _tile(self, pixels: int, history: int) -> int | None:
        if self.recipe.tile:
            return min(self.recipe.tile, self.largest)
        whole = pixels <= self.cost.whole and self._needed(pixels, None, history) <= self.limit
        if whole and self.largest == MAX_TILE:
            return None
        if math.isinf(self.limit):
            return self.largest
        seen = max(0.0, self.limit - self._needed(pixels, 0, history)) / self.cost.tile
        largest = min(self.largest, AMPLE_TILE_HALOS * self.cost.halo // STRIDE * STRIDE)
        return max(0, min(largest, int((math.sqrt(seen) - 2 * self.cost.halo) // STRIDE * STRIDE)))

    def _needed(self, pixels: int, tile: int | None, history: int) -> float:
        """Bytes that this takes in such tiles; 0 for `tile` counts no step."""
        pairs = history if self.recipe.optimiser == "lbfgs" else 0
        tables = _tables(pixels) if self.recipe.profile == NEIGHBOURS else 0
        if tile is None:
            return (PICTURE_BYTES + PAIR_BYTES * pairs + self.cost.step) * pixels + tables
        seen = (tile + 2 * self.cost.halo) ** 2 if tile else 0
        own = pixels / self.ranks
        evaluating = (PICTURE_BYTES + self.cost.far) * own + self.cost.tile * seen
        found = max(evaluating, LOSSES_BYTES * own if tile else 0) + SHORT_PAIR_BYTES * pairs * own + tables
        return found + (SHARED_BYTES * (pixels - own) if self.ranks > 1 else 0)


def memory_budget(
    pixels: int, recipe: Recipe, device: str, precision: str, cost: Cost | None = None, ranks: int = 1
) -> MemoryBudget:
    """How to paint so many pixels on `device` in `precision`, with the memory there is now. Raises as `fitting_budget`.

    cost: what a network takes whose record does not say. ranks: how many paint together; the memory that is free is
    shared out among those on this machine.
    """
    free, taken = at_hand(device)
    beside = 1 if device.startswith("cuda") or ranks == 1 else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    free = None if free is None else free / beside
    enough = math.inf if device.startswith("cuda") else DEFAULT_BUDGET
    return fitting_budget(pixels, recipe, cost or cost_of(recipe.network, precision), free, taken, enough, ranks)


def fitting_budget(
    pixels: int,
    recipe: Recipe,
    cost: Cost,
    free: float | None,
    taken: float,
    enough: float = DEFAULT_BUDGET,
    ranks: int = 1,
) -> MemoryBudget:
    """The fastest way to paint so many pixels with what the recipe allows of the `free` bytes; None is no limit.

    The recipe's `memory` counts what is `taken` already. Without it `enough` bytes are made do with, or as few more as
    allow tiles of `GOOD_TILE_HALOS`. Raises `OutOfMemory`, with the size that would do, where no tiles will do.
    """
    most = math.inf if free is None else free * USABLE_SHARE
    if recipe.colour == "palette":
        return MemoryBudget(recipe, cost, math.inf, taken)
    if not _steps(recipe):
        found = MemoryBudget(recipe, cost, min(most, recipe.memory * 1e9 - taken if recipe.memory else most), taken)
        if MATCHED_BYTES * pixels > found.limit:
            raise found.too_large(pixels)
        return replace(found, limit=math.inf)
    if recipe.profile == TRANSPORT:
        cost = replace(cost, step=SAMPLED_SHARE * cost.step, tile=SAMPLED_SHARE * cost.tile)
    wishes = [recipe.memory * 1e9] if recipe.memory else [enough * BUDGET_GROWTH**times for times in range(64)]
    budgets, good = [min(most, wish - taken) for wish in wishes], max(MIN_TILE, GOOD_TILE_HALOS * cost.halo)
    for least, budget in [*((good, budget) for budget in dict.fromkeys(budgets)), (MIN_TILE, budgets[-1])]:
        found = MemoryBudget(recipe, cost, budget, taken, least, ranks=ranks)
        if found.plan(pixels):
            return found
    raise found.too_large(pixels)


def _amount(count: float) -> str:
    """So many bytes, to read."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _tables(pixels: int) -> float:
    """Bytes of the hypercolumns of a picture and of its painting, which are compared up to `COMPARED` pixels."""
    return max(COMPARED_BYTES * min(pixels, COMPARED), TARGET_BYTES * pixels)


def cost_of(network: str, precision: str) -> Cost:
    """What a network costs in this precision, in bfloat16 less memory; `UNKNOWN` if its record does not say."""
    cost = registry().network(network).cost or UNKNOWN
    share = BFLOAT16_SHARE if precision == "bfloat16" else 1
    return replace(cost, step=share * cost.step, tile=share * cost.tile, far=share * cost.far)


def resolved(recipe: Recipe) -> tuple[str, str]:
    """The device and the precision in which `recipe` is painted here; where no network is needed the processor's."""
    if recipe.colour == "palette":
        return "cpu", "float32"
    precision = registry().network(recipe.network).precision(recipe.precision)
    with process.freeze_gc_after_torch():
        backend = registry().differentiable(recipe.backend).build(recipe.device, precision)
    return backend.device, backend.precision


def at_hand(device: str) -> tuple[float | None, float]:
    """Bytes of `device` that are free (None if unknown) and taken, as they will be when all libraries are loaded."""
    if device.startswith("cuda"):
        return system.on_card(device)
    allocator.release()  # what reading pictures has left is no part of either
    free, taken = system.free(), system.taken()
    most = max(BASE, taken)
    return None if free is None else free - (most - taken), most


Key = tuple[str, str, str, str]


@dataclass
class Seen:
    """Seconds that paintings took, and were expected to take: sums, so that large ones count more."""

    seconds: float = 0.0
    expected: float = 0.0


class Estimates:
    """Estimates of time and memory; `learn` corrects the time, by network, backend, device and precision."""

    def __init__(self) -> None:
        self._seen: dict[Key, Seen] = {}

    def estimate(self, width: int, height: int, recipe: Recipe) -> Mapping[str, Any]:
        """The fields of `estimate` for a content of so many pixels. Loads torch. `OutOfMemory`, `DeviceError`."""
        recipe = recipe.sized(max(width, height))
        scale = recipe.longest / max(width, height)
        width, height = (max(1, round(side * scale)) for side in (width, height))
        return self.fields(width, height, memory_budget(width * height, recipe, *resolved(recipe)))

    def fields(self, width: int, height: int, budget: MemoryBudget) -> Mapping[str, Any]:
        """The fields of `estimate` for painting so many pixels as `budget` plans it."""
        recipe, pixels = budget.recipe, width * height
        seen = self._seen.get(_key(recipe), Seen())
        plan = budget.plan(pixels) or TilingPlan(None, recipe.history, 0)
        if recipe.colour == "palette":
            time, plan = RECOLOUR_SECONDS * pixels, TilingPlan(None, recipe.history, PICTURE_BYTES * pixels)
        elif not _steps(recipe):
            time, plan = _time(width, height, budget), TilingPlan(None, recipe.history, MATCHED_BYTES * pixels)
        else:
            time = _time(width, height, budget) * (seen.seconds / seen.expected if seen.expected else 1.0)
        size = max(width, height) if recipe.colour == "palette" else _stages(width, height, budget)[-1].size
        said = {"size": size, "tile": plan.tile, "history": plan.history, "notice": budget.notice(pixels)}
        return {"seconds": time, "bytes": budget.taken + plan.bytes, "measured": bool(seen.expected), **said}

    def learn(self, width: int, height: int, budget: MemoryBudget, seconds: float) -> None:
        """Take in what painting so many pixels took."""
        seen = self._seen.setdefault(_key(budget.recipe), Seen())
        seen.seconds += seconds
        seen.expected += _time(width, height, budget)


def _time(width: int, height: int, budget: MemoryBudget) -> float:
    """Seconds of all stages; a narrow picture has fewer than a square one, one in tiles more."""
    total = 0.0
    for stage in _stages(width, height, budget):
        pixels = round(stage.size**2 * min(width, height) / max(width, height))
        work = 1.0 if stage.sizes else _tiling_work(budget.plan(pixels), budget.cost, pixels)
        total += stage.seconds(budget.cost.seconds) * work
    return total * min(width, height) / max(width, height)


def _stages(width: int, height: int, budget: MemoryBudget) -> Sequence[Stage]:
    finish = registry().network(budget.recipe.network).finish.steps
    return stages(budget.recipe, max(width, height), min(width, height), finish)


def _steps(recipe: Recipe) -> bool:
    """Whether a network takes any step."""
    finish = registry().network(recipe.network).finish.steps if recipe.network != AUTO else 1
    return not recipe.matched or recipe.profile != OURS or bool(recipe.steps or finish)


def _tiling_work(plan: TilingPlan | None, cost: Cost, pixels: int) -> float:
    """Work of evaluating a picture by this plan, beside that of evaluating it whole."""
    if plan is None or plan.tile is None:
        return 1.0
    twice = 1 - min(1.0, plan.spare / (cost.step * pixels))
    return (1 + (RECOMPUTE_WORK - 1) * twice) * (1 + 2 * cost.halo / plan.tile) ** 2


def _key(recipe: Recipe) -> Key:
    return recipe.network, recipe.backend, recipe.device, recipe.precision
