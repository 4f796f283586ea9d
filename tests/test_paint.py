"""Painting as a library call: the generator of steps, where it starts, and what it refuses."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from conftest import Install, drawing
from impasto.errors import DeviceError, DivergedError, ImageError, PluginError, RecipeError
from impasto.optim.optimiser import LBFGS
from impasto.painting.loading import load
from impasto.painting.paint import paint, stylized
from impasto.painting.step import Step
from impasto.pictures.picture import Picture
from impasto.plugin.registry import registry
from impasto.recipe.recipe import Recipe

QUICK = {"init": "content", "size": 64, "steps": 2, "scales": 1, "device": "cpu"}
STARTS = ["content", "noise", "style", "FILE"]


def picture(width: int = 96, height: int = 64, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed) / np.float32(255))


CONTENT, STYLE = picture(), picture(80, 80, seed=2)


def steps(content: Picture = CONTENT, style: Picture = STYLE, **knobs: object) -> list[Step]:
    return list(paint(content, style, Recipe.of(**QUICK | knobs)))


def painted(content: Picture = CONTENT, style: Picture = STYLE, **knobs: object) -> Picture:
    return stylized(content, style, **QUICK | knobs)


def distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels - other.pixels).mean())


# The generator


def test_steps_tell_where_they_stand() -> None:
    taken = steps(size=192, scales=None, steps=2)
    sizes = [(step.stage, step.size, step.step) for step in taken]
    assert sizes == sorted(sizes)
    assert {step.stages for step in taken} == {2}
    assert {step.size for step in taken} == {96, 192}
    assert [step.step for step in taken if step.stage == 1] == [1, 2]
    assert all(step.steps == max(s.step for s in taken if s.stage == step.stage) for step in taken)
    assert [tuple(step.image.shape[2:]) for step in taken] == [(round(step.size * 2 / 3), step.size) for step in taken]
    assert {step.picture().size for step in taken} == {(192, 128)}


def test_the_fraction_rises_to_one() -> None:
    taken = steps(size=192, scales=None, steps=3)
    fractions = [step.fraction for step in taken]
    assert fractions == sorted(set(fractions))
    assert fractions[0] > 0
    assert fractions[-1] == pytest.approx(1)
    assert [step.seconds for step in taken] == sorted(step.seconds for step in taken)


def test_the_time_left_is_told_once_it_can_be() -> None:
    for step in steps(steps=100, size=16):
        if step.fraction > 0.05:
            assert step.remaining == pytest.approx(step.seconds / step.fraction - step.seconds)
        if step.fraction < 0.015:
            assert step.remaining is None
    assert step.remaining == pytest.approx(0, abs=1e-6)


def test_losses_have_names_and_fall() -> None:
    taken = steps(steps=12)
    assert {name.partition(" ")[0] for name in taken[0].losses} == {"content", "style", "histogram"}
    assert taken[0].loss == pytest.approx(sum(taken[0].losses.values()))
    assert min(step.loss for step in taken[6:]) < 0.7 * taken[0].loss
    assert "tv" in steps(tv_weight=1)[0].losses


def test_the_steps_come_to_an_end() -> None:
    begun = paint(CONTENT, STYLE, Recipe.of(**QUICK))
    assert next(begun).step == 1
    assert next(begun).step == 2
    with pytest.raises(StopIteration):
        next(begun)


def test_whoever_stops_early_has_the_last_picture() -> None:
    whole = steps(steps=4)
    with closing(paint(CONTENT, STYLE, Recipe.of(**QUICK | {"steps": 4}))) as begun:
        next(begun)
        kept = next(begun)
    assert np.array_equal(kept.picture().pixels, whole[1].picture().pixels)
    with pytest.raises(StopIteration):
        next(begun)


def test_whoever_paints_again_may_keep_the_network() -> None:
    kept = lru_cache(2)(load)
    recipe = Recipe.of(**QUICK)
    first, second = (list(paint(CONTENT, STYLE, recipe, load=kept))[-1].picture() for _ in range(2))
    assert (kept.cache_info().hits, kept.cache_info().misses) == (1, 1)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.pixels, painted().pixels)
    next(paint(CONTENT, STYLE, recipe.model_copy(update={"precision": "bfloat16"}), load=kept))
    assert kept.cache_info().misses == 2


def test_a_step_that_was_kept_does_not_change() -> None:
    begun = paint(CONTENT, STYLE, Recipe.of(**QUICK | {"steps": 4}))
    kept = next(begun)
    before = kept.picture().pixels.copy()
    assert sum(1 for _ in begun) == 3
    assert np.array_equal(kept.picture().pixels, before)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_closing_frees_everything(optimiser: str) -> None:
    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    painted(optimiser=optimiser)  # whatever is kept for good is there now
    before = tensors()
    begun = paint(CONTENT, STYLE, Recipe.of(**QUICK | {"optimiser": optimiser}))
    next(begun)
    assert tensors() > before + 10
    begun.close()
    assert tensors() == before


def test_stylized_is_the_last_picture() -> None:
    assert np.array_equal(painted(seed=4).pixels, steps(seed=4)[-1].picture().pixels)


# Strength, start and seed


@pytest.mark.parametrize("size", [64, 192])
@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
def test_no_strength_gives_the_content_back(size: int, optimiser: str) -> None:
    content = picture(250, 170)
    result = painted(content, strength=0, size=size, scales=None, optimiser=optimiser)
    assert np.array_equal(result.pixels, content.resized(*result.size).pixels)


def test_more_strength_goes_further_from_the_content() -> None:
    here = CONTENT.resized(64, 43)
    near, middle, far = (distance(painted(strength=strength, steps=4), here) for strength in (5, 25, 100))
    assert near < middle < far


@pytest.fixture
def start(tmp_path: Path) -> Path:
    Image.fromarray(drawing(40, 90, seed=9)).save(tmp_path / "start.png")
    return tmp_path / "start.png"


@pytest.mark.parametrize("init", STARTS)
def test_the_same_seed_gives_the_same_picture(init: str, start: Path) -> None:
    one, two = (painted(init=str(start) if init == "FILE" else init, seed=3, size=128, scales=2) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)


@pytest.mark.parametrize("init", STARTS)
def test_another_seed_gives_another_picture_where_the_start_has_noise(init: str, start: Path) -> None:
    one, two = (painted(init=str(start) if init == "FILE" else init, seed=seed) for seed in (1, 2))
    assert np.array_equal(one.pixels, two.pixels) == (init in ("style", "FILE"))


@pytest.mark.parametrize("init", ["style", "FILE"])
def test_the_start_is_the_picture_asked_for(init: str, start: Path) -> None:
    """The first step of L-BFGS is bounded, so the first picture is not far from the start."""
    first = steps(init=str(start) if init == "FILE" else init)[0].picture()
    asked = STYLE if init == "style" else impasto.read(start)
    assert distance(first, asked.resized(64, 43)) <= LBFGS(1).reach * 1.001
    assert distance(first, CONTENT.resized(64, 43)) > 4 * LBFGS(1).reach


def test_noise_has_nothing_of_the_content() -> None:
    one, two = (steps(content, init="noise", steps=1, content_weight=0)[0] for content in (CONTENT, picture(seed=5)))
    assert torch.equal(one.image, two.image)


# Pictures of all shapes


@pytest.mark.parametrize(("width", "height"), [(512, 16), (16, 512), (300, 17), (16, 16)])
def test_narrow_pictures(width: int, height: int) -> None:
    result = painted(picture(width, height), size=max(width, height), scales=None, steps=1)
    assert result.size == (width, height)
    assert np.isfinite(result.pixels).all()
    assert distance(result, picture(width, height)) > 0.01


def test_a_narrow_style() -> None:
    assert painted(style=picture(200, 16), steps=1).size == (64, 43)


def test_flat_pictures_are_painted() -> None:
    """Nothing is to be seen in them, and nothing is divided by that."""
    flat = Picture(np.full((48, 64, 3), 0.3, np.float32))
    for style, strength in ((STYLE, 0), (STYLE, 50), (STYLE, 100), (flat, 0)):
        pixels = painted(flat, style, strength=strength).pixels
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0
        assert pixels.max() <= 1


def test_transparent_pixels_are_left_alone() -> None:
    alpha = np.ones((48, 64), np.float32)
    alpha[:, :20], alpha[:, 20:30] = 0, 0.5
    content = Picture(picture(64, 48).pixels, alpha)
    result = painted(content)
    assert np.array_equal(result.alpha, alpha)
    assert np.array_equal(result.pixels[:, :20], content.pixels[:, :20])
    assert not np.isclose(result.pixels[:, 20:], content.pixels[:, 20:], atol=1e-3).all(axis=2).any(axis=0).all()


# Refused before the first step


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99", "cpu:-1", "two words"])
def test_devices_that_are_not_there(device: str) -> None:
    with pytest.raises(DeviceError) as refused:
        paint(CONTENT, STYLE, Recipe.of(device=device))
    expected = (
        rf"The device '{device}' is not there( \(.*\))?; expected one of auto, cpu(, cuda)?(, mps)?\. Use --device "
    )
    assert re.fullmatch(expected + r"auto .* called cuda \(NVIDIA or AMD\) or mps \(Apple\)\.", str(refused.value))
    assert "xpu" not in str(refused.value)  # one of the 22 kinds that torch would list


def test_layers_that_are_not_there() -> None:
    for kind in ("content", "style"):
        with pytest.raises(RecipeError, match=rf"no layer 'conv9', asked for as a {kind} layer\. Layers: .*band1"):
            paint(CONTENT, STYLE, Recipe.of(**{f"{kind}_layers": "band1=1,conv9=2"}))


def test_networks_and_backends_that_are_not_there() -> None:
    with pytest.raises(PluginError, match="no network 'eye'"):
        paint(CONTENT, STYLE, Recipe(network="eye"))
    with pytest.raises(PluginError, match="no backend 'hand'"):
        paint(CONTENT, STYLE, Recipe(backend="hand"))


def test_a_start_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        paint(CONTENT, STYLE, Recipe(init=str(tmp_path / "missing.png")))


def test_a_recipe_in_which_nothing_counts() -> None:
    nothing = {"content_weight": 0, "style_weight": 0, "histogram_weight": 0}
    with pytest.raises(RecipeError, match="Nothing is left to match"):
        steps(**nothing)
    out_of_reach = {"strength": 100, "histogram_weight": 0, "style_layers": "swirl6_2"}
    with pytest.raises(RecipeError, match="does not reach the layers"):
        steps(**out_of_reach)


# A loss that is no number

OVERFLOWING = """
import torch
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

