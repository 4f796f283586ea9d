"""Losses against plain loops in float64, and their gradients against finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from impasto.errors import RecipeError
from impasto.objective.colours import histogram_loss, opponent, quantiles, recoloured
from impasto.objective.content import Sums, direction_error, relative_error
from impasto.objective.gram import gram
from impasto.objective.objective import Colours, Objective, StyleTarget, Targets, Weights
from impasto.objective.profiles import PROFILES, Profile
from impasto.objective.regularisers import alpha_norm, power_variation, total_variation
from impasto.painting.targets import content_targets, style_targets
from impasto.recipe.recipe import Recipe

EXACT = 1e-12
"""Relative: sums of some hundred float64 numbers, added in another order."""
AXES = 1e-6
"""Relative: the opponent axes are kept in float32, which has 24 bits."""
PROFILE = replace(
    PROFILES["impasto"],
    content_weight=3.0,
    style_weight=0.7,
    tv_weight=2.0,
    histogram_weight=5.0,
    half_trust_positions=0.0,
)  # numbers of its own, so that the test does not move with the taste of the profile
Loss = Callable[[Tensor], Tensor]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_slope(loss: Loss, x: Tensor) -> None:
    """The gradient of `loss` at `x` equals central differences.

    Narrow ones, so that no two colours change their order in between, which bends the histogram loss; their rounding
    error is still about 1e-9.
    """
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(x), x)
    flat, width = x.detach().flatten(), 1e-6
    for index in range(len(flat)):
        ends = [flat.clone(), flat.clone()]
        ends[0][index] += width
        ends[1][index] -= width
        above, below = (float(loss(end.view_as(x))) for end in ends)
        assert float(slope.flatten()[index]) == pytest.approx((above - below) / (2 * width), rel=1e-6, abs=1e-8)


# The oracle: lists of numbers and loops


def rows_of(maps: Tensor) -> list[list[float]]:
    """(1, N, h, w) as N lists of M numbers."""
    rows: list[list[float]] = maps[0].flatten(1).tolist()
    return rows


def plain_gram(maps: Tensor) -> list[float]:
    rows = rows_of(maps)
    return [sum(a * b for a, b in zip(one, two, strict=True)) / len(one) for one in rows for two in rows]


def plain_relative(value: list[float], target: list[float]) -> float:
    pairs = zip(value, target, strict=True)
    return sum((v - t) ** 2 for v, t in pairs) / sum(t * t for t in target)


def plain_direction(value: list[float], target: list[float]) -> float:
    length_v, length_t = (math.sqrt(sum(x * x for x in xs)) for xs in (value, target))
    return sum((v / length_v - t / length_t) ** 2 for v, t in zip(value, target, strict=True))


def plain_variation(image: Tensor) -> float:
    down, across = [], []
    for plane in image[0].tolist():
        height, width = len(plane), len(plane[0])
        down += [(plane[y + 1][x] - plane[y][x]) ** 2 for y in range(height - 1) for x in range(width)]
        across += [(plane[y][x + 1] - plane[y][x]) ** 2 for y in range(height) for x in range(width - 1)]
    return sum(down) / len(down) + sum(across) / len(across)


def plain_opponent(image: Tensor) -> list[list[float]]:
    """Luma, yellow-blue and red-green of every pixel, each axis of length one."""
    axes = [(0.299, 0.587, 0.114), (0.5, 0.5, -1.0), (1.0, -1.0, 0.0)]
    pixels = list(zip(*rows_of(image), strict=True))
    colours = []
    for axis in axes:
        length = math.sqrt(sum(a * a for a in axis))
        colours.append([sum(a * c for a, c in zip(axis, pixel, strict=True)) / length for pixel in pixels])
    return colours


def plain_histogram(image: Tensor, other: Tensor) -> float:
    """Both pictures have as many pixels: the cheapest way to move one set of values onto the other is in order."""
    squares = []
    for mine, yours in zip(plain_opponent(image), plain_opponent(other), strict=True):
        squares += [(a - b) ** 2 for a, b in zip(sorted(mine), sorted(yours), strict=True)]
    return sum(squares) / len(squares)


# One loss at a time


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram(layout: torch.memory_format) -> None:
    maps = random(1, 4, 3, 5).contiguous(memory_format=layout)
    assert gram(maps).flatten().tolist() == pytest.approx(plain_gram(maps), rel=EXACT)
    assert gram(maps.bfloat16()).dtype == torch.float32
    weights = random(4, 4, seed=1)  # not symmetric, so that each element of the gradient is asked for by itself
    assert_slope(lambda x: (gram(x) * weights).sum(), maps)


def test_relative_error() -> None:
    value, target = random(4, 4), random(4, 4, seed=1)
    expected = plain_relative(value.flatten().tolist(), target.flatten().tolist())
    assert float(relative_error(Sums.of(value, target))) == pytest.approx(expected, rel=EXACT)
    assert float(relative_error(Sums.of(value, torch.zeros_like(target)))) < math.inf
    assert_slope(lambda x: relative_error(Sums.of(x, target)), value)


def test_direction_error() -> None:
    value, target = random(1, 2, 3, 4), random(1, 2, 3, 4, seed=1)
    expected = plain_direction(value.flatten().tolist(), target.flatten().tolist())
    assert float(direction_error(Sums.of(value, target))) == pytest.approx(expected, rel=EXACT)
    assert float(direction_error(Sums.of(7 * value, target))) == pytest.approx(expected, rel=EXACT)
    assert_slope(lambda x: direction_error(Sums.of(x, target)), value)


def test_the_error_of_a_picture_to_itself_has_no_slope() -> None:
    """Not even a rounding error: an optimiser that scales its first step would make a step of it."""
    same = random(1, 5, 9, 7).float()
    value = same.clone().requires_grad_()
    for error in (direction_error, relative_error):
        loss = error(Sums.of(value, same))
        (slope,) = torch.autograd.grad(loss, value)
        assert loss.item() == 0
        assert not slope.any()


def test_the_error_of_a_flat_picture_is_a_number() -> None:
    flat = torch.zeros(1, 2, 3, 4, requires_grad=True)
    for target in (torch.zeros(1, 2, 3, 4), torch.ones(1, 2, 3, 4)):
        loss = direction_error(Sums.of(flat, target))
        (slope,) = torch.autograd.grad(loss, flat)
        assert torch.isfinite(loss)
        assert torch.isfinite(slope).all()


def plain_norm(image: Tensor, power: float) -> float:
    """sum |x - 1/2|^alpha, with lambda = 1 / (H W B^alpha), B = 1/2."""
    pixels = image.flatten().tolist()
    return sum(abs(x - 0.5) ** power for x in pixels) / (len(pixels) / 3 * 0.5**power)


def plain_power_variation(image: Tensor, power: float) -> float:
    """sum (dx^2 + dy^2)^(beta/2), with lambda = 1 / (H W (a B)^beta), a B = 0.005."""
    _, _, height, width = image.shape
    total = 0.0
    for plane in image[0].tolist():
        for y in range(height):
            for x in range(width):
                dx = plane[y][x + 1] - plane[y][x] if x + 1 < width else 0.0
                dy = plane[y + 1][x] - plane[y][x] if y + 1 < height else 0.0
                total += (dx * dx + dy * dy) ** (power / 2)
    return total / (height * width * 0.005**power)


@pytest.mark.parametrize("power", [6, 2, 3.5])
def test_alpha_norm(power: float) -> None:
    image = random(1, 3, 5, 7)
    assert float(alpha_norm(image, power)) == pytest.approx(plain_norm(image, power), rel=EXACT)
    assert_slope(lambda x: alpha_norm(x, power), image)


@pytest.mark.parametrize("power", [2, 1, 3])
def test_power_variation(power: float) -> None:
    image = random(1, 3, 5, 7)
    # The last pixel, which has no differences, counts 1e-12 to the power of beta / 2.
    assert float(power_variation(image, power)) == pytest.approx(plain_power_variation(image, power), rel=1e-8)
    # Slopes at rough pixels are thousands here; rounding takes 1e-7 of that.
    assert_slope(lambda x: 1e-4 * power_variation(x, power), image)


def test_a_flat_picture_has_no_slope_of_variation() -> None:
    flat = torch.full((1, 3, 4, 5), 0.3, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(power_variation(flat, 1), flat)
    assert torch.equal(slope, torch.zeros_like(slope))


def test_a_recipe_chooses_the_exponents() -> None:
    image = random(1, 3, 5, 7)
    chosen = Profile.of(Recipe(norm_power=3, tv_power=1))
    assert float(chosen.norm(image)) == float(alpha_norm(image, 3))
    assert float(chosen.variation(image)) == float(power_variation(image, 1))
    own = Profile.of(Recipe())
    assert float(own.norm(image)) == float(alpha_norm(image, 6))
    assert float(own.variation(image)) == float(total_variation(image))


def test_total_variation() -> None:
    image = random(1, 3, 4, 5)
    assert float(total_variation(image)) == pytest.approx(plain_variation(image), rel=EXACT)
    assert_slope(total_variation, image)


def test_histogram_loss() -> None:
    image, other = random(1, 3, 4, 5), random(1, 3, 5, 4, seed=1) ** 2
    target = quantiles(other, 20)
    assert float(histogram_loss(image, target)) == pytest.approx(plain_histogram(image, other), rel=AXES)
    assert_slope(lambda x: histogram_loss(x, target), image)


def test_histogram_loss_ignores_where_a_colour_is() -> None:
    image = random(1, 3, 4, 5)
    moved = image.flatten(2)[..., torch.randperm(20, generator=torch.Generator().manual_seed(1))].view_as(image)
    assert float(histogram_loss(moved, quantiles(image, 20))) == pytest.approx(0, abs=1e-30)


def test_quantiles_of_another_number_of_pixels() -> None:
    """Half as many quantiles as pixels: each lies between two neighbours in rank."""
    image = random(1, 3, 4, 5)
    for found, values in zip(quantiles(image, 10).tolist(), plain_opponent(image), strict=True):
        ranked = sorted(values)
        assert found == pytest.approx([(a + b) / 2 for a, b in zip(ranked[::2], ranked[1::2], strict=True)], rel=AXES)


def test_recoloured_takes_the_colours_and_leaves_the_order() -> None:
    image, other = 0.4 + 0.2 * random(1, 3, 6, 5), 0.4 + 0.2 * random(1, 3, 6, 5, seed=1) ** 2
    painted = recoloured(image, quantiles(other, 30))
    assert torch.equal(opponent(painted).argsort(dim=1), opponent(image).argsort(dim=1))
    for mine, yours in zip(plain_opponent(painted), plain_opponent(other), strict=True):
        assert sorted(mine) == pytest.approx(sorted(yours), abs=1e-6)  # the axes are kept in float32


# All of them together


def evaluate(image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Three layers; `deep` is not reached by a picture less than eight pixels high."""
    found = {"raw": image, "square": image[:, :2] * image[:, 1:]}
    if image.shape[2] >= 8:
        found["deep"] = torch.nn.functional.avg_pool2d(image, 4)
    return {layer: found[layer] for layer in layers if layer in found}


