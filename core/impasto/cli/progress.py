"""How far a painting is: a bar in a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .estimate import clock

if TYPE_CHECKING:
    from ..painting.step import Step

Show = Callable[["Step"], None]
LINES = 10
"""Plain lines for a whole painting, besides one at the start of each stage."""


@contextmanager
def progress(quiet: bool, part: str = "stage") -> Iterator[Show]:
    """A function that shows a step, on stderr; nothing if `quiet`. `part` is what the step's stages are called."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(part) as show:
            yield show
    else:
        yield _lines(part)


@contextmanager
def _bar(part: str) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    with Progress(*columns, TextColumn("{task.fields[rest]}"), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("getting ready", total=1, rest="")

        def show(step: Step) -> None:
            bar.update(task, completed=step.fraction, description=_where(step, part), rest=_rest(step))

        yield show


def _lines(part: str) -> Show:
    last = (-1, -1)

    def show(step: Step) -> None:
        nonlocal last
        now = (step.stage, int(step.fraction * LINES))
        if now != last:
            click.echo(f"impasto: {_where(step, part)}, {_rest(step)}", err=True)
        last = now

    return show


def _where(step: Step, part: str) -> str:
    return f"{part} {step.stage + 1}/{step.stages}, {step.size} px, step {step.step}/{step.steps}"


def _rest(step: Step) -> str:
    left = "" if step.remaining is None else f", {clock(step.remaining)} left"
    return f"loss {step.loss:.4g}{left}"
