"""How long a painting will take, and how much memory: from constants, then from what has been painted here.

Time goes with the pixels of all steps, memory with those of the largest. Nothing here imports torch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from ..recipe import Recipe
from ..schedule import stages

BASE = 600e6
"""Bytes before anything is painted: mostly the libraries."""
ENOUGH = 2**17
"""Pixels of a painting that tells how much memory others need."""


@dataclass(frozen=True)
class Cost:
    """Seconds for each unit of `Stage.work` and bytes for each pixel."""

    seconds: float
    bytes: float


COSTS = {"wavelet": Cost(2e-6, 1400)}
OTHERS = Cost(2e-5, 4000)
"""As `COSTS`, of VGG-19. Both on two cores without a graphics card."""
RECOLOUR = 1e-6
"""Seconds for each pixel where colours change and nothing is painted."""
Key = tuple[str, str, str, str]


@dataclass
class Seen:
    """Sums over paintings, so that large ones count more; bytes are those of the last that showed them."""

    seconds: float = 0.0
    work: float = 0.0
    bytes: float | None = None


class Estimates:
    """What was seen in this process, by network, backend, device and precision."""

    def __init__(self) -> None:
        self._seen: dict[Key, Seen] = {}

    def of(self, width: int, height: int, recipe: Recipe) -> dict[str, Any]:
        """The fields of `estimate` for a content of so many pixels."""
        cost, seen = COSTS.get(recipe.network, OTHERS), self._seen.get(_key(recipe), Seen())
        scale = recipe.size / max(width, height)
        width, height = (max(1, round(side * scale)) for side in (width, height))
        rate = seen.seconds / seen.work if seen.work else cost.seconds
        seconds = RECOLOUR * width * height if recipe.colour == "palette" else rate * work(width, height, recipe)
        most = BASE + (seen.bytes or cost.bytes) * width * height
        return {"seconds": seconds, "bytes": most, "measured": bool(seen.work)}

    def learn(self, width: int, height: int, recipe: Recipe, seconds: float, grown: float) -> None:
        """Take in what painting so many pixels took: `grown` is by how many bytes the peak rose, 0 if that is unknown.

        Small pictures tell little of memory: what is asked of the system comes in larger pieces.
        """
        if recipe.colour == "palette":
            return
        seen = self._seen.setdefault(_key(recipe), Seen())
        seen.seconds, seen.work = seen.seconds + seconds, seen.work + work(width, height, recipe)
        if grown and width * height >= ENOUGH:
            seen.bytes = grown / (width * height)


def work(width: int, height: int, recipe: Recipe) -> float:
    """The work of all stages; a narrow picture has less than a square one."""
    long, short = max(width, height), min(width, height)
    return sum(stage.work for stage in stages(recipe, long, short)) * short / long


def peak() -> float:
    """The most memory that this process has had, in bytes; 0 where that cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _key(recipe: Recipe) -> Key:
    return recipe.network, recipe.backend, recipe.device, recipe.precision
