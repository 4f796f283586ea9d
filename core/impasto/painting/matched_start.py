"""The first stage of a painting that starts by matching: patches of the paintings, size after size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..matching.guide import light
from ..matching.hues import Hues, NearestHues
from ..matching.matching import ROUNDS, Matching
from ..objective.temporal import Warped
from ..recipe.recipe import Recipe
from ..recipe.schedule import Stage, guiding, matching_seconds
from .live import Live
from .loading import Loaded
from .memory_fit import MemoryFitter
from .scene import Scene
from .targets import View

FAINT, ODDS, LEAST_ODDS = 25, 4.0, 0.02
"""Strength from which on nothing of the photograph itself is left; and what the content counts in matching, at strength
50 and always."""

LIVE_ROUNDS = 2
"""Times that a size is matched from patches that were found with other knobs."""


@dataclass(frozen=True)
class Taken:
    """What one step made, of this number: `share` of its stage is done with it."""

    size: int
    step: int
    share: float
    image: Tensor
    losses: dict[str, float]


@dataclass(frozen=True)
class MatchedStart:
    """Matches a scene; `hue_network` gives the network whose hypercolumns tell hues.

    In a film what is trusted of `warped`, of the size of the stage, stays as it is, and the rest is matched to it, in
    one round at each size. `live` is what is there to go on from, and is told what is found.
    """

    scene: Scene
    recipe: Recipe
    scales: Sequence[float]
    memory: MemoryFitter
    hue_network: Callable[[], Loaded]
    warped: Warped | None = None
    live: Live | None = None

    def sizes(self, stage: Stage, begun: Tensor | None) -> Iterator[Taken]:
        """Size after size of matching; of those of `begun` only what is needed to go on from it.

        Below strength `FAINT` the picture is mixed with the content, so that little strength changes little.
        """
        odds, most = ODDS * (100 / self.recipe.strength - 1), min(1.0, self.recipe.strength / FAINT)
        hues = self.memory.retry_on_oom(self._hues, stage.sizes)
        matching = Matching(max(odds, LEAST_ODDS), self.recipe.detail, self.recipe.seed, hues, self.warped)
        rounds = 1 if self.warped else ROUNDS
        if self.live and self.live.fields:
            rounds, matching.known = LIVE_ROUNDS, self.live.known(self.scales)
        matching.picture = begun
        work = [matching_seconds(size) for size in stage.sizes]
        for number, size in enumerate(stage.sizes, 1):
            view = View(self.scene, size, self.memory.loaded.device, self.scales)
            if begun is not None and size <= max(begun.shape[-2:]):
                self.memory.retry_on_oom(matching.recall, begun, view.content, view.aims())
                continue
            match = self.memory.retry_on_oom(matching.at, view.content, view.aims(), rounds)
            image = torch.lerp(view.content, match.picture, most)
            image = self.warped.over(image) if self.warped else image
            yield Taken(size, number, sum(work[:number]) / sum(work), image, {"match": match.distance})
        if self.live:
            self.live.fields, self.live.scales = {**self.live.fields, **matching.found}, self.scales

    def _hues(self, sizes: Sequence[int]) -> Sequence[Hues]:
        """The hues of each painting that belong to the content."""
        guides = guiding(sizes)
        if self.live is None:
            # The finest takes longest, and in a film most hues are there already.
            return self._nearest((self.warped and guides[:-1]) or guides)
        self.live.guides = self.live.guides or guides
        matched = self.scene.mode == "match"
        if matched not in self.live.hues:
            self.live.hues[matched] = self._nearest(self.live.guides)
        return self.live.hues[matched]

    def _nearest(self, guides: Sequence[int]) -> list[Hues]:
        """The same, compared at these sizes."""
        loaded = self.hue_network()
        columns = NearestHues(loaded.evaluate, loaded.network.layers)
        views = [View(self.scene, size, loaded.device, self.scales) for size in guides]
        aims, found = [view.aims() for view in views], []
        for paintings in zip(*aims, strict=True):
            sights = [(view.content, aim.painting, aim.weight) for view, aim in zip(views, paintings, strict=True)]
            found.append(columns.hues(sights, light(views[-1].content)))
        return found
