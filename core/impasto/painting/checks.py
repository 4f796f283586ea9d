"""What the command line and the worker both refuse before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import ImageError, RecipeError
from ..pictures.codecs import SMALLEST
from ..pictures.picture import Pixels
from ..recipe.recipe import Recipe

ONE_COLOUR = 4 / 255
"""Difference within each channel up to which a picture has one colour: what noise and compression make of one."""


def style_weights(recipe: Recipe, styles: int) -> Sequence[float]:
    """The weight of each of so many styles.

    Raises `RecipeError` where `recipe` has weights for more or fewer, or 0 for all of them.
    """
    weights = recipe.style_weights or (1.0,) * styles
    if len(weights) != styles:
        raise RecipeError(f"There are {len(weights)} style weights for {styles} styles.", "Give one for each.")
    check_weights(weights)
    return weights


def check_weights(weights: Sequence[float]) -> None:
    """Raise `RecipeError` where none of the style weights is above 0."""
    if not any(weights):
        raise RecipeError("No style has a weight above 0, so there is nothing to paint with.", "Raise one weight.")


def one_colour(pixels: Pixels) -> bool:
    """Whether (H, W, 3) in [0, 1] are all of one colour."""
    rows = pixels.reshape(-1, 3)
    return bool((rows.max(axis=0) - rows.min(axis=0)).max() <= ONE_COLOUR)


def check_style(pixels: Pixels) -> None:
    """Raise `ImageError` where what is seen of a style, (H, W, 3), is all of one colour."""
    if one_colour(pixels):
        colour = "#" + "".join(f"{round(255 * float(value)):02x}" for value in pixels.mean(axis=(0, 1)).clip(0, 1))
        seen = f"A style is one flat colour, {colour}, in which there is nothing to paint with."
        raise ImageError(seen, "Choose a painting, a drawing or a texture, or another part of it.")


def check_mask(mask: Pixels | None, size: tuple[int, int], name: str) -> None:
    """Raise `ImageError` unless `mask`, called `name`, has the shape of its picture, of this (width, height).

    Sizes may differ, and shapes as far as whole pixels make them.
    """
    if mask is None:
        return
    if mask.ndim != 2 or mask.dtype != np.float32 or not np.isfinite(mask).all():
        raise ImageError(f"The {name} is {mask.dtype} {mask.shape}; expected float32 (H, W), values 0 to 1.")
    (down, across), (width, height) = mask.shape, size
    if abs(across * height - down * width) > max(across, down, width, height):
        seen = f"The {name} is {across}x{down} pixels and its picture {width}x{height}; expected the same shape."
        raise ImageError(seen, "Turn or crop the mask as the picture is.")


def check_fit(size: tuple[int, int], longest: int, path: Path | None = None) -> None:
    """Raise `ImageError` where a picture of this (width, height) would become too narrow with this longest side.

    `path` is its file, which the message names; None for a picture that an editor sent.
    """
    short, long = sorted(size)
    narrow = round(short / long * longest)
    if narrow >= SMALLEST:
        return
    side, needs = f"a longest side of {longest} pixels", f"{narrow}; it needs at least {SMALLEST}."
    least = -(-SMALLEST * long // short)
    if path is None:
        raise ImageError(f"With {side} the short side would be {needs}", f"Set the size to {least} or more.")
    hint = f"Use --size {least} or more, or crop the picture."
    raise ImageError(f"{path}: with {side} its short side would be {needs}", hint)
