"""How much memory this process has taken and may still take, in bytes, as the system tells it."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNLIMITED = 2**60
CONTROL = Path("/sys/fs/cgroup")
RESERVED = 450e6
"""Address space that threads and libraries set aside on first use and hardly fill; where it runs out, some crash."""
SHORT = re.compile("out of memory|allocate memory|bad allocation|can't start new thread")
"""What PyTorch and the interpreter say where memory has run out."""
UNCLEAR = re.compile("could not create a (primitive|memory)(?! descriptor)")
"""What oneDNN says then, and of other failures too. Descriptors, which it makes before, say that it lacks support."""
FAMILIES = (
    (CONTROL, "memory.max", "memory.current", "inactive_file"),
    (CONTROL / "unified", "memory.max", "memory.current", "inactive_file"),
    (CONTROL / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Where control groups are (version 2, both, version 1): limit, use, and what of that are files that can go."""


def free() -> float | None:
    """What may still be taken: of the machine's memory, control groups' and the process's own limits, the least.

    None where the system does not tell. On macOS half of the machine's memory.
    """
    if sys.platform != "linux":
        with suppress(AttributeError, ValueError, OSError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
        return None
    return min([*_machine(), *_groups(), *_limits()], default=None)


def taken() -> float:
    """What the process has now; 0 where that cannot be told."""
    with suppress(OSError):
        return _pages(1)
    return 0


def on_card(device: str) -> tuple[float, float]:
    """What may still be taken on a CUDA device, and what the process has there. Not tried on one yet."""
    import torch

    taken = torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - taken, taken


def peak() -> float:
    """The most that this process has had; 0 where that cannot be told."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def exhausted(error: BaseException, wanted: float = 0) -> bool:
    """Whether `error` says that there was no more memory to be had, on the processor or on another device.

    Where oneDNN does not say whether it was that, it was if less than `wanted` bytes are free now, or that is unknown.
    """
    if isinstance(error, MemoryError) or SHORT.search(str(error)):
        return True
    left = free() if UNCLEAR.search(str(error)) else math.inf
    return left is None or left < wanted


def _machine() -> Iterator[float]:
    with suppress(OSError):
        found = re.search(r"MemAvailable:\s*(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            yield int(found[1]) * 1024


def _groups() -> Iterator[float]:
    """What the control groups leave that this process is in, and those that they are in."""
    with suppress(OSError):
        own = {line.rsplit(":", 1)[1].lstrip("/") for line in Path("/proc/self/cgroup").read_text().split()}
        for root, limit, use, files in FAMILIES:
            for group in {root / above for path in own for above in (Path(path), *Path(path).parents)}:
                with suppress(OSError, ValueError):
                    most = int((group / limit).read_text())
                    if most < UNLIMITED:
                        cached = re.search(rf"^{files} (\d+)", (group / "memory.stat").read_text(), re.MULTILINE)
                        yield most - int((group / use).read_text()) + (int(cached[1]) if cached else 0)


def _limits() -> Iterator[float]:
    import resource

    for limit, pages, reserved in ((resource.RLIMIT_AS, 0, RESERVED), (resource.RLIMIT_DATA, 5, 0)):
        most, _ = resource.getrlimit(limit)
        if most != resource.RLIM_INFINITY:
            yield max(0, most - _pages(pages) - reserved)


def _pages(number: int) -> int:
    """A figure of /proc/self/statm in bytes: 0 is all address space, 1 what is in memory, 5 what holds data."""
    return int(Path("/proc/self/statm").read_text().split()[number]) * os.sysconf("SC_PAGE_SIZE")
