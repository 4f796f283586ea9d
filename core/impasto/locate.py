"""Which worker an editor's plug-in is to start, and how out of a sandbox: standard library, Python 3.8 or newer.

It lies beside the plug-in, as `client.py` does. As a program, `python locate.py`, it becomes that worker.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SETTINGS = "impasto.json"
"""Beside the plug-in: what `impasto install` tells it, the worker's command and the version."""
PLACE = Path(".local", "bin")
"""The folder of the user's home where pipx and uv put commands; an editor may have been started without it."""
FLATPAK = Path("/.flatpak-info")
"""There in every sandbox of Flatpak's, and nowhere else."""
OUT = ("flatpak-spawn", "--host", "--watch-bus", "--directory=/")
"""How a sandbox of Flatpak's starts what is outside, to end with the caller; the caller's folder may not be there."""
OWN = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
"""Folders that Flatpak gives each program for itself; their names outside begin with HOST_."""
TRIAL = 10.0
"""Seconds within which a command must have said its version."""


def worker_command(folder: Path) -> list[str]:
    """The command that the plug-in in `folder` was told, else `impasto` where commands are, as it starts from here.

    Raises `LookupError`, whose text says what to do, where there is none, or where a sandbox hides it.
    """
    return _within_reach(_told(folder) or _found())


def _within_reach(command: list[str]) -> list[str]:
    if FLATPAK.exists():
        return _out_of_flatpak(command)
    if "SNAP_NAME" in os.environ and not _starts(command):
        name = os.environ["SNAP_NAME"]
        raise LookupError(
            f"Snap keeps {name} from starting {command[0]}: install impasto and its Python in a folder of your home "
            f"whose name does not begin with a dot, and run `snap connect {name}:home`; or take {name} from elsewhere."
        )
    return command


def known(folder: Path) -> list[str]:
    """The command that the plug-in in `folder` was told, or else found; nothing where there is none. Starts nothing."""
    try:
        return _told(folder) or _found()
    except LookupError:
        return []


def remember(folder: Path, command: list[str]) -> None:
    """Tell the plug-in in `folder` its worker's command. Raises `LookupError` if that does not start, and `OSError`."""
    if _within_reach(command) == command and not _starts(command):
        raise LookupError(f"{command[0]} does not start as impasto does. Choose the program impasto.")
    text = json.dumps({**_settings(folder), "worker": command}, indent=1)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")


def wanted(folder: Path) -> str:
    """What to install for the plug-in in `folder`: a wheel that lies there, else the version that it is of."""
    version = _settings(folder).get("version")
    wheel = next(iter(sorted(folder.glob("impasto-*.whl"))), None)
    return str(wheel or (f"impasto=={version}" if version else "impasto"))


def own_place() -> Path:
    """Where a plug-in installs impasto: in the user's data, of Flatpak's programs too."""
    if sys.platform == "win32":
        data = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        data = "~/Library/Application Support"
    else:
        data = os.environ.get("HOST_XDG_DATA_HOME" if FLATPAK.exists() else "XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "impasto" / "worker"


def _settings(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _told(folder: Path) -> list[str]:
    told = _settings(folder).get("worker")
    return [str(part) for part in told] if isinstance(told, list) else []


def _found() -> list[str]:
    place = Path.home() / PLACE
    places = os.environ.get("PATH", os.defpath), str(place), str(own_place() / "bin"), str(own_place() / "Scripts")
    found = shutil.which("impasto", path=os.pathsep.join(places))
    if found is None:
        raise LookupError(
            f"impasto is neither on the PATH nor in {place}. Install it, or run `impasto install` where it is."
        )
    return [found, "worker"]


def _out_of_flatpak(command: list[str]) -> list[str]:
    """Inside, with the folders that it has outside; else outside, for an interpreter of the system's is not inside."""
    folders = [f"{name}={os.environ.get('HOST_' + name, '')}" for name in OWN]
    for way in (["env", *folders, *command], [*OUT, *command]):
        if _starts(way):
            return way
    name = os.environ.get("FLATPAK_ID", "org.gimp.GIMP")
    raise LookupError(
        f"Flatpak keeps {name} from starting {command[0]}: run `flatpak override --user "
        f"--talk-name=org.freedesktop.Flatpak {name}` in a terminal, and start it anew."
    )


def _starts(command: list[str]) -> bool:
    """Whether it does, though it is there: of a virtual environment, the interpreter may be missing in a sandbox."""
    trial = [*command[:-1], "--version"] if command[-1] == "worker" else command  # which ends where there is no request
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_LIBRARY"))}
    try:
        done = subprocess.run(trial, env=own, timeout=TRIAL, check=True, input=b"", capture_output=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    return b"impasto" in done.stdout  # as its version and its first event say


if __name__ == "__main__":
    try:
        started = worker_command(Path(__file__).resolve().parent)
    except LookupError as error:
        sys.exit(str(error))
    os.execvp(started[0], started)  # noqa: S606
