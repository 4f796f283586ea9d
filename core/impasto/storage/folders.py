"""The user's folders, where each platform keeps such things. Nothing is made or touched here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

OFF = "off"


def data() -> Path:
    """For what must stay: IMPASTO_DATA if that is set, else the platform's folder for data."""
    return _chosen("IMPASTO_DATA") or _home("Library/Application Support", "XDG_DATA_HOME", ".local/share")


def cache() -> Path | None:
    """For what can be computed again: IMPASTO_CACHE if that is set, else the platform's. None if that is "off"."""
    if os.environ.get("IMPASTO_CACHE") == OFF:
        return None
    if chosen := _chosen("IMPASTO_CACHE"):
        return chosen
    home = _home("Library/Caches", "XDG_CACHE_HOME", ".cache")
    return home / "Cache" if sys.platform == "win32" else home  # which has one folder for both


def state() -> Path:
    """For what tells of the past, as logs do."""
    return _home("Library/Logs", "XDG_STATE_HOME", ".local/state")


def _chosen(variable: str) -> Path | None:
    chosen = os.environ.get(variable)
    return Path(chosen).expanduser() if chosen else None


def _home(mac: str, variable: str, other: str) -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "impasto"
    if sys.platform == "darwin":
        return Path.home() / mac / "impasto"
    # The XDG base directory specification tells to ignore a relative path.
    xdg = Path(os.environ.get(variable, ""))
    return (xdg if xdg.is_absolute() else Path.home() / other) / "impasto"
