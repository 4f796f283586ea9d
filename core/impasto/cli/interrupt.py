"""Ctrl-C, SIGTERM and SIGHUP, in two ways; the exit code is 130 in both.

While pictures are painted (`painting.run`, `sheet.painted.run`) they are a wish, `Interrupt.asked`, which is granted
after each step: no step is torn in the middle, and the picture so far is written. Everywhere else they end the command
by `KeyboardInterrupt`, which click makes `click.Abort` and `commands.Impasto.main` a line: nothing is written; in a
batch, nothing of the picture at work (`batch.painted`).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from ..ranks import Ranks

NOTE, AGAIN = b"\nimpasto: finishing this step, then keeping the picture", b"; Ctrl-C again to drop it"
OTHERS = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
"""What ends a process besides Ctrl-C, as far as this system has it: `kill`, and a terminal that is closed."""


class Interrupt:
    """While entered, a signal to stop sets `asked`; Ctrl-C after that raises `KeyboardInterrupt` as usual.

    A second SIGTERM or SIGHUP changes nothing: when a terminal is closed, its shell sends one as well as the system.
    torchrun sends a SIGTERM when one of several `ranks` has ended: that raises `RankError` at once.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        self.asked, self.ranks = False, ranks

    def __enter__(self) -> Self:
        self._handling: AbstractContextManager[None] = _handled(self._ask, signal.SIGINT, *OTHERS)
        self._handling.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handling.__exit__(kind, error, trace)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.ranks:
            self.ranks.check()
        if not (self.asked or (self.ranks and self.ranks.rank)):
            _say(NOTE + (AGAIN if number == signal.SIGINT else b"") + b".\n")
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def all_as_ctrl_c() -> AbstractContextManager[None]:
    """While entered, SIGTERM and SIGHUP raise `KeyboardInterrupt` too, so that temporary files are cleared away."""
    return _handled(_raise, *OTHERS)


def _raise(number: int, frame: FrameType | None) -> None:
    _say(b"\n")
    raise KeyboardInterrupt


def _say(line: bytes) -> None:
    """A handler may run in the middle of a print, which must not be entered twice."""
    try:
        os.write(2, line)
    except OSError:  # the terminal is gone; what is said from here on must not stop the picture from being kept
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], *numbers: int) -> Iterator[None]:
    """While entered, `handler` is called for these signals, but for those that whoever started us ignores (nohup)."""
    before = {}
    # Python allows signal handlers in the main thread only.
    if threading.current_thread() is threading.main_thread():
        ignored = {number for number in OTHERS if signal.getsignal(number) in (signal.SIG_IGN, None)}
        before = {number: signal.signal(number, handler) for number in numbers if number not in ignored}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)
