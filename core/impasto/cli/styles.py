"""`impasto styles`: the pictures that come with impasto, by name or all in one sheet."""

from __future__ import annotations

from pathlib import Path

import click

from ..pictures import bundled_styles
from .options import FILE

COLUMNS = 4


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
    from ..storage.files import check_output
    from .gallery import Gallery

    names = bundled_styles.bundled()
    gallery = Gallery(names, COLUMNS)
    check_output(output, longest=gallery.longest)
    gallery.write(output, map(bundled_styles.style, names))
