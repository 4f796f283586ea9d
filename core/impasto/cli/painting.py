"""One painting from the command line: checked, painted, shown and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OutOfMemory, RankError
from ..memory.plan import Estimates, resolved
from ..memory.process import freeze_gc_after_torch
from ..pictures.codecs import stored_kind
from ..pictures.frames import chosen_frames
from ..pictures.picture import Picture, read, write
from ..recipe.environment import Environment
from ..recipe.provenance import Provenance
from ..storage.files import FORMATS
from .estimate import clock
from .exit_codes import FAILED, STOPPED
from .interrupt import Interrupt
from .job import Job, Pictures, check
from .losses.record import Curves
from .losses.write import write as write_losses
from .preview import Preview
from .progress import progress
from .ranks import check_shared

if TYPE_CHECKING:
    from ..painting.step import Step
    from ..ranks import Ranks


def run(job: Job, read: Callable[[Path], Picture] = read, ranks: Ranks | None = None) -> int:
    """Check everything, paint, and write the result. Returns the exit code: 0, or 130 where it was stopped.

    `read` decodes the pictures. `ranks` paint together, and the first of them writes the result. Raises the
    `ImpastoError` that says what is wrong, before anything is written.
    """
    begin, job = time.perf_counter(), job.settled(read)
    if ranks:
        check_shared(job.recipe)
    pictures = check(job, read)
    if ranks and ranks.rank:
        return _follow(job, pictures, ranks)
    with Interrupt(ranks) as interrupt:
        step, picture, failed = _paint(job, pictures, interrupt, ranks)
    if failed:
        click.echo(f"impasto: error: {failed} {job.output} holds the picture so far.", err=True)
        return FAILED
    if interrupt.asked:
        on = "" if job.no_recipe else ", and --from goes on from it"
        click.echo(f"impasto: stopped at {_where(step)}; {job.output} holds the picture so far{on}.", err=True)
        return STOPPED
    width, height = picture.size
    _say(job, f"{job.output}: {width}x{height} pixels in {time.perf_counter() - begin:.1f} s.")
    return 0


def _follow(job: Job, pictures: Pictures, ranks: Ranks) -> int:
    """Paint as one of the `ranks` that neither speak nor write."""
    from ..painting.paint import paint

    content, styles, mask, begun = pictures
    with Interrupt(ranks) as interrupt:
        for _ in paint(content, styles, job.recipe, mask, begun=begun, ranks=ranks):
            if any(ranks.objects(interrupt.asked)):
                return STOPPED
    return 0


def _paint(
    job: Job, pictures: Pictures, interrupt: Interrupt, ranks: Ranks | None = None
) -> tuple[Step, Picture, str | None]:
    """Pull steps until they end, someone stops, or memory does; write the losses and the last picture.

    These two are returned, with what went wrong.
    """
    with freeze_gc_after_torch():
        from ..painting.paint import paint
        from ..ranks import ALONE

    if job.environment:
        job.environment.use_threads()
    content, styles, mask, begun = pictures
    preview, curves, ranks = Preview(job.preview), Curves(), ranks or ALONE
    taken, stopped, failed = 0, None, None
    painting = paint(content, styles, job.recipe, mask, begun=begun, ranks=ranks)
    with closing(painting) as steps, progress(job.quiet) as show:
        try:
            for taken, step, keep in _told(job, content, steps, show):
                curves.add(step)
                preview.offer(step)
                if job.save_every and taken % job.save_every == 0:
                    keep(job.numbered(taken), step.picture(), step, taken)
                if told := any(ranks.objects(interrupt.asked)):
                    interrupt.asked = True  # perhaps another rank was
                if told or taken == job.taken:
                    stopped = taken
                    break
        except (OutOfMemory, RankError) as error:
            if not taken:
                raise
            failed, stopped = str(error), taken
        finally:
            interrupt.ranks = None  # one that ends from here on has done its part
    picture = step.picture()  # now that the painting has given back its memory
    keep(job.output, picture, step, stopped)
    for path in job.losses:
        write_losses(curves, path)
    return step, picture, failed


def _told(
    job: Job, content: Picture, steps: Iterable[Step], show: Callable[[Step], None]
) -> Iterator[tuple[int, Step, Callable[..., None]]]:
    """Each step with its number, once people have been told of it, and `keep_step` with what its picture carries."""
    carried = job.provenance
    for taken, step in enumerate(steps, 1):
        if taken == 1:  # all that was given is right, and the first size is a small one
            here = environment(job, step)
            keep = partial(keep_step, job, replace(carried, environment=here))
            _say_begin(job, content, step, here)
        if step.notice:
            _say(job, step.notice)
        show(step)
        yield taken, step, keep


def keep_step(job: Job, carried: Provenance, path: Path, picture: Picture, step: Step, taken: int | None) -> None:
    """Write `picture`, that of `step`, with what is `carried`; `taken` is the number of steps, None for all of them."""
    write(path, picture, comment(job, carried, step, taken))


def comment(job: Job, carried: Provenance, step: Step, taken: int | None) -> str:
    """What `keep_step` writes into the file beside the picture."""
    return "" if job.no_recipe else replace(carried, reached=step.reached, taken=taken).dumps()


def environment(job: Job, step: Step) -> Environment:
    """Where `job` is painted, and in which tiles."""
    width, height = step.scene.crop.size
    plan = step.memory.plan(width * height)
    return Environment.here(*resolved(job.recipe), plan.tile if plan else None)


def _say_begin(job: Job, content: Picture, step: Step, here: Environment) -> None:
    on = f"; goes on from {job.begun[0]} at {_where(step)}, {step.size} pixels" if job.begun else ""
    _say(job, f"{job.roles}{on}.")
    if job.environment and (difference := job.environment.difference(here)):
        _say(job, f"{difference}.")
    for line in chosen_frames(job.inputs):
        _say(job, line)
    for line in _format_limits(content, FORMATS[job.output.suffix.lower()]):
        _say(job, f"{job.output}: {line}")
    expected = Estimates().fields(*step.scene.crop.size, step.memory)
    time_, memory = clock(expected["seconds"] * step.rest), f"{expected['bytes'] / 1e9:.1f} GB of memory"
    width, height = step.scene.canvas.size
    _say(job, f"network {job.recipe.network}, {width}x{height} pixels, about {time_} and {memory}.")


def _where(step: Step) -> str:
    return f"step {step.step} of {step.steps} in stage {step.stage + 1} of {step.stages}"


def _format_limits(content: Picture, form: str) -> Iterator[str]:
    """What the result will lack because of its format or the content, and one may not expect."""
    if content.alpha is not None and form == "JPEG":
        yield "JPEG has no transparency; what is transparent becomes white."
    if samples := content.samples:
        if stored_kind(samples.kind, form) == "u8" != samples.kind:
            yield f"{form} holds 8 bits, fewer than the content has; .png or .tif would hold more."
        if samples.grey:
            yield "grey, as the content is; for a painting in colours, make the content RGB."


def _say(job: Job, line: str) -> None:
    if not job.quiet:
        click.echo(f"impasto: {line}", err=True)
