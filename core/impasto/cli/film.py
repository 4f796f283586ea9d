"""`impasto film`: a film painted so that what moves takes its strokes along."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ImpastoError
from .exit_codes import STOPPED
from .options import FILE, Grouped, cluster, given, knobs, masks, no_recipe, preview, quiet

if TYPE_CHECKING:
    from ..film.painting import FilmPainting
    from .cluster.connection import Cluster
    from .job import Job


@click.command(cls=Grouped)
@click.argument("film", type=FILE)
@click.argument("style", type=FILE, nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="OUT",
    required=True,
    help="The result: .mp4, .mov, .mkv, .webm, .gif, .webp, .png (animated), or without a suffix a folder of frames.",
)
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="A draft: only every Nth frame.")
@click.option(
    "--rate", type=click.FloatRange(0.1, 1000), default=24, metavar="X", help="Frames a second of a folder; default 24."
)
@preview
@cluster
@no_recipe
@quiet
@masks
@knobs
def film(
    film: Path,
    style: tuple[Path, ...],
    output: Path,
    every: int,
    rate: float,
    preview: Path | None,
    cluster: str | None,
    no_recipe: bool,
    quiet: bool,
    **values: Any,
) -> int:
    """Paint FILM, a video, an animated picture or a folder of frames, in the manner of STYLE, one or several.

    Times and sound are those of FILM. Frames lie in OUT.frames until all are done; the same command goes on there.
    """
    _check_can(cluster, preview)
    from ..memory.process import freeze_gc_after_torch
    from ..recipe.recipe import Recipe

    with freeze_gc_after_torch():
        from ..film.painting import FilmPainting, first_frame
    from ..film.reading import Film
    from ..film.writing import check_result
    from ..pictures.picture import read
    from .cluster.connection import connected
    from .job import Job, check, extras

    begin, source = time.perf_counter(), Film(film, Fraction(rate).limit_denominator(1001))
    where = [values.pop(name) for name in ("mask", "style_mask", "style_region")]
    recipe, more = Recipe.of(**given(values.items())), extras(where[0], style, *where[1:])
    job = Job(film, style[0], output.with_name(f"{output.name}.png"), recipe, preview, quiet=quiet, extras=more)
    read_once = cache(lambda path: first_frame(source) if path == film else read(path))
    check_result(output, source)
    pictures = check(job := job.settled(read_once), read_once)
    sources = {name: path for name, path in job.sources.items() if name != "content"}
    told = output.with_name(f"{output.name}.frames"), pictures.mask, every, no_recipe, not output.suffix
    work = FilmPainting(source, pictures.styles, job.recipe, sources, *told)
    with connected(cluster, partial(_say, job)) if cluster else nullcontext() as engine:
        return _run(work, job, output, begin, engine)


def _check_can(cluster: str | None, preview: Path | None) -> None:
    """Raise the error that says what is missing for films, or for a cluster, if there is to be one."""
    from .cluster.connection import check_cluster

    if not (find_spec("av") and find_spec("cv2")):
        raise ImpastoError("impasto film needs PyAV and OpenCV:", "pip install 'impasto[film]'")
    check_cluster(cluster)
    if cluster and preview:
        raise click.UsageError("--preview shows what is painted here; leave it out with --cluster.")


def _run(work: FilmPainting, job: Job, output: Path, begin: float, cluster: Cluster | None) -> int:
    """Paint what is not done, and put the film together. Returns the exit code: 0, or 130 where it was stopped."""
    from ..film.writing import write

    done, (width, height) = work.begin(), work.size
    _say(job, f"film {work.film.path}; network {job.recipe.network}, {width}x{height} pixels, {work.count} frames.")
    if done:
        _say(job, f"goes on after frame {done}, which {work.folder} holds.")
    if not (_paint_on(cluster, work, job) if cluster else _paint(work, job, done)):
        if not work.folder.exists():
            raise click.Abort
        kept = f"{work.folder} holds the frames so far, and the same command goes on"
        click.echo(f"impasto: stopped; {kept}.", err=True)
        return STOPPED
    write(output, work.painted, work.film, work.comment)
    work.remove()
    _say(job, f"{output}: {width}x{height} pixels, {work.count} frames in {time.perf_counter() - begin:.1f} s.")
    return 0


def _paint_on(cluster: Cluster, work: FilmPainting, job: Job) -> bool:
    """Have a cluster paint all frames that are left, unless someone stops; whether all are painted."""
    from .cluster.film import ClusterFilm
    from .progress import progress_of_parts

    try:
        with progress_of_parts(job.quiet) as show:
            ClusterFilm(work, job, cluster, show).paint()
    except KeyboardInterrupt:
        return False
    finally:
        work.remove_if_empty()
    return True


def _paint(work: FilmPainting, job: Job, done: int) -> bool:
    """Take all steps that are left, unless someone stops; whether all are taken."""
    from .interrupt import Interrupt
    from .preview import Preview
    from .progress import progress

    begin, left, shown = time.perf_counter(), work.count - done, Preview(job.preview)
    with Interrupt() as interrupt, closing(work.steps()) as steps, progress(job.quiet, "frame") as show:
        for number, step in steps:
            share = (number - 1 - done + step.fraction) / left
            show(
                replace(
                    step,
                    stage=number - 1,
                    stages=work.count,
                    fraction=share,
                    seconds=time.perf_counter() - begin,
                )
            )
            shown.offer(step)
            if interrupt.asked:
                return False
    return True


def _say(job: Job, line: str) -> None:
    if not job.quiet:
        click.echo(f"impasto: {line}", err=True)
