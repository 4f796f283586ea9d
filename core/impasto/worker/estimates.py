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


@dataclass(frozen=True)
class Cost:
    """Seconds for each unit of `Stage.work` and bytes for each pixel."""

    seconds: float
    bytes: float


COSTS = {"wavelet": Cost(1.6e-6, 1200)}
OTHERS = Cost(4e-5, 4000)
"""Of VGG-19, on the processor, as `COSTS`."""
Key = tuple[str, str, str, str]


class Estimates:
    """What was seen in this process, by network, backend, device and precision."""

    def __init__(self) -> None:
        self._seen: dict[Key, Cost] = {}

    def of(self, width: int, height: int, recipe: Recipe) -> dict[str, Any]:
        """The fields of `estimate` for a content of so many pixels."""
        key = _key(recipe)
        cost = self._seen.get(key) or COSTS.get(recipe.network, OTHERS)
        scale = recipe.size / max(width, height)
        width, height = (max(1, round(side * scale)) for side in (width, height))
        seconds, pixels = cost.seconds * work(width, height, recipe), width * height
        return {"seconds": seconds, "bytes": BASE + cost.bytes * pixels, "measured": key in self._seen}

    def learn(self, width: int, height: int, recipe: Recipe, seconds: float, grown: float) -> None:
        """Take in what painting so many pixels took: `grown` is by how many bytes the peak rose, 0 if it did not."""
        before = self._seen.get(_key(recipe)) or COSTS.get(recipe.network, OTHERS)
        measured = Cost(seconds / work(width, height, recipe), grown / (width * height) if grown else before.bytes)
        self._seen[_key(recipe)] = measured


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
