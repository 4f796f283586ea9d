"""Claims on files that are yet to be made, so that of several processes one makes each.

A claim is a lock on a hidden file beside the one that is claimed. It ends with its process, however that ends.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """While entered, no other process can claim `path`; False where another one has.

    Its folder must be there; leaves nothing behind. Raises `OutputError` where nothing can be written.
    """
    place = path.with_name(f".impasto-{hashlib.sha256(path.name.encode()).hexdigest()[:12]}.lock")
    try:
        file = _taken(place)
    except OSError as error:
        hint = "Choose a folder that you may write to."
        raise OutputError(f"{path}: cannot be written ({error.strerror}).", hint) from None
    if file is None:
        yield False
        return
    try:
        yield True
    finally:
        if sys.platform == "win32":  # no file is removed there while anyone has it open
            os.close(file)
            with suppress(OSError):
                place.unlink()
        else:
            place.unlink(missing_ok=True)
            os.close(file)


def _taken(place: Path) -> int | None:
    """The lock file, open and locked; None where another process has it."""
    while True:
        file = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            os.close(file)
            return None
        except OSError:  # a file system without locks: then two may make the same, each of them whole
            return file
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), place.stat()):
                return file
        os.close(file)  # whoever had it before has removed it since
