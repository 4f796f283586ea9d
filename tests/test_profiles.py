"""Each profile against its source: the losses as that program computes them, with numpy in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from conftest import ROOT, drawing
from impasto.errors import RecipeError, WeightsError
from impasto.objective import regularisers
from impasto.objective.objective import Objective, StyleTarget, Targets, Weights
from impasto.objective.profiles import PROFILES
from impasto.painting.paint import paint
from impasto.painting.step import Step
from impasto.painting.targets import content_targets, style_targets
from impasto.pictures.picture import Picture, read
from impasto.plugin import Recognised, Stored
from impasto.plugin.registry import registry
from impasto.recipe.knobs import KNOBS
from impasto.recipe.recipe import Recipe
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16, VGG19
from impasto_vgg.network import VGG
from random_vgg import random_weights
from sources import SOURCES, STYLE_LAYERS, Array, maps_of, oracle

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="module")
def thin() -> dict[str, Tensor]:
    """All convolutions with an eighth of the channels."""
    return random_weights(seed=4, width=8)


@pytest.fixture(scope="module")
def full() -> dict[str, Tensor]:
    return random_weights(seed=5)


@pytest.fixture(scope="session")
def trained() -> Stored:
    """The user's own VGG-16: taken before `data` looks elsewhere, as fixtures of a session come first."""
    try:
        return WEIGHTS["vgg16"].load()
    except WeightsError as error:
        pytest.skip(f"no trained weights: {error}")


@pytest.fixture(scope="module")
def examples() -> tuple[Picture, Picture]:
    """A content of 96x72 pixels and a style as large."""
    harbour, summer = (read(ROOT / "examples" / f"{name}.jpg").resized(96, 72) for name in ("harbour", "summer"))
    return harbour, summer


@pytest.fixture
def pair() -> tuple[Picture, Picture]:
    """A content of 40x28 pixels and a style of 32x40."""
    return picture(drawing(40, 28, seed=1)), picture(drawing(32, 40, seed=2))


def picture(pixels: NDArray[np.uint8]) -> Picture:
    return Picture((pixels / 255).astype(np.float32))


def planes(of: Picture) -> Array:
    return of.pixels.transpose(2, 0, 1).astype(np.float64)


def losses_at(start: Path | str, pair: tuple[Picture, Picture], **knobs: object) -> dict[str, float]:
    """What `paint` says of the very start."""
    common = {"network": "vgg19", "size": max(pair[0].size), "init": str(start), "scales": 1, "steps": 1}
    return first(pair, **(common | knobs)).losses


def first(pair: tuple[Picture, Picture], **knobs: object) -> Step:
    return next(paint(*pair, Recipe.of(**{"device": "cpu", "precision": "float32", **knobs})))


def mixed(pair: tuple[Picture, Picture], path: Path) -> Path:
    """A picture between content and style, as the file to start from."""
    content, style = pair
    pixels = 0.6 * content.pixels + 0.4 * style.resized(*content.size).pixels
    Image.fromarray((255 * pixels).round().clip(0, 255).astype(np.uint8)).save(path)
    return path


def assert_as_the_source(
    name: str, weights: dict[str, Tensor], pair: tuple[Picture, Picture], folder: Path, kind: str = "", **knobs: object
) -> None:
    """With weights of this kind, or of that which the source uses, of the network that `knobs` name, or VGG-19."""
    source = SOURCES[name].on(kind or SOURCES[name].kind)
    WEIGHTS[str(knobs.get("network", "vgg19"))].save(Recognised(source.kind, weights), "a test")
    start = mixed(pair, folder / "start.png")
    ours = losses_at(start, pair, profile=name, **knobs)
    theirs = oracle(weights, source, *(planes(each) for each in (read(start), *pair)))
    assert ours.keys() == theirs.keys()
    for loss, value in theirs.items():
        assert value > 0
        assert ours[loss] == pytest.approx(value, rel=1e-4), loss  # float32 sums against float64


