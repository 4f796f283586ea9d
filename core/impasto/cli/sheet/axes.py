"""The axes of a sheet: what `--rows KNOB=V1,V2,...` means, and the jobs that two axes span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import RecipeError
from ...pictures.bundled_styles import found
from ...plugin.registry import registry
from ...recipe.knobs import KNOBS
from ...recipe.recipe import Recipe
from ..job import Job

COMPOUND = ("weights", "options", "numbers", "part")
"""Kinds of knobs whose values hold commas."""
FILES = ("content", "style")
SIZE = 256
"""Longest side of each picture where nothing is said of it."""
RATIO, TAKEN = "alpha/beta", "steps-taken"
MORE = {
    "content": "picture files",
    "style": "picture files, or names of bundled styles",
    RATIO: "the ratio of the weights of content and style, at strength 50, of which it sets that of content",
    TAKEN: "one painting after so many of its steps, counted over all its sizes",
}
"""Axes that are no knobs."""


@dataclass(frozen=True)
class Mark:
    """One place on an axis: what is written and shown there, and the knobs (or one of `MORE`) that it sets."""

    text: str
    sets: Mapping[str, Any] = field(default_factory=dict)
    shown: Path | None = None


@dataclass(frozen=True)
class Axis:
    """The rows or the columns."""

    name: str
    marks: Sequence[Mark]

    @classmethod
    def of(cls, text: str) -> Axis:
        """KNOB=V1,V2,...; where values hold commas themselves (layers, options), V1/V2/...

        Raises `RecipeError` for a knob there is none of. The recipe judges the values.
        """
        name, equals, values = text.partition("=")
        name = name.strip().replace("_", "-")
        knob = KNOBS.get(name.replace("-", "_"))
        if not equals or not (knob or name in MORE):
            names = ", ".join([*MORE, *(knob.replace("_", "-") for knob in KNOBS)])
            raise RecipeError(f"An axis is {text!r}; expected KNOB=V1,V2,...", f"Knobs: {names}.")
        separator = "/" if knob and knob.kind in COMPOUND else ","
        key = name.replace("-", "_") if knob else name
        texts = [value.strip() for value in values.split(separator)]
        if name in FILES:
            look = found if name == "style" else Path
            return cls(name, [Mark(Path(text).stem, {name: text}, look(Path(text))) for text in texts])
        return cls(name, [Mark(Path(text).name if key == "init" else text, {key: text}) for text in texts])

    @property
    def sets(self) -> set[str]:
        """The knobs that it sets somewhere, and those of `MORE`."""
        found = {name for mark in self.marks for name in mark.sets}
        return found | ({"content_weight"} if RATIO in found else set())


NOTHING = Axis("", [Mark("")])
"""The rows of a sheet that has columns only, and the other way round."""


@dataclass(frozen=True)
class Plan:
    """A sheet to be painted: its axes, and the job of each cell by (row, column)."""

    rows: Axis
    columns: Axis
    jobs: Mapping[tuple[int, int], Job]
    captions: Mapping[tuple[int, int], str] = field(default_factory=dict)


def span(rows: Axis, columns: Axis, knobs: Mapping[str, Any], files: Mapping[str, Path], output: Path) -> Plan:
    """All combinations. Raises the `RecipeError` that says what is wrong with a value."""
    twice = (rows.sets & columns.sets) | ((rows.sets | columns.sets) & (knobs.keys() | files.keys()))
    if twice:
        name = min(twice).replace("_", "-")
        raise RecipeError(f"{name} is set twice: by an axis, and by the other or by an option.", "Give it once.")
    jobs = {
        (y, x): _job({**files, **knobs, **row.sets, **column.sets}, output)
        for y, row in enumerate(rows.marks)
        for x, column in enumerate(columns.marks)
    }
    return Plan(rows, columns, jobs)


def _job(sets: dict[str, Any], output: Path) -> Job:
    content, style = (Path(sets.pop(name)) for name in FILES)
    taken = _whole(sets.pop(TAKEN)) if TAKEN in sets else None
    ratio = _ratio(sets.pop(RATIO)) if RATIO in sets else None
    recipe = Recipe.of(**sets)
    if ratio is not None:
        recipe = Recipe.of(**sets, content_weight=ratio * _beta(recipe))
    return Job(content, style, output, recipe, taken=taken)


def _beta(recipe: Recipe) -> float:
    from ...objective.profiles import Profile

    recipe = registry().settled(recipe)
    finish = registry().network(recipe.network).finish
    beta = Profile.of(recipe, finish).style_weight if recipe.style_weight is None else recipe.style_weight
    if not beta:
        raise RecipeError(f"{RATIO} has no meaning while beta, the style weight, is 0.", "Raise --style-weight.")
    return beta


def _ratio(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RecipeError(f"{RATIO} is {text!r}; expected a number.", "As 1e-3.") from None


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise RecipeError(f"{TAKEN} is {text!r}; expected a whole number, 1 or more.", "As 10,20,50.")
    return int(text)