def objective(recipe: Recipe, content: Tensor, style: Tensor) -> Objective:
    weights = Weights.of(recipe, PROFILE, {"square": 0.25, "deep": 0.75}, {"raw": 0.5, "square": 1.5, "deep": 2.0})
    targets = Targets(
        content_targets(evaluate, content, weights),
        [StyleTarget(style_targets(evaluate, style, weights))],
        [Colours(quantiles(style, content[0, 0].numel()))],
    )
    return Objective(PROFILE, weights, targets, evaluate)


@pytest.mark.parametrize("strength", [0.0, 30.0, 50.0, 100.0])
def test_the_objective(strength: float) -> None:
    image, content, style = (random(1, 3, 8, 4, seed=seed) for seed in range(3))
    losses = objective(Recipe(strength=strength), content, style)(image)
    alpha, beta, colour = 3.0 * (2 - strength / 50) ** 2, 0.7 * (strength / 50) ** 2, 5.0 * (strength / 50) ** 2
    mine, theirs, painter = (evaluate(picture, ["raw", "square", "deep"]) for picture in (image, content, style))
    expected = {"tv": 2.0 * plain_variation(image), "histogram": colour * plain_histogram(image, style)}
    for layer, weight in {"square": 0.25, "deep": 0.75}.items():
        error = plain_direction(mine[layer].flatten().tolist(), theirs[layer].flatten().tolist())
        expected[f"content {layer}"] = alpha * weight * error
    for layer, weight in {"raw": 0.5, "square": 1.5, "deep": 2.0}.items():
        error = plain_relative(plain_gram(mine[layer]), plain_gram(painter[layer]))
        expected[f"style {layer}"] = beta * weight * error
    counting = {name: value for name, value in expected.items() if value}
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(counting, rel=AXES)


