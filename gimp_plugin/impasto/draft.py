"""A draft: a small painting of what the settings would make, for the dialog alone. No layer comes of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GdkPixbuf", "2.0")
import client
from gi.repository import GdkPixbuf, Gimp

import layers
import painting
import style_requests
import widgets

SIDE, STYLE = 384, 1024
"""Longest sides of a draft, and of a style picture that is sent for it."""


class Draft:
    """The draft in work and the last one asked for. `show` gets its pictures, `say` what went wrong, or nothing.

    What is read of the layer and of the style is kept until `forget`, so that a slider reads no pixel.
    """

    def __init__(
        self,
        painter: painting.Painter,
        config: Gimp.ProcedureConfig,
        show: Callable[[GdkPixbuf.Pixbuf], None],
        say: Callable[[str], None],
    ) -> None:
        self.painter, self.config, self.show, self.say = painter, config, show, say
        self.job = ""
        self.asked: tuple[Any, ...] = ()
        self.forget()

    def forget(self) -> None:
        """Read everything anew the next time: it may be another by now."""
        self.read: dict[Any, Any] = {}

    def ask(self, image: Gimp.Image, layer: Gimp.Layer) -> int:
        """Have a draft of `layer` made, and give its longest side; 0 if nothing has changed since the last one.

        It takes the place of one in work. Raises `layers.RefusedError`.
        """
        wanted = content, styles, recipe, mask = self._wanted(image, layer)
        if wanted == self.asked:
            return 0
        self.asked = wanted
        self.say("")
        self.job = self.painter.worker.paint(content, styles, recipe, mask, SIDE, live=True)
        return max(content.width, content.height)

    def skip(self, image: Gimp.Image, layer: Gimp.Layer) -> None:
        """Ask for none until something changes: there is a painting of what is set."""
        with suppress(layers.RefusedError):
            self.asked = self._wanted(image, layer)

    def _wanted(self, image: Gimp.Image, layer: Gimp.Layer) -> tuple[Any, ...]:
        """What a draft is made of."""
        layers.check(image, layer)
        content, mask = self._once(("layer", layer.get_id()), lambda: _layer(image, layer))
        known = painting.recipe(self.config, self.painter.knobs or [])
        return content, self._styles(), small(known, max(layer.get_width(), layer.get_height())), mask

    def stop(self) -> None:
        """End the one in work."""
        if self.job in self.painter.worker.jobs:
            self.painter.worker.cancel(self.job)
        self.job, self.asked = "", ()

    def hear(self, event: client.Message) -> bool:
        """Whether an event is about a draft."""
        if not self.job or event.id != self.job:
            return False
        if event.type in ("preview", "done"):
            self.show(widgets.pixbuf(event.picture()))
        elif event.type == "failed":
            self.say(painting.sentence(event))
        return True

    def _once(self, key: tuple[Any, ...], read: Callable[[], Any]) -> Any:
        if key not in self.read:
            self.read = {**{known: found for known, found in self.read.items() if known[0] != key[0]}, key: read()}
        return self.read[key]

    def _styles(self) -> style_requests.StyleRequests:
        texts, layer = style_requests.texts(self.config), self.config.get_property("style-layer")
        key = ("styles", layer and layer.get_id(), *((text, style_requests.stamp(text)) for text in texts))
        return self._once(key, lambda: style_requests.read(self.config, lambda one: layers.small(one, STYLE))[1])


def _layer(image: Gimp.Image, layer: Gimp.Layer) -> tuple[client.Pixels, client.Pixels | None]:
    """A layer, and how far each of its pixels is selected where anything is."""
    mask = None if Gimp.Selection.is_empty(image) else layers.small_selection(image, layer, SIDE)
    return layers.small(layer, SIDE), mask


def small(recipe: dict[str, Any], longest: int) -> dict[str, Any]:
    """The recipe of a draft of a layer with this longest side: strokes are as wide beside it as in the painting."""
    sized = {"size": min(SIDE, longest), **recipe, "quality": "draft"}
    size, strokes = _number(sized["size"]), _number(recipe.get("stroke_size"))
    if size is not None:
        sized["size"] = min(SIDE, longest, round(size))
    if strokes is not None:
        sized["stroke_size"] = max(1.0, strokes * min(1.0, SIDE / longest))
    return sized


def _number(value: Any) -> float | None:
    """None for what is none; the worker says what is wrong with it."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