@pytest.mark.parametrize("name", SOURCES)
def test_losses_are_the_source_s(
    name: str, thin: dict[str, Tensor], pair: tuple[Picture, Picture], tmp_path: Path
) -> None:
    assert_as_the_source(name, thin, pair, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_losses_are_the_source_s_on_real_pictures(
    name: str, full: dict[str, Tensor], shared: Path, tmp_path: Path
) -> None:
    content, style = (read(shared / f"{file}.jpg") for file in ("tubingen", "starry_night"))
    pair = tuple(each.resized(*(round(side * 256 / max(each.size)) for side in each.size)) for each in (content, style))
    assert_as_the_source(name, full, pair, tmp_path)


@pytest.mark.parametrize("kind", VGG16.kinds)
@pytest.mark.parametrize("name", SOURCES)
def test_losses_on_vgg16_are_the_source_s(name: str, kind: str, pair: tuple[Picture, Picture], tmp_path: Path) -> None:
    assert_as_the_source(name, random_weights(6, 8, VGG16), pair, tmp_path, kind, network="vgg16")


@pytest.mark.parametrize("name", SOURCES)
def test_losses_on_trained_vgg16_are_the_source_s(
    name: str, trained: Stored, examples: tuple[Picture, Picture], tmp_path: Path
) -> None:
    assert_as_the_source(name, dict(trained.tensors), examples, tmp_path, trained.kind, network="vgg16")


@pytest.mark.parametrize("name", SOURCES)
def test_gradients_are_the_finite_differences_of_the_source(name: str, thin: dict[str, Tensor]) -> None:
    source, profile = SOURCES[name], PROFILES[name]
    rng = np.random.default_rng(3)
    start, content, style = (rng.random((3, *size)) for size in ((18, 21), (18, 21), (20, 17)))
    options = registry().network("vgg19").chosen({}, profile.network_options)
    network = VGG(thin, VGG19, source.kind, **options).double()  # type: ignore[arg-type]
    weights = Weights.of(Recipe.of(profile=name), profile, profile.content_layers, profile.style_layers)
    p, a = (torch.from_numpy(each)[None] for each in (content, style))
    targets = Targets(content_targets(network, p, weights), [StyleTarget(style_targets(network, a, weights))], [])
    image = torch.from_numpy(start)[None].requires_grad_()
    torch.stack(list(Objective(profile, weights, targets, network)(image).values())).sum().backward()
    assert image.grad is not None
    gradient = image.grad[0].numpy()

    def loss(x: Array) -> float:
        return sum(source.losses(maps_of(thin, source, x), *targets64, source.pixels(x)).values())

    targets64 = maps_of(thin, source, content), maps_of(thin, source, style)
    pixels = [tuple(rng.integers(0, start.shape)) for _ in range(8)]
    corners = [(0, 0, 0), (1, -1, -1), (2, 0, -1), (0, -1, 0)]
    for place in [*pixels, *corners]:
        step = np.zeros_like(start)
        step[place] = 1e-5
        slope = (loss(start + step) - loss(start - step)) / 2e-5
        # The mean and deviation of the input are float32 numbers in ours.
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-5 * np.abs(gradient).max())


def test_johnson_s_variation_has_the_gradient_that_the_program_writes_out() -> None:
    image = torch.rand(1, 3, 7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(6)).requires_grad_()
    (gradient,) = torch.autograd.grad(regularisers.squared_variation(image), image)
    x = 256 * image.detach()[0].numpy()
    x_diff, y_diff = x[:, :-1, :-1] - x[:, :-1, 1:], x[:, :-1, :-1] - x[:, 1:, :-1]
    expected = np.zeros_like(x)
    expected[:, :-1, :-1] += x_diff + y_diff
    expected[:, :-1, 1:] -= x_diff
    expected[:, 1:, :-1] -= y_diff
    np.testing.assert_allclose(gradient[0].numpy(), 256 * expected, rtol=1e-12, atol=1e-9)


# Weights, layers and starts.


@pytest.mark.parametrize(
    ("name", "content", "style", "variation"),
    [
        ("gatys2016", 1, [1e3 / 5] * 5, 0),
        ("gatys-notebook", 1, [1e3] * 5, 0),
        ("johnson", 5, [100] * 5, 1e-3),
        ("gordic", 1e5, [3e4 / 5] * 5, 1),
        ("crowson", 0.015, [256 / 341, 64 / 341, 16 / 341, 4 / 341, 1 / 341], 2),
    ],
)
def test_strength_50_gives_the_source_s_weights(
    name: str, content: float, style: list[float], variation: float
) -> None:
    profile = PROFILES[name]
    weights = Weights.of(Recipe.of(profile=name), profile, profile.content_layers, profile.style_layers)
    assert weights.content == {"conv4_2": content}
    assert list(weights.style) == list(STYLE_LAYERS)
    assert list(weights.style.values()) == pytest.approx(style, rel=1e-15)
    assert (weights.variation, weights.histogram) == (variation, 0)
    assert (profile.noise, profile.recolour) == (0, False)


def test_every_profile_is_a_choice_and_has_its_name() -> None:
    assert tuple(PROFILES) == KNOBS["profile"].choices == ("impasto", *SOURCES, "mahendran", "nnst", "strotss")
    assert [profile.name for profile in PROFILES.values()] == list(PROFILES)
    assert Recipe().profile == "impasto"


def test_a_network_without_the_layers_keeps_its_own(pair: tuple[Picture, Picture]) -> None:
    ours, theirs = (
        first(pair, size=40, profile=name, steps=1, init="content").losses for name in ("impasto", "gordic")
    )
    assert theirs.keys() - {"tv"} == ours.keys() - {"histogram"}
    assert "tv" in theirs
    assert "histogram" in ours


