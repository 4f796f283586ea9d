"""Ctrl-C as a wish rather than an exception, so that a step is never torn in the middle."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Self

NOTE = b"\nimpasto: finishing this step, then keeping the picture; Ctrl-C again to drop it.\n"


class Interrupt:
    """While entered, the first Ctrl-C sets `asked`; the second one raises `KeyboardInterrupt` as usual."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        # Python allows signal handlers in the main thread only; elsewhere nobody presses Ctrl-C.
        self._ours = threading.current_thread() is threading.main_thread()
        if self._ours:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.write(2, NOTE)  # a handler may run in the middle of a print, which must not be entered twice
