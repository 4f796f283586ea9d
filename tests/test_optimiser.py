"""Optimisers on problems whose answer is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from impasto.optim.optimiser import CARRIED, LBFGS, Adam, LineSearch, Optimiser

SHAPE = (1, 3, 8, 10)
STIFFNESS = torch.logspace(0, 3, 240, dtype=torch.float64).view(SHAPE)
"""Curvatures of a bowl, a thousand to one: what makes plain gradient descent crawl."""


def random(seed: int) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Descent:
    """Gradient descent at the best constant rate there is for the bowl, to measure the others against."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        return (image - 2 / float(STIFFNESS.min() + STIFFNESS.max()) * gradient).clamp(0, 1)


def rolled(optimiser: Optimiser, goal: Tensor, steps: int) -> tuple[Tensor, float]:
    """The place reached in the bowl around `goal` from the middle, and its height as a share of that at the start."""
    image = torch.full(SHAPE, 0.5, dtype=torch.float64)
    start = height(image, goal)
    for _ in range(steps):
        image = optimiser.step(image, STIFFNESS * (image - goal))
        assert image.min() >= 0
        assert image.max() <= 1
    return image, height(image, goal) / start


def height(image: Tensor, goal: Tensor) -> float:
    return float((STIFFNESS * (image - goal).square()).sum() / 2)


def test_lbfgs_finds_the_bottom_long_before_gradient_descent() -> None:
    goal = random(1)
    _, ours = rolled(LBFGS(history=12), goal, 80)
    _, plain = rolled(Descent(), goal, 80)
    assert ours < 1e-5
    assert ours < plain / 1000


def test_lbfgs_settles_at_the_edge_of_the_numbers_a_picture_is_made_of() -> None:
    """Where the bottom lies outside [0, 1], the nearest number inside is the best, each for itself in this bowl."""
    goal = 2 * random(1) - 0.5
    image, _ = rolled(LBFGS(history=12), goal, 150)
    best = goal.clamp(0, 1)
    assert height(image, goal) <= 1.01 * height(best, goal)


@pytest.mark.parametrize("reach", [0.001, 0.01])
def test_no_step_of_lbfgs_goes_further_than_its_reach(reach: float) -> None:
    goal, optimiser = random(1), LBFGS(history=12, reach=reach)
    image = torch.full(SHAPE, 0.5, dtype=torch.float64)
    moves = []
    for _ in range(10):
        new = optimiser.step(image, STIFFNESS * (image - goal))
        moves.append(float((new - image).abs().mean()))
        image = new
    assert moves[0] == pytest.approx(reach)  # the first step is as long as allowed, whatever the scale of the loss
    assert max(moves) <= reach * (1 + 1e-9)


def test_lbfgs_forgets_all_but_the_last_steps() -> None:
    optimiser = LBFGS(history=3)
    rolled(optimiser, random(1), 8)
    assert len(optimiser.pairs) == 3


def test_lbfgs_takes_the_same_way_at_any_scale_of_the_loss() -> None:
    goal = random(1)
    ways = []
    for scale in (1.0, 2.0**20, 2.0**40):
        optimiser, image = LBFGS(history=5), torch.full(SHAPE, 0.5, dtype=torch.float64)
        for _ in range(20):
            image = optimiser.step(image, scale * STIFFNESS * (image - goal))
        ways.append(image)
    for way in ways[1:]:
        assert torch.allclose(
            ways[0], way, rtol=0, atol=1e-9
        )  # a power of two changes only the digits of tiny constants


@pytest.mark.parametrize("make", [lambda: LBFGS(4), lambda: Adam(0.03, 10)], ids=["lbfgs", "adam"])
def test_where_there_is_no_slope_there_is_no_step(make: type[Optimiser]) -> None:
    optimiser, image = make(), random(1).float()
    flat = torch.zeros_like(image)
    for _ in range(3):
        assert torch.equal(optimiser.step(image, flat), image)


