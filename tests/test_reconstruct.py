"""Textures and reconstructions: one picture alone, from noise, in the library and on the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, Run, drawing
from impasto import reconstruct, texture
from impasto.errors import RecipeError
from impasto.painting.step import Step
from impasto.pictures.picture import Picture, read, read_comment, write
from impasto.plugin import Recognised
from impasto.recipe.recipe import Recipe
from impasto_vgg import WEIGHTS
from random_vgg import random_weights

QUICK = {"scales": 1, "steps": 2, "device": "cpu"}
PLAIN = ("--steps", 2, "--scales", 1, "--device", "cpu")
PICTURE = Picture(drawing(64, 48, seed=1) / np.float32(255))


def textured(width: int = 48, height: int = 32, **knobs: object) -> list[Step]:
    return list(texture(PICTURE, width, height, **QUICK | knobs))


def reconstructed(**knobs: object) -> list[Step]:
    return list(reconstruct(PICTURE, **{"size": 64} | QUICK | knobs))


def distance(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels - other.pixels).mean())


# In the library


@pytest.mark.parametrize("size", [(48, 32), (33, 90), (100, 100)])
def test_a_texture_has_the_size_asked_for_and_only_style_losses(size: tuple[int, int]) -> None:
    last = textured(*size)[-1]
    assert last.picture().size == size
    assert {name.partition(" ")[0] for name in last.losses} == {"style", "histogram"}


def test_a_texture_from_a_subset_of_layers_comes_near_it() -> None:
    taken = textured(style_layers="band1,swirl2_1", histogram_weight=0, steps=20)
    assert set(taken[0].losses) == {"style band1", "style swirl2_1"}
    assert taken[-1].loss < 0.2 * taken[0].loss


def test_a_small_style_is_not_enlarged() -> None:
    assert Recipe.texture((64, 48), (256, 100)).style_scale == 1 / 4
    assert Recipe.texture((640, 480), (100, 256)).style_scale == 1
    assert Recipe.texture((64, 48), (256, 100), style_scale=2).style_scale == 2


def test_the_scale_of_the_style_changes_what_is_matched() -> None:
    one, half = (textured(style_scale=scale, steps=1)[0] for scale in (1, 0.5))
    assert np.array_equal(one.image, textured(steps=1)[0].image)
    assert one.losses != half.losses


@pytest.mark.parametrize("colour", [0.2, 0.8])
def test_a_reconstruction_from_a_shallow_layer_is_the_picture(colour: float) -> None:
    shifted = Picture((0.5 * PICTURE.pixels + 0.5 * colour).astype(np.float32))
    knobs = QUICK | {"size": 64, "content_layers": "band1,band2", "steps": 100}
    first, *_, last = reconstruct(shifted, **knobs)
    assert distance(first.picture(), shifted) > 0.1
    assert distance(last.picture(), shifted) < 0.03
    assert {name.partition(" ")[0] for name in last.losses} == {"content", "tv", "norm"}


def test_contrast_comes_back_and_with_our_own_profile_it_does_not() -> None:
    """Relative error asks for it; direction alone is content with any."""
    faint = Picture((0.5 + 0.1 * (PICTURE.pixels - 0.5)).astype(np.float32))
    knobs = QUICK | {"size": 64, "content_layers": "band1", "steps": 60}
    (*_, theirs), (*_, ours) = (reconstruct(faint, **knobs | {"profile": name}) for name in ("mahendran", "impasto"))
    contrast = float(faint.pixels.std())
    assert float(theirs.image.std()) == pytest.approx(contrast, rel=0.3)
    assert float(ours.image.std()) > 2 * contrast


@pytest.mark.parametrize("power", [None, 1, 2])
def test_the_regularisers_regularise(power: float | None) -> None:
    def rough(tv_weight: float) -> float:
        image = reconstructed(tv_weight=tv_weight, tv_power=power, steps=20)[-1].image
        return float(image.diff(dim=3).abs().mean())

    assert rough(1) < 0.5 * rough(0)


def test_the_norm_draws_colours_to_grey() -> None:
    loose, tight = (reconstructed(norm_weight=weight, norm_power=2, steps=20)[-1].image for weight in (0, 10))
    assert float((tight - 0.5).abs().mean()) < 0.5 * float((loose - 0.5).abs().mean())


def test_layers_out_of_reach_leave_nothing_to_reconstruct() -> None:
    with pytest.raises(RecipeError, match=r"does not reach the layers asked for\. .*scales to 1"):
        reconstructed(content_layers="shape6")


def test_vgg19_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path))
    WEIGHTS["vgg19"].save(Recognised("caffe", random_weights(seed=4, width=8)), "a test")
    for profile in ("mahendran", "gatys2016"):
        taken = reconstructed(network="vgg19", content_layers="conv2_2", profile=profile, steps=10)
        assert taken[-1].losses["content conv2_2"] < 0.5 * taken[0].losses["content conv2_2"]
    assert set(textured(network="vgg19", style_layers="conv1_1,relu3_1", profile="gatys2016")[0].losses) == {
        "style conv1_1",
        "style conv3_1",
    }


# On the command line


def test_a_texture_of_any_size_and_again(impasto: Run, tmp_path: Path, style: Path) -> None:
    cases = {("--width", 40, "--height", 64): (40, 64), ("--size", 48): (48, 48), ("--width", 32): (32, 32)}
    for options, size in cases.items():
        out, again = tmp_path / "out.png", tmp_path / "out-again.png"
        done = impasto("texture", style, "-o", out, *PLAIN, "--style-layers", "band1", *options)
        assert done.exit_code == 0, done.output
        assert read(out).size == size
        assert json.loads(read_comment(out))["sources"].keys() == {"style"}
        assert impasto("again", out).exit_code == 0
        assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("command", ["texture", "reconstruct"])
def test_from_a_file_and_again(impasto: Run, tmp_path: Path, content: Path, style: Path, command: str) -> None:
    out, begun = tmp_path / "out.png", read(content).resized(64, 64)
    options = ("-o", out, "--size", 64, "--steps", 1, "--scales", 1, "--device", "cpu", "--init")
    assert impasto(command, style, *options, content).exit_code == 0
    near = distance(read(out), begun)
    assert near < 0.1  # one step moves the mean pixel by 0.02
    assert impasto("again", out).exit_code == 0
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()
    assert impasto(command, style, *options, "noise").exit_code == 0
    assert distance(read(out), begun) > 2 * near


def test_a_texture_from_its_style() -> None:
    near, far = (textured(64, 48, init=start, steps=1)[0].picture() for start in ("style", "noise"))
    assert distance(near, PICTURE) < 0.05 < distance(far, PICTURE)


def test_a_reconstruction_and_again(impasto: Run, tmp_path: Path, content: Path) -> None:
    out, preview = tmp_path / "out.png", tmp_path / "preview.png"
    options = ("--content-layers", "band2", "--tv-power", 1.5, "--size", 64, "--preview", preview, "--save-every", 1)
    done = impasto("reconstruct", content, "-o", out, *PLAIN, *options)
    assert done.exit_code == 0, done.output
    assert f"{out}: 64x43 pixels" in done.stderr
    assert read(preview).size == (64, 43)
    assert json.loads(read_comment(out))["sources"].keys() == {"content"}
    for picture in (out, tmp_path / "out-000001.png"):
        assert impasto("again", picture, "-o", tmp_path / "new.png").exit_code == 0
        assert (tmp_path / "new.png").read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("texture", ("--size", 64, "--width", 64), "longest side"),
        ("texture", ("--size", 9), "size is '9'; expected original, a share of that as 50%, or a whole number, 16 to"),
        ("texture", ("--width", 9), "16<=x<=32768"),
        ("texture", ("--width", "wide"), "not a valid integer"),
        ("texture", ("--strength", 5), "No such option"),
        ("texture", ("--style-layers", "nosuch"), "no layer 'nosuch'"),
        ("texture", ("--profile", "mahendran", "--size", 64), "Nothing is left to match"),
        ("reconstruct", ("--content-layers", "nosuch"), "no layer 'nosuch'"),
        ("reconstruct", ("--tv-power", 0), "above 0 to 10"),
        ("reconstruct", ("--norm-power", 0.5), "1 to 20"),
        ("reconstruct", ("--init", "content"), "expected a reconstruction from noise, or the name of a picture file"),
        ("reconstruct", ("--init", "style"), "init is 'style'"),
        ("reconstruct", ("--init", "no.png"), "There is no file of that name"),
        ("reconstruct", ("--style-crop", "0,0,1,1"), "No such option"),
        ("texture", ("--init", "content"), "expected a texture from noise, style, or the name of a picture file"),
    ],
)
def test_bad_options_are_refused(
    impasto: Run, tmp_path: Path, style: Path, command: str, options: tuple[object, ...], words: str
) -> None:
    done = impasto(command, style, "-o", tmp_path / "out.png", "--device", "cpu", *options)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == [style]


@pytest.mark.parametrize("command", ["texture", "reconstruct"])
def test_bad_files_are_refused(impasto: Run, tmp_path: Path, style: Path, command: str) -> None:
    Image.new("RGB", (400, 18)).save(tmp_path / "narrow.png")
    before = style.read_bytes()
    cases = [
        (style, style, "one of the input pictures"),
        (style, tmp_path / "out.gif", "'.gif' is unknown"),
        (tmp_path / "missing.png", tmp_path / "out.png", "there is no such file"),
        (tmp_path / "narrow.png", tmp_path / "out.png", "it needs at least 16"),
    ]
    for source, out, words in cases:
        done = impasto(command, source, "-o", out, "--size", 64)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert words in done.stderr
    assert style.read_bytes() == before
    assert not (tmp_path / "out.png").exists()


def test_metadata_that_is_not_whole_is_refused(impasto: Run, tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    impasto("texture", style, "-o", out, *PLAIN, "--size", 48)
    fields = json.loads(read_comment(out))
    for canvas in ([48, 0], [48], [20, 20], "large", None):
        write(out, read(out), json.dumps(fields | {"canvas": canvas}))
        assert "carries no recipe" in impasto("again", out).stderr


def test_ctrl_c_keeps_the_texture_so_far(impasto: Run, tmp_path: Path, style: Path) -> None:
    out, preview = tmp_path / "out.png", tmp_path / "preview.png"
    args = ["texture", style, "-o", out, "--preview", preview, "--width", 48, "--height", 32, *PLAIN]
    command = [sys.executable, "-m", "impasto", *map(str, args), "--steps", "100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + HANGS
        while not preview.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == 130
    assert f"{out} holds the picture so far" in said
    assert impasto("again", out).exit_code == 0
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()
