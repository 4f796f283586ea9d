"""A part of the style: as if the file were that part, and remembered."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, drawing
from impasto import Recipe, paint, texture
from impasto.errors import ImageError, RecipeError
from impasto.painting.scene import Style
from impasto.pictures.picture import Picture, read, read_comment

QUICK = {"size": 64, "steps": 2, "scales": 1, "device": "cpu"}
PLAIN = ("--size", 64, "--steps", 2, "--scales", 1, "--device", "cpu")
CONTENT, STYLE = (Picture(drawing(96, 64, seed) / np.float32(255)) for seed in (1, 2))


def part(picture: Picture) -> Picture:
    """Rows 16 .. 64 and columns 48 .. 96 of 64 and 96."""
    return Picture(np.ascontiguousarray(picture.pixels[16:64, 48:96]))


def losses(style: Picture | list[Style], **knobs: object) -> list[dict[str, float]]:
    return [step.losses for step in paint(CONTENT, style, Recipe.of(**QUICK | {"init": "content"} | knobs))]


def test_it_is_as_if_the_file_were_that_part() -> None:
    crop = "0.5,0.25,0.5,0.75"
    assert losses(STYLE, style_crop=crop) == losses(part(STYLE))
    assert losses(STYLE, style_crop=crop) != losses(STYLE)
    assert losses(STYLE, style_crop="0,0,1,1") == losses(STYLE)
    taken = [step.losses for step in texture(STYLE, 40, 40, **QUICK, style_crop=crop)]
    assert taken == [step.losses for step in texture(part(STYLE), 40, 40, **QUICK)]


def test_a_region_is_cropped_with_its_painting() -> None:
    left = np.zeros((64, 96), np.float32)
    left[:, :70] = 1
    whole = [Style(STYLE, region=left), Style(CONTENT, weight=2)]
    cut = [Style(part(STYLE), region=left[16:64, 48:96].copy()), Style(part(CONTENT), weight=2)]
    assert losses(whole, style_crop=(0.5, 0.25, 0.5, 0.75)) == losses(cut)


def test_transparency_is_cropped_too() -> None:
    alpha = np.linspace(0, 1, 96, dtype=np.float32)[None].repeat(64, axis=0)
    cut = Picture(STYLE.pixels, alpha).cropped((0.5, 0.25, 0.5, 0.75))
    assert cut.alpha is not None
    assert np.array_equal(cut.alpha, alpha[16:64, 48:96])
    assert np.array_equal(cut.pixels, STYLE.pixels[16:64, 48:96])


@pytest.mark.parametrize(
    "crop",
    ["0,0,1", "0,0,1,1,1", "a,b,c,d", "", "0,0,0,1", "0,0,1,0", "-0.1,0,1,1", "0.5,0,0.6,1", "0,nan,1,1", 5, [0]],
)
def test_what_is_no_part_is_refused(crop: object) -> None:
    with pytest.raises(RecipeError, match=r"style_crop is .*; expected LEFT,TOP,WIDTH,HEIGHT as shares of the picture"):
        Recipe.of(style_crop=crop)


def test_a_part_too_small_to_look_at_is_refused() -> None:
    with pytest.raises(
        ImageError, match=r"the part 0,0,0\.1,1 of the style: the picture is 10x64 pixels; each side needs"
    ):
        losses(STYLE, style_crop="0,0,0.1,1")


def test_it_is_remembered(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    done = impasto(content, style, "-o", out, *PLAIN, "--style-crop", "0.5,0,0.5,1")
    assert done.exit_code == 0, done.output
    assert json.loads(read_comment(out))["recipe"]["style_crop"] == [0.5, 0, 0.5, 1]
    assert impasto("again", out).exit_code == 0
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()


def test_a_texture_has_the_shape_of_the_part(impasto: Run, tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    done = impasto("texture", style, "-o", out, *PLAIN, "--style-crop", "0.5,0,0.5,1")
    assert done.exit_code == 0, done.output
    assert read(out).size == (32, 64)


def test_bad_parts_are_refused_in_a_line(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    for crop, words in {"0,0,2,1": "expected LEFT,TOP,WIDTH,HEIGHT", "0,0,0.1,0.1": "8x8 pixels"}.items():
        for command in ((content, style), ("texture", style)):
            done = impasto(*command, "-o", tmp_path / "out.png", "--style-crop", crop)
            assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
            assert words in done.stderr
    assert sorted(tmp_path.iterdir()) == [content, style]
