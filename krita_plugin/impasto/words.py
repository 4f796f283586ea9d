"""What the plug-in says, in Krita's language. `_` is for what is written in its code, `said` for whole sentences of
others: of the worker, its client, the installer.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .qt import QLocale
from .translation import Translation

VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Krita sets the first to what was chosen in its menu Settings; without any, as on Windows, the system's counts."""


def languages() -> list:
    """The painter's, best first."""
    told = next(filter(None, map(os.environ.get, VARIABLES)), "")
    return told.split(":") if told else QLocale.system().uiLanguages()


def bare(title: str) -> str:
    """`title` without the mark of its key, which stands behind the word where that has no such letter: (&P)."""
    return re.sub(r"\(&\w\)|&", "", title).strip()


_ = Translation(Path(__file__).resolve().parent / "locale", languages())
said = _.said
