"""Curvature by octave: the rings are the octaves, and what a known curvature makes of a move tells it again."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from impasto.optim.octave_curvature import AXES, OCTAVES, SPREAD, inverse_curvature, scaled
from impasto.optim.optimiser import LBFGS

SIZES = [(64, 48), (37, 51), (300, 7), (16, 16), (2, 3), (1, 1)]
EVEN = [[1.0] * OCTAVES] * 3


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def together(move: Tensor, change: Tensor) -> float:
    return float((move * change).sum() / change.square().sum())


def uneven() -> list[list[float]]:
    """No two numbers alike."""
    return [[2.0 ** ((axis + octave) / 4) for octave in range(OCTAVES)] for axis in range(3)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_octaves_of_the_axes_make_up_the_picture(height: int, width: int) -> None:
    assert torch.allclose(AXES @ AXES.T, torch.eye(3), atol=1e-6)
    maps = noise(height, width)
    assert torch.allclose(scaled(maps, EVEN), maps, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_symmetric_and_positive_as_the_inverse_of_a_curvature_is(height: int, width: int) -> None:
    one, other = noise(height, width), noise(height, width, 1)
    ours, theirs = ((a * scaled(b, uneven())).sum() for a, b in ((one, other), (other, one)))
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)
    assert (one * scaled(one, uneven())).sum() > 0


@pytest.mark.parametrize(("cycles", "octave"), [(31, 0), (17, 0), (16, 1), (9, 1), (8, 2), (2, 4), (0, OCTAVES - 1)])
@pytest.mark.parametrize("down", [True, False])
def test_a_wave_belongs_to_the_octave_of_its_frequency(cycles: int, octave: int, down: bool) -> None:
    """Of 64 pixels: the finest octave ends at 16 cycles, the next at 8."""
    wave = torch.cos(2 * math.pi * cycles * torch.arange(64, dtype=torch.float64) / 64).expand(64, 64)
    maps = (wave.T if down else wave).expand(1, 3, 64, 64)
    numbers = [[10.0 if number == octave else 1.0 for number in range(OCTAVES)]] * 3
    assert torch.allclose(scaled(maps, numbers), 10 * maps, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(512, 640), (515, 641)])
def test_a_curvature_is_told_by_a_move(height: int, width: int) -> None:
    stiff = uneven()
    move = noise(height, width)
    change = scaled(move, stiff)
    found = inverse_curvature(move, change, together(move, change))
    for told, numbers in zip(found, stiff, strict=True):
        assert told == pytest.approx([1 / number for number in numbers], rel=1e-6)


def test_no_octave_is_taken_to_differ_beyond_measure() -> None:
    stiff = [[1e6, *[1.0] * (OCTAVES - 2), -1.0]] * 3
    move = noise(64, 64)
    change = scaled(move, stiff)
    gamma = together(move, change)
    told = inverse_curvature(move, change, gamma)[0]
    assert all(gamma / SPREAD <= number <= gamma * SPREAD for number in told)
    assert told[-1] == pytest.approx(gamma / SPREAD)  # where it curves the other way, a short step


class Textbook(LBFGS):
    """With one number for all octaves."""

    def _remember(self, image: Tensor, gradient: Tensor) -> None:
        super()._remember(image, gradient)
        if self.pairs:
            _, change, inverse = self.pairs[-1]
            self.inverse_curvature = [[1 / (inverse * float(change.square().sum()))] * OCTAVES] * 3


def test_lbfgs_needs_few_steps_where_octaves_differ() -> None:
    stiff, offset, left = [[30.0 / 1.63**octave for octave in range(OCTAVES)]] * 3, noise(64, 64) / 50, []
    for optimiser in LBFGS(history=6, reach=1.0), Textbook(history=6, reach=1.0):
        image = 0.5 + offset
        for _ in range(8):
            image = optimiser.step(image, scaled(image - 0.5, stiff))
        left.append(float(((image - 0.5) * scaled(image - 0.5, stiff)).sum()))
    assert left[0] < left[1] / 1000