class Overflowing(torch.nn.Module):
    layers, content_layers, style_layers = ("flat", "steep"), {"flat": 1.0}, {"flat": 1.0, "steep": 1.0}

    def forward(self, image, layers):
        return {layer: image if layer == "flat" else image * 1e30 for layer in layers}

@hookimpl
def impasto_networks():
    return [NetworkInfo("overflowing", "squares of its features are too large for float32", build=Overflowing)]
"""


@pytest.fixture
def overflowing(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stranger's network, installed for one test."""
    monkeypatch.syspath_prepend(install("overflowing", OVERFLOWING))
    registry.cache_clear()
    yield "overflowing"
    registry.cache_clear()


def test_a_loss_that_is_no_number_ends_the_painting(overflowing: str) -> None:
    with pytest.raises(DivergedError, match=r"The loss 'style steep' is (nan|inf)\. Lower the weights"):
        steps(network=overflowing)
    assert len(steps(network=overflowing, style_layers="flat")) == 2


def test_a_loss_that_does_not_move_ends_the_painting() -> None:
    with pytest.raises(DivergedError, match=r"The loss stayed at [0-9.e+]+ for 2 steps\. Raise the learning rate"):
        steps(optimiser="adam", learning_rate=1e-12)


def test_a_picture_of_one_colour_ends_the_painting() -> None:
    knobs = {"norm_weight": 1e12, "norm_power": 2, "steps": 20, "scales": 1}
    with pytest.raises(
        DivergedError, match=r"one flat colour \(mean [01]\.\d\d.* Lower the weights of the regularisers"
    ):
        steps(**knobs)


def test_a_photograph_of_one_colour_may_give_one() -> None:
    flat = Picture(np.full((64, 64, 3), 0.25, np.float32))
    knobs = {"norm_weight": 1e12, "norm_power": 2, "steps": 20, "scales": 1}
    assert steps(flat, **knobs)[-1].picture().pixels.std() < 1e-3


def test_with_a_line_search_the_loss_never_rises() -> None:
    taken = steps(line_search="armijo", scales=1, steps=8)
    totals = [step.loss for step in taken]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize("weight", ["content_weight", "style_weight", "tv_weight", "histogram_weight"])
def test_the_largest_weights_still_give_a_picture(weight: str, optimiser: str) -> None:
    pixels = painted(**{weight: 1e12}, optimiser=optimiser, learning_rate=10, steps=3).pixels
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 1


# How it is computed


def test_bfloat16_is_used_when_asked_for_and_ends_close_by() -> None:
    exact, coarse = (steps(precision=precision, steps=1)[0].loss for precision in ("float32", "bfloat16"))
    assert exact != coarse  # eight bits of mantissa show in any loss
    assert coarse == pytest.approx(exact, rel=0.02)
