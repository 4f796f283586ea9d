"""Whose colours: of the style, kept from the content, matched before painting, or without any strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import Run, drawing
from impasto import Picture, Recipe, paint, read
from impasto.errors import RecipeError
from impasto.painting.paint import stylized
from impasto.painting.scene import Style
from impasto.pictures.colour_transfer import OPPONENT, keep, match, palette, recolour

CHROMA = OPPONENT.astype(np.float32)[1:]
QUICK = {"init": "content", "size": 64, "scales": 1, "steps": 2, "strength": 80}


def pixels(width: int = 96, height: int = 64, seed: int = 0) -> NDArray[np.float32]:
    return drawing(width, height, seed).astype(np.float32) / 255


def muted(seed: int = 0) -> NDArray[np.float32]:
    """Colours far from the limits."""
    return 0.5 + (pixels(seed=seed) - 0.5) * np.float32(0.3)


def moments(colours: NDArray[np.float32], weight: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
    rows = colours.reshape(-1, 3)
    shares = None if weight is None else weight.reshape(-1)
    covariance = np.cov(rows.T, aweights=shares, ddof=0)
    return np.concatenate([np.average(rows, axis=0, weights=shares)[None], covariance])


# The functions


def test_keep_has_the_luma_of_one_and_the_chroma_of_the_other() -> None:
    painted, content = muted(1), muted(2)
    kept = keep(painted, content)
    assert np.allclose((kept @ OPPONENT[0]), painted @ OPPONENT[0], atol=1e-6)
    assert np.allclose(kept @ CHROMA.T, content @ CHROMA.T, atol=1e-6)


def test_out_of_gamut_luma_and_hue_are_kept() -> None:
    painted, content = pixels(seed=1), pixels(seed=2)
    kept, asked = keep(painted, content), content + ((painted - content) @ OPPONENT[0])[..., None]
    inside = ((asked >= 0) & (asked <= 1)).all(axis=2)
    assert 0.1 < inside.mean() < 0.9
    assert np.abs((kept - asked)[inside]).max() < 1e-5
    assert kept.min() >= 0
    assert kept.max() <= 1
    assert np.allclose(kept @ OPPONENT[0], painted @ OPPONENT[0], atol=1e-5)
    before, after = (content @ CHROMA.T)[~inside], (kept @ CHROMA.T)[~inside]
    assert np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]).max() < 1e-5  # same direction
    assert ((before * after).sum(axis=1) >= -1e-6).all()


def test_match_gives_mean_and_covariance() -> None:
    style, content = muted(1)[:40], muted(2)
    assert np.allclose(moments(match(style, content)), moments(content), atol=1e-4)
    assert not np.allclose(moments(style), moments(content), atol=1e-3)


def test_match_counts_by_weights_only() -> None:
    style, content = muted(1), muted(2)
    some = np.zeros((64, 96), np.float32)
    some[:, :30], some[:, 30:50] = 1, 0.25
    odd = content.copy()
    odd[:, 50:] = 1, 0, 0
    matched = match(style, odd, None, some)
    assert np.array_equal(matched, match(style, np.where(some[..., None] > 0, content, 0), None, some))
    assert np.allclose(moments(matched), moments(content, some), atol=1e-4)
    assert np.allclose(moments(match(style, content, some), some), moments(content), atol=1e-4)


def test_what_is_the_same_stays() -> None:
    same = muted(1)
    assert np.allclose(match(same, same), same, atol=1e-4)
    assert np.allclose(palette(same, same), same, atol=0.004)
    assert np.allclose(keep(same, same), same, atol=1e-6)


@pytest.mark.parametrize("function", [match, palette])
def test_one_colour_and_grey_are_no_trouble(function: object) -> None:
    flat, grey = np.full((32, 32, 3), 0.3, np.float32), np.repeat(muted(1)[..., :1], 3, axis=2)
    for one in (flat, grey, muted(2)):
        for other in (flat, grey, muted(2)):
            assert np.isfinite(function(one, other)).all()  # type: ignore[operator]
    assert np.ptp(function(grey, muted(2)).reshape(-1, 3), axis=0).max() <= 1  # type: ignore[operator]
    assert np.allclose(function(muted(1), flat), 0.3, atol=0.05)  # type: ignore[operator]


def test_a_palette_takes_the_colours_and_leaves_gradients_smooth() -> None:
    ramp = np.linspace(0, 1, 4096, dtype=np.float32)
    content = np.stack([np.broadcast_to(ramp, (16, 4096))] * 3, axis=2) * np.array([1, 0.9, 0.7], np.float32)
    style = pixels(seed=3)
    style = np.where(style > 0.5, style, style * np.float32(0.5))
    recoloured = palette(content, style)
    assert np.abs(moments(recoloured)[0] - moments(style)[0]).max() < 0.12
    steps = np.abs(np.diff(recoloured[0], axis=0))
    assert steps.max() < 40 / 4096
    assert len(np.unique(recoloured[0, :, 1])) > 2000


def test_switching_a_finished_painting() -> None:
    painted, content = muted(1), muted(2)
    assert recolour(painted, content, "style") is painted
    assert np.array_equal(recolour(painted, content, "keep"), keep(painted, content))
    assert np.allclose(moments(recolour(painted, content, "match")), moments(content), atol=1e-4)


# Painting


def painted(**knobs: object) -> Picture:
    return stylized(Picture(muted(1)), Picture(muted(2)), **QUICK | {"size": 96} | knobs)


def test_a_painting_keeps_the_colours_and_can_be_switched_afterwards() -> None:
    content, style = Picture(muted(1)), Picture(muted(2))
    *_, step = paint(content, style, Recipe(**QUICK | {"size": 96}, colour="keep"))
    assert np.abs((step.picture().pixels - content.pixels) @ CHROMA.T).max() < 1 / 255
    plain = painted().pixels
    assert np.abs((plain - content.pixels) @ CHROMA.T).max() > 10 / 255
    assert np.array_equal(step.picture("style").pixels, plain)
    assert np.allclose(moments(step.picture("match").pixels), moments(content.pixels), atol=0.01)
    assert np.array_equal(step.picture("palette").pixels, palette(content.pixels, style.pixels))


def test_match_paints_with_a_recoloured_style() -> None:
    content, style = Picture(muted(1)), Picture(muted(2))
    by_hand = stylized(content, Picture(match(style.pixels, content.pixels)), **QUICK)
    assert np.abs(stylized(content, style, **QUICK, colour="match").pixels - by_hand.pixels).max() < 0.02
    assert np.abs(stylized(content, style, **QUICK).pixels - by_hand.pixels).max() > 0.1


def test_a_palette_takes_one_step_and_no_network() -> None:
    content, style = Picture(muted(1)), Picture(muted(2))
    recipe = Recipe(size=96, colour="palette", network="vgg19")  # whose weights nobody has fetched here
    (step,) = paint(content, style, recipe)
    assert (step.fraction, step.losses) == (1, {})
    assert np.array_equal(step.picture().pixels, palette(content.pixels, style.pixels))
    (none,) = paint(content, style, recipe.model_copy(update={"strength": 0.0}))
    assert np.array_equal(none.picture().pixels, content.pixels)


@pytest.mark.parametrize("mode", ["keep", "match", "palette"])
def test_outside_a_mask_colours_neither_count_nor_change(mode: str) -> None:
    mask = np.zeros((64, 96), np.float32)
    mask[:, :48] = 1
    style, content, other = Picture(muted(2)), muted(1), muted(1)
    other[:, 48:] = 1, 0, 0
    results = [
        stylized(Picture(each), style, mask, **QUICK | {"size": 96}, colour=mode).pixels for each in (content, other)
    ]
    for before, after in zip((content, other), results, strict=True):
        assert np.array_equal(after[:, 48:], before[:, 48:])
    assert np.abs(results[0][:, :40] - results[1][:, :40]).max() < (0.05 if mode == "match" else 1e-3)


def test_a_palette_of_several_styles_has_each_where_it_applies() -> None:
    left = np.zeros((64, 96), np.float32)
    left[:, :48] = 1
    one, other = Picture(pixels(seed=4)), Picture(muted(2))
    styles = [Style(one, mask=left), Style(other, mask=1 - left)]
    whole = stylized(Picture(muted(1)), styles, size=96, colour="palette").pixels
    expected = palette(muted(1), one.pixels, left)
    assert np.allclose(whole[:, :48], expected[:, :48], atol=1e-6)


def test_a_texture_has_no_content_to_take_colours_from() -> None:
    with pytest.raises(RecipeError, match="colour is 'keep'; expected style"):
        Recipe.texture((64, 64), (96, 96), colour="keep")


def test_on_the_command_line(impasto: Run, content: Path, style: Path, tmp_path: Path) -> None:
    quick = ("--size", 96, "--scales", 1, "--steps", 2, "--quiet")
    for mode in ("keep", "palette"):
        out, again = tmp_path / f"{mode}.png", tmp_path / f"{mode}-2.png"
        assert impasto(content, style, "-o", out, *quick, "--colour", mode).exit_code == 0
        assert impasto("again", out, "-o", again, "--quiet").exit_code == 0
        assert out.read_bytes() == again.read_bytes()
    asked = read(content).pixels
    kept = read(tmp_path / "keep.png").pixels
    outside = (kept <= 1 / 255) | (kept >= 254 / 255)
    assert np.abs((kept - asked) @ CHROMA.T)[~outside.any(axis=2)].max() < 1 / 255
    assert impasto(content, style, "-o", tmp_path / "x.png", "--colour", "red").exit_code == 2
