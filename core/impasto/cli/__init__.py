"""The command line: `impasto CONTENT STYLE -o OUT` and the commands beside it."""

from __future__ import annotations

from .commands import impasto as main

__all__ = ["main"]
