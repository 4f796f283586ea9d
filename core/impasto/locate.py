"""Which worker an editor's plug-in is to start: one file of standard library, Python 3.8 or newer, as `client.py`."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

SETTINGS = "impasto.json"
"""Beside the plug-in: what `impasto install` tells it, the worker's command and the version."""
PLACE = Path(".local", "bin")
"""The folder of the user's home where pipx and uv put commands; an editor may have been started without it."""


def worker_command(folder: Path) -> list[str]:
    """The command that the plug-in in `folder` was told; else `impasto` where commands are. Raises `LookupError`."""
    try:
        return [str(part) for part in json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["worker"]]
    except (OSError, ValueError, KeyError, TypeError):
        place = Path.home() / PLACE
    found = shutil.which("impasto", path=os.pathsep.join([os.environ.get("PATH", os.defpath), str(place)]))
    if found is None:
        raise LookupError(f"impasto is neither on the PATH nor in {place}")
    return [found, "worker"]
