"""A sheet from the command line: every picture tried, painted, and kept in its place."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

import click
import numpy as np
from PIL import Image

from ..._version import __version__
from ...errors import DivergedError, RecipeError
from ...painting.loading import Load, load
from ...painting.paint import paint
from ...painting.step import Step
from ...pictures import picture
from ...pictures.contact_sheet import Contact, Label, flat
from ...pictures.frames import chosen_frames
from ...pictures.picture import Picture, write
from ...plugin.registry import registry
from ...recipe.provenance import Provenance
from ...recipe.schedule import stages
from ...storage.files import check_output
from ..exit_codes import FAILED, STOPPED
from ..interrupt import Interrupt
from ..job import Job, Pictures, check
from ..progress import progress
from .axes import SIZE, TAKEN, Axis, Plan

Cell = tuple[int, int]
"""(row, column)."""
Read = Callable[[Path], Picture]


@dataclass
class Run:
    """One painting, and the cells that show it after so many steps; None is the last one."""

    pictures: Pictures
    job: Job
    load: Load
    wanted: dict[int | None, list[Cell]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the result."""
        return self.pictures.content.fit(self.job.recipe.longest)

    def try_one_step(self) -> None:
        """Take a step and forget it: whatever is wrong with the knobs shows by then.

        Raises what `paint` raises, and `RecipeError` where a cell wants more steps than there are.
        """
        with closing(self._paint()) as steps:
            next(steps)
        recipe = self.job.recipe
        finish = registry().network(recipe.network).finish.steps
        total = sum(stage.steps for stage in stages(recipe, max(self.size), min(self.size), finish))
        if most := max((taken for taken in self.wanted if taken and taken > total), default=0):
            raise RecipeError(f"{TAKEN} is {most}; there are {total} steps in all.", "Ask for fewer, or raise --steps.")

    def cells(self) -> Iterator[tuple[Step, list[Cell]]]:
        """Each step, and the cells that show it. Goes no further than it must."""
        left = set(self.wanted)
        with closing(self._paint()) as steps:
            for taken, step in enumerate(steps, 1):
                last = None in left and (step.stage + 1, step.step) == (step.stages, step.steps)
                yield step, [*self.wanted.get(taken, []), *(self.wanted[None] if last else [])]
                left -= {taken}
                if not left:
                    return

    def _paint(self) -> Generator[Step, None, None]:
        return paint(self.pictures.content, self.pictures.styles, self.job.recipe, load=self.load)


def run(plan: Plan, output: Path, quiet: bool, no_recipe: bool) -> int:
    """Try every picture, paint them, write the sheet. Returns the exit code: 0, 130 after Ctrl-C, 1 if any diverged."""
    begin = time.perf_counter()
    read = cache(picture.read)
    plan = replace(plan, jobs={where: job.settled(read, SIZE) for where, job in plan.jobs.items()})
    runs = _runs(plan, read)
    sizes = [one.size for one in runs]
    contact = _contact(plan, (max(w for w, _ in sizes), max(h for _, h in sizes)), read)
    check_output(output, longest=max(contact.size))
    for line in chosen_frames(path for job in plan.jobs.values() for path in job.inputs):
        if not quiet:
            click.echo(f"impasto: {line}", err=True)
    for one in runs:
        one.try_one_step()
    carried = "" if no_recipe else _carried(plan, output)
    with Interrupt() as interrupt:
        cells, diverged = _paint(runs, interrupt, quiet)
    if not cells:
        raise diverged or click.Abort
    pixels = np.asarray(contact.draw(cells), np.float32) / np.float32(255)
    write(output, Picture(pixels), carried)
    if interrupt.asked:
        done = f"stopped after {len(cells)} of {len(plan.jobs)} pictures"
        click.echo(f"impasto: {done}; {output} holds the sheet so far.", err=True)
        return STOPPED
    if not quiet:
        took = f"{len(cells)} pictures in {time.perf_counter() - begin:.1f} s"
        click.echo(f"impasto: {output}: {contact.size[0]}x{contact.size[1]} pixels, {took}.", err=True)
    return FAILED if diverged else 0


def _runs(plan: Plan, read: Read) -> list[Run]:
    """One for each different painting: cells that only differ in how far it is share one, and all share networks."""
    runs: dict[object, Run] = {}
    once = cache(load)
    for where, job in plan.jobs.items():
        key = (job.content, job.style, job.canvas, job.recipe.model_dump_json())
        if key not in runs:
            runs[key] = Run(check(job, read), job, once)
        runs[key].wanted.setdefault(job.taken, []).append(where)
    return list(runs.values())


def _paint(
    runs: Sequence[Run], interrupt: Interrupt, quiet: bool
) -> tuple[dict[Cell, Image.Image], DivergedError | None]:
    """The pictures of all cells, or of those so far after Ctrl-C; a painting that diverges leaves its cells empty."""
    cells: dict[Cell, Image.Image] = {}
    diverged, begin = None, time.perf_counter()
    with progress(quiet, "picture") as show:
        for number, one in enumerate(runs):
            try:
                for step, places in one.cells():
                    share, seconds = (number + step.fraction) / len(runs), time.perf_counter() - begin
                    show(replace(step, stage=number, stages=len(runs), fraction=share, seconds=seconds))
                    if places:
                        cells |= dict.fromkeys(places, flat(step.picture()))
                    if interrupt.asked:
                        return cells, diverged
            except DivergedError as error:
                diverged = error
                click.echo(f"impasto: picture {number + 1}/{len(runs)} stays empty. {error}", err=True)
    return cells, diverged


def _contact(plan: Plan, cell: tuple[int, int], read: Read) -> Contact:
    """The sheet, with the inputs that no axis shows in its corner."""

    def labels(axis: Axis) -> list[Label]:
        return [Label(axis.name, mark.text, flat(read(mark.shown)) if mark.shown else None) for mark in axis.marks]

    shown = {mark.shown for axis in (plan.rows, plan.columns) for mark in axis.marks}
    inputs = {
        (name, path): None for job in plan.jobs.values() for name, path in job.sources.items() if path not in shown
    }
    corner = [Label(value=name, picture=flat(read(path))) for name, path in inputs]
    return Contact(cell, labels(plan.rows), labels(plan.columns), corner, plan.captions)


def _carried(plan: Plan, output: Path) -> str:
    """What the sheet is of, as one line of JSON in ASCII: axes, the recipe of its first picture, and all files."""
    made = [Provenance.of(job.recipe, job.sources, output.parent) for job in plan.jobs.values()]
    axes = {"rows": plan.rows, "columns": plan.columns}
    sheet = {name: {axis.name: [mark.text for mark in axis.marks]} for name, axis in axes.items()}
    recipe = made[0].recipe.model_dump(mode="json", exclude_defaults=True)
    sources = dict.fromkeys(source for one in made for source in one.sources.values())
    return json.dumps({"impasto": __version__, "sheet": sheet, "recipe": recipe, "files": list(map(asdict, sources))})
