"""Evaluating a picture in tiles gives what evaluating the whole gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from conftest import drawing
from impasto import Picture, Recipe, paint
from impasto.features.receptive_field import PROBE, footprint_of
from impasto.features.tiles import TiledForward, Tiling, tiles
from impasto.objective.objective import Objective, Weights
from impasto.objective.profiles import PROFILES, Profile
from impasto.objective.tiled import Tiled
from impasto.painting.loading import Loaded
from impasto.painting.memory_fit import MemoryFitter
from impasto.painting.scene import Scene, Style
from impasto.painting.targets import View
from impasto.plugin import Network
from impasto.plugin.registry import registry
from impasto_vgg.architecture import VGG19
from impasto_vgg.network import VGG
from random_vgg import random_weights

EXACT = 1e-5
"""Of the gradient's length, and of each loss: the order of sums in float32."""


def picture(width: int, height: int, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


def vgg() -> Network:
    return VGG(random_weights(width=4), VGG19, "torchvision")


def wavelet() -> Network:
    return registry().network("wavelet").build()


LEFT = np.zeros((40, 40), np.float32)
LEFT[:, :17] = 1
SOFT = np.clip(np.hypot(*(np.mgrid[:50, :50] - 25.0)) / 10 - 1, 0, 1).astype(np.float32)
ONE = [Style(picture(150, 130, 2))]
TWO = [Style(picture(150, 130, 2), mask=LEFT), Style(picture(140, 160, 3), 2.0, 1 - LEFT / 2)]


def spread(mask: np.ndarray | None, size: tuple[int, int]) -> np.ndarray | None:
    """Return `mask` in the shape of a picture of this (width, height)."""
    return None if mask is None else np.asarray(Image.fromarray(mask).resize(size))


def both(
    network: Network,
    profile: Profile,
    size: tuple[int, int],
    side: int,
    styles: Sequence[Style] = ONE,
    mask: np.ndarray | None = None,
    wrap: int = 0,
    spare: float = 0.0,
) -> tuple[Tiled, Objective, torch.Tensor]:
    styles = [replace(style, mask=spread(style.mask, size)) for style in styles]
    scene = Scene(picture(*size), styles, max(size), spread(mask, size))
    view = View(scene, max(scene.crop.size), "cpu", [1.0] * len(styles), wrap)
    content, style = profile.content_layers or network.content_layers, profile.style_layers or network.style_layers
    weights = Weights.of(Recipe(tv_weight=1.0, histogram_weight=5.0), profile, content, style)
    objective = Objective(profile, weights, view.targets(network, weights), network, wrap)
    image = torch.rand(view.content.shape, generator=torch.Generator().manual_seed(0))
    return Tiled(objective, image, tiling(network, side, spare)), objective, image


def tiling(network: Network, side: int, spare: float = 0.0) -> Tiling:
    return Tiling(side, footprint_of(network, network.layers, torch.zeros(1)), spare)


@pytest.mark.parametrize(
    ("build", "profile", "size", "side", "count", "more"),
    [
        (wavelet, "impasto", (131, 97), 256, 1, {}),
        (wavelet, "impasto", (301, 263), 160, 4, {}),
        (wavelet, "impasto", (331, 317), 128, 9, {"styles": TWO}),
        (wavelet, "impasto", (330, 317), 128, 9, {"styles": TWO, "mask": SOFT[:, 10:]}),
        (wavelet, "impasto", (256, 200), 128, 9, {"wrap": 48}),
        (vgg, "johnson", (331, 329), 128, 9, {}),
        (vgg, "gatys2016", (301, 263), 192, 4, {"styles": TWO, "mask": SOFT}),
        (vgg, "crowson", (201, 263), 128, 6, {"mask": SOFT}),
        (vgg, "gatys2016", (331, 329), 192, 4, {"styles": [*ONE, Style(picture(140, 160, 3))]}),
        (vgg, "gatys2016", (601, 263), 32, 171, {}),
        (vgg, "gatys2016", (601, 263), 64, 50, {"styles": TWO, "mask": SOFT}),
        (vgg, "johnson", (256, 200), 128, 9, {"wrap": 48}),
    ],
)
def test_losses_and_gradient_are_those_of_the_whole(
    build: object, profile: str, size: tuple[int, int], side: int, count: int, more: dict[str, object]
) -> None:
    network: Network = build()  # type: ignore[operator]
    tiled, objective, image = both(network, PROFILES[profile], size, side, **more)  # type: ignore[arg-type]
    losses, gradient = objective.value_and_grad(image)
    theirs, slope = tiled.value_and_grad(image)
    assert len(tiled.forward.tiled[0].tiles) == count
    assert list(theirs) == list(losses)
    for name, loss in losses.items():
        assert float(theirs[name]) == pytest.approx(float(loss), rel=EXACT), name
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


@pytest.mark.parametrize(
    ("side", "counts", "tail"),
    [
        (32, {None: 121, "pool2": 9, "pool3": 4, "pool4": 1}, None),
        (96, {None: 16, "pool2": 4, "pool3": 4}, "pool4"),
        (192, {None: 4, "pool2": 1}, "pool3"),
        (256, {None: 4}, "pool2"),
    ],
)
def test_a_deep_network_is_cut_at_its_checkpoints_and_whole_where_little_is_left(
    side: int, counts: dict[str | None, int], tail: str | None
) -> None:
    tiled, objective, image = both(vgg(), PROFILES["gatys2016"], (331, 329), side)
    assert {each.segment.source: len(each.tiles) for each in tiled.forward.tiled} == counts
    assert (tiled.forward.tail.source if tiled.forward.tail else None) == tail
    gradient, slope = objective.value_and_grad(image)[1], tiled.value_and_grad(image)[1]
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())
    assert tiled.loss(image) == pytest.approx(objective.loss(image), rel=EXACT)


