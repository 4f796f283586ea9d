"""`impasto batch`: many photographs, each in the manner of every style, into one folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from ..options import FILE, Grouped, cluster, given, knobs, no_recipe, quiet, strip

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(cls=Grouped)
@click.argument("photographs", type=FILE, nargs=-1, required=True)
@click.option("--style", type=FILE, multiple=True, required=True, help="A painting; again for others, each on its own.")
@click.option("-o", "--output", type=FOLDER, metavar="DIR", required=True, help="The folder of the results.")
@click.option(
    "--name",
    metavar="PATTERN",
    default="{photo}-{style}.png",
    show_default=True,
    help="Names of the results in DIR; {folder} is that of the photograph.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be painted and how long it would take; write nothing.")
@click.option("--contact-sheet", type=FILE, metavar="FILE", help="In the end, show all results in one picture.")
@click.option("--json", is_flag=True, help="Tell what happens in lines of JSON, on standard output.")
@cluster
@no_recipe
@strip
@quiet
@partial(knobs, without=("style_weights",))
def batch(
    photographs: tuple[Path, ...],
    style: tuple[Path, ...],
    output: Path,
    name: str,
    dry_run: bool,
    contact_sheet: Path | None,
    json: bool,
    cluster: str | None,
    no_recipe: bool,
    strip: bool,
    quiet: bool,
    **values: str | None,
) -> int:
    """Paint PHOTOGRAPHS, each in the manner of every --style: files, folders, and patterns in quotation marks.

    What is there already with the same settings, photograph and style is passed over: repeat the command to go on
    after Ctrl-C, or after new photographs have come. Several processes can share the work. What fails is named in the
    end, with exit code 1.
    """
    from ...recipe.recipe import Recipe
    from ..cluster.connection import check_cluster
    from .events import Events
    from .painted import Batch
    from .plan import Kept, planned

    check_cluster(cluster)
    kept = Kept(output, name, no_recipe, strip, contact_sheet)
    jobs = planned(photographs, style, Recipe.of(**given(values.items())), kept)
    return Batch(jobs, Events(json, dry_run, quiet), contact_sheet, cluster).run()
