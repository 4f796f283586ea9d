"""`impasto styles`: the pictures that come with impasto, by name or all in one sheet."""

from __future__ import annotations

import math
from pathlib import Path

import click

from ..pictures import bundled_styles
from .options import FILE

COLUMNS, CELL = 4, (320, 240)


@click.command()
@click.option("-o", "--output", type=FILE, metavar="SHEET", help="Also show them all in one picture.")
def styles(output: Path | None) -> None:
    """List the styles that come with impasto: their names can stand where a STYLE file is expected."""
    if output:
        _sheet(output)
    width = max(map(len, bundled_styles.SUMMARIES))
    for name, summary in bundled_styles.SUMMARIES.items():
        click.echo(f"{name:<{width}}  {summary}")


def _sheet(output: Path) -> None:
    import numpy as np

    from ..pictures.contact_sheet import Contact, Label, flat
    from ..pictures.picture import Picture, write
    from ..storage.files import check_output

    names = bundled_styles.bundled()
    places = {divmod(number, COLUMNS): name for number, name in enumerate(names)}
    rows = [Label()] * math.ceil(len(names) / COLUMNS)
    contact = Contact(CELL, rows, [Label()] * COLUMNS, captions=places)
    check_output(output, longest=max(contact.size))
    pictures = {where: bundled_styles.style(name).resized(*CELL) for where, name in places.items()}
    drawn = contact.draw({where: flat(picture) for where, picture in pictures.items()})
    drawn = drawn.crop((contact.corner(0, 0)[0], 0, *drawn.size))  # there is nothing beside the rows
    write(output, Picture(np.asarray(drawn, np.float32) / np.float32(255)))
