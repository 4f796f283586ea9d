"""One job, from request to result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from ..memory.plan import Estimates
from ..memory.process import freeze_gc_after_torch
from ..painting.checks import check_fit, style_weights
from ..painting.throttle import Throttle
from ..pictures.codecs import check_shape
from ..plugin.registry import registry
from ..recipe.recipe import Recipe
from . import pictures
from .requests import Paint, Recolour, UnknownJob
from .sent import Kept, Sent, live_key

if TYPE_CHECKING:
    from ..painting.live import Live
    from ..painting.loading import Choice, Loaded
    from ..painting.step import Step
    from ..pictures.picture import Pixels
    from ..pictures.samples import Samples

LOADED = 3
"""Networks that stay loaded."""


class Send(Protocol):
    """Sends an event; `streams.Outbox`."""

    @property
    def behind(self) -> bool:
        """Whether events wait."""
        ...

    def drain(self, seconds: float) -> None:
        """Wait until all is out, at most so long."""
        ...

    def __call__(self, kind: str, parts: Mapping[str, bytes] | None = None, **fields: Any) -> None:
        """Send one."""
        ...


@dataclass(frozen=True, eq=False)
class Painted:
    """What it takes to give a result again, in other colours."""

    content: Samples
    mask: Pixels | None
    step: Step
    fields: Mapping[str, Any]


Ending = tuple[str, Mapping[str, bytes], Mapping[str, Any]]
"""The last event of a job: type, parts and fields."""


@dataclass(eq=False)
class Job:
    """Work that was asked for. `wish` is what was said about it since, `moved` when it last took a step."""

    request: Paint | Recolour
    parts: Mapping[str, bytes]
    recipe: Recipe | None = None
    """Of a painting; see `whole_recipe`."""
    wish: Literal["", "cancel", "finish"] = ""
    moved: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        """The request's."""
        return self.request.id

    @property
    def live(self) -> bool:
        """Whether the next live request takes its place."""
        return isinstance(self.request, Paint) and self.request.live


