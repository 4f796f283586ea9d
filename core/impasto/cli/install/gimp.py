"""GIMP's profiles, and what the plug-in consists of in them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ... import client
from ..._version import __version__
from ...errors import ImpastoError

NAME = "impasto"
"""Of the folder and of the file in it that GIMP starts: to GIMP they must be the same."""
SETTINGS = "impasto.json"
"""What `install` tells the plug-in: the worker's command, and the version."""


def places() -> list[str]:
    """Where GIMP keeps a profile for each of its versions, as its documentation has it."""
    if chosen := os.environ.get("GIMP3_DIRECTORY"):
        return [chosen]
    home = Path.home()
    if sys.platform == "win32":
        roots = [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))]
    elif sys.platform == "darwin":
        roots = [home / "Library" / "Application Support"]
    else:
        own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        flatpak, snap = (
            home / ".var" / "app" / "org.gimp.GIMP" / "config",
            home / "snap" / "gimp" / "current" / ".config",
        )
        roots = [own, flatpak, snap]
    return [str(root / "GIMP" / "3.*") for root in roots]


def put(profile: Path, worker: Sequence[str]) -> Path:
    """Copy the plug-in into `profile`, whole or not at all; GIMP starts it by its exec bit."""
    folder = _folder(profile)
    new = folder.with_name(f".{NAME}.new")
    if folder.exists() and not _ours(folder):
        raise ImpastoError(f"{folder} is there and is not ours.", "Move it away first.")
    try:
        new.mkdir(parents=True, exist_ok=True)
        for name, content in _files().items():
            (new / name).write_bytes(content)
        (new / f"{NAME}.py").chmod(0o755)
        (new / SETTINGS).write_text(json.dumps({"worker": list(worker), "version": __version__}, indent=1) + "\n")
        take(profile)
        new.rename(folder)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise ImpastoError(f"Cannot write {folder}: {error.strerror}.") from None
    return folder


def take(profile: Path) -> Path | None:
    """Remove the plug-in from `profile`; a link to a checkout loses only the link."""
    folder = _folder(profile)
    if not _ours(folder):
        return None
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder)
    return folder


def problem(profile: Path) -> str:
    """What keeps the plug-in in `profile` from working, in words; empty if nothing does."""
    folder, again = _folder(profile), "Run `impasto install gimp` again."
    if not _ours(folder):
        return f"the plug-in is not there. Run `impasto install gimp`. ({folder})"
    for name, content in _files().items():
        if not (folder / name).is_file() or (folder / name).read_bytes() != content:
            return f"{folder / name} is missing, or not that of impasto {__version__}. {again}"
    if not os.access(folder / f"{NAME}.py", os.X_OK):
        return f"{folder / NAME}.py is not executable, so GIMP passes over it. {again}"
    return worker_problem(json.loads((folder / SETTINGS).read_text())["worker"])


def worker_problem(command: Sequence[str]) -> str:
    """Why the worker does not start, in words; empty if it does, as it will for the plug-in."""
    with client.Worker(command) as worker:
        event = worker.wait(worker.start_within + 1)
    if event is not None and event.type == "hello":
        return ""
    return f"its worker does not start: {event['message']} {event['hint']}" if event else "its worker says nothing."


def _folder(profile: Path) -> Path:
    return profile / "plug-ins" / NAME


def _ours(folder: Path) -> bool:
    return (folder / SETTINGS).is_file() or folder.is_symlink()


def _files() -> dict[str, bytes]:
    """The plug-in's files by name, from the checkout or from the wheel, and the client that it shares with the core."""
    package = Path(client.__file__).parent
    checkout, wheel = package.parents[1] / "gimp_plugin" / NAME, package / "gimp_plugin" / NAME
    source = checkout if checkout.is_dir() else wheel
    files = [*sorted(source.glob("*.py")), Path(client.__file__)]
    return {path.name: path.read_bytes() for path in files}