@pytest.mark.parametrize(("build", "spare"), [(wavelet, 3e7), (wavelet, 1e12), (vgg, 2e6), (vgg, 1e12)])
def test_tiles_for_which_there_is_memory_are_looked_at_once(build: object, spare: float) -> None:
    network: Network = build()  # type: ignore[operator]
    tiled, objective, image = both(network, PROFILES["impasto"], (331, 329), 96, TWO, SOFT, spare=spare)
    graphs, forward = list[bool](), type(network).forward  # type: ignore[attr-defined]

    def counted(*given: object, **named: object) -> object:
        graphs.append(torch.is_grad_enabled())
        return forward(network, *given, **named)

    network.forward = counted  # type: ignore[attr-defined]
    slope = tiled.value_and_grad(image)[1]
    segments = tiled.forward.tiled
    count, once = sum(len(each.tiles) for each in segments), sum(each.retained for each in segments)
    tail = tiled.forward.tail is not None
    assert 0 < once <= count
    assert (once == count) == (spare == 1e12)
    assert len(graphs) == 2 * count - once + tail
    assert sum(graphs) == count + tail
    deep = [each.retained / len(each.tiles) for each in segments]
    assert deep == sorted(deep)
    assert not tiled._held
    gradient = objective.value_and_grad(image)[1]
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


def test_what_a_held_tile_gives_outlasts_what_takes_its_place() -> None:
    """A checkpoint that is a layer too, given by one tile: the gradients of deeper tiles take its place first."""
    profile = replace(PROFILES["gatys2016"], style_layers=dict.fromkeys(("conv1_1", "pool4", "conv5_4"), 1.0))
    tiled, objective, image = both(vgg(), profile, (256, 256), 32, spare=1e12)
    assert [(each.segment.checkpoint, len(each.tiles), each.retained) for each in tiled.forward.tiled][-2:] == [
        ("pool4", 1, 1),
        (None, 1, 1),
    ]
    gradient, slope = objective.value_and_grad(image)[1], tiled.value_and_grad(image)[1]
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


@pytest.mark.parametrize(
    "layers", [["fine1"], ["pair1"], ["band1"], ["streak1_2"], ["swirl3_2"], ["fine1", "streak6_2"]]
)
def test_layers_that_leave_parts_of_a_network_out(layers: list[str]) -> None:
    profile = replace(PROFILES["impasto"], style_layers=dict.fromkeys(layers, 1.0))
    tiled, objective, image = both(wavelet(), profile, (331, 297), 64)
    gradient, slope = objective.value_and_grad(image)[1], tiled.value_and_grad(image)[1]
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


