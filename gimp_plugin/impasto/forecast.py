"""The line that says what a painting will cost, or, when there is one, how long it took."""

from __future__ import annotations

import time

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk

import painting
import widgets
from words import _


class Forecast:
    """`label` has the last forecast; once a painting is done, that it is, until something else is set."""

    def __init__(self) -> None:
        self.text, self.done, self.begun = _("Starting..."), "", 0.0
        self.label: Gtk.Label = widgets.label(self.text)

    def expect(self, text: str) -> None:
        """There is a forecast."""
        self.text = text
        self.label.set_text(self.done or text)

    def refuse(self, text: str) -> None:
        """There is a reason why there is none."""
        self.done = ""
        self.expect(text)

    def again(self) -> None:
        """What was painted is not what is set any more."""
        self.refuse(self.text)

    def begin(self) -> None:
        """A painting begins."""
        self.again()
        self.begun = time.monotonic()

    def end(self, name: str) -> None:
        """It is done, and a layer of this name."""
        time_ = painting.clock(time.monotonic() - self.begun)
        self.done = _("Done in {time}: the new layer is {name}.").format(time=time_, name=name)
        self.expect(self.text)
