"""Qt 5 or 6, whichever this Krita is made with; and slots that never raise."""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from functools import wraps

import krita  # noqa: F401  (brings the PyQt in that fits; the other one would end in a crash)

if "PyQt6.QtCore" in sys.modules:
    from PyQt6.QtCore import *  # noqa: F403
    from PyQt6.QtGui import *  # noqa: F403
    from PyQt6.QtWidgets import *  # noqa: F403
else:
    from PyQt5.QtCore import *  # noqa: F403
    from PyQt5.QtGui import *  # noqa: F403
    from PyQt5.QtWidgets import *  # noqa: F403


class RefusedError(Exception):
    """What was asked for cannot be done; the text is for the painter."""


def unexpected(error):
    """What to say of an error that is a bug, which goes to the terminal whole."""
    traceback.print_exception(type(error), error, error.__traceback__)
    from .words import _  # late, as it needs Qt

    seen = f"{type(error).__name__}: {error}"
    return _("impasto met something it did not expect ({error}).").format(error=seen)


def _gone(widget) -> bool:
    """Whether Qt has deleted it, as when Krita ends in an event loop that it runs within a call of ours."""
    try:
        widget.objectName()
    except RuntimeError:
        return True
    return False


def guarded(method):
    """A slot whose errors go to `self.say`: Krita would open a window for them, which blocks it, even at its end."""
    takes = method.__code__.co_argcount - 1

    @wraps(method)
    def safe(self, *args):
        try:
            return method(self, *args[:takes])
        except RefusedError as error:
            said = str(error)
        except Exception as error:
            if _gone(self):
                return None
            said = unexpected(error)
        with suppress(RuntimeError):  # the window may be gone
            self.say(said)
        return None

    return safe
