"""What the worker's process is connected to: requests, events, and a log for everything else that is said."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Queue
from typing import Any

from ..client import TAIL, encode
from ..storage import folders

MOST_LOG = 1_000_000
FEW = 4
"""Events that may wait before those that nobody would miss are left out."""


def take_over() -> tuple[int, int]:
    """File descriptors for requests and events. Others read nothing from 0, and what they print to 1 goes where 2 does.

    Libraries print as they like, in C as well: on descriptor 1 that would end up between the events.
    """
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return source, sink


class Log:
    """Standard error and output, kept in a file; `path` is None in a terminal, or where no file can be written."""

    def __init__(self) -> None:
        self.path: Path | None = None if os.isatty(2) else folders.state() / "worker.log"
        self.rotate()
        self._open()
        faulthandler.enable(all_threads=False)

    def rotate(self) -> None:
        """Begin a new file once this one is large, and keep the old one as worker.log.1."""
        if self.path is not None and self.path.is_file() and self.path.stat().st_size > MOST_LOG:
            self.path.replace(self.path.with_suffix(".log.1"))
            self._open()

    def tail(self) -> str:
        """The last lines."""
        if self.path is None:
            return ""
        try:
            return "\n".join(self.path.read_text(errors="replace").splitlines()[-TAIL:])
        except OSError:
            return ""

    def _open(self) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            sys.stderr.write(f"impasto: no log: {error}\n")
            self.path = None
            return
        os.dup2(file, 2)
        os.dup2(file, 1)
        os.close(file)


class Outbox:
    """Events on their way out. A thread writes them, so that nobody waits for a slow reader."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._waiting: Queue[list[bytes]] = Queue()
        threading.Thread(target=self._write, daemon=True).start()

    def __call__(self, kind: str, parts: Mapping[str, bytes] | None = None, **fields: Any) -> None:
        """Send an event."""
        self._waiting.put(encode({"type": kind, **fields}, parts))

    @property
    def behind(self) -> bool:
        """Whether events wait for the reader: what can be left out should be."""
        return self._waiting.unfinished_tasks > FEW

    def drain(self, seconds: float) -> None:
        """Wait until all is out, at most so long."""
        until = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < until:
            time.sleep(0.01)

    def _write(self) -> None:
        while True:
            for piece in self._waiting.get():
                self._put(memoryview(piece))
            self._waiting.task_done()

    def _put(self, data: memoryview) -> None:
        try:
            while len(data):
                data = data[os.write(self._sink, data) :]
        except OSError:
            os._exit(0)  # the reader is gone, and there is nobody else to work for
