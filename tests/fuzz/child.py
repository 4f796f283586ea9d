"""Works through cases in a process that may crash, hang or run out of memory; `watch` starts it.

    python -m fuzz.child TARGET SEED FIRST COUNT FOLDER

For each case it writes a line with its number, then one of JSON: what came of it, how many seconds it took, how many
bytes of memory at most, and what was wrong, if anything was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

Case = Callable[[random.Random, Path], str]
"""Makes and reads one case in an empty folder; a word for what came of it. What it raises is a finding."""
TARGETS = {
    **dict.fromkeys(
        ["png", "jpeg", "tiff", "webp", "exr", "avif", "gif", "bmp", "jpeg2000", "pnm", "heic", "metadata"], "pictures"
    ),
    "recipes": "recipes",
    "weights": "weights",
    "cache": "remembered",
    "plugins": "plugin_metadata",
    **dict.fromkeys(["streams", "worker"], "streams"),
}
MOST_BYTES, MOST_ADDRESSES = 2**30, 2**33
"""Of memory, beyond which a case took too much; and of addresses, so that none takes the machine's."""
OURS = re.compile("Traceback|Warning|Fatal|outside of the folder")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {f"os.{name}" for name in ("mkdir", "remove", "rmdir", "rename", "link", "symlink", "truncate", "chmod")}


def main(target: str, seed: str, first: str, count: str, root: str) -> None:
    """All cases from the number `first`."""
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    top = Path(root).resolve()
    case: Case = import_module(f"fuzz.{TARGETS[target]}").prepared(target, top)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    sys.addaudithook(_watched(top))
    for number in range(int(first), int(first) + int(count)):
        report.write(f"{number}\n")
        folder = top / f"{target}-{number}"
        folder.mkdir()
        begin, outcome, wrong = time.monotonic(), "", ""
        Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this case
        try:
            outcome = case(random.Random(f"{seed} {target} {number}"), folder)
        except Exception:
            outcome, wrong = "wrong", traceback.format_exc()
        wrong += _left(top)
        peak = _peak()
        if peak > MOST_BYTES:
            wrong += f"it took {peak / 1e9:.1f} GB of memory\n"
        report.write(json.dumps([outcome, time.monotonic() - begin, peak, wrong]) + "\n")
        if not wrong:
            shutil.rmtree(folder)


def _watched(top: Path) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that says on standard error what is written outside of `top`."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in CHANGES or (event == "open" and int(arguments[2]) & WRITES):  # type: ignore[call-overload]
            path, beside = arguments[0], arguments[-1] if event in CHANGES else None
            if isinstance(path, (str, bytes, os.PathLike)):
                place = f"/proc/self/fd/{beside}" if isinstance(beside, int) and beside >= 0 else "."
                full = os.path.realpath(Path(place) / os.fsdecode(path))
                if not full.startswith((f"{top}/", "/dev/", "/proc/")):
                    os.write(2, f"{event} outside of the folder: {full}\n".encode(errors="replace"))

    return hook


def _left(top: Path) -> str:
    """What Python or we said on standard error, and what is left in the folder for temporary files and as processes.

    Libraries in C say there what is damaged, in their own words; that is no finding.
    """
    said = os.pread(2, 4000, 0).decode(errors="replace")
    said = said if OURS.search(said) else ""
    os.ftruncate(2, 0)
    files = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
    processes = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    for name in files:
        shutil.rmtree(top / "temporary" / name, ignore_errors=True)
    left = f"left behind: {files}\n" if files else ""
    return said + left + (f"processes left: {processes}\n" if any(processes) else "")


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
