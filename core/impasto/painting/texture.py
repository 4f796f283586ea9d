"""One picture alone: textures of a style, and reconstructions of a content from what a layer keeps of it.

Both are paintings with one side left out, alpha = 0 or beta = 0, and start from noise unless `init` says otherwise.
Sources: Gatys, Ecker and Bethge (CVPR 2016), figure 1; textures, Gatys, Ecker and Bethge (NIPS 2015); reconstructions,
Mahendran and Vedaldi (CVPR 2015).
"""

from __future__ import annotations

from collections.abc import Generator

from ..pictures.picture import Picture
from ..recipe.recipe import Recipe
from .paint import paint
from .step import Step


def texture(style: Picture, width: int, height: int, **knobs: object) -> Generator[Step, None, None]:
    """A texture of `style`, `width` by `height` pixels, one `Step` at a time; raises as `paint` does."""
    seen = style.cropped(Recipe.of(**knobs).style_crop)
    return paint(Picture.blank(width, height), style, Recipe.texture(seen.size, (width, height), **knobs))


def reconstruct(content: Picture, **knobs: object) -> Generator[Step, None, None]:
    """What the content layers keep of `content`, one `Step` at a time; raises as `paint` does."""
    return paint(content, content, Recipe.reconstruction(**knobs))
