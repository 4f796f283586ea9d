"""Memory that one step frees, kept for the next one: on a processor, a step asks for the same large blocks as the last.

The C library gives large blocks back to the system as soon as they are freed, and has to ask for every page of them
again. Without that, a step at 1024 pixels takes about 0.7 of the time, and the peak is the same within a few percent.
Of large pictures, which are evaluated in tiles, only smaller blocks are kept: others would fall to pieces that add up.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .process import prepared

# Options of mallopt(3), glibc's, with the values that keep and those that are its own.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -2, -3, -4, -8
KEEP = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 2**26, ARENA_MAX: 1}
KEEP_PARTS = KEEP | {MMAP_MAX: 65536, MMAP_THRESHOLD: 2**25}
LARGE = 2**21
"""Pixels of a large picture."""
USUAL = {MMAP_MAX: 65536, MMAP_THRESHOLD: 2**17, TRIM_THRESHOLD: 2**17, TOP_PAD: 2**17, ARENA_MAX: 0}


@contextmanager
def keep_freed_memory(pixels: float) -> Iterator[None]:
    """Inside, freed memory stays with the process; afterwards all of it goes back.

    Of a picture of more than `LARGE` pixels, blocks of more than 32 MB, the most that glibc allows, go back at once.
    Does nothing without Linux's glibc, nor unless `prepare_process` was called: the settings are the whole process's.
    """
    library = _glibc() if prepared() else None
    if library is None:
        yield
        return
    for option, value in (KEEP_PARTS if pixels > LARGE else KEEP).items():
        library.mallopt(option, value)
    try:
        yield
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)


def release() -> None:
    """Give back what is free now, inside `keep_freed_memory` too."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is the one that has mallopt(3) and malloc_trim(3)."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return library if hasattr(library, "malloc_trim") else None
