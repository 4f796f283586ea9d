"""Masks and several styles from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run, drawing

QUICK = ("--scales", "1", "--steps", "2", "-q")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another painting."""
    path = tmp_path / "other.png"
    Image.fromarray(drawing(80, 80, seed=7)).save(path)
    return path


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A mask that leaves the left half."""
    path = tmp_path / "half.png"
    mask = np.zeros((64, 96), np.uint8)
    mask[:, :48] = 255
    Image.fromarray(mask).save(path)
    return path


def test_only_the_mask_is_painted_at_the_picture_s_own_size(
    impasto: Run, tmp_path: Path, content: Path, style: Path, half: Path
) -> None:
    out = tmp_path / "out.png"
    assert impasto(content, style, "-o", out, "--mask", half, *QUICK).exit_code == 0
    before, after = np.asarray(Image.open(content)), np.asarray(Image.open(out))
    assert (after[:, 48:] == before[:, 48:]).all()
    assert (after[:, :48] != before[:, :48]).mean() > 0.5


OPENED = """
import os, sys
from impasto.cli.commands import impasto as main

opened, path = [], sys.argv[1]
sys.addaudithook(lambda event, args: opened.append(event) if event == "open" and str(args[0]) == path else None)
try:
    main(sys.argv[2:])
finally:
    print(len(opened))
"""


def test_a_picture_that_gives_the_size_is_decoded_once(tmp_path: Path, content: Path, style: Path, half: Path) -> None:
    def opened(path: Path, *words: object) -> int:
        command = [sys.executable, "-c", OPENED, path, *words, "-o", tmp_path / "out.png", *QUICK]
        return int(subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout)

    asked = opened(content, content, style, "--mask", half, "--size", 96)
    assert asked
    assert opened(content, content, style, "--mask", half) == asked
    assert opened(style, "texture", style) == opened(style, content, style)


def test_several_styles_with_weights_masks_and_regions_are_made_again(
    impasto: Run, tmp_path: Path, content: Path, style: Path, other: Path, half: Path
) -> None:
    out = tmp_path / "out.png"
    Image.new("L", (40, 80), 255).crop((0, 0, 80, 80)).save(tmp_path / "region.png")
    masks = (
        "--style-mask",
        "-",
        "--style-mask",
        half,
        "--style-region",
        tmp_path / "region.png",
        "--style-weights",
        "1,3",
    )
    assert impasto(content, style, other, "-o", out, "--size", 96, *masks, *QUICK).exit_code == 0
    for name in ("half", "region"):
        (tmp_path / f"{name}.png").rename(tmp_path / f"moved-{name}.png")
    done = impasto("again", out, "-q")
    assert done.exit_code == 2
    assert "--moved style-mask2=FILE" in done.stderr
    moved = [f"style-mask2={tmp_path / 'moved-half.png'}", f"style-region={tmp_path / 'moved-region.png'}"]
    done = impasto("again", out, "-q", "--moved", moved[0], "--moved", moved[1])
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "out-again.png").read_bytes() != b""
    assert (np.asarray(Image.open(tmp_path / "out-again.png")) == np.asarray(Image.open(out))).all()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--style-weights", "1,2"], "There are 2 style weights for 1 styles. Give one for each."),
        (["--style-weights", "1,x"], "style_weights.1 is 'x'; expected numbers, 0 to 1e+12, with commas between"),
        (["--style-mask", "-", "--style-mask", "-"], "There are 2 --style-mask for 1 styles."),
        (["--mask", "nothing.png"], "nothing.png"),
        (["--mask", "black.png"], "The mask is black all over; expected white where it is to count."),
        (["--style-region", "dark.png"], "The part of the style to take is black all over"),
        (["--mask", "turned.png"], "The mask is 64x96 pixels and its picture 96x64; expected the same shape."),
        (["--style-mask", "turned.png"], "The mask of style 1 is 64x96 pixels"),
        (["--style-region", "turned.png"], "The part of the style to take is 64x96 pixels and its picture 80x80"),
        (["--mask", "red.png"], "red.png: this mask has colours; expected white where it is to count"),
        (["--style-mask", "red.png"], "red.png: this mask has colours"),
        (["--style-weights", "0"], "No style has a weight above 0, so there is nothing to paint with."),
        (["--style-mask", "black.png"], "No style applies anywhere in what is painted"),
        (["--style-mask", "left.png", "--mask", "right.png"], "No style applies anywhere in what is painted"),
        (["--style-mask", "left.png", "--mask", "angle.png"], "No style applies anywhere in what is painted"),
    ],
)
def test_what_does_not_fit_is_refused(
    impasto: Run,
    tmp_path: Path,
    content: Path,
    style: Path,
    args: list[str],
    words: str,
) -> None:
    Image.new("L", (64, 96), 255).save(tmp_path / "turned.png")
    Image.new("L", (80, 80)).save(tmp_path / "dark.png")
    Image.new("RGB", (96, 64), (255, 0, 0)).save(tmp_path / "red.png")
    left, right, top = (0, 16, 40, 64), (48, 0, 96, 64), (0, 0, 96, 8)
    for name, white in {"black": [], "left": [left], "right": [right], "angle": [right, top]}.items():
        mask = Image.new("L", (96, 64))
        for box in white:
            mask.paste(255, box)
        mask.save(tmp_path / f"{name}.png")
    here = [str(tmp_path / arg) if arg.endswith(".png") else arg for arg in args]
    done = impasto(content, style, "-o", tmp_path / "out.png", *here)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert not (tmp_path / "out.png").exists()


def test_a_mask_is_turned_as_its_exif_says(
    impasto: Run, tmp_path: Path, content: Path, style: Path, half: Path
) -> None:
    exif, turned = Image.Exif(), tmp_path / "turned.jpg"
    exif[0x0112] = 6  # the top of the stored rows is the right side
    with Image.open(half) as mask:
        mask.transpose(Image.Transpose.ROTATE_90).convert("RGB").save(turned, exif=exif, quality=100)
    for mask in (half, turned):
        done = impasto(content, style, "-o", tmp_path / f"{mask.stem}-out.png", "--mask", mask, *QUICK)
        assert done.exit_code == 0, done.stderr
    one, other = (np.asarray(Image.open(tmp_path / f"{name}-out.png")) for name in ("half", "turned"))
    assert np.array_equal(one, other)


def test_two_styles_that_count_nothing_are_refused(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    done = impasto(content, style, style, "-o", tmp_path / "out.png", "--style-weights", "0,0")
    assert (done.exit_code, done.stdout) == (2, "")
    expected = "impasto: error: No style has a weight above 0, so there is nothing to paint with. Raise one weight.\n"
    assert done.stderr == expected


def test_nine_styles_are_too_many(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    done = impasto(content, *[style] * 9, "-o", tmp_path / "out.png")
    assert done.exit_code == 2
    assert "There are 9 styles; expected at most 8." in done.stderr