def test_lbfgs_goes_on_after_a_flat_place() -> None:
    optimiser, goal = LBFGS(4), random(1)
    image = optimiser.step(torch.full(SHAPE, 0.5, dtype=torch.float64), torch.zeros(SHAPE, dtype=torch.float64))
    for _ in range(5):
        image = optimiser.step(image, STIFFNESS * (image - goal))
    assert height(image, goal) < height(torch.full(SHAPE, 0.5), goal)


@pytest.mark.slow  # for what torch imports with its optimisers
def test_adam_gives_the_numbers_of_torch() -> None:
    """From the middle, with a rate that keeps clear of 0 and 1, where torch's would go on and ours would not."""
    steps, rate, goal = 30, 0.01, random(1)
    ours, theirs = torch.full(SHAPE, 0.5, dtype=torch.float64), torch.nn.Parameter(torch.full(SHAPE, 0.5).double())
    optimiser = Adam(rate, steps)
    reference = torch.optim.Adam([theirs], lr=rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(reference, steps, eta_min=rate / 20)
    for _ in range(steps):
        ours = optimiser.step(ours, STIFFNESS * (ours - goal))
        theirs.grad = STIFFNESS * (theirs.detach() - goal)
        reference.step()
        schedule.step()
        assert 0 < ours.min() <= ours.max() < 1
        # The cosine is taken in float32, which has 24 bits.
        assert torch.allclose(ours, theirs.detach(), rtol=0, atol=1e-7)


def test_adam_stays_inside_at_any_rate() -> None:
    image, _ = rolled(Adam(10.0, 20), random(1), 20)
    assert image.unique().numel() > 1


def rough(image: Tensor) -> Tensor:
    """A bowl with ripples, on which plain L-BFGS sometimes climbs."""
    offset = image - random(1)
    return (STIFFNESS * offset.square()).sum() / 2 + 20 * torch.sin(12 * offset).square().sum()


def falls(line_search: bool) -> list[float]:
    plain = LBFGS(history=6, reach=0.1)
    optimiser = LineSearch(plain, lambda image: float(rough(image))) if line_search else plain
    image, heights = torch.full(SHAPE, 0.5, dtype=torch.float64), []
    for _ in range(40):
        at = image.clone().requires_grad_()
        value = rough(at)
        (gradient,) = torch.autograd.grad(value, at)
        heights.append(float(value.detach()))
        image = optimiser.step(image, gradient)
    return heights


def test_a_line_search_never_climbs() -> None:
    searched, plain = falls(line_search=True), falls(line_search=False)
    assert all(after <= before for before, after in pairwise(searched))
    assert any(after > before for before, after in pairwise(plain))
    assert searched[-1] < searched[0] / 4


def test_a_line_search_that_finds_nothing_stays() -> None:
    image = random(1)
    climbing = LineSearch(LBFGS(4), lambda at: float((at - image).abs().sum()))
    for _ in range(3):
        assert torch.equal(climbing.step(image, torch.ones(SHAPE, dtype=torch.float64)), image)


def test_what_lbfgs_knows_is_carried_to_another_size() -> None:
    """Where colours differ in curvature, moves that are known tell the way at twice the size too."""
    stiffness = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)[:, None, None]
    offset = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 50
    before, image = LBFGS(history=12), 0.5 + offset
    for _ in range(5):
        image = before.step(image, stiffness * (image - 0.5) / image.numel())
    after = before.carried(24, 32, 12)
    assert len(after.pairs) == 4
    far = torch.nn.functional.interpolate(offset, size=(24, 32), mode="bicubic")
    told, fresh = (o.step(0.5 + far, stiffness * far / far.numel()) - 0.5 for o in (after, LBFGS(history=12)))
    assert (stiffness * told.square()).sum() < 0.2 * (stiffness * fresh.square()).sum()


def test_lbfgs_carries_no_more_than_it_may_remember_there() -> None:
    before, goal = LBFGS(history=20), random(1)
    rolled(before, goal, CARRIED + 4)
    assert len(before.pairs) > CARRIED
    assert [len(before.carried(16, 20, history).pairs) for history in (20, 3)] == [CARRIED, 3]
