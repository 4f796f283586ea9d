"""`impasto estimate`: what a painting will take, without painting it."""

from __future__ import annotations

import math
from pathlib import Path

import click

from .options import FILE, Grouped, given, knobs


@click.command(cls=Grouped)
@click.argument("content", type=FILE)
@click.argument("style", type=FILE, nargs=-1)
@knobs
def estimate(content: Path, style: tuple[Path, ...], **values: str | None) -> None:
    """Tell how long it takes to paint CONTENT in the manner of STYLE, how much memory, and in which parts.

    From measurements on two cores without a graphics card; the time is a first guess on others.
    """
    from ..memory.plan import Estimates
    from ..pictures.bundled_styles import found
    from ..pictures.picture import read
    from ..plugin.registry import registry
    from ..recipe.recipe import Recipe

    recipe = registry().settled(Recipe.of(**given(values.items())))
    registry().check(recipe)
    for path in style:
        read(found(path))
    picture = read(content)
    expected = Estimates().estimate(*picture.size, recipe)
    width, height = picture.fit(recipe.sized(max(picture.size)).longest)
    tiles = f"of {expected['tile']} pixels" if expected["tile"] else "none, all at once"
    click.echo(f"size     {width}x{height} pixels")
    click.echo(f"time     {clock(expected['seconds'])}")
    click.echo(f"memory   {expected['bytes'] / 1e9:.1f} GB")
    click.echo(f"tiles    {tiles}")
    if recipe.optimiser == "lbfgs":
        click.echo(f"history  {expected['history']} steps")
    if expected["notice"]:
        click.echo(expected["notice"])


def clock(seconds: float) -> str:
    """As 1:05, or 2:00:00."""
    minutes, seconds = divmod(math.ceil(seconds), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
