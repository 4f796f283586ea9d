"""Painting: the image that minimises the objective, coarse to fine, as a generator of steps.

    for step in paint(content, style, Recipe(size=768)):
        print(step.fraction, step.loss)
    result = step.picture()

Pulling is progress, closing the generator is cancel, and whoever stops early has the last picture.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..errors import RecipeError
from ..memory import allocator
from ..memory.plan import TilingPlan, memory_budget
from ..objective.colours import recoloured
from ..objective.objective import MIDDLE, Objective, Targets, Weights
from ..objective.profiles import Profile
from ..objective.summed import SummedObjective
from ..objective.temporal import TemporalObjective, Warped
from ..optim.optimiser import LBFGS, Adam, LineSearch, Optimiser
from ..optim.start import calmed, detailed, enlarged, grainy
from ..pictures.filters import resized
from ..pictures.frame import inside
from ..pictures.picture import Picture, Pixels, read
from ..plugin.network import Network, own_layer
from ..plugin.registry import registry
from ..ranks import ALONE, WHOLE, Ranks, Strips
from ..recipe.recipe import Recipe
from ..recipe.schedule import Stage, frame_stages, live_stages, stages
from .divergence import ContentCheck, DivergenceCheck
from .live import Live
from .loading import Choice, Load, hue_network, load
from .matched_start import FAINT, MatchedStart, Taken
from .memory_fit import MemoryFitter
from .neighbours import NeighbourObjectives
from .scene import Begun, Earlier, Scene, Style, stretched
from .step import Step
from .targets import View
from .transport import TransportObjectives, tinted

WRAP = 48
"""Pixels by which a seamless picture is continued over its edges, at every size: strokes are rarely longer."""

NOTHING = Targets({}, [], [])
"""For a start that takes nothing from targets."""

Styles = Picture | Sequence[Style]


def stylized(content: Picture, style: Styles, mask: Pixels | None = None, **knobs: object) -> Picture:
    """`content` painted in the manner of `style`; `knobs` are those of `Recipe`, the rest is as for `paint`."""
    (last,) = deque(paint(content, style, Recipe.of(**knobs), mask), maxlen=1)
    return last.picture()


def paint(
    content: Picture,
    style: Styles,
    recipe: Recipe,
    mask: Pixels | None = None,
    load: Load = load,
    begun: Begun | None = None,
    earlier: Earlier | None = None,
    ranks: Ranks = ALONE,
    live: Live | None = None,
) -> Generator[Step, None, None]:
    """Paint `content` in the manner of `style`, one painting or several `Style`s, one `Step` at a time.

    `mask`, float32 (H, W) in [0, 1], of any size in the shape of `content`, is where to paint: what is outside counts
    nowhere, and is returned as it was. `begun` is what was painted before: only the rest is. `earlier` is what was
    painted of the frames of a film before, and stays as far as it is trusted; where only content or only colours count,
    it is left aside. `live` is what a painting left, to start from; it becomes what this one leaves, when it is done.
    `ranks` are the processes that all call this alike, to paint the picture together; the first of them has it in its
    steps, the others a strip of it. Raises `PluginError`, `DeviceError`, `WeightsError`, `ImageError` or `RecipeError`
    before the first step, and `DivergedError` when what comes out is no picture: see `DivergenceCheck`.
    """
    recipe = registry().settled(recipe).sized(max(content.size))
    styles = [Style(style)] if isinstance(style, Picture) else list(style)
    seen = [style.cropped(_part(style.picture, recipe)) for style in styles]
    scene = Scene(content, seen, recipe.longest, mask, recipe.colour)
    if recipe.strength:
        scene.check_styles()
    if recipe.colour == "palette":
        return _recoloured(scene, recipe)
    return _Painting(scene, recipe, load, begun, earlier, ranks, live).steps()


def _part(picture: Picture, recipe: Recipe) -> tuple[float, float, float, float] | None:
    """The part of a painting to take strokes from: what was asked for, or for matching what its frame leaves."""
    return recipe.style_crop or (inside(picture) if recipe.matched else None)


def _recoloured(scene: Scene, recipe: Recipe) -> Generator[Step, None, None]:
    """The one step that it takes to change colours only: at strength 50 and above to those of the styles."""
    begin, content = time.perf_counter(), scene.crop.pixels
    pixels = content + np.float32(min(recipe.strength / 50, 1.0)) * (scene.palette() - content)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    width, height = scene.crop.size
    memory = memory_budget(width * height, recipe, "cpu", "float32")
    yield Step(0, 1, max(width, height), 1, 1, 1.0, time.perf_counter() - begin, {}, image, scene, memory)


class _Painting:
    """What stays the same from stage to stage."""

    def __init__(
        self,
        scene: Scene,
        recipe: Recipe,
        load: Load,
        begun: Begun | None = None,
        earlier: Earlier | None = None,
        ranks: Ranks = ALONE,
        live: Live | None = None,
    ) -> None:
        self.scene, self.recipe, self.begun, self.ranks = scene, recipe, begun, ranks
        self.earlier = earlier if recipe.strength else None
        self.finish = registry().network(recipe.network).finish
        self.profile = Profile.of(recipe, self.finish)
        self.load, self.choice = load, Choice.of(recipe, self.profile)
        self.loaded = load(self.choice)
        self.weights = _weights(recipe, self.profile, self.loaded.network)
        self.scales = scene.scales(recipe.style_scale, recipe.stroke_size)
        self.start = read(recipe.start_file) if recipe.start_file else None
        self.noise = torch.Generator().manual_seed(recipe.seed)
        self.live, self.left = live, replace(live, hues=dict(live.hues)) if live else None
        self.optimiser = live.optimiser if live else None
        layers = [*self.weights.content, *self.weights.style]
        self.memory = MemoryFitter(self.loaded, layers, recipe, scene.crop.size, ranks)
        hues = partial(hue_network, load, self.choice, self.loaded, self.finish.hues)
        self.matched = MatchedStart(scene, recipe, self.scales, self.memory, hues, live=self.left)
        tiling = self.memory.target_tiling
        self.neighbours = (
            NeighbourObjectives(self.profile, self.weights, self.loaded, tiling, recipe.strength)
            if self.profile.kind == "neighbours"
            else None
        )
        self.transport = (
            TransportObjectives(self.profile, self.weights, self.loaded, tiling, recipe.seed)
            if self.profile.kind == "transport"
            else None
        )

    def steps(self) -> Generator[Step, None, None]:
        """The steps of all stages."""
        sides, begin = self.scene.crop.size, time.perf_counter()
        plan = stages(self.recipe, max(sides), min(sides), self.finish.steps)
        if self.earlier:
            plan = frame_stages(plan, min(sides) / max(sides))
            self.matched = replace(self.matched, warped=self._warped(self.earlier, plan[-1].size))
        if self.live and self._resumes:
            plan = live_stages(plan, self.live.fields)
        work = [stage.seconds(self.memory.budget.cost.seconds) for stage in plan]
        shares = [self.begun.reached.share(stage) if self.begun else 0.0 for stage in plan]
        before = sum(share * one for share, one in zip(shares, work, strict=True)) / sum(work)
        if min(shares) == 1:
            raise RecipeError(f"The picture to go on from is finished at {plan[-1].size} pixels.", "Set a larger size.")
        image = self._before(plan)
        watch = ContentCheck(self.scene, self.recipe.strength)
        for number, stage in enumerate(plan):
            if shares[number] == 1:
                continue
            done = sum(work[:number])
            last = number == len(plan) - 1
            steps = self._matched(stage, image) if stage.sizes else self._descended(stage, image, last)
            for one in steps:
                image, where = one.image, (number, len(plan), one.size, one.step, stage.steps)
                fraction, seconds = (done + work[number] * one.share) / sum(work), time.perf_counter() - begin
                told = (fraction - before) / (1 - before), seconds, one.losses, image
                notices = self.memory.take_notice(), watch.notice(image, last and one.share == 1)
                notice = " ".join(filter(None, notices))
                yield Step(*where, *told, self.scene, self.memory.budget, notice, 1 - before, stage.before)
        if self.live:
            vars(self.live).update(vars(self.left) | {"image": image, "optimiser": self.optimiser})

    @property
    def _resumes(self) -> bool:
        """Whether it starts from what another left: few steps may well leave the loss as it was."""
        return self.live is not None and self.live.image is not None

    def _before(self, plan: Sequence[Stage]) -> Tensor | None:
        """The image to go on from, if there is one; patches that are there go on by themselves."""
        if self.begun:
            return self._placed(self.begun.picture, self.begun.reached.size)
        return self.live.image if self.live and not plan[0].sizes else None

    def _placed(self, picture: Picture, longest: int) -> Tensor:
        """What a picture in the shape of the content has where it is painted, with that longest side."""
        if self.scene.mask is not None:
            picture = Picture(np.ascontiguousarray(picture.resized(*self.scene.canvas.size).pixels[self.scene.box]))
        view = View(self.scene, longest, self.loaded.device, self.scales)
        return view.tensor(picture.resized(*self.scene.crop.fit(longest)))

    def _warped(self, earlier: Earlier, longest: int) -> Warped:
        trust = Picture(np.repeat(stretched(earlier.trust, *earlier.picture.size)[..., None], 3, axis=2))
        return Warped(self._placed(earlier.picture, longest), self._placed(trust, longest)[:, :1].clamp_(0, 1))

    def _matched(self, stage: Stage, image: Tensor | None) -> Iterator[Taken]:
        """Size after size of a start by matching, which the first rank makes for all of them."""
        steps = self.matched.sizes(stage, image) if self.ranks.rank == 0 else iter(())
        while True:
            one = next(steps, None)
            said = self.ranks.objects(one and (replace(one, image=one.image[..., :0]), one.image.shape))[0]
            if said is None:
                return
            taken, shape = said
            image = one.image if one else torch.empty(shape, device=self.loaded.device)
            yield replace(taken, image=self.ranks.spread(image.contiguous()))

    def _descended(self, stage: Stage, image: Tensor | None, last: bool) -> Iterator[Taken]:
        """Step after step of the optimiser at the size of `stage`, from `image`, the last of the stage before."""
        sides, first = self.scene.crop.size, 1 + (self.begun.reached.steps(stage) if self.begun else 0)
        with allocator.keep_freed_memory(round(stage.size**2 * min(sides) / max(sides))):
            objective, image, strips = self.memory.retry_on_oom(self._entered, stage, image, self.noise.get_state())
            if self.matched.warped:
                objective = TemporalObjective(objective, self.matched.warped)
            self.optimiser = self.memory.retry_on_oom(self._optimiser, stage, objective, image, self.optimiser, strips)
            watch, start = DivergenceCheck(self.scene, self.recipe), image
            for taken in range(first, stage.steps + 1):
                image, losses = self.memory.retry_on_oom(self._step, image, objective, self.optimiser, strips)
                ended = taken == stage.steps
                picture = strips.whole(image, everywhere=ended)
                if ended:
                    picture = self._ended(picture, strips.whole(start) if self.recipe.matched else start, last)
                watch.see(picture, losses, last=ended and not self._resumes)
                yield Taken(stage.size, taken, taken / stage.steps, picture, losses)

    def _ended(self, image: Tensor, start: Tensor, last: bool) -> Tensor:
        """The image at the end of a stage that began with `start`.

        In the `last` stage by neighbours it is mixed with the content below strength `FAINT`, as a match is.
        """
        if self.recipe.matched:
            return calmed(image, start)
        if self.neighbours is None or not last or self.recipe.strength >= FAINT:
            return image
        content = View(self.scene, max(image.shape[-2:]), self.loaded.device, self.scales).content
        return torch.lerp(content, image, self.recipe.strength / FAINT)

    def _entered(self, stage: Stage, image: Tensor | None, noise: Tensor) -> tuple[SummedObjective, Tensor, Strips]:
        """The losses at the size of `stage`, and where to go on from `image`, the last of the stage before.

        Of that each rank has its own of the strips. `noise` is the state of the noise to draw from, so that what has
        to begin again draws the same.
        """
        self.noise.set_state(noise)
        wrap = WRAP if self.recipe.seamless else 0
        view = View(self.scene, stage.size, self.loaded.device, self.scales, wrap)
        strips = self.memory.strips(view.content)
        objective: SummedObjective
        if self.neighbours is not None:
            objective, image = self._by_neighbours(self.neighbours, view, stage, image)
            return objective, strips.own(image), strips
        if self.transport is not None:
            objective, image = self._by_transport(self.transport, view, stage, image)
            return objective, strips.own(image), strips
        targets = view.targets(self.loaded.target_evaluator, self.weights, self.memory.target_tiling)
        if self.memory.plan(view.content[0, 0].numel()).tile:
            allocator.release()  # what the targets took, before there is the optimiser's memory too
        objective = Objective(self.profile, self.weights, targets, self.loaded.evaluate, wrap)
        if image is None:
            return objective, self._first(view, targets, strips), strips
        return objective, self._next(image.detach(), view.content, targets, strips), strips

    def _by_neighbours(
        self, neighbours: NeighbourObjectives, view: View, stage: Stage, image: Tensor | None
    ) -> tuple[SummedObjective, Tensor]:
        """As `_entered`, where the objective depends on the image so far; it lacks the content's detail still."""
        if image is not None:
            image = resized(image.detach(), *view.content.shape[-2:]).clamp_(0, 1)
        if image is not None and stage.compares == "layers":
            return neighbours.layer_by_layer(view, image, self.noise), image
        objective = neighbours.hypercolumns(view, image)
        return objective, self._first(view, NOTHING) if image is None else image

    def _by_transport(
        self, transport: TransportObjectives, view: View, stage: Stage, image: Tensor | None
    ) -> tuple[SummedObjective, Tensor]:
        """As `_entered`: from the content's light in the styles' colours; the last size adds none of its detail."""
        objective = transport.at(view, stage.draw)
        if image is None:
            return objective, self._first(view, NOTHING)
        if stage.draw or stage.size == max(self.scene.crop.size):
            return objective, resized(image.detach(), *view.content.shape[-2:]).clamp_(0, 1)
        return objective, self._next(image.detach(), view.content, NOTHING)

    def _step(
        self, image: Tensor, objective: SummedObjective, optimiser: Optimiser, strips: Strips
    ) -> tuple[Tensor, dict[str, float]]:
        """The image, or this rank's of `strips`, after one step, and the losses before it."""
        image = image.detach()
        plan = self.memory.plan(math.prod(strips.size(image)))
        optimiser.set_history(plan.history, _history_dtype(plan))
        losses, gradient = self.memory.objective_for(objective, image, strips).value_and_grad(image)
        values = torch.stack(list(losses.values())).tolist()
        return optimiser.step(image, gradient), dict(zip(losses, values, strict=True))

    def _first(self, view: View, targets: Targets, strips: Strips = WHOLE) -> Tensor:
        """Where the first stage starts; of `strips`, this rank's."""
        content = view.content
        size = content.shape[-1], content.shape[-2]
        if self.start is not None:
            start = self.start.resized(*self.scene.canvas.size).pixels[self.scene.box]
            return strips.own(view.tensor(Picture(np.ascontiguousarray(start)).resized(*size)))
        grain = strips.own(torch.randn(content.shape, generator=self.noise)).to(content)
        if self.recipe.init == "noise":
            return (0.5 + self.profile.grain * grain).clamp_(0, 1)
        if self.recipe.init == "style":
            return strips.own(view.tensor(self.scene.paintings[0][0].resized(*size)))
        towards = min(self.recipe.strength / 50, 1.0)
        content = strips.own(content)
        image = content if self.transport is None else tinted(view)
        if self.profile.recolour and towards:
            for part in targets.colours:
                image = recoloured(image, part.quantiles, strips.own_index(part.index, size[0]), strips.ranks)
        return torch.lerp(content, image, towards).add_(grain, alpha=self.profile.noise * towards).clamp_(0, 1)

    def _next(self, image: Tensor, content: Tensor, targets: Targets, strips: Strips = WHOLE) -> Tensor:
        """Where the next stage starts: `image` enlarged, with what it then lacks of the content and of the style.

        Of `strips`, this rank's.
        """
        if image.shape == content.shape:
            return strips.own(image)
        smaller, towards = (image.shape[-2], image.shape[-1]), self.recipe.strength / 50
        image = enlarged(image, content.shape[-2], content.shape[-1], strips)
        if self.recipe.init == "content" and self.recipe.detail:
            image = detailed(image, content, smaller, self.recipe.detail * min(1.0, 2 - towards), strips)
        if towards and targets.grain is not None and not self.recipe.matched:  # which has the painting's own
            noise = strips.own(torch.randn(content.shape, generator=self.noise)).to(content)
            image = grainy(image, min(1.0, towards) * targets.grain, noise, strips)
        return image.clamp_(0, 1)

    def _optimiser(
        self, stage: Stage, objective: SummedObjective, image: Tensor, before: Optimiser | None, strips: Strips
    ) -> Optimiser:
        if self.recipe.optimiser == "adam":
            return Adam(self.recipe.learning_rate, stage.steps)
        height, width = strips.size(image)
        plan = self.memory.plan(height * width)
        inner = before.inner if isinstance(before, LineSearch) else before
        if isinstance(inner, LBFGS):
            inner = inner.carried(height, width, plan.history, _history_dtype(plan), strips)
        else:
            inner = LBFGS(plan.history, dtype=_history_dtype(plan), strips=strips)
        if self.recipe.line_search == "none":
            return inner
        return LineSearch(inner, lambda image: self.memory.objective_for(objective, image, strips).loss(image), strips)