def test_layers_have_other_names(thin: dict[str, Tensor], pair: tuple[Picture, Picture]) -> None:
    WEIGHTS["vgg19"].save(Recognised("caffe", thin), "a test")
    knobs = {"profile": "gatys-notebook", "content_layers": {"conv4_2": 1}}
    once = losses_at("style", pair, style_layers={"conv1_1": 1, "conv2_1": 1}, **knobs)
    again = losses_at("style", pair, style_layers={"relu1_1": 0.5, "conv1_1": 0.5, "relu2_1": 1}, **knobs)
    assert again == once
    with pytest.raises(
        RecipeError, match=r"vgg19 has no layer 'relu9_1', asked for as a style layer\. Layers: conv1_1"
    ):
        losses_at("content", pair, style_layers={"relu9_1": 1})


def test_two_profiles_start_from_noise_unless_told_otherwise() -> None:
    starts = {name: Recipe.of(profile=name).init for name in PROFILES}
    assert {name for name, start in starts.items() if start == "noise"} == {"gatys2016", "johnson"}
    assert {name for name, start in starts.items() if start == "matched"} == {"impasto"}
    assert set(starts.values()) == {"noise", "content", "matched"}
    assert Recipe.of(profile="johnson", init="style").init == "style"
    assert Recipe.of(profile="johnson", init="a.png").start_file == "a.png"
    assert Recipe.of(profile="johnson").start_file is None


def test_johnson_s_noise_is_a_thousandth_of_a_grey_level(
    thin: dict[str, Tensor], pair: tuple[Picture, Picture]
) -> None:
    WEIGHTS["vgg19"].save(Recognised("caffe", thin), "a test")
    variation = losses_at("noise", pair, profile="johnson")["tv"]
    pairs = 2 * 3 * (pair[0].size[0] - 1) * (pair[0].size[1] - 1)
    # Two independent normal numbers differ by twice their variance in the mean square. 6318 such pairs scatter by some
    # 2 percent; the picture, near 1/2 in float32, rounds noise of 4e-6 by 1 percent of itself.
    assert variation == pytest.approx(1e-3 / 2 * pairs * 2 * 0.001**2, rel=0.1)


# Options of networks.


def test_what_is_asked_for_overrules_the_profile(
    thin: dict[str, Tensor], pair: tuple[Picture, Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SOURCES["gatys2016"]
    monkeypatch.setitem(SOURCES, "gatys2016", replace(source, pool=F.max_pool2d))
    assert_as_the_source("gatys2016", thin, pair, tmp_path, network_options="pooling=max")
    with pytest.raises(AssertionError):
        assert_as_the_source("gatys2016", thin, pair, tmp_path, network_options="padding=zeros")


def test_wishes_that_a_network_does_not_know_are_left_out() -> None:
    info = registry().network("vgg19")
    assert next(iter(info.options.items())) == ("pooling", ("average", "max"))
    assert info.chosen({}, {"pooling": "max", "colour": "red", "padding": "same"}) == {"pooling": "max"}
    assert info.chosen({"pooling": "average"}, {"pooling": "max"}) == {"pooling": "average"}
    assert registry().network("wavelet").chosen({}, {"pooling": "max"}) == {}


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        ("vgg19", {"pooling": "l2"}, r"option pooling of vgg19 is 'l2'; expected one of average, max\."),
        ("vgg19", {"colour": "red"}, r"vgg19 has no option 'colour'\. Its options: pooling, padding, scale, weights\."),
        ("wavelet", {"pooling": "max"}, r"wavelet has no option 'pooling'\. It has none\."),
    ],
)
def test_unknown_options_are_refused_before_anything_is_built(
    pair: tuple[Picture, Picture], network: str, options: dict[str, str], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        first(pair, network=network, network_options=options)
    with pytest.raises(WeightsError):  # that is how far it would come with others
        first(pair, network="vgg19", network_options={"pooling": "max"})


@pytest.mark.parametrize("text", ["pooling", "", "=max", "pooling=max,"])
def test_options_are_pairs(text: str) -> None:
    with pytest.raises(RecipeError, match=r"expected OPTION=VALUE,\.\.\."):
        Recipe.of(network_options=text)


def test_options_on_the_command_line(
    impasto: Callable[..., Result], tmp_path: Path, content: Path, style: Path, thin: dict[str, Tensor]
) -> None:
    WEIGHTS["vgg19"].save(Recognised("caffe", thin), "a test")
    command = [content, style, "-o", tmp_path / "out.png", "--network", "vgg19", "--size", 64, "--steps", 1]
    refused = impasto(*command, "--network-options", "pooling=median")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "is 'median'; expected one of average, max" in refused.stderr
    assert not (tmp_path / "out.png").exists()
    done = impasto(*command, "--network-options", "pooling=max, padding=replicate", "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "out.png").exists()
