"""`impasto install EDITOR`: an editor's plug-in into the user's profile, and proof that it can start the worker."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ...errors import ImpastoError
from ...storage.files import check_output, replace
from ..options import FILE
from .editor import Editor
from .extension import ID
from .gimp import Gimp
from .krita import Krita

WORKER = (sys.executable, "-m", "impasto", "worker")
UNPACKED = (
    f"GIMP 3.0 opens it, and leaves it off until {ID} is (active yes) in the profile's extensionrc; GIMP 3.2 does not "
    "open it. What --zip writes is easier to install."
)
EDITORS: dict[str, Editor] = {editor.name: editor for editor in (Gimp(), Krita())}


@click.command()
@click.argument("editor", type=click.Choice(list(EDITORS)))
@click.option("--uninstall", is_flag=True, help="Take the plug-in out again.")
@click.option("--check", is_flag=True, help="Say whether the plug-in is there, whole and of this version, and works.")
@click.option("--profile", type=click.Path(path_type=Path), help="The editor's profile folder, if it is not found.")
@click.option("--worker", metavar="COMMAND", help="The worker to start, as 'ssh box impasto worker'.")
@click.option("--zip", "archive", type=FILE, metavar="FILE", help="Write the plug-in as a file to hand on instead.")
@click.option("--gex", "extension", type=FILE, metavar="FILE", help="The same, as an extension that GIMP unpacks.")
def install(
    editor: str,
    uninstall: bool,
    check: bool,
    profile: Path | None,
    worker: str | None,
    archive: Path | None,
    extension: Path | None,
) -> None:
    """Put impasto into an editor's menus."""
    chosen = EDITORS[editor]
    if archive or extension:
        _pack(chosen, archive, extension)
        return
    for folder in [profile] if profile else profiles(chosen):
        if uninstall:
            taken = chosen.take(folder)
            click.echo(f"Taken out: {taken}" if taken else f"Not there: {folder}")
        elif check:
            if problem := chosen.problem(folder):
                raise ImpastoError(f"{folder}: {problem}")
            click.echo(f"The plug-in in {folder} is whole, and its worker paints{_where(chosen, folder)}.")
        else:
            _install(chosen, folder, tuple(shlex.split(worker)) if worker else WORKER)


def _where(editor: Editor, folder: Path) -> str:
    """Where the worker was tried besides, or could not be."""
    if editor.has_flatpak(folder):
        return f", also in Flatpak's {editor.title}"
    if Editor.flatpak_reads(editor, folder):
        return f"; not tried in Flatpak's {editor.title}, for `flatpak info {editor.flatpak}` does not know it"
    return ""


def _pack(editor: Editor, archive: Path | None, extension: Path | None) -> None:
    if archive:
        replace(check_output(archive, formats=[".zip"]), editor.packed())
        click.echo(f"{archive}: {editor.unpack}")
    if extension:
        replace(check_output(extension, formats=[".gex"]), editor.extension())
        click.echo(f"{extension}: {UNPACKED}")


def profiles(editor: Editor) -> list[Path]:
    """The editor's profiles of this user. Raises `ImpastoError` if there are none."""
    patterns = [Path(pattern) for pattern in editor.places()]
    found = [path for pattern in patterns for path in sorted(pattern.parent.glob(pattern.name)) if path.is_dir()]
    if not found:
        raise ImpastoError(
            f"No profile of {editor.title} found; looked for {', '.join(map(str, patterns))}.",
            "Start it once, so that it makes one, or name the folder with --profile.",
        )
    return list({path.resolve(): path for path in found}.values())


def _install(editor: Editor, folder: Path, worker: Sequence[str]) -> None:
    if not folder.is_dir():
        raise ImpastoError(f"{folder} is no folder; expected a profile of {editor.title}.")
    click.echo(f"The plug-in is in {editor.put(folder, worker)}.")
    if problem := editor.problem(folder):
        raise ImpastoError(f"It is there, but {problem}")
    click.echo(f"Its worker paints. {editor.after}")
