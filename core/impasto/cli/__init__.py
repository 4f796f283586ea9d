"""The command line: `impasto CONTENT STYLE -o OUT` and the commands beside it."""

from __future__ import annotations

import sys
from typing import NoReturn

from .warm import handed_over


def run() -> NoReturn:
    """Run the command that this process was started with: in the process that `impasto serve` keeps warm, or here."""
    if (code := handed_over(sys.argv[1:])) is not None:
        sys.exit(code)
    from .commands import impasto

    impasto()
    raise AssertionError("a command ends its process")
