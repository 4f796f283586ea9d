"""`impasto sheet`: what two knobs do to a picture, all of it in one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from ..options import FILE, Grouped, given, knobs, no_recipe, quiet

SET = {"1": ("strength", "init", "style_layers", "content_layers"), "3": ("style_layers", "content_weight")}
"""Knobs that are not to be given with a figure, which sets them."""
AXIS = "KNOB=V1,V2,..."


@click.command(cls=Grouped)
@click.argument("pictures", type=FILE, nargs=-1, metavar="CONTENT STYLE")
@click.option("-o", "--output", type=FILE, metavar="SHEET", required=True, help="The sheet: .png, .jpg, .tif or .webp.")
@click.option("--rows", metavar=AXIS, help="A knob and its values, from top to bottom.")
@click.option("--columns", metavar=AXIS, help="A knob and its values, from left to right.")
@click.option("--figure", type=click.Choice(sorted(SET)), help="The axes of a figure of the paper: see docs/paper.md.")
@no_recipe
@quiet
@click.option(
    "--size",
    metavar="N|N%|original",
    help="Longest side of each picture in pixels.  [default 256, or CONTENT's own where that is smaller]",
)
@partial(knobs, without=("size",))
def sheet(
    pictures: tuple[Path, ...],
    output: Path,
    rows: str | None,
    columns: str | None,
    figure: str | None,
    no_recipe: bool,
    quiet: bool,
    **values: Any,
) -> int:
    """Paint every combination of two knobs and lay the pictures out in a labelled grid.

    Values that hold commas themselves are separated by slashes: --rows style-layers=band1/band1,band2. Besides the
    knobs there are the axes steps-taken=10,20,50, one painting as it grows; alpha/beta=0.1,1,10, the ratio at strength
    50; style=FILE,FILE,... (or names that `impasto styles` lists) and content=FILE,FILE,...,
    which take the place of STYLE and CONTENT. Figure 3 takes other --columns than its own, as alpha/beta=1e-8,1e-7.
    """
    from .axes import FILES, NOTHING, Axis, span
    from .painted import run

    chosen = given(values.items())
    if bool(figure) == bool(rows or (columns and figure != "3")):
        raise click.UsageError(f"Say what to vary: --rows {AXIS}, --columns {AXIS} or both, or --figure 1 or 3.")
    axes = Axis.of(rows) if rows else NOTHING, Axis.of(columns) if columns else NOTHING
    if figure and axes[1].sets & set(FILES):
        raise click.UsageError("A figure is of one CONTENT and one STYLE: name them before the options.")
    names = [name for name in FILES if name not in axes[0].sets | axes[1].sets]
    if len(pictures) != len(names):
        expected = " and ".join(map(str.upper, names)) or "none, as both are axes"
        raise click.UsageError(f"{len(pictures)} pictures are named before the options; expected {expected}.")
    files = dict(zip(names, pictures, strict=True))
    if not figure:
        return run(span(*axes, chosen, files, output), output, quiet, no_recipe)
    from .figures import planned

    if clash := sorted(chosen.keys() & set(SET[figure])):
        raise click.UsageError(f"--{clash[0].replace('_', '-')} is set by figure {figure} itself; leave one out.")
    plan = planned(figure, chosen, files["content"], files["style"], output, axes[1])
    return run(plan, output, quiet, no_recipe)
