"""Pictures in which there is nothing: a style is refused, a photograph painted with a sentence about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from conftest import Run, drawing
from impasto import ImageError, Picture, Recipe, paint, read, stylized
from impasto.client import ENDS, Pixels, Worker
from impasto.painting.checks import one_colour

QUICK = {"init": "content", "size": 64, "steps": 1, "scales": 1, "device": "cpu", "network": "wavelet"}
OPTIONS = [f"--{knob}={value}" for knob, value in QUICK.items()]
GREY = "A style is one flat colour, #787878, in which there is nothing to paint with."
LEFT = "Next to nothing of the photograph is left in the result"


def plain() -> NDArray[np.uint8]:
    """Grey with what noise and compression make of it."""
    return (120 + np.random.default_rng(0).integers(-2, 3, (80, 80, 3))).astype(np.uint8)


def transparent() -> NDArray[np.uint8]:
    """A drawing of which nothing shows."""
    return np.dstack([drawing(80, 80), np.zeros((80, 80), np.uint8)])


def framed() -> NDArray[np.uint8]:
    """Grey in a drawing's frame that is transparent."""
    array = np.dstack([drawing(80, 80), np.zeros((80, 80), np.uint8)])
    array[20:60, 20:60] = 120, 120, 120, 255
    return array


NOTHING = {plain: GREY, framed: GREY, transparent: "The style is transparent all over."}


@pytest.mark.parametrize("made", NOTHING)
def test_a_style_with_nothing_in_it_is_refused(
    impasto: Run, tmp_path: Path, content: Path, made: Callable[[], NDArray[np.uint8]]
) -> None:
    style, out = tmp_path / "nothing.png", tmp_path / "out.png"
    Image.fromarray(made()).save(style)
    done = impasto(content, style, "-o", out, *OPTIONS)
    assert (done.exit_code, out.exists()) == (2, False)
    (line,) = done.stderr.splitlines()
    assert NOTHING[made] in line
    for colour in ("style", "match", "palette"):
        with pytest.raises(ImageError, match=NOTHING[made]):
            stylized(read(content), read(style), colour=colour, **QUICK)


def test_the_worker_refuses_a_style_with_nothing_in_it() -> None:
    content = Pixels(96, 64, 3, "u8", drawing().tobytes())
    with Worker([sys.executable, "-m", "impasto", "worker"], env=os.environ) as worker:
        for made, message in NOTHING.items():
            array = made()
            worker.paint(content, [{"picture": Pixels(80, 80, array.shape[2], "u8", array.tobytes())}], QUICK)
            last = next(event for event in worker.events() if event.type in ENDS)
            assert (last.type, last.fields.get("code")) == ("failed", "image_error")
            assert message in last["message"]


def test_at_strength_0_no_style_is_needed(content: Path) -> None:
    flat = Picture(np.full((80, 80, 3), 0.5, np.float32))
    assert stylized(read(content), flat, **QUICK | {"strength": 0, "size": 96}).size == (96, 64)


def test_drawings_gradients_and_faint_washes_are_styles() -> None:
    lines = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(lines).line((30, 40, 350, 260), fill="black")
    pencil = Image.new("RGB", (400, 300), (250, 250, 245))
    ImageDraw.Draw(pencil).line((30, 40, 350, 260), fill=(215, 215, 210))
    ramp = np.linspace(0.5, 0.54, 300, dtype=np.float32)[:, None, None] * np.ones((1, 300, 3), np.float32)
    faint = np.full((64, 64, 3), 0.8, np.float32) + np.float32(0.02) * (drawing(64, 64) / np.float32(255))
    for pixels in (np.float32(np.asarray(lines)) / 255, np.float32(np.asarray(pencil)) / 255, ramp, faint):
        assert not one_colour(pixels)
        assert stylized(Picture(drawing() / np.float32(255)), Picture(pixels), **QUICK).size == (64, 43)


def test_a_flat_photograph_is_painted_and_told_of(impasto: Run, tmp_path: Path, style: Path) -> None:
    photograph, out = tmp_path / "wall.png", tmp_path / "out.png"
    Image.new("RGB", (96, 64), (90, 120, 150)).save(photograph)
    done = impasto(photograph, style, "-o", out, "--size=96", "--network=wavelet")
    assert done.exit_code == 0, done.output
    said = [line for line in done.stderr.splitlines() if "flat" in line.replace(str(tmp_path), "")]
    assert said == [
        "impasto: What is to be painted is one flat colour, so strokes follow nothing in it; `impasto texture` makes a "
        "texture of a style alone."
    ]
    assert read(out).pixels.std() > 0.05
    assert LEFT not in done.stderr


def test_a_texture_is_no_flat_photograph(impasto: Run, tmp_path: Path, style: Path) -> None:
    out = tmp_path / "texture.png"
    done = impasto("texture", style, "-o", out, "--width=64", "--height=64", "--steps=1", "--network=wavelet")
    assert done.exit_code == 0, done.output
    assert "one flat colour" not in done.stderr
    assert LEFT not in done.stderr


def test_a_result_in_which_the_photograph_is_lost_is_told_of(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    lost = ("--init=noise", "--strength=95", "--size=96", "--scales=1", "--steps=1", "--network=wavelet")
    done = impasto(content, style, "-o", tmp_path / "lost.png", *lost)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stderr.splitlines() if LEFT in line]
    assert line.endswith("lower --strength, or take another style.")
    assert LEFT not in impasto(content, style, "-o", tmp_path / "seen.png", *OPTIONS).stderr


@pytest.mark.slow
@pytest.mark.parametrize("strength", [25, 50, 75])
def test_in_ordinary_results_the_photograph_is_left(shared: Path, strength: int) -> None:
    photograph, painting = read(shared / "tubingen.jpg"), read(shared / "butterfly.jpg")
    for init in ("matched", "content"):
        recipe = Recipe(size=128, strength=strength, init=init, network="wavelet")
        assert list(paint(photograph, painting, recipe))[-1].notice == ""
