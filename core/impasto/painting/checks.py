"""What the command line and the worker both refuse before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import ImageError, RecipeError
from ..pictures.codecs import SMALLEST
from ..recipe.recipe import Recipe


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
