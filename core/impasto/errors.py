"""Everything impasto raises on purpose.

    ImpastoError
    ├── RecipeError     a knob is unknown, or its value is out of range
    ├── ImageError      a picture cannot be read or used
    ├── OutputError     a picture cannot be written where it was asked for
    ├── PluginError     no such network or backend, or a plug-in that failed
    ├── WeightsError    a network's weights are missing or damaged
    ├── DeviceError     the device is not there, or does not have what was asked for
    ├── OutOfMemory     there is not enough memory, even in the smallest parts
    ├── RankError       another process that paints the same picture is not there
    └── DivergedError   the optimisation left the numbers a picture is made of, or got nowhere

`ImageWarning` is no error: it says what is lacking of a picture that is used nevertheless.
Each message says what was seen, what was expected and what to do.
"""

from __future__ import annotations


class ImpastoError(Exception):
    """Base of all errors a user can meet; `hint` is the next thing to do, or empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.hint}".strip()


class RecipeError(ImpastoError):
    """A knob is unknown, or its value is out of range."""


class ImageError(ImpastoError):
    """A picture cannot be read, or is not one that can be worked on."""


class ImageWarning(UserWarning):
    """A picture is used although its file lacks something."""


class OutputError(ImpastoError):
    """A picture cannot be written where it was asked for."""


class PluginError(ImpastoError):
    """No network or backend of that name, or a plug-in that failed."""


class WeightsError(ImpastoError):
    """A network's weights are missing, damaged or not recognised."""


class DeviceError(ImpastoError):
    """The device is not there, or lacks something that was asked of it."""


class OutOfMemory(ImpastoError):  # noqa: N818
    """There is not enough memory, even in the smallest parts."""


class RankError(ImpastoError):
    """Another process that paints the same picture has not come, or has ended."""


class DivergedError(ImpastoError):
    """The optimisation made no picture: NaN or infinite losses, one flat colour, or a loss that does not move."""
