"""`impasto texture` and `impasto reconstruct`: one picture alone, as a rule from noise."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from ..recipe.knobs import USUAL_SIZE
from .options import FILE, Grouped, given, knobs, results, take_results

SIDE = click.IntRange(16, 32768)
CONTENT = ("content_layers", "content_weight")
STYLE = ("style_scale", "style_crop", "style_layers", "style_weight", "histogram_weight")


@click.command(cls=Grouped)
@click.argument("style", type=FILE)
@results
@click.option("--width", type=SIDE, metavar="N", help="Width of the result in pixels.")
@click.option("--height", type=SIDE, metavar="N", help="Height of the result in pixels.")
@partial(knobs, without=("strength", *CONTENT), init="Start from noise, style, or a picture FILE.")
def texture(style: Path, width: int | None, height: int | None, **values: Any) -> int:
    """Make a texture of STYLE, of any size, from noise unless --init says otherwise.

    With --width or --height alone, or --size, the result has the shape of STYLE, whose longest side is the original
    one. A STYLE of fewer pixels than the result is not enlarged, unless --style-scale says so.
    """
    from ..pictures.bundled_styles import found
    from ..pictures.picture import read
    from ..recipe.recipe import Recipe
    from .job import Job
    from .painting import run

    written = take_results(values)
    if values["size"] and (width or height):
        raise click.UsageError("--size is the longest side; give it, or --width and --height.")
    whole = Recipe.of(**given(values.items()))  # before the picture, which takes longer to read
    style = found(style)
    read_once = cache(read)
    seen = read_once(style).cropped(whole.style_crop).size
    size = whole.sized(max(seen)).longest if whole.size else USUAL_SIZE
    canvas = _canvas(seen, width, height, size)
    recipe = Recipe.texture(seen, canvas, **given(values.items()))
    return run(Job(None, style, recipe=recipe, canvas=canvas, **written), read_once)


@click.command(cls=Grouped)
@click.argument("content", type=FILE)
@results
@partial(knobs, without=("strength", *STYLE, "content_weight"), init="Start from noise, or a picture FILE.")
def reconstruct(content: Path, **values: Any) -> int:
    """Make CONTENT again, from noise or --init, from what --content-layers keep of it.

    Unless --profile says otherwise, by Mahendran and Vedaldi's losses: a relative error, and regularisers that
    --tv-weight, --tv-power, --norm-weight and --norm-power weigh and shape.
    """
    from ..pictures.picture import read
    from ..recipe.recipe import Recipe
    from .job import Job
    from .painting import run

    written = take_results(values)
    return run(Job(content, None, recipe=Recipe.reconstruction(**given(values.items())), **written), cache(read))


def _canvas(style: tuple[int, int], width: int | None, height: int | None, size: int) -> tuple[int, int]:
    """(width, height) of the texture; a side that is not given follows the shape of the style."""
    if width and height:
        return width, height
    scale = width / style[0] if width else height / style[1] if height else size / max(style)
    return max(1, width or round(style[0] * scale)), max(1, height or round(style[1] * scale))
