"""`impasto explain`: what a unit of a network looks for, as a sheet of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..recipe.knobs import KNOBS
from .options import FILE, Grouped, given, knobs

if TYPE_CHECKING:
    from ..painting.layer_patches import Patch
    from ..pictures.picture import Picture

KNOWN = ("size", "network", "network_options", "device")
CELL, LETTERS = 132, 12
"""Longest side of a patch on the sheet, in pixels, and letters of a picture's name below it."""


@click.command(cls=Grouped)
@click.argument("layer")
@click.argument("pictures", type=FILE, nargs=-1, required=True, metavar="IMAGES...")
@click.option("-o", "--output", type=FILE, metavar="OUT", required=True, help="The sheet: .png, .jpg, .tif or .webp.")
@click.option(
    "--channel", "channels", type=int, multiple=True, required=True, metavar="K", help="From 0; may be given again."
)
@click.option("--count", type=click.IntRange(1, 100), default=9, metavar="N", help="Patches of each; default 9.")
@partial(knobs, without=[name for name in KNOBS if name not in KNOWN])
def explain(
    layer: str, pictures: tuple[Path, ...], output: Path, channels: tuple[int, ...], count: int, **values: Any
) -> None:
    """Show the patches of IMAGES that excite --channel K of LAYER most.

    Each patch is what one unit sees, and says how much it is excited. --size is the longest side at which the pictures
    are evaluated, as when they are painted.
    """
    from ..memory.process import freeze_gc_after_torch
    from ..pictures.frames import chosen_frames
    from ..pictures.picture import read, write
    from ..plugin.registry import registry
    from ..recipe.recipe import Recipe
    from ..storage.files import check_output

    recipe = registry().settled(Recipe.of(**given(values.items()), init="content"))
    check_output(output, *pictures)
    for line in chosen_frames(pictures):
        click.echo(f"impasto: {line}", err=True)
    with freeze_gc_after_torch():
        from ..painting.layer_patches import strongest_patches
    seen = [read(path) for path in pictures]
    found = strongest_patches(
        seen,
        layer,
        channels,
        count=count,
        size=recipe.sized(max(side for picture in seen for side in picture.size)).longest,
        network=recipe.network,
        network_options=recipe.network_options,
        device=recipe.device,
    )
    write(output, _sheet(layer, found, [path.stem for path in pictures]))


def _sheet(layer: str, found: dict[int, list[Patch]], names: Sequence[str]) -> Picture:
    """One channel as a square of patches, several as a row each."""
    import numpy as np
    from PIL import Image

    from ..pictures.contact_sheet import PAPER, Contact, Label, flat
    from ..pictures.picture import Picture

    longest = max(map(len, found.values()))
    columns = longest if len(found) > 1 else math.ceil(math.sqrt(longest))
    rows: list[Label] = []
    cells: dict[tuple[int, int], Image.Image] = {}
    captions: dict[tuple[int, int], str] = {}
    for channel, patches in found.items():
        wide, high = patches[0].picture.size
        scale = CELL / max(wide, high)
        shape = max(1, round(wide * scale)), max(1, round(high * scale))
        for number, patch in enumerate(patches):
            if number % columns == 0:
                rows.append(Label() if number else Label(f"{layer}, {wide} x {high} pixels", f"channel {channel}"))
            where = len(rows) - 1, number % columns
            cells[where] = flat(patch.picture.resized(*shape))
            captions[where] = f"{patch.value:.3g}  {names[patch.image][:LETTERS]}"
    blank = {
        (row, column): Image.new("RGB", (CELL, CELL), PAPER) for row in range(len(rows)) for column in range(columns)
    }
    sheet = Contact((CELL, CELL), rows, [Label()] * columns, captions=captions).draw(blank | cells)
    return Picture(np.asarray(sheet, dtype=np.float32) / np.float32(255))