def _history_dtype(plan: TilingPlan) -> torch.dtype | None:
    """Of the moves that L-BFGS remembers; None for that of the image."""
    return torch.bfloat16 if plan.tile else None


def _weights(recipe: Recipe, profile: Profile, network: Network) -> Weights:
    """The layers and w_l asked for, else the profile's if the network has them, else the network's."""
    style = _layers("style", recipe.style_layers, profile.style_layers, recipe.network, network)
    if profile.kind == "neighbours":  # strength is in their targets
        middle = recipe.model_copy(update={"strength": MIDDLE})
        return Weights.of(middle, profile, {}, style or dict.fromkeys(network.layers, 1.0))
    if profile.kind == "transport":
        style = style or dict.fromkeys(network.layers, 1.0)
        return Weights.of(recipe, profile, style, style)
    content = _layers("content", recipe.content_layers, profile.content_layers, recipe.network, network)
    return Weights.of(recipe, profile, content or network.content_layers, style or network.style_layers)


def _layers(
    kind: str, asked: Mapping[str, float] | None, wished: Mapping[str, float], name: str, network: Network
) -> Mapping[str, float]:
    if asked:
        return _known(kind, asked, name, network)
    return wished if wished.keys() <= set(network.layers) else {}


def _known(kind: str, asked: Mapping[str, float], name: str, network: Network) -> dict[str, float]:
    """`asked` by the network's own names of the layers; one that is asked for by two names counts twice."""
    layers: dict[str, float] = {}
    for layer, weight in asked.items():
        own = own_layer(network, layer, name, f", asked for as a {kind} layer")
        layers[own] = layers.get(own, 0.0) + weight
    return layers
