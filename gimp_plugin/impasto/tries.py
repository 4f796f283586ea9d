"""The paintings of one sitting: each is a new layer, which is kept, painted again or taken out."""

from __future__ import annotations

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp

import layers
import painting


class Tries:
    """`new` is the layer painted last, until it is kept or taken out; `active` is the one selected at the beginning."""

    def __init__(self, image: Gimp.Image, active: Gimp.Layer) -> None:
        self.image, self.active = image, active
        self.new: Gimp.Layer | None = None
        self.kept = False

    @property
    def top(self) -> Gimp.Layer:
        """The layer that a painting of the same source would lie on, or take the place of."""
        return self.new or self.active

    def paint(
        self, worker: painting.Painter, config: Gimp.ProcedureConfig, layer: Gimp.Layer, hear: painting.Hear
    ) -> str:
        """Paint `layer`, in place of `new`, if there is one. The new layer's name.

        Raises what `painting.paint` raises, and loses nothing.
        """
        if worker.broken:
            worker.again()
        self.new = painting.paint(worker, config, self.image, layer, self.active, hear, self.new)
        return str(self.new.get_name())

    def keep(self) -> None:
        """Leave it where it is: the next one lies on it."""
        self.kept, self.active, self.new = True, self.top, None

    def discard(self) -> bool:
        """Take it out of the image; whether it was there."""
        new, self.new = self.new, None
        return layers.remove(new)

    def last(self) -> Gimp.Layer | None:
        """The last one that was kept; None if it is not there any more. Raises `CancelledError` if there was none."""
        if self.new:
            self.keep()
        if not self.kept:
            raise painting.CancelledError
        return self.active if self.active.is_valid() else None
