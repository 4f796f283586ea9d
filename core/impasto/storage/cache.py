"""What was computed once, kept on disk under a key that says all it depends on.

    <cache folder>/<shelf>/<key>    the data, and then its XXH3 (16 bytes)

An entry is written beside its place and renamed, so that a reader sees all of it or nothing, whoever else writes and
whenever a process is killed. Reading marks it as used; where a shelf is over its budget, those unused longest go. A
cache that is damaged or cannot be written costs time, not pictures: one line on the log `impasto`, and on without it.

IMPASTO_CACHE names the folder, or is "off"; IMPASTO_CACHE_BYTES is the most that all shelves together may hold.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import xxhash

from ..errors import OutputError, RecipeError
from . import files, folders

DEFAULT_BYTES = 2**30
LARGEST = 1 / 4
"""Share of its shelf that one entry may take, so that it does not push out all others."""
OWN_NAMES = re.compile(r"[0-9a-f]{32,64}|\.impasto-[0-9a-f]+\.tmp")
ABANDONED = 3600.0
"""Seconds after which an unfinished entry has no writer any more."""
DIGEST = 16


@dataclass(frozen=True)
class Entry:
    """A file on a shelf, with its size in bytes and when it was last used."""

    path: Path
    size: int
    used: float

    @property
    def unfinished(self) -> bool:
        """Whether it is still being written, or was when its writer was killed."""
        return self.path.suffix == ".tmp"


@dataclass(frozen=True)
class Shelf:
    """Entries of one kind, and the share of the cache that they may take."""

    name: str
    share: float

    @property
    def folder(self) -> Path | None:
        """Where the entries are, or would be; None if the cache is off."""
        home = folders.cache()
        return home / self.name if home else None

    @property
    def budget(self) -> int:
        """The bytes it may hold."""
        return int(capacity() * self.share)

    def get(self, key: str) -> bytes | None:
        """What was put under `key`, if it is there and whole."""
        if not (folder := self.folder):
            return None
        try:
            blob = memoryview((folder / key).read_bytes())
        except OSError:  # not there; where there is more to it, `put` will say so
            return None
        if _digest(blob[:-DIGEST]) != blob[-DIGEST:]:
            _say(f"{folder / key} is damaged; it is computed again.")
            return None
        with suppress(OSError):
            os.utime(folder / key)
        return bytes(blob[:-DIGEST])

    def takes(self, size: int) -> bool:
        """Whether an entry of `size` bytes would be kept."""
        return self.folder is not None and size <= self.budget * LARGEST

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, unless it is too large, and let go of what is then too much."""
        if not (folder := self.folder) or not self.takes(len(data)):
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(folder / key, data + _digest(data))
        except (OSError, OutputError):
            _say(f"{folder} cannot be written, so nothing is remembered; name another folder in IMPASTO_CACHE.")
        self._tidy()

    def entries(self) -> Iterator[Entry]:
        """What is there; files that are not the cache's own are left alone."""
        with suppress(OSError):
            for path in sorted(self.folder.iterdir()) if self.folder else ():
                if OWN_NAMES.fullmatch(path.name):
                    with suppress(FileNotFoundError):  # another process may have cleared it away
                        status = path.stat()
                        yield Entry(path, status.st_size, status.st_mtime)

    def clear(self) -> None:
        """Remove every entry."""
        for entry in self.entries():
            _remove(entry)

    def _tidy(self) -> None:
        finished = []
        for entry in self.entries():
            if not entry.unfinished:
                finished.append(entry)
            elif entry.used < time.time() - ABANDONED:
                _remove(entry)
        excess = sum(entry.size for entry in finished) - self.budget
        for entry in sorted(finished, key=lambda entry: entry.used):
            if excess <= 0:
                break
            _remove(entry)
            excess -= entry.size


STYLES = Shelf("styles", 1 / 4)
CONTENTS = Shelf("contents", 1 / 8)
NETWORKS = Shelf("networks", 39 / 64)
MEASURED = Shelf("measured", 1 / 64)
SHELVES = (STYLES, CONTENTS, NETWORKS, MEASURED)


def capacity() -> int:
    """The bytes that all shelves together may hold. `RecipeError` for an IMPASTO_CACHE_BYTES that is no number."""
    given = os.environ.get("IMPASTO_CACHE_BYTES") or str(DEFAULT_BYTES)
    if not given.isdecimal():
        raise RecipeError(f"IMPASTO_CACHE_BYTES is {given!r}; expected a whole number.", "Correct it, or unset it.")
    return int(given)


@functools.cache
def code(module: str) -> str:
    """SHA-256 of the source of the package that `module` is in; something new each time where there is no source."""
    top = module.partition(".")[0]
    if top == "torch":  # thousands of files, which change with the version only
        return str(sys.modules[top].__version__)
    origin = Path(getattr(sys.modules.get(top), "__file__", None) or "")
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    try:
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    except OSError:
        return secrets.token_hex()


def _digest(data: bytes | memoryview) -> bytes:
    return xxhash.xxh3_128(data).digest()


def _remove(entry: Entry) -> None:
    with suppress(OSError):
        entry.path.unlink()


@functools.cache
def _say(line: str) -> None:
    """Once each."""
    logging.getLogger("impasto").warning("impasto: %s", line)
