"""Figures for what pictures look like, by a scale without a network; they do not replace looking.

They are of Gram matrices alone, from the content: what is matched is the painting's own, which this scale cannot tell.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impasto import Picture, Recipe, paint, read
from impasto.painting.scene import Style, fitted

pytestmark = pytest.mark.slow
SIZE = 256


@pytest.fixture
def judge(shared: Path) -> Any:
    """judge.py, which scores a result against its content and style; skips where it is not."""
    path = shared.parent / "tools" / "judge.py"
    if not path.exists():
        pytest.skip(f"the scale for pictures is not in {path.parent}")
    spec = importlib.util.spec_from_file_location("judge", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photo(shared: Path) -> Picture:
    return fitted(read(shared / "tubingen.jpg"), SIZE)


@pytest.fixture
def painting(shared: Path) -> Callable[[str], Picture]:
    return lambda name: fitted(read(shared / f"{name}.jpg"), SIZE)


def painted(content: Picture, styles: Any, **knobs: object) -> np.ndarray:
    *_, last = paint(content, styles, Recipe.of(**{"size": SIZE, "init": "content", "network": "wavelet"} | knobs))
    return last.picture().pixels


@pytest.mark.parametrize("name", ["starry_night", "the_scream", "shipwreck"])
def test_a_picture_has_the_style_s_colours_and_strokes_and_the_content_s_shapes(
    judge: Any, photo: Picture, painting: Callable[[str], Picture], name: str
) -> None:
    style = painting(name)
    figures = judge.score(photo.pixels, style.pixels, painted(photo, style))
    assert figures["colour"] < 0.4
    assert figures["strokes"] < 0.4
    assert figures["flow"] < 0.08
    assert figures["content"] > 0.65


def test_two_styles_with_half_masks_each_land_on_their_half(
    judge: Any, photo: Picture, painting: Callable[[str], Picture]
) -> None:
    starry, scream = painting("starry_night"), painting("the_scream")
    width, height = photo.size
    left = np.zeros((height, width), np.float32)
    left[:, : width // 2] = 1
    result = painted(photo, [Style(starry, mask=left), Style(scream, mask=1 - left)])
    for half, own, other in ((np.s_[:, : width // 2], starry, scream), (np.s_[:, width // 2 :], scream, starry)):
        part, there = (np.ascontiguousarray(pixels[half]) for pixels in (result, photo.pixels))
        mine, theirs = (judge.score(there, style.pixels, part) for style in (own, other))
        assert mine["colour"] < 0.6 * theirs["colour"]
        assert mine["colour"] < 0.5


def test_a_draft_looks_like_what_it_becomes(
    judge: Any, photo: Picture, painting: Callable[[str], Picture], shared: Path
) -> None:
    """Colours, strokes and shapes of a draft are those of the final picture, with strokes of the same size in both."""
    content = fitted(read(shared / "tubingen.jpg"), 2 * SIZE)
    draft, final, other = (
        painted(content, painting("the_scream"), size=2 * SIZE, **knobs)
        for knobs in ({"stroke_size": 16, "quality": "draft"}, {"stroke_size": 16}, {"stroke_size": 48})
    )
    near = judge.score(content.pixels, final, draft)
    far = judge.score(content.pixels, final, other)
    assert near["colour"] < 0.15
    assert near["strokes"] < 0.8 * far["strokes"]
    assert judge.score(final, final, draft)["content"] > 0.75
