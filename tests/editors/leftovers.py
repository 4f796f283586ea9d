"""What a plug-in may not leave: processes and temporary files. Standard library only: it runs inside the editors."""

import os
import time
from pathlib import Path

WORDS = ("impasto.py", "-m impasto", "worker.py")
"""In the command lines of the plug-in, the worker, and the scripts that stand for one."""
AT_ONCE = 1
"""Seconds that processes may take to end; ten times that where more wants to run than there are cores."""


def processes(words=WORDS):
    """Numbers of the processes with one of these words in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if any(word in command for word in words):
            found.append(int(folder.name))
    return found


def files():
    return set(Path("/tmp").rglob("*"))


def none(before):
    """Hold what is left to none: no process at once, and no file in /tmp but those of `before`."""
    load, began = os.getloadavg()[0], time.monotonic()
    end = began + AT_ONCE * (10 if load > os.cpu_count() else 1)
    while (left := processes()) and time.monotonic() < end:
        time.sleep(0.02)
    print(f"ENDED after {time.monotonic() - began:.2f} s, load {load:.1f}", flush=True)
    assert not left, left
    assert files() <= before, files() - before
