"""`impasto weights normalise`: the paper's mean activations of one, made, listed and painted with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Run
from impasto.errors import WeightsError
from impasto.pictures.picture import read
from impasto.plugin import Recognised
from impasto.weights.store import folder
from impasto_vgg import WEIGHTS, build
from impasto_vgg.architecture import VGG16, VGG19, Architecture
from impasto_vgg.network import VGG
from impasto_vgg.normalise import divisors, mean_activations
from random_vgg import random_weights

pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture
def stored() -> dict[Architecture, bytes]:
    """Weights of a thin VGG-16 and a thin VGG-19, as they were added."""
    for of in (VGG16, VGG19):
        WEIGHTS[of.name].save(Recognised("caffe", random_weights(3, 4, of)), "thin.pth")
    return {of: WEIGHTS[of.name].path.read_bytes() for of in (VGG16, VGG19)}


def tensor(path: Path) -> torch.Tensor:
    return torch.from_numpy(read(path).pixels).permute(2, 0, 1)[None].double()


def double(of: Architecture, weights: str, pooling: str = "average") -> VGG:
    """In float64: a filter that hardly ever answers is scaled so much that float32 rounding shows."""
    network = build(of, pooling=pooling, weights=weights)  # type: ignore[arg-type]
    assert isinstance(network, VGG)
    return network.double()


@pytest.mark.parametrize("of", [VGG16, VGG19])
def test_mean_activations_become_one_and_maps_keep_their_proportions(
    impasto: Run, stored: dict[Architecture, bytes], content: Path, style: Path, of: Architecture
) -> None:
    done = impasto("weights", "normalise", of.name, content, style)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{of.name} has normalised weights: {folder() / f'{of.name}-normalised.safetensors'}\n"
    assert WEIGHTS[of.name].path.read_bytes() == stored[of]
    pictures = [tensor(content), tensor(style)]
    before = mean_activations(double(of, "added"), pictures)
    after = mean_activations(double(of, "normalised"), pictures)
    by = divisors(before, 0.01)
    for layer in of.convolutions:
        loud = before[layer] >= 0.01 * before[layer].mean()
        assert loud.any()
        # The weights are stored in float32.
        torch.testing.assert_close(after[layer][loud], torch.ones_like(after[layer][loud]), rtol=1e-4, atol=0)
    other = torch.rand(1, 3, 40, 33, generator=torch.Generator().manual_seed(5)).double()
    for pooling in ("average", "max"):
        plain, scaled = (double(of, weights, pooling)(other, of.layers) for weights in ("added", "normalised"))
        for layer in of.convolutions:
            expected = plain[layer] / by[layer][:, None, None]
            assert float((scaled[layer] - expected).abs().max()) <= 1e-4 * float(expected.abs().max())
            assert (by[layer] > 0).all()


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_they_are_listed_and_painted_with(
    impasto: Run, stored: dict[Architecture, bytes], tmp_path: Path, content: Path, name: str
) -> None:
    out, again = tmp_path / "out.png", tmp_path / "out-again.png"
    assert "normalised" not in impasto("weights").stdout
    assert impasto("weights", "normalise", name, content, "--size", 48).exit_code == 0
    assert re.search(rf"^{name} +there +caffe, \d+ MB: .*{name}\.safetensors$", impasto("weights").stdout, re.M)
    listed = re.search(
        rf"^{name} +and +caffe, normalised, \d+ MB: .*{name}-normalised", impasto("weights").stdout, re.M
    )
    assert listed
    quick = ("--size", 64, "--steps", 2, "--scales", 1, "--device", "cpu", "--network", name, "-o", out)
    paint = (content, content, *quick, "--profile", "gatys2016")
    assert impasto(*paint).exit_code == 0
    plain = read(out).pixels
    assert impasto(*paint, "--network-options", "weights=normalised").exit_code == 0
    assert not np.array_equal(read(out).pixels, plain)
    assert impasto("again", out).exit_code == 0
    assert again.read_bytes() == out.read_bytes()


def test_the_file_says_what_it_came_from(
    impasto: Run, stored: dict[Architecture, bytes], content: Path, style: Path
) -> None:
    impasto("weights", "normalise", "vgg19", content, style)
    assert WEIGHTS["vgg19"].normalised.load().source == "thin.pth, normalised over 2 pictures"
    path = WEIGHTS["vgg19"].normalised.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match=r"is damaged\. Run `impasto weights normalise vgg19 IMAGES\.\.\.`"):
        build(VGG19, weights="normalised")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("vgg19", "content.png", "missing.png"), "missing.png: there is no such file"),
        (("vgg19", "content.png", "text.png"), "this is not a PNG"),
        (("vgg19", "content.png", "--size", 16), "A picture of 16x11 pixels does not reach conv5_4"),
        (("vgg19",), "Missing argument 'IMAGES...'"),
        (("vgg11", "content.png"), "There is no network 'vgg11'"),
        (("wavelet", "content.png"), "The network wavelet has no weights to normalise"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    impasto: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stored: dict[Architecture, bytes],
    content: Path,
    args: object,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no picture")
    done = impasto("weights", "normalise", *args)  # type: ignore[misc]
    assert (done.exit_code, done.stderr.count("impasto: error: "), done.stdout) == (2, 1, ""), done.output
    assert words in done.stderr
    assert sorted(folder().iterdir()) == [WEIGHTS["vgg16"].path, WEIGHTS["vgg19"].path]


def test_without_weights_it_says_what_to_do(impasto: Run, tmp_path: Path, content: Path) -> None:
    done = impasto("weights", "normalise", "vgg19", content)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "The network vgg19 has no weights yet. Run `impasto weights get vgg19`" in done.stderr


def test_painting_without_normalised_weights_says_what_to_do(
    impasto: Run, stored: dict[Architecture, bytes], tmp_path: Path, content: Path, style: Path
) -> None:
    options = ("--network", "vgg19", "--network-options", "weights=normalised", "-o", tmp_path / "out.png", "-q")
    done = impasto(content, style, *options)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "no normalised weights yet. Run `impasto weights normalise vgg19 IMAGES...`" in done.stderr
    assert not (tmp_path / "out.png").exists()
