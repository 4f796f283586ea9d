"""Krita's resource folders, and what the plug-in consists of in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from ... import client
from ..._version import __version__
from ...errors import ImpastoError
from .gimp import worker_problem

NAME = "impasto"
"""Of the package, of its .desktop and .action files, and in kritarc."""
SETTINGS = "impasto.json"
"""What `install` tells the plug-in: the worker's command, and the version."""
SECTION = "[python]"
OUT = ("flatpak-spawn", "--host")
"""How a Flatpak starts what lies outside of it."""


def places() -> list[str]:
    """The resource folders of Krita: as a package or AppImage, Flatpak, Snap, on Windows (and its store) and macOS."""
    return [str(resources) for resources, _ in _known()]


def put(profile: Path, worker: Sequence[str]) -> Path:
    """Copy the plug-in into the resource folder `profile`, whole or not at all, and enable it."""
    folder = profile / "pykrita" / NAME
    new = folder.with_name(f".{NAME}.new")
    if folder.exists() and not _ours(folder):
        raise ImpastoError(f"{folder} is there and is not ours.", "Move it away first.")
    command = [*(OUT if ".var/app" in profile.as_posix() else ()), *worker]
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for path, content in _files(profile).items():
            target = new / path.name if path.parent == folder else path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content)
        (new / SETTINGS).write_text(json.dumps({"worker": command, "version": __version__}, indent=1) + "\n")
        _remove(folder)
        new.rename(folder)
        _enable(kritarc(profile), True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise ImpastoError(f"Cannot write {error.filename or folder}: {error.strerror}.") from None
    return folder


def take(profile: Path) -> Path | None:
    """Remove the plug-in from `profile`; a link to a checkout loses only the link."""
    folder = profile / "pykrita" / NAME
    if not _ours(folder):
        return None
    for path in _files(profile):
        if path.parent != folder:
            path.unlink(missing_ok=True)
    _remove(folder)
    _enable(kritarc(profile), False)
    return folder


def problem(profile: Path) -> str:
    """What keeps the plug-in in `profile` from working, in words; empty if nothing does."""
    folder, again = profile / "pykrita" / NAME, "Run `impasto install krita` again."
    if not _ours(folder):
        return f"the plug-in is not there. Run `impasto install krita`. ({folder})"
    for path, content in _files(profile).items():
        if not path.is_file() or path.read_bytes() != content:
            return f"{path} is missing, or not that of impasto {__version__}. {again}"
    lines = _section(_text(kritarc(profile)))
    if f"enable_{NAME}=true" not in lines:
        return f"it is not enabled in {kritarc(profile)}. {again}"
    command = json.loads((folder / SETTINGS).read_text())["worker"]
    return worker_problem(command[len(OUT) :] if tuple(command[: len(OUT)]) == OUT else command)


def kritarc(profile: Path) -> Path:
    """The settings that go with a resource folder; those of this user where it is none that Krita has by itself."""
    known = _known()
    for resources, config in known:
        if profile.resolve() in (path.resolve() for path in resources.parent.glob(resources.name)):
            return config
    return known[0][1]


def enabled(text: str, on: bool) -> str:
    """The text of a kritarc with our plug-in enabled or without a word of it; all else stays as it is."""
    ours = rf"(?m)^enable_{NAME}=.*(?:\r?\n|\Z)"
    end = "\r\n" if "\r\n" in text else "\n"
    if on and text and not text.endswith("\n"):
        text += end
    head = re.search(rf"(?m)^{re.escape(SECTION)}[ \t]*(?=\r?$)", text)
    if head is None:
        extra = f"{end}{SECTION}{end}enable_{NAME}=true{end}"
        return text + extra if on else text
    after = re.search(r"(?m)^\[", text[head.end() :])
    until = head.end() + after.start() if after else len(text)
    section = re.sub(ours, "", text[head.end() : until])
    return text[: head.end()] + (f"{end}enable_{NAME}=true" if on else "") + section + text[until:]


def _known() -> list[tuple[Path, Path]]:
    """Resource folders, the last part a pattern, each with its settings; this platform's usual one first."""
    home = Path.home()
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
        stores = [path / "LocalCache" for path in local.glob("Packages/*Krita*")]
        return [(roaming / "krita", local / "kritarc")] + [
            (path / "Roaming" / "krita", path / "Local" / "kritarc") for path in stores
        ]
    if sys.platform == "darwin":
        library = home / "Library"
        return [(library / "Application Support" / "krita", library / "Preferences" / "kritarc")]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    flatpak, snap = home / ".var" / "app" / "org.kde.krita", home / "snap" / "krita" / "current"
    return [
        (data / "krita", config / "kritarc"),
        (flatpak / "data" / "krita", flatpak / "config" / "kritarc"),
        (snap / ".local" / "share" / "krita", snap / ".config" / "kritarc"),
    ]


def _enable(path: Path, on: bool) -> None:
    text = _text(path)
    new = enabled(text, on)
    if new != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.impasto")
        beside.write_bytes(new.encode("utf-8", "surrogateescape"))
        beside.replace(path)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""


def _section(text: str) -> list[str]:
    """The lines of the section of Python plug-ins."""
    _, _, after = text.replace("\r\n", "\n").partition(f"{SECTION}\n")
    return re.split(r"(?m)^\[", after)[0].splitlines()


def _ours(folder: Path) -> bool:
    return (folder / SETTINGS).is_file() or folder.is_symlink()


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _files(profile: Path) -> dict[Path, bytes]:
    """The plug-in's files by their place in `profile`, and the client that it shares with the core."""
    package = Path(client.__file__).parent
    checkout, wheel = package.parents[1] / "krita_plugin", package / "krita_plugin"
    source = checkout if checkout.is_dir() else wheel
    scripts = profile / "pykrita"
    files = {
        scripts / NAME / path.name: path for path in [*sorted((source / NAME).glob("*.py")), Path(client.__file__)]
    }
    files[scripts / f"{NAME}.desktop"] = source / f"{NAME}.desktop"
    files[profile / "actions" / f"{NAME}.action"] = source / f"{NAME}.action"
    return {place: path.read_bytes() for place, path in files.items()}
