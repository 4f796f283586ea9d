"""What excites a unit: the right patches, of the right size, of any network, as a sheet."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Install, Run, drawing
from impasto.errors import ImageError, RecipeError
from impasto.painting.layer_patches import strongest_patches
from impasto.pictures.picture import Picture, read, write
from impasto.plugin import Recognised
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG19
from impasto_vgg.network import VGG
from random_vgg import random_weights

PICTURES = [Picture(drawing(96, 72, seed=seed) / np.float32(255)) for seed in (1, 2)]


@pytest.fixture
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VGG:
    """A thin one with random weights, stored where `vgg19` finds it."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    WEIGHTS["vgg19"].save(Recognised("caffe", random_weights(seed=4, width=8)), "a test")
    return VGG(WEIGHTS["vgg19"].load().tensors, VGG19, "caffe")


def tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.pixels).permute(2, 0, 1)[None]


def striped(angle: float, low: int, high: int) -> Picture:
    """Stripes of 4 pixels, seen at `angle`, in the rows and columns `low` .. `high` of a grey picture of 96x96."""
    y, x = np.mgrid[:96, :96]
    waves = 0.5 + 0.5 * np.cos(np.pi / 2 * (x * np.cos(angle) + y * np.sin(angle)))
    there = (x >= low) & (x < high) & (y >= low) & (y < high)
    return Picture(np.repeat(np.where(there, waves, 0.5)[..., None], 3, axis=2).astype(np.float32))


