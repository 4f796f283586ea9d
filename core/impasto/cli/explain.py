"""`impasto explain`: what a unit of a network looks for, as a sheet of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..knobs import KNOBS
from .options import FILE, Grouped, given, knobs

if TYPE_CHECKING:
    from ..explain import Patch
    from ..images import Picture

KNOWN = ("size", "network", "network_options", "device")
CELL, GAP, LINE, TEXT, LETTERS = 132, 12, 18, 13, 12
"""Sides of a patch and of what lies between them, height of a line and of its letters, in pixels; letters of a name."""


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
    are looked at, as when they are painted.
    """
    from .. import images
    from ..explain import strongest_patches
    from ..files import check_output
    from ..recipe import Recipe

    recipe = Recipe.of(**given(values.items()))
    check_output(output, *pictures)
    read = [images.read(path) for path in pictures]
    found = strongest_patches(
        read,
        layer,
        channels,
        count=count,
        size=recipe.size,
        network=recipe.network,
        network_options=recipe.network_options,
        device=recipe.device,
    )
    images.write(output, _sheet(layer, found, [path.stem for path in pictures], recipe.size))


def _sheet(layer: str, found: dict[int, list[Patch]], names: Sequence[str], size: int) -> Picture:
    """One channel as a square of patches, several as a row each."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from ..images import Picture

    longest = max(map(len, found.values()))
    columns = longest if len(found) > 1 else math.ceil(math.sqrt(longest))
    rows = [-(-len(patches) // columns) for patches in found.values()]
    width = max(GAP + columns * (CELL + GAP), 3 * CELL)
    sheet = Image.new("RGB", (width, GAP + sum(2 * LINE + row * (CELL + LINE + GAP) for row in rows)), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT), GAP
    for (channel, patches), row in zip(found.items(), rows, strict=True):
        wide, high = patches[0].picture.size
        title = f"{layer}, channel {channel}: {wide} x {high} pixels, of {size}"
        draw.text((GAP, top + LINE / 2), title, "black", font, "lm")
        for number, patch in enumerate(patches):
            x = GAP + number % columns * (CELL + GAP)
            y = top + LINE * 3 // 2 + number // columns * (CELL + LINE + GAP)
            scale = CELL / max(patch.picture.size)
            shown = patch.picture.resized(*(max(1, round(side * scale)) for side in patch.picture.size))
            sheet.paste(Image.fromarray((shown.pixels * 255).round().astype(np.uint8)), (x, y))
            words = f"{patch.value:.3g}  {names[patch.image][:LETTERS]}"
            draw.text((x, y + CELL + LINE / 2), words, "#333333", font, "lm")
        top += 2 * LINE + row * (CELL + LINE + GAP)
    return Picture(np.asarray(sheet, dtype=np.float32) / np.float32(255))
