"""Drafts, finals, and strokes of a size that one can ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Run, drawing
from impasto import Picture, Recipe, paint, read
from impasto.painting.scene import Scene, Style
from impasto.pictures.picture import read_comment
from impasto.pictures.stroke_width import stroke_width
from impasto.recipe.schedule import stages


def picture(width: int, height: int, seed: int = 1) -> Picture:
    return Picture(drawing(width, height, seed).astype(np.float32) / 255)


def stripes(width: float, side: int = 256) -> Picture:
    """Waves of which one crest, or one trough, is `width` pixels wide."""
    wave = 0.5 + 0.4 * np.sin(np.pi * np.arange(side) / width)
    return Picture(np.ascontiguousarray(np.broadcast_to(wave[None, :, None], (side, side, 3)), np.float32))


# Quality


@pytest.mark.parametrize(
    ("size", "quality", "sizes", "last"),
    [
        (512, "draft", [128, 256], 9),
        (512, "normal", [128, 256, 512], 18),
        (512, "fine", [128, 256, 512], 36),
        (100, "draft", [100], 6),
        (4000, "draft", [125, 250, 500], 6),
        (4096, "draft", [128, 256, 512], 6),
        (4096, "normal", [128, 256, 512, 1024, 2048, 4096], 5),
    ],
)
def test_what_quality_means(size: int, quality: str, sizes: list[int], last: int) -> None:
    plan = stages(Recipe.of(size=size, quality=quality, init="content"), size, size)
    assert [stage.size for stage in plan] == sizes
    assert plan[-1].steps == last


def test_a_draft_of_a_part_stops_as_many_sizes_short(content: Path, style: Path) -> None:
    mask = np.zeros((512, 512), np.float32)
    mask[:, :256] = 1
    recipe = Recipe(size=512, quality="draft", steps=1)
    *_, last = paint(picture(512, 512), picture(64, 64), recipe, mask)
    assert tuple(last.image.shape[-2:]) == (256, 128)
    assert last.picture().size == (512, 512)


@pytest.mark.parametrize(("size", "sizes"), [([], [256]), (["--size", "512"], [256, 512])])
def test_a_draft_is_finished(
    impasto: Run, tmp_path: Path, content: Path, style: Path, size: list[str], sizes: list[int]
) -> None:
    draft, final, losses = tmp_path / "draft.png", tmp_path / "final.png", tmp_path / "losses.csv"
    options = ("--init", "content", "--size", 256, "--quality", "draft", "--steps", 1, "-q")
    assert impasto(content, style, "-o", draft, *options).exit_code == 0
    done = impasto("--from", draft, "-o", final, "-q", "--losses", losses, *size)
    assert done.exit_code == 0, done.stderr
    assert sorted({int(line.split(",")[2]) for line in losses.read_text().splitlines()[1:]}) == sizes
    assert max(read(final).size) == sizes[-1]
    made = json.loads(read_comment(final))
    assert (made["recipe"]["quality"], made["recipe"]["init"]) == ("normal", "content")
    assert (made["sources"]["from"]["path"], made["begun"]) == ("draft.png", [128, 2])
    assert impasto("again", final, "-q").exit_code == 0
    assert (tmp_path / "final-again.png").read_bytes() == final.read_bytes()


def test_a_draft_that_was_matched_is_matched_again_and_larger(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    draft, final, whole = (tmp_path / f"{name}.png" for name in ("draft", "final", "whole"))
    options = ("--size", 192, "--network", "wavelet", "-q")
    assert impasto(content, style, "-o", draft, *options, "--quality", "draft").exit_code == 0
    assert impasto("--from", draft, "-o", final, "-q").exit_code == 0
    assert impasto(content, style, "-o", whole, *options).exit_code == 0
    assert np.array_equal(read(final).pixels, read(whole).pixels)


def test_the_pictures_of_a_draft_kept_elsewhere_are_named(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    draft, final = tmp_path / "drafts" / "draft.png", tmp_path / "drafts" / "final.png"
    draft.parent.mkdir()
    options = ("--init", "content", "--size", 192, "--quality", "draft", "--steps", 1, "-q")
    assert impasto(content, style, "-o", draft, *options).exit_code == 0
    assert "as impasto --from RESULT FILE" in impasto("--from", draft, "-o", final).stderr
    (tmp_path / "other.png").write_bytes(b"another picture")
    done = impasto("--from", draft, content, tmp_path / "other.png", "-o", final)
    assert f"{tmp_path / 'other.png'}: that result was made from other pictures" in done.stderr
    assert not final.exists()
    done = impasto("--from", draft, style, content, "-o", final, "-q")
    assert done.exit_code == 0, done.stderr
    assert json.loads(read_comment(final))["sources"]["content"]["path"] == "content.png"


# Stroke size


@pytest.mark.parametrize("width", [3.0, 5.0, 8.0])
def test_the_width_of_stripes(width: float) -> None:
    """Straight stripes stay alike along themselves, so they count as a little wider than they are."""
    assert width <= stroke_width(stripes(width)) <= 1.6 * width


def test_strokes_scale_with_the_picture(shared: Path) -> None:
    for name in ("starry_night", "the_scream", "shipwreck"):
        whole = read(shared / f"{name}.jpg")
        third = whole.resized(whole.size[0] // 3, whole.size[1] // 3)
        assert 3 * stroke_width(third) == pytest.approx(stroke_width(whole), rel=0.16)


def test_a_picture_of_one_colour_has_the_finest_strokes() -> None:
    assert stroke_width(Picture(np.full((40, 60, 3), 0.3, np.float32))) == 2


def test_strokes_come_out_as_wide_as_asked_for() -> None:
    scene = Scene(picture(400, 300), [Style(stripes(4)), Style(stripes(8))], 400)
    one, two = scene.scales(1.0, 6.0)
    assert one == pytest.approx(2 * two, rel=0.1)
    for number, scale in enumerate((one, two)):
        assert stroke_width(scene.painting(number, scale)[0]) == pytest.approx(6, rel=0.16)


def test_the_same_strokes_whatever_the_size() -> None:
    """At another size of the result the painting is looked at in the same size; `style_scale` goes with the result."""
    styles = [Style(stripes(4))]
    small, large = (Scene(picture(400, 300), styles, size) for size in (200, 400))
    assert small.scales(1.0, 6.0) == large.scales(1.0, 6.0)
    assert 2 * small.scales(0.5, None)[0] == large.scales(0.5, None)[0]
    assert small.scales(1.0, 1000.0)[0] == pytest.approx(8 * 200 / 256)
    assert small.scales(0.01, None)[0] == 16 / 256