class Summed(torch.nn.Module):
    """A layer that sees everything, and whose gradient is one number for all pixels."""

    layers = ("near", "far")
    content_layers: Mapping[str, float] = {"far": 1.0}
    style_layers: Mapping[str, float] = {"near": 1.0}

    def forward(self, image: torch.Tensor, layers: Collection[str]) -> dict[str, torch.Tensor]:
        found = {"near": image.sin(), "far": image.sum((2, 3), keepdim=True) / 1000}
        return {layer: found[layer] for layer in layers}


def test_layers_that_see_everything() -> None:
    tiled, objective, image = both(Summed(), PROFILES["impasto"], (301, 263), 128)
    assert tiled.forward.far == ["far"]
    gradient, slope = objective.value_and_grad(image)[1], tiled.value_and_grad(image)[1]
    assert float((slope - gradient).norm()) <= EXACT * float(gradient.norm())


@pytest.mark.parametrize("build", [wavelet, vgg])
def test_targets_are_those_of_the_whole(build: object) -> None:
    network: Network = build()  # type: ignore[operator]
    scene = Scene(
        picture(331, 317), [Style(picture(301, 250, 2), region=spread(SOFT, (301, 250)))], 331, spread(SOFT, (331, 317))
    )
    view, weights = View(scene, 331, "cpu", [1.0], 16), Weights(network.content_layers, network.style_layers, 0, 0)
    tiled = tiling(network, 128)
    whole, tiled = (view.targets(network, weights, lambda _, way=way: way) for way in (None, tiled))
    pairs = [(whole.content, tiled.content), (whole.styles[0].grams, tiled.styles[0].grams)]
    for one, other in pairs:
        assert one.keys() == other.keys()
        for layer, target in one.items():
            assert float((other[layer] - target).norm()) <= EXACT * float(target.norm()), layer


def test_targets_by_what_knows_neither_checkpoints_nor_borders() -> None:
    """As ONNX Runtime does, for a network that has no checkpoints either."""
    network, layers = VGG(random_weights(width=4), VGG19), ["conv1_1", "conv2_1"]
    network.capabilities = replace(network.capabilities, checkpoints={})
    loaded = Loaded(network, "cpu", "float32", network, lambda image, layers: network(image, layers))
    room = MemoryFitter(loaded, layers, Recipe.of(network="vgg19", size=300, tile=96), (300, 260))
    image = torch.rand(1, 3, 260, 300)
    assert room.tiling(300 * 260).footprint.valid
    whole = network(image, layers)
    pieces = list(TiledForward(loaded.target_evaluator, layers, image, room.target_tiling(300 * 260)).pieces(image))
    assert len(pieces) == 2 * 12
    for layer, piece, _, (down, across) in pieces:
        assert torch.allclose(piece, whole[layer][..., down, across], atol=EXACT)


def test_what_layers_see() -> None:
    """A convolution of 3 x 3 sees a pixel to each side; the second one two; halving doubles what follows."""
    seen = footprint_of(vgg(), ["conv1_1", "conv1_2", "pool1", "conv2_1"], torch.zeros(1)).radius
    assert seen["conv1_1"] == 1
    assert seen["conv1_1"] < seen["conv1_2"] < seen["conv2_1"] <= 9
    seen = footprint_of(wavelet(), wavelet().layers, torch.zeros(1)).radius
    assert seen["streak6_2"] == PROBE
    assert seen["half1"] == seen["half2"] < seen["band1"] == seen["band2"] < seen["streak1_2"] == seen["streak2_2"]


@pytest.mark.parametrize(("height", "width", "side", "halo"), [(331, 97, 128, 64), (64, 64, 64, 64), (500, 129, 64, 0)])
def test_tiles_cover_every_pixel_once(height: int, width: int, side: int, halo: int) -> None:
    owned = np.zeros((height, width), int)
    for tile in tiles(height, width, side, halo, 16):
        assert all(first % 16 == 0 for first in tile.start)
        assert all(
            seen.start == max(0, first - halo) for seen, first in zip(tile.input_window, tile.start, strict=True)
        )
        owned[tile.core] += 1
    assert (owned == 1).all()


def test_a_painting_in_tiles_is_the_same_painting() -> None:
    content, style = picture(200, 160), picture(120, 120, 2)
    whole, tiled = (
        [*paint(content, style, Recipe.of(size=200, scales=1, steps=6, tile=tile))][-1] for tile in (None, 64)
    )
    assert np.abs(whole.picture().pixels - tiled.picture().pixels).mean() < 2e-3
    assert tiled.loss == pytest.approx(whole.loss, rel=1e-3)
