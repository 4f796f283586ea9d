"""The recipe's knobs as command-line options, in groups, and the help that lists them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..recipe.knobs import KNOBS, Knob

METAVARS = {
    "whole": "N",
    "real": "X",
    "text": "NAME",
    "weights": "LAYER=W,...",
    "options": "NAME=V,...",
    "numbers": "X,...",
    "part": "X,Y,W,H",
    "size": "N|N%|original",
}
FILE = click.Path(path_type=Path)
Command = Callable[..., Any]
RESULTS = ("output", "preview", "save_every", "losses", "no_recipe", "strip", "quiet")


class KnobOption(click.Option):
    """An option that fills a knob. It stays text: the recipe knows the ranges and explains them."""

    def __init__(self, name: str, knob: Knob) -> None:
        names, text = [f"--{name.replace('_', '-')}", name], f"{knob.description}{_limits(knob)}"
        if knob.kind == "flag":
            super().__init__(names, is_flag=True, flag_value="true", default=None, help=knob.description)
        else:
            super().__init__(names, metavar=METAVARS.get(knob.kind, "|".join(knob.choices)), help=text)
        self.group = knob.group


def _limits(knob: Knob) -> str:
    limits = [knob.range] if knob.kind in ("whole", "real", "size") else []
    default = knob.source if knob.default is None else knob.default
    return f"  [{'; '.join([*limits, f'default {default}'])}]"


def knobs(command: Command, without: Collection[str] = (), init: str = "") -> Command:
    """Give `command` an option for every knob but those; options not used come as None.

    `init` says where a command may start that starts from noise.
    """
    known = KNOBS | ({"init": replace(KNOBS["init"], default="noise", description=init)} if init else {})
    command.__click_params__ = [  # type: ignore[attr-defined]
        *getattr(command, "__click_params__", []),
        *(KnobOption(name, knob) for name, knob in reversed(known.items()) if name not in without),
    ]
    return command


losses = click.option(
    "--losses",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Every loss at every step: a table (.csv) or a plot (.png, .svg). May be given twice.",
)


strip = click.option("--strip", is_flag=True, help="Leave out CONTENT's metadata: resolution, author, rights, dates.")
preview = click.option(
    "--preview", type=FILE, metavar="FILE", help="A picture of the work so far, replaced as it grows."
)
cluster = click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Let a Dask cluster paint: tcp://HOST:PORT of its scheduler, or local:N for N processes here.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
no_recipe = click.option("--no-recipe", is_flag=True, help="Leave the recipe out of the result, and all file names.")


def results(command: Command) -> Command:
    """Give `command` the options for what it writes and says: those named in `RESULTS`."""
    options = (
        click.option(
            "-o", "--output", type=FILE, metavar="OUT", required=True, help="The result: png, jpg, tif, webp or exr."
        ),
        preview,
        click.option(
            "--save-every", type=click.IntRange(1), metavar="N", help="Keep every Nth step beside OUT, numbered."
        ),
        losses,
        no_recipe,
        strip,
        quiet,
    )
    for option in reversed(options):
        command = option(command)
    return command


def masks(command: Command) -> Command:
    """Give `command` the options for where to paint: `mask`, `style_mask` and `style_region`."""
    options = (
        click.option(
            "--mask",
            type=FILE,
            metavar="FILE",
            help="Where to paint CONTENT, in white. Without --size the result has its size.",
        ),
        click.option(
            "--style-mask",
            type=FILE,
            metavar="FILE",
            multiple=True,
            help="Where on CONTENT a STYLE applies; once for each, or - for everywhere.",
        ),
        click.option(
            "--style-region",
            type=FILE,
            metavar="FILE",
            multiple=True,
            help="The part of a STYLE to take; once for each, or - for all of it.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


class Grouped(click.Command):
    """A command whose help lists its options under the names of their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups, those that are no knobs first."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and isinstance(param, click.Option):
                groups.setdefault(getattr(param, "group", "Options"), []).append(record)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows, col_max=26)


def take_results(values: dict[str, Any]) -> dict[str, Any]:
    """The options of `results`, taken out of `values`; each is a field of `Job`."""
    return {name: values.pop(name) for name in RESULTS}


def given(values: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """The knobs that the command line set."""
    return {name: value for name, value in values if value is not None}
