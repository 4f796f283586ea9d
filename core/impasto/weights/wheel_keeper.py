"""A process that runs a command which writes into a folder for the time being, and removes the folder in the end.

It ends with whoever started it, also when that one is killed: its standard input is then closed. Then the command is
killed and the folder removed. It is run by path, knows nothing of impasto and needs the standard library only.
It says, in lines of JSON: {"folder": ...}; then takes a command, a list, in one line, and says {"bytes": ...}, how much
is in the folder, while it runs, and {"code": ..., "said": ...} when it has ended; or {"error": ...} instead of any.
Temporary files of the command lie in the folder too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PAUSE = 0.1
"""Seconds between two looks at the folder."""


def main() -> None:
    """See above."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="impasto-"))
    except OSError as error:
        return _say(error=str(error.strerror or error))
    try:
        _say(folder=str(folder))
        if line := sys.stdin.readline():
            _run(json.loads(line), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _run(command: list[str], folder: Path) -> None:
    """Until the one who started it has closed our standard input."""
    temporary = {name: str(folder) for name in ("TMPDIR", "TEMP", "TMP")}
    try:
        with (folder / "said").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603  (what our own process asks for)
                command, env=os.environ | temporary, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
    except OSError as error:
        return _say(error=str(error.strerror or error))
    ended = threading.Event()
    threading.Thread(target=_await, args=(ended,), daemon=True).start()
    try:
        while process.poll() is None and not ended.wait(PAUSE):
            _say(bytes=_size(folder))
        if not ended.is_set():
            _say(code=process.wait(), said=(folder / "said").read_text("utf-8", "replace"))
            ended.wait()
    finally:
        process.kill()
        process.wait()


def _await(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _size(folder: Path) -> int:
    """Bytes in it, of what has not gone while we look."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def _say(**words: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        print(json.dumps(words), flush=True)  # noqa: T201  (that is how it speaks)


if __name__ == "__main__":
    main()
