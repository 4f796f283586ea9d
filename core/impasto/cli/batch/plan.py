"""What a batch is to paint: photographs found, results named, and what is there of them already."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ...errors import ImageError, OutputError
from ...pictures.bundled_styles import found
from ...pictures.formats import READ, SUFFIXES
from ...pictures.picture import read
from ...plugin.registry import registry
from ...recipe.provenance import Provenance
from ...recipe.recipe import Recipe
from ...storage.files import check_format, check_input, check_output, is_there
from ..job import Job, check_start

WORDS = ("photo", "style", "folder")
NEW, DAMAGED, OTHER, DONE = "", "damaged", "other settings", "done"


class Kept(NamedTuple):
    """Where results go, by which names, and what is left out of them."""

    folder: Path
    pattern: str
    no_recipe: bool
    strip: bool
    contact_sheet: Path | None


class Planned(NamedTuple):
    """A settled job to be done, and the seconds that it is expected to take."""

    job: Job
    seconds: float


def planned(names: Sequence[Path], styles: Iterable[Path], recipe: Recipe, kept: Kept) -> list[Job]:
    """A job for each photograph and style, in this order; their sizes are not settled.

    Raises the `ImpastoError` that says what is wrong for all of them. Writes nothing.
    """
    recipe = registry().settled(recipe)
    registry().check(recipe)
    if recipe.start_file:
        check_start(recipe.start_file)
    if unknown := [word for word in re.findall(r"\{(.*?)\}", kept.pattern) if word not in WORDS]:
        raise OutputError(f"--name has {{{unknown[0]}}}; expected {', '.join(f'{{{word}}}' for word in WORDS)}.")
    photographs = _photographs(names)
    plain = Job(None, None, kept.folder, recipe, no_recipe=kept.no_recipe, strip=kept.strip)
    jobs = [
        replace(plain, content=photo, style=style, output=kept.folder / _name(kept.pattern, photo, style))
        for photo in photographs
        for style in dict.fromkeys(styles)
    ]
    _check_names(jobs)
    _check_places(jobs, {path.parent.resolve() for path in photographs if path not in names}, kept.contact_sheet)
    return jobs


def _photographs(names: Iterable[Path]) -> list[Path]:
    """Those that the names mean, each once."""
    return list({os.path.abspath(path): path for name in names for path in _meant(name)}.values())  # noqa: PTH100


def _meant(name: Path) -> list[Path]:
    """The pictures in a folder, those that a pattern finds, or the file itself."""
    if not is_there(name):
        matches = [Path(path) for path in sorted(glob.glob(str(name), recursive=True))]  # noqa: PTH207
        if not (files := [path for path in matches if path.is_file()]):
            check_input(name)
        return files
    if not name.is_dir():
        return [name]
    try:
        inside = [path for path in sorted(name.iterdir()) if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror}).", "Check its permissions.") from None
    if not inside:
        raise ImageError(f"{name}: there is no picture in this folder.", f"Name a folder with {READ}.")
    return inside


def _name(pattern: str, photo: Path, style: Path) -> str:
    words = dict(zip(WORDS, (photo.stem, found(style).stem, photo.resolve().parent.name), strict=True))
    return re.sub(r"\{(.*?)\}", lambda match: words[match[1]], pattern)


def _check_names(jobs: Iterable[Job]) -> None:
    """Raise `OutputError` where two would write the same file."""
    makers: dict[str, Job] = {}
    for job in jobs:
        other = makers.setdefault(os.path.normcase(job.output), job)
        if other is not job:
            both = f"{other.content} with {other.style}, and of {job.content} with {job.style}"
            hint = "Tell them apart by {photo}, {style} and {folder} in --name."
            raise OutputError(f"{job.output}: this would be the result of {both}.", hint)


def _check_places(jobs: Sequence[Job], searched: Collection[Path], contact_sheet: Path | None) -> None:
    """Raise `OutputError` where results cannot lie; `searched` are folders in which photographs are looked for."""
    inputs = {path.resolve() for job in jobs for path in job.inputs}
    outputs = [job.output for job in jobs]
    if contact_sheet and contact_sheet.resolve() in {path.resolve() for path in outputs}:
        raise OutputError(f"{contact_sheet}: the contact sheet would replace a picture.", "Choose another name for it.")
    for path in [*outputs, *filter(None, [contact_sheet])]:
        if path.resolve() in inputs:
            raise OutputError(f"{path}: this is one of the input pictures.", "Choose another name for the result.")
        if path.parent.resolve() in searched:
            seen = "photographs are looked for in this folder, where results would be taken for some the next time"
            raise OutputError(f"{path.parent}: {seen}.", "Choose another folder for the results.")
    for path in {path.parent: path for path in outputs}.values():
        check_place(path)


def check_place(path: Path, longest: int = 1) -> None:
    """`check_output` for a file whose folders are yet to be made."""
    check_format(path, longest)
    folder = path.parent
    while not is_there(folder):
        folder = folder.parent
    check_output(folder / path.name, longest=longest)


def make_folders(paths: Iterable[Path]) -> None:
    """Make the folders of these files; `OutputError` where that fails."""
    for folder in {path.parent for path in paths}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror}).", "Choose another folder.") from None


def standing(job: Job) -> str:
    """What is there of a settled job: `NEW`, `DONE`, or why it is painted anew.

    Raises `OutputError` for a picture that may not be a result.
    """
    if not is_there(job.output):
        return NEW
    try:
        read(job.output)  # all of it: a header may be whole without the rest
    except ImageError:
        return DAMAGED
    if job.no_recipe:
        return DONE
    try:
        made = Provenance.read(job.output)
    except ImageError:
        seen = f"{job.output}: there is a picture without a recipe that could be read"
        raise OutputError(f"{seen}.", "Move it away, or choose another --name.") from None
    return DONE if made.is_like(job.provenance) else OTHER
