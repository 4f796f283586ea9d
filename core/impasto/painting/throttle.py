"""How often a painting is shown while it is in work."""

from __future__ import annotations

import time
from collections.abc import Callable

SHORTEST, SHARE = 0.5, 10
"""Seconds between previews, and how many times what one costs is spent on painting before the next."""


class Throttle:
    """Lets previews through: at most every half second, and for at most a tenth of the time."""

    def __init__(self) -> None:
        self._next = 0.0

    def call(self, preview: Callable[[], None]) -> None:
        """Call `preview`, unless it is too early."""
        begin = time.monotonic()
        if begin < self._next:
            return
        preview()
        end = time.monotonic()
        self._next = end + max(SHORTEST, SHARE * (end - begin))
