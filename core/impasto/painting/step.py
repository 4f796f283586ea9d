"""What a painting tells after each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..memory.plan import MemoryBudget
from ..pictures.picture import Picture
from ..recipe.schedule import Reached
from .scene import Scene

EARLIEST_ESTIMATE = 0.02
"""Share of the work after which the time left can be told."""


@dataclass(frozen=True)
class Step:
    """One step taken: where it stands, what the losses are, and the picture so far."""

    stage: int
    """Number of the stage, from 0."""
    stages: int
    size: int
    """Longest side at which this stage works, in pixels."""
    step: int
    """Steps taken in this stage, from 1."""
    steps: int
    fraction: float
    """Share of the whole work done, 0 to 1."""
    seconds: float
    """Since the start."""
    losses: dict[str, float]
    """Weighted, by name: "content <layer>", "style <layer>", "tv", "norm", "histogram"; "match" while matching."""
    image: Tensor
    """(1, 3, h, w) at this stage's size; not to be written to."""
    scene: Scene
    memory: MemoryBudget
    """How it was made to fit into memory."""
    notice: str = ""
    """What has just been changed for that, or is wrong with the content or the result, in sentences."""
    rest: float = 1.0
    """Share of the painting that was left to do when it began."""
    before: int = 0
    """Steps of earlier stages at this size."""

    @property
    def loss(self) -> float:
        """The sum of the losses."""
        return sum(self.losses.values())

    @property
    def reached(self) -> Reached:
        """From where to go on after it."""
        return Reached(self.size, 0 if "match" in self.losses else self.before + self.step)

    @property
    def remaining(self) -> float | None:
        """Seconds left, or None while that is unknown."""
        return self.seconds * (1 / self.fraction - 1) if self.fraction > EARLIEST_ESTIMATE else None

    def picture(self, colour: str | None = None) -> Picture:
        """The picture so far at the size of the result, with the content's alpha, and as it was outside the mask.

        `colour` shows what another mode would give, for which nothing has to be computed again: style, keep, match (of
        what was painted, not of the style) or palette.
        """
        pixels = self.image[0].permute(1, 2, 0).float().cpu().numpy()
        return self.scene.composed(np.array(pixels, order="C"), colour)
