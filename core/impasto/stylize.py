"""Paints: coarse to fine, the image that minimises the objective, as a generator of steps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .backend import Evaluator
from .errors import DivergedError
from .images import Picture
from .objective import Objective
from .optimiser import Adam
from .recipe import Recipe
from .registry import registry
from .schedule import Stage, rate, stages


@dataclass(frozen=True)
class Step:
    """One step taken: where it stands, what the losses are, and the picture so far."""

    stage: int
    stages: int
    step: int
    steps: int
    fraction: float
    """Share of the whole work done, 0 to 1."""
    losses: dict[str, float]
    seconds: float
    image: Tensor
    recipe: Recipe
    content: Picture

    @property
    def loss(self) -> float:
        """The sum of the losses."""
        return sum(self.losses.values())

    def picture(self) -> Picture:
        """The picture so far, at the size of this stage."""
        pixels = self.image.detach().squeeze(0).permute(1, 2, 0).contiguous().cpu().numpy().copy()
        return Picture(pixels)


def paint(content: Picture, style: Picture, recipe: Recipe) -> Iterator[Step]:
    """Paint `content` in the manner of `style`. Pull steps to go on; close the generator to stop."""
    network = registry().network(recipe.network).build()
    backend = registry().backend(recipe.backend).build(recipe.device, recipe.precision)
    evaluate = backend.load(network)
    plan = stages(recipe)
    work = [stage.steps * stage.size**2 for stage in plan]
    image, adam = None, Adam()
    begin = time.perf_counter()
    for number, stage in enumerate(plan):
        here, there = _fit(content, stage.size), _fit(style, stage.size)
        targets = Objective.of(recipe, network, evaluate, _tensor(here), _tensor(there))
        image = _tensor(here) if image is None else _enlarged(image, here.size)
        adam = Adam()
        for step in range(stage.steps):
            image.requires_grad_()
            losses = targets(image)
            (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), image)
            image = image.detach()
            adam.step(image, gradient, rate(recipe, step, stage.steps))
            done = (sum(work[:number]) + work[number] * (step + 1) / stage.steps) / sum(work)
            figures = {name: float(value) for name, value in losses.items()}
            if not np.isfinite(sum(figures.values())):
                raise DivergedError(f"The loss is {figures} at step {step}.", "Lower --learning-rate.")
            yield Step(number, len(plan), step + 1, stage.steps, done, figures, time.perf_counter() - begin, image, recipe, content)


def _fit(picture: Picture, longest: int) -> Picture:
    scale = longest / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resized(width, height)


def _tensor(picture: Picture) -> Tensor:
    return torch.from_numpy(picture.pixels).permute(2, 0, 1)[None].contiguous()


def _enlarged(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image, size=size[::-1], mode="bicubic").clamp_(0, 1)