class Painter:
    """Paints job after job; what is slow to get ready stays ready."""

    def __init__(self, send: Send, estimates: Estimates) -> None:
        self.send, self.estimates = send, estimates
        self._loaded = lru_cache(LOADED)(_load)
        self._kept: Kept | None = None
        self._last: Painted | None = None

    def warm_up(self) -> None:
        """Load the libraries and the default network, which takes seconds."""
        with freeze_gc_after_torch():
            from ..objective.profiles import Profile
            from ..painting.loading import Choice

        default = registry().settled(Recipe())
        finish = registry().network(default.network).finish
        self._load(Choice.of(default, Profile.of(default, finish)))

    def do(self, job: Job) -> Ending:
        """Do `job` and tell how far it is; how it ended is returned. Raises as `impasto.paint`, or `BadRequest`."""
        return self._paint(job, job.request) if isinstance(job.request, Paint) else self._recolour(job.request)

    def _recolour(self, request: Recolour) -> Ending:
        if self._last is None:
            raise UnknownJob("Nothing has been painted yet.", "Paint first.")
        begin = time.perf_counter()
        result = pictures.result(self._last.content, self._last.step, self._last.mask, request.colour)
        now = {"seconds": time.perf_counter() - begin, "colour": request.colour}
        return self._done(result, {**self._last.fields, **now})

    def _paint(self, job: Job, request: Paint) -> Ending:
        with freeze_gc_after_torch():
            from ..painting.paint import paint

        recipe = cast(Recipe, job.recipe)
        registry().check(recipe)
        sent, live = self._sent(job, request, recipe)
        job.parts = {}  # they may be large, and have all been read
        begin = time.perf_counter()
        started = live is not None and live.image is not None and recipe.colour != "palette"
        with closing(paint(sent.picture, sent.styles, recipe, sent.mask, self._load, live=live)) as steps:
            last = self._pull(job, pictures.Previews(request.preview, sent.own), steps, sent.notice)
        self._last = None
        if last is None:
            return "cancelled", {}, {}
        taken, step = last
        if not (job.wish or started or recipe.colour == "palette"):
            self.estimates.learn(*step.scene.crop.size, step.memory, step.seconds)
        result = pictures.result(sent.content, step, sent.mask)
        fields: dict[str, Any] = {
            "taken": taken,
            "stopped": job.wish == "finish",
            "seconds": time.perf_counter() - begin,
        }
        made = None if started else recipe.model_dump(mode="json")  # what hangs on what was there, no recipe makes
        fields |= {"recipe": made, "colour": recipe.colour, "live": started}
        self._last = Painted(sent.content, sent.mask, step, fields)
        return self._done(result, fields)

    def _sent(self, job: Job, request: Paint, recipe: Recipe) -> tuple[Sent, Live | None]:
        """The pictures of a request and, if it is live, what is there to start from."""
        from ..painting.live import Live

        weights = style_weights(recipe, len(request.styles))
        if not request.live:
            self._kept = None  # the memory is for what is painted in earnest
            return Sent.of(request, job.parts, weights), None
        key = live_key(request, job.parts, recipe, weights)
        if self._kept is None or self._kept.key != key:
            self._kept = None  # before there is more to keep
            self._kept = Kept(key, Sent.of(request, job.parts, weights), Live())
            return self._kept.sent, self._kept.live
        return self._kept.sent.weighed(weights), self._kept.live

    @staticmethod
    def _done(result: Samples, fields: Mapping[str, Any]) -> Ending:
        return "done", {"result": result.tobytes()}, {"picture": pictures.described(result, "result"), **fields}

    def _pull(self, job: Job, previews: pictures.Previews, steps: Any, notice: str) -> tuple[int, Step] | None:
        """Steps until they end or someone stops; the last and its number, or None if the job is given up.

        `notice` is told with the first of them.
        """
        throttle = Throttle()
        for taken, step in enumerate(steps, 1):
            job.moved = time.monotonic()
            if job.wish == "cancel":
                return None
            if taken == 1 and notice:
                step = replace(step, notice=f"{notice} {step.notice}".strip())
            if not self.send.behind or step.fraction == 1 or step.notice:
                self.send("progress", id=job.id, **_where(step))
            if previews.longest and not self.send.behind:
                throttle.call(partial(self._preview, job, previews, step))
            if job.wish == "finish":
                break
        return taken, step

    def _preview(self, job: Job, previews: pictures.Previews, step: Step) -> None:
        small = previews.of(step)
        self.send("preview", {"preview": small.tobytes()}, id=job.id, picture=pictures.described(small, "preview"))

    def _load(self, choice: Choice) -> Loaded:
        weights = registry().network(choice.network).weights
        return self._loaded(
            choice, tuple((path, path.stat().st_mtime_ns) for path in (weights.files if weights else ()))
        )


def whole_recipe(request: Paint) -> Recipe:
    """The whole recipe of `request`. Raises `RecipeError`, or `ImageError` for a size that cannot be painted."""
    size = request.content.width, request.content.height
    check_shape("The picture that was sent", *size)
    given = {"size": max(size)} | request.recipe
    weights = [style.weight for style in request.styles]
    if any(weight is not None for weight in weights):
        given["style_weights"] = [1.0 if weight is None else weight for weight in weights]
    recipe = registry().settled(Recipe.of(**given)).sized(max(size))
    style_weights(recipe, len(weights))
    check_fit(size, recipe.longest)
    return recipe


def _load(choice: Choice, stamp: tuple[tuple[Path, int], ...]) -> Loaded:
    """The network; `stamp` changes when the weights on disk do."""
    from ..painting.loading import load

    return load(choice)


def _where(step: Step) -> dict[str, Any]:
    fields = {"stage": step.stage + 1, "stages": step.stages, "size": step.size, "step": step.step, "steps": step.steps}
    left = {"seconds": step.seconds, "remaining": step.remaining, "loss": step.loss}
    said = {"notice": step.notice} if step.notice else {}
    return {"fraction": step.fraction, **fields, **left, **said}
