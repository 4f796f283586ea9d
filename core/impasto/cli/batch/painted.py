"""A batch from the command line: looked over, painted one by one, and told."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ...errors import ImageError, OutOfMemory, OutputError, RecipeError
from ...memory.plan import Estimates
from ...memory.process import freeze_gc_after_torch
from ...pictures.bundled_styles import found
from ...pictures.frames import stored_size
from ...pictures.picture import Picture, read
from ...recipe.recipe import Recipe
from ...storage.claims import claim
from ..cluster.connection import Cluster, connected
from ..estimate import clock
from ..exit_codes import FAILED, STOPPED
from ..gallery import Gallery
from ..job import Job, check
from ..painting import environment, keep_step
from ..progress import Show, progress, progress_of_parts
from .events import REPLACES, Events
from .plan import DONE, Planned, check_place, make_folders, standing

if TYPE_CHECKING:
    from ...painting.loading import Load
    from ...painting.step import Step


class Batch:
    """Jobs of one recipe, photograph after photograph. Networks and styles stay loaded from one to the next.

    `cluster` is the address of one that is to paint them.
    """

    def __init__(
        self, jobs: Sequence[Job], events: Events, contact_sheet: Path | None, cluster: str | None = None
    ) -> None:
        self.jobs, self.events, self.contact_sheet, self.cluster = jobs, events, contact_sheet, cluster
        self.styles = list(dict.fromkeys(found(job.style) for job in jobs if job.style))
        self.read = lru_cache(len(self.styles) + 2)(read)  # all styles, this photograph and the one before

    def run(self) -> int:
        """Paint what is not there yet. Returns the exit code: 0, 1 if any picture failed, or 130 after Ctrl-C.

        Raises the `ImpastoError` of what is wrong for all pictures, before anything is written.
        """
        for style in self.styles:
            self.read(style)
        gallery = self._gallery()
        if self.contact_sheet:
            check_place(self.contact_sheet, gallery.longest)
        plan = list(self._to_paint())
        expected = sum(one.seconds for one in plan)
        if self.events.dry_run:
            self.events.end(expected, stopped=False)
            return FAILED if self.events.failed else 0
        self.events.tell(f"{len(plan)} of {len(self.jobs)} pictures to paint, about {clock(expected)}.")
        if self._paint_all(plan):
            return STOPPED
        if self.contact_sheet:
            gallery.write(self.contact_sheet, map(self._result, self.jobs))
        return FAILED if self.events.failed else 0

    def _to_paint(self) -> Iterator[Planned]:
        """What is to be done. Photographs are not decoded, for thousands of them may be done already."""
        size, seconds = cache(stored_size), cache(_seconds)
        for job in self.jobs:
            try:
                width, height = size(cast(Path, job.content))
                job = replace(job, recipe=job.recipe.sized(max(width, height)))
                was = standing(job)
                if was == DONE:
                    self.events.add("passed", job)
                    if self.events.dry_run:
                        self.events.tell(f"{job.output}: there already")
                    continue
                one = Planned(job, seconds(width, height, self.jobs[0].recipe))
                if self.events.dry_run:
                    self.events.add("planned", job, seconds=round(one.seconds, 3), replaces=was)
                    self.events.tell(f"{job.output}: about {clock(one.seconds)}{REPLACES[was]}")
                yield one
            except (ImageError, OutputError, RecipeError, OutOfMemory) as error:
                self.events.fail(job, error)

    def _paint_all(self, plan: Sequence[Planned]) -> bool:
        """Paint all pictures, and tell that; returns whether Ctrl-C stopped it."""
        stopped = False
        with ExitStack() as stack:
            cluster = stack.enter_context(connected(self.cluster, self.events.tell)) if self.cluster and plan else None
            make_folders([*(job.output for job in self.jobs), *filter(None, [self.contact_sheet])])
            begin = time.perf_counter()
            try:
                self._paint_on(cluster, plan, begin) if cluster else self._paint_here(plan, begin)
            except KeyboardInterrupt:
                self.events.tell("stopped; pictures that are painted are kept, and the same command goes on.")
                stopped = True
            self.events.end(time.perf_counter() - begin, stopped)
        return stopped

    def _paint_on(self, cluster: Cluster, plan: Sequence[Planned], begin: float) -> None:
        from .on_cluster import ClusterBatch

        with progress_of_parts(self.events.quiet) as show:
            ClusterBatch(cluster, self.events, self.turn, show).paint(plan, begin)

    def _paint_here(self, plan: Sequence[Planned], begin: float) -> None:
        with progress(self.events.quiet, "picture") as show:
            for number, one in enumerate(plan):
                try:
                    with self.turn(one.job) as was:
                        if was is not None:
                            self._paint(one.job, was, partial(_show_of_all, show, plan, number, begin))
                except Exception as error:  # whatever it is, it stops no other picture
                    self.events.fail(one.job, error)

    @contextmanager
    def turn(self, job: Job) -> Iterator[str | None]:
        """While entered, `job` is ours to paint: what is `standing` of it. None where it is not, or is done."""
        with claim(job.output) as ours:
            if not ours:
                self.events.add("elsewhere", job)
                yield None
            elif (was := standing(job)) == DONE:  # by another process since
                self.events.add("passed", job)
                yield None
            else:
                self.events.add("painting", job)
                yield was

    def _paint(self, job: Job, was: str, show: Show) -> None:
        with freeze_gc_after_torch():
            from ...painting.paint import paint

        begin, pictures, carried = time.perf_counter(), check(job, self.read), job.provenance
        with closing(paint(pictures.content, pictures.styles, job.recipe, load=self._load)) as steps:
            for step in steps:
                if step.notice:
                    self.events.tell(f"{job.output}: {step.notice}")
                show(step)
        result = step.picture()
        keep_step(job, replace(carried, environment=environment(job, step)), job.output, result, step, None)
        self.events.painted(job, result.size, time.perf_counter() - begin, was)

    @cached_property
    def _load(self) -> Load:
        """Loads each network once."""
        from ...painting.loading import load

        return cache(load)

    def _gallery(self) -> Gallery:
        """All results, about as many in a row as rows; those of one photograph lie side by side."""
        captions = [f"{cast(Path, job.content).stem}, {found(cast(Path, job.style)).stem}" for job in self.jobs]
        styles = len(self.styles)
        return Gallery(captions, styles * max(1, round(math.sqrt(len(captions)) / styles)))

    def _result(self, job: Job) -> Picture | None:
        """What is there of `job`, for the contact sheet."""
        try:
            return None if job.output in self.events.failed else read(job.output)
        except ImageError:
            return None


def _show_of_all(show: Show, plan: Sequence[Planned], number: int, begin: float, step: Step) -> None:
    """Show `step` of picture `number` as one of them all, which began at `begin`."""
    done, total = (sum(one.seconds for one in part) for part in (plan[:number], plan))
    share, seconds = (done + plan[number].seconds * step.fraction) / total, time.perf_counter() - begin
    show(replace(step, stage=number, stages=len(plan), fraction=share, seconds=seconds))


def _seconds(width: int, height: int, recipe: Recipe) -> float:
    """Those that a painting of this size is expected to take."""
    return float(Estimates().estimate(width, height, recipe)["seconds"])
