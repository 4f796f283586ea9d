"""What suits a process that is there to paint, and what a library must not do to the process of its caller.

The command line, and so the worker, call `prepare_process`; neither importing impasto nor `paint` does.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ..client import CPU_BUILD
from ..errors import PluginError

ENVIRONMENT = {
    # Threads that wait in a loop keep the processor from those they wait for, as soon as anyone else computes too;
    # those that sleep at once wake up late. So many turns are a few microseconds (libgomp, torch's on Linux).
    "GOMP_SPINCOUNT": "2000",
    # Memory in large pages, where Linux gives them when asked (torch asks): a tenth less time in tiles.
    "THP_MEM_ALLOC_ENABLE": "1",
}
"""What torch reads from the environment once, unless it is set there."""

_prepared = False


def prepare_process() -> None:
    """Let paintings in this process use `ENVIRONMENT` and `keep_freed_memory`; call it before torch is imported."""
    global _prepared
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _prepared = True


def prepared() -> bool:
    """Whether `prepare_process` has been called."""
    return _prepared


def torch_failure(error: BaseException) -> PluginError | None:
    """What to raise in place of `error` if that says that torch cannot be imported, else None."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
    inside = any(str(frame.f_globals.get("__name__")).partition(".")[0] == "torch" for frame in frames)
    if not isinstance(error, ImportError | OSError) or not (inside or getattr(error, "name", None) == "torch"):
        return None
    return unloadable(f"{type(error).__name__}: {error}")


def unloadable(reason: str) -> PluginError:
    """The error where torch cannot be imported for this `reason`."""
    seen = f"PyTorch cannot be loaded ({' '.join(reason.split())})."
    return PluginError(seen, f"Install its CPU build: {sys.executable} -m {CPU_BUILD}")


@contextmanager
def freeze_gc_after_torch() -> Iterator[None]:
    """For importing torch: what that makes stays to the end, so Python need not look through it for garbage, ever.

    Of `import torch` this takes a sixth off, and half a second at the end of the process. Only the first time: whatever
    is there then stays, garbage too. For commands; a library leaves the garbage of its caller alone.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if "OpenImageIO" not in sys.modules:  # it would tell the user of what is left of it at the end, as leaks
            gc.freeze()
        gc.enable()
