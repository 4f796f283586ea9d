"""How far a painting is: a bar in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from .estimate import clock

if TYPE_CHECKING:
    from ..painting.step import Step

LINES = 10
"""Plain lines for a whole painting, besides one at the start of each stage."""


class Shown(NamedTuple):
    """What is shown: the number of the stage, the share of all work done, 0 to 1, where that is, and what is left."""

    stage: int
    fraction: float
    where: str
    rest: str


Show = Callable[["Step"], None]
ShowPart = Callable[[Shown], None]


@contextmanager
def progress(quiet: bool, part: str = "stage") -> Iterator[Show]:
    """A function that shows a step, on stderr; nothing if `quiet`. `part` is what the step's stages are called."""
    with progress_of_parts(quiet) as show:
        yield lambda step: show(Shown(step.stage, step.fraction, _where(step, part), _rest(step)))


@contextmanager
def progress_of_parts(quiet: bool) -> Iterator[ShowPart]:
    """A function that shows how far all is, on stderr; nothing if `quiet`."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _lines()


def parts_done(part: str, done: int, count: int, fraction: float, seconds: float) -> Shown:
    """So many of `count` parts are done, after so many `seconds`, and with them that share of the work."""
    left = f"{clock(seconds * (1 / fraction - 1))} left" if fraction else "time left unknown"
    return Shown(0, fraction, f"{part} {done}/{count}", left)


@contextmanager
def _bar() -> Iterator[ShowPart]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    with Progress(*columns, TextColumn("{task.fields[rest]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("getting ready", total=1, rest="")

        def show(shown: Shown) -> None:
            bar.update(task, completed=shown.fraction, description=shown.where, rest=shown.rest)

        yield show


def _lines() -> ShowPart:
    last = (-1, -1)

    def show(shown: Shown) -> None:
        nonlocal last
        now = (shown.stage, int(shown.fraction * LINES))
        if now != last:
            click.echo(f"impasto: {shown.where}, {shown.rest}", err=True)
        last = now

    return show


def _where(step: Step, part: str) -> str:
    return f"{part} {step.stage + 1}/{step.stages}, {step.size} px, step {step.step}/{step.steps}"


def _rest(step: Step) -> str:
    left = "" if step.remaining is None else f", {clock(step.remaining)} left"
    return f"loss {step.loss:.4g}{left}"