@pytest.mark.parametrize("orientation", [0, 2, 4, 6])
def test_an_oriented_channel_finds_stripes_of_its_orientation(orientation: int) -> None:
    turned = [striped(np.pi * o / 8, 30, 66) for o in (0, 2, 4, 6)]
    best = strongest_patches(turned, "band1", [3 * orientation], count=3, size=96, device="cpu")[3 * orientation]
    assert [patch.image for patch in best] == [orientation // 2] * 3
    for patch in best:
        assert 20 <= patch.left <= 66
        assert 20 <= patch.top <= 66


@pytest.mark.parametrize(("layer", "field"), [("conv1_1", 3), ("relu2_1", 10), ("conv3_1", 24), ("pool3", 52)])
def test_the_field_is_that_of_the_layer(vgg: VGG, layer: str, field: int) -> None:
    (patch, *_) = strongest_patches(PICTURES, layer, [5], size=96, network="vgg19", device="cpu")[5]
    assert patch.picture.size == (field, field)


def test_a_patch_alone_excites_the_unit_as_much(vgg: VGG) -> None:
    found = strongest_patches(PICTURES, "conv2_1", [3], count=6, size=96, network="vgg19", device="cpu")[3]
    assert [patch.value for patch in found] == sorted((patch.value for patch in found), reverse=True)
    maps = [vgg(tensor(picture), ["conv2_1"])["conv2_1"][0, 3] for picture in PICTURES]
    assert found[0].value == pytest.approx(max(float(values.max()) for values in maps), rel=1e-5)
    inside = [p for p in found if p.left >= 0 and p.top >= 0 and p.left + 10 <= 96 and p.top + 10 <= 72]
    assert inside
    for patch in inside:  # the unit over pixels 0 .. 9 is number (2, 2) of a picture of 10x10
        alone = vgg(tensor(patch.picture), ["conv2_1"])["conv2_1"][0, 3, 2, 2]
        assert float(alone) == pytest.approx(patch.value, rel=1e-4)
        there = PICTURES[patch.image].pixels[patch.top : patch.top + 10, patch.left : patch.left + 10]
        assert np.array_equal(patch.picture.pixels, there)


@pytest.mark.parametrize("layer", ["fine1", "band2", "shape1", "swirl1_1"])
def test_patches_differ_and_every_picture_gets_a_turn(layer: str) -> None:
    found = strongest_patches(PICTURES, layer, [1], count=6, size=96, device="cpu")[1]
    assert len(found) == 6
    for one, other in combinations(found, 2):
        field = one.picture.size[0]
        near = 2 * abs(one.left - other.left) < field and 2 * abs(one.top - other.top) < field
        assert one.image != other.image or not near
    alone = strongest_patches(PICTURES[:1], layer, [1], count=6, size=96, device="cpu")[1]
    assert all(patch.image == 0 for patch in alone)


def test_beyond_the_border_is_grey() -> None:
    edge = Picture(np.zeros((96, 96, 3), np.float32))
    edge.pixels[:, :2] = 1
    patch = strongest_patches([edge], "band1", [0], count=1, size=96, device="cpu")[0][0]
    assert patch.left < 0
    assert np.all(patch.picture.pixels[:, : -patch.left] == 0.5)
    middle = patch.picture.pixels[5, -patch.left :, 0].tolist()
    assert middle == [1, 1, *[0] * (len(middle) - 2)]


def test_nothing_to_show_is_said() -> None:
    for channel in (54, 63):  # the constant, and what fills the lanes up
        with pytest.raises(RecipeError, match=rf"Channel {channel} of band1 answers to nothing in these pictures"):
            strongest_patches(PICTURES, "band1", [channel], size=96, device="cpu")
    with pytest.raises(ImageError, match=r"96x96 pixels does not reach the layer shape5\. Use a larger --size"):
        strongest_patches(PICTURES, "shape5", [0], size=96, device="cpu")
    narrow = Picture(PICTURES[0].pixels[:20])
    with pytest.raises(ImageError, match=r"96x20 pixels does not reach the layer band3"):
        strongest_patches([narrow], "band3", [0], size=96, device="cpu")
    with pytest.raises(RecipeError, match=r"no channel 64 of band1\. It has 0 to 63"):
        strongest_patches(PICTURES, "band1", [0, 64], size=96, device="cpu")


# On the command line


def test_a_sheet(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out = tmp_path / "sheet.png"
    sizes = []
    for options in (("--channel", 0), ("--channel", 0, "--channel", 9), ("--channel", 0, "--count", 2)):
        done = impasto("explain", "band1", content, style, "-o", out, "--size", 96, "--device", "cpu", *options)
        assert done.exit_code == 0, done.output
        sizes.append(read(out).size)
    (side, high), (long, two), (_, low) = sizes
    assert long > 2 * side
    assert low < two < high


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("band9", "content.png", "--channel", 0), "The network wavelet has no layer 'band9'. Layers: fine1"),
        (("band1", "content.png", "--channel", -1), "no channel -1 of band1. It has 0 to 63"),
        (("band1", "content.png", "--channel", "x"), "not a valid integer"),
        (("band1", "content.png"), "Missing option '--channel'"),
        (("band1", "--channel", 0), "Missing argument 'IMAGES...'"),
        (("band1", "nothing.png", "--channel", 0), "there is no such file"),
        (("band1", "content.png", "--channel", 0, "-o", "content.png"), "one of the input pictures"),
        (("band1", "content.png", "--channel", 0, "-o", "sheet.gif"), "'.gif' is unknown"),
        (("band1", "content.png", "--channel", 0, "--network", "nosuch"), "There is no network 'nosuch'"),
        (("band1", "content.png", "--channel", 0, "--size", 9), "size is '9'"),
        (("band1", "content.png", "--channel", 0, "--count", 0), "1<=x<=100"),
        (("conv1_1", "content.png", "--channel", 0, "--network", "vgg19"), "has no weights yet"),
        (("shape6", "content.png", "--channel", 0, "--size", 64), "does not reach the layer shape6"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Path, args: tuple[object, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    before = content.read_bytes()
    done = impasto("explain", "-o", "sheet.png", "--device", "cpu", *args)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == [content]
    assert content.read_bytes() == before


STRANGER = """
import torch.nn
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

class Red(torch.nn.Module):
    layers, content_layers, style_layers = ("red",), {"red": 1.0}, {"red": 1.0}
    def forward(self, image, layers):
        return {"red": torch.nn.functional.avg_pool2d(image[:, :1] - image[:, 1:].mean(1, True), 8, 4)}

@hookimpl
def impasto_networks():
    return [NetworkInfo("red", "Red", build=Red)]
"""


def test_a_stranger_s_network(
    process: Callable[..., subprocess.CompletedProcess[str]], install: Install, tmp_path: Path
) -> None:
    install("red_network", STRANGER)
    pixels = np.full((64, 64, 3), 0.4, np.float32)
    pixels[40:48, 20:28] = (1, 0, 0)
    write(tmp_path / "red.png", Picture(pixels))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    options = ("--channel", 0, "--network", "red", "--count", 1, "--size", 64, "-o", "sheet.png")
    done = process("explain", "red", "red.png", *options, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    colours = read(tmp_path / "sheet.png").pixels.reshape(-1, 3)
    assert (colours == (1, 0, 0)).all(1).sum() == 132 * 132  # nothing but red in the patch