def test_a_gram_matrix_over_few_positions_counts_less() -> None:
    image, content, style = (random(1, 3, 8, 4, seed=seed) for seed in range(3))
    sure = objective(Recipe(), content, style)
    unsure = Objective(replace(PROFILE, half_trust_positions=32.0), sure.weights, sure.targets, evaluate)
    for name, loss in unsure(image).items():
        layer = name.removeprefix("style ")
        positions = evaluate(image, [layer])[layer][0, 0].numel() if layer != name else 0
        share = positions / (positions + 32) if positions else 1.0
        assert float(loss) == pytest.approx(share * float(sure(image)[name]))


def test_the_slope_of_the_objective() -> None:
    image, content, style = (random(1, 3, 8, 4, seed=seed) for seed in range(3))
    losses = objective(Recipe(), content, style)
    assert_slope(lambda x: torch.stack(list(losses(x).values())).sum(), image)


def test_weights_of_the_recipe_take_the_place_of_the_profile_s() -> None:
    recipe = Recipe(strength=75, content_weight=8, style_weight=4, tv_weight=0, histogram_weight=2)
    weights = Weights.of(recipe, PROFILE, {"raw": 0.5}, {"raw": 1.0, "deep": 0.25})
    assert weights == Weights({"raw": 1.0}, {"raw": 9.0, "deep": 2.25}, 0.0, 4.5)


def test_layers_out_of_reach_hand_on_their_weight() -> None:
    image, content, style = (random(1, 3, 4, 4, seed=seed) for seed in range(3))
    losses = objective(Recipe(), content, style)
    assert losses.content_weights == pytest.approx({"square": 3.0})
    assert losses.style_weights == [pytest.approx({"raw": 0.7, "square": 2.1})]  # 0.7 * 4 in all, still one to three
    assert list(losses(image)) == ["content square", "style raw", "style square", "tv", "histogram"]


def test_no_loss_at_all_is_refused() -> None:
    content, style = random(1, 3, 4, 4), random(1, 3, 4, 4, seed=1)
    nothing = Weights({"deep": 1.0}, {"raw": 0.0, "deep": 1.0}, 0.0, 0.0)
    targets = Targets(
        content_targets(evaluate, content, nothing),
        [StyleTarget(style_targets(evaluate, style, nothing))],
        [Colours(quantiles(style, 16))],
    )
    with pytest.raises(RecipeError, match=r"Nothing is left to match.* Raise a weight or the size"):
        Objective(PROFILE, nothing, targets, evaluate)
