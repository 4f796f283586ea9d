"""What the plug-in says, in GIMP's language. `_` is for what is written in its code, `said` for whole sentences of
others: of the worker, its client, the installer.
"""

from __future__ import annotations

from pathlib import Path

from gi.repository import GLib
from translation import Translation

_ = Translation(Path(__file__).resolve().parent / "locale", GLib.get_language_names())
said = _.said
