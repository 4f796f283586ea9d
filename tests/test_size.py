"""The longest side of a result: as asked for, and nothing is enlarged that was not asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run, drawing
from impasto import ImageError, Picture, Recipe, RecipeError, read, stylized
from impasto.pictures.picture import read_comment
from impasto.worker.painting import whole_recipe
from impasto.worker.requests import Form, Paint, StyleRequest

QUICK = ("--init", "content", "--network", "wavelet", "--steps", 1, "--scales", 1, "--device", "cpu")


@pytest.mark.parametrize(
    ("asked", "longest", "size"),
    [
        (None, 32, 32),
        (None, 512, 512),
        (None, 4000, 512),
        (64, 32, 64),
        ("64", 32, 64),
        ("original", 4000, 4000),
        ("50%", 4001, 2000),
        ("12.5%", 4000, 500),
        ("200%", 40, 80),
    ],
)
def test_sizes_of_a_picture(asked: object, longest: int, size: int) -> None:
    recipe = Recipe.of(size=asked).sized(longest)
    assert recipe.size == recipe.longest == size
    assert recipe.sized(77).size == size


@pytest.mark.parametrize("asked", ["50 %", "-5%", "%", "Original", "half", 8, 40_000, 64.5, "nan%"])
def test_other_sizes_are_refused(asked: object) -> None:
    with pytest.raises(RecipeError, match="expected original, a share of that as 50%, or a whole number, 16 to 32768"):
        Recipe.of(size=asked)


def test_a_share_is_of_some_picture_and_gives_a_size() -> None:
    with pytest.raises(RecipeError, match=r"size is 10% of 96 pixels, which are 10; expected 16 to 32768"):
        Recipe.of(size="10%").sized(96)
    with pytest.raises(RecipeError, match="expected a number of pixels"):
        _ = Recipe.of(size="10%").longest


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ((), (96, 64)),
        (("--size", "original"), (96, 64)),
        (("--size", "50%"), (48, 32)),
        (("--size", 120), (120, 80)),
        (("--size", "150%"), (144, 96)),
    ],
)
def test_a_small_picture_is_enlarged_only_if_asked_for(
    impasto: Run, tmp_path: Path, content: Path, style: Path, words: tuple[object, ...], size: tuple[int, int]
) -> None:
    out = tmp_path / "out.png"
    done = impasto(content, style, "-o", out, *QUICK, *words)
    assert done.exit_code == 0, done.stderr
    assert read(out).size == size
    assert f"network wavelet, {size[0]}x{size[1]} pixels, about" in done.stderr
    assert json.loads(read_comment(out))["recipe"]["size"] == max(size)
    assert impasto("again", out, "-q").exit_code == 0
    assert (tmp_path / "out-again.png").read_bytes() == out.read_bytes()
    assert impasto("estimate", content, *QUICK, *words).stdout.startswith(f"size     {size[0]}x{size[1]} pixels\n")


def test_a_sprite_is_painted_in_the_manner_of_a_painting_of_any_shape(impasto: Run, tmp_path: Path) -> None:
    Image.fromarray(drawing(20, 16)).save(tmp_path / "sprite.png")
    Image.fromarray(drawing(300, 60, 2)).save(tmp_path / "frieze.png")
    done = impasto(tmp_path / "sprite.png", tmp_path / "frieze.png", "-o", tmp_path / "out.png", "-q")
    assert done.exit_code == 0, done.stderr
    assert read(tmp_path / "out.png").size == (20, 16)


def test_a_large_picture_is_painted_at_512_pixels(impasto: Run, tmp_path: Path, style: Path) -> None:
    Image.fromarray(drawing(700, 350)).save(tmp_path / "photo.png")
    for words, size in (((), (512, 256)), (("--size", "original"), (700, 350))):
        done = impasto(tmp_path / "photo.png", style, "-o", tmp_path / "out.png", "--colour", "palette", "-q", *words)
        assert done.exit_code == 0, done.stderr
        assert read(tmp_path / "out.png").size == size


def test_from_python() -> None:
    content, style = (Picture(drawing(48, 32, seed).astype(np.float32) / 255) for seed in (1, 2))
    sizes = {None: (48, 32), "original": (48, 32), "200%": (96, 64), 60: (60, 40)}
    for asked, size in sizes.items():
        assert stylized(content, style, colour="palette", size=asked).size == size


def test_a_texture_is_no_picture_enlarged(impasto: Run, tmp_path: Path, style: Path) -> None:
    quick = ("--steps", 1, "--scales", 1, "--network", "wavelet", "-q")
    for words, size in (((), (512, 512)), (("--size", "original"), (80, 80)), (("--size", "50%"), (40, 40))):
        done = impasto("texture", style, "-o", tmp_path / "out.png", *quick, *words)
        assert done.exit_code == 0, done.stderr
        assert read(tmp_path / "out.png").size == size


def test_a_sheet_of_a_small_picture(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    for words, size in (((), 96), (("--size", "50%"), 48), (("--size", 112), 112)):
        done = impasto("sheet", content, style, "-o", tmp_path / "s.png", *QUICK, "--rows", "seed=1,2", "-q", *words)
        assert done.exit_code == 0, done.stderr
        assert json.loads(read_comment(tmp_path / "s.png"))["recipe"]["size"] == size


def asked(**recipe: object) -> Paint:
    form = Form(part="content", width=96, height=64, channels=3, kind="u8")
    return Paint(id="1", content=form, styles=[StyleRequest(name="oil")], recipe=recipe)


def test_an_editor_may_ask_for_a_share_too() -> None:
    for size, pixels in (("50%", 48), ("original", 96), (64, 64)):
        assert whole_recipe(asked(size=size)).size == pixels
    assert whole_recipe(asked()).size == 96
    with pytest.raises(ImageError, match="short side would be 11"):
        whole_recipe(asked(size=16))
