"""Layers as bytes, and bytes as a new layer: all that the plug-in knows of pixels.

Pixels travel as the numbers that they are in the image, of its own profile, at its own precision, with straight alpha.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from typing import Any, NamedTuple

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from client import Pixels
from gi.repository import Babl, Gegl, Gimp

from words import _

RECIPE = "impasto-recipe"
"""Name of the parasite on a result: JSON of what it was made with."""
PERSISTENT = 1
NODES = 33
"""Colours of a lattice along each axis."""
PLAIN = (Gimp.LayerMode.NORMAL, Gimp.LayerMode.NORMAL_LEGACY)
"""Modes of layers that may hide what lies below."""


class RefusedError(Exception):
    """What was asked for cannot be done; the text is for the painter."""


class Colours(NamedTuple):
    """What an image's samples mean: their space, the curve of those that are not linear light, whether these are."""

    space: Babl.Object
    curve: str
    linear: bool

    @classmethod
    def of(cls, layer: Gimp.Layer) -> Colours:
        """Those of the layer's image."""
        Gegl.init(None)
        space, curve = Babl.format_get_space(layer.get_format()), _precision(layer)[1]
        profile = layer.get_image().get_effective_color_profile()
        linear = curve == "linear" or (curve == "non-linear" and profile.is_linear())
        # babl marks the space's own curve by ', and that of sRGB, which the worker takes off linear light, by ~.
        return cls(space, "'" if curve == "non-linear" and not linear else "~", linear)

    @property
    def srgb(self) -> bool:
        """Whether they are those of sRGB."""
        return str(Babl.get_name(self.space)) == "sRGB"

    def format(self, channels: int, kind: str, linear: bool = False) -> str:
        """babl's name of such samples."""
        mark = "" if linear else self.curve
        alpha = "A" if channels == 4 else ""
        return str(Babl.get_name(Babl.format_with_space(f"R{mark}G{mark}B{mark}{alpha} {kind}", self.space)))

    def lattice(self) -> dict[str, Pixels] | None:
        """The conversion between these and sRGB, for the worker; None if they are sRGB."""
        if self.srgb:
            return None
        steps, side = [number / (NODES - 1) for number in range(NODES)], (NODES, NODES**2)
        nodes = array("f", (number for colour in product(steps, repeat=3) for number in colour)).tobytes()
        own, srgb = self.format(3, "float"), "R'G'B' float"
        found = {"from_srgb": _converted(nodes, side, srgb, own), "to_srgb": _converted(nodes, side, own, srgb)}
        return {name: Pixels(*side, 3, "float", data) for name, data in found.items()}


def notices(image: Gimp.Image, layer: Gimp.Layer, active: Gimp.Layer) -> str:
    """What one may not expect of painting `layer` while `active` is selected, in sentences."""
    found, cover = [], _cover(image, _below(image, layer, active))
    if cover:
        found.append(_('The layer "{layer}" hides what will be painted.').format(layer=cover))
    if not Gimp.Selection.is_empty(image):
        found.append(_("Only what is selected is painted."))
    if not Colours.of(layer).srgb:
        profile = image.get_effective_color_profile().get_label()
        found.append(_("The colours of styles are converted into {profile}.").format(profile=profile))
    return " ".join(found)


def _cover(image: Gimp.Image, layer: Gimp.Layer) -> str:
    """The name of a layer that lies opaque over the whole of this one, as far as nine places tell; or nothing."""
    (__, x, y), width, height = layer.get_offsets(), layer.get_width(), layer.get_height()
    places = [(x + width * i // 6, y + height * j // 6) for i in (1, 3, 5) for j in (1, 3, 5)]
    while layer:
        siblings = layer.get_parent().get_children() if layer.get_parent() else image.get_layers()
        for each in siblings[: siblings.index(layer)]:
            plain = each.get_visible() and each.get_opacity() == 100 and each.get_mode() in PLAIN
            if plain and not each.get_mask() and all(_opaque(each, *place) for place in places):
                return str(each.get_name())
        layer = layer.get_parent()
    return ""


def _opaque(layer: Gimp.Layer, x: int, y: int) -> bool:
    __, left, top = layer.get_offsets()
    inside = 0 <= x - left < layer.get_width() and 0 <= y - top < layer.get_height()
    return inside and layer.get_pixel(x - left, y - top).get_rgba().alpha == 1


def _below(image: Gimp.Image, layer: Gimp.Layer, active: Gimp.Layer) -> Gimp.Layer:
    """What a new layer is to lie on: the last result of `layer`, if selected, for one below that does not show."""
    return active if active.is_valid() and origin(image, active) == layer else layer


def _precision(layer: Gimp.Layer) -> tuple[str, str]:
    """How the worker calls the samples' kind, and GIMP their curve."""
    kind, __, curve = layer.get_image().get_precision().value_nick.partition("-")
    return kind if kind in ("u8", "u16", "half") else "float", curve


def _converted(data: bytes, side: tuple[int, int], start: str, end: str) -> bytes:
    whole = Gegl.Rectangle.new(0, 0, *side)
    buffer = Gegl.Buffer.new(start, 0, 0, *side)
    buffer.set(whole, start, data)
    return bytes(buffer.get(whole, 1.0, end, Gegl.AbyssPolicy.NONE))


def remove(layer: Gimp.Layer) -> bool:
    """Take a layer out of its image, in one step of undo; whether it was in one."""
    there = bool(layer.is_valid())
    if there:
        layer.get_image().remove_layer(layer)
        Gimp.displays_flush()
    return there


def resolve(drawables: list[Gimp.Drawable]) -> Gimp.Layer:
    """The one layer meant by what is selected: a layer mask means its layer."""
    if len(drawables) != 1:
        raise RefusedError(_("Select one layer to paint; {count} are selected.").format(count=len(drawables)))
    chosen = drawables[0]
    layer = Gimp.Layer.from_mask(chosen) if isinstance(chosen, Gimp.LayerMask) else chosen
    if not isinstance(layer, Gimp.Layer):
        raise RefusedError(_("A channel is selected. Select a layer: that is what gets painted."))
    return layer


def origin(image: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer | None:
    """The layer that a result of ours was painted from; None of any other layer, or if that is not there any more."""
    parasite = layer.get_parasite(RECIPE)
    made = json.loads(bytes(parasite.get_data())) if parasite else {}
    ours = made.get("tattoo") == layer.get_tattoo()  # a copy has another, and so has all in a copy of an image
    return image.get_layer_by_tattoo(made["source"]) if ours else None


def walk(found: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    """These layers, and those in the groups among them, the topmost first."""
    for layer in found:
        yield layer
        yield from walk(layer.get_children() if layer.is_group() else [])


def check(image: Gimp.Image, layer: Gimp.Layer) -> None:
    """Refuse what no good result can come from."""
    if not image.is_valid():
        raise RefusedError(_("The image was closed."))
    if not layer.is_valid():
        raise RefusedError(_("The layer is not there any more: choose another one."))
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise RefusedError(
            _(
                "This image has only the colours of its palette (it is indexed), and a painting needs more: "
                "choose Image > Mode > RGB first."
            )
        )
    if layer.is_group() and not layer.get_children():
        raise RefusedError(_("The layer group is empty: there is nothing to paint."))
    if Gimp.Layer.is_floating_sel(layer):
        raise RefusedError(
            _("This is a floating selection: anchor it or make it a layer first (Layer > To New Layer).")
        )
    if not Gimp.Selection.is_empty(image) and not layer.mask_intersect()[0]:
        raise RefusedError(_("The selection does not touch the layer: select a part of it, or nothing for all of it."))


def pixels(layer: Gimp.Layer, colours: Colours, linear: bool = False) -> Pixels:
    """All pixels of a layer or group, whether or not they lie on the canvas, as numbers of `colours`."""
    kind, channels = _precision(layer)[0], 4 if layer.has_alpha() else 3
    data = _get(layer, colours.format(channels, kind, linear))
    return Pixels(layer.get_width(), layer.get_height(), channels, kind, data, linear)


def small(layer: Gimp.Layer, longest: int) -> Pixels:
    """The same in sRGB of 8 bits, its longest side `longest` pixels at most."""
    Gegl.init(None)
    there, share = _shrunk(layer, longest)
    channels = 4 if layer.has_alpha() else 3
    form = "R'G'B'A u8" if channels == 4 else "R'G'B' u8"
    data = layer.get_buffer().get(there, share, form, Gegl.AbyssPolicy.CLAMP)  # a last row may reach beyond
    return Pixels(there.width, there.height, channels, "u8", data)


def small_selection(image: Gimp.Image, layer: Gimp.Layer, longest: int) -> Pixels:
    """How far each pixel of `small` is selected."""
    there, share = _shrunk(layer, longest)
    __, x, y = layer.get_offsets()
    moved = Gegl.Rectangle.new(round(x * share), round(y * share), there.width, there.height)
    data = image.get_selection().get_buffer().get(moved, share, "Y u8", Gegl.AbyssPolicy.NONE)
    return Pixels(there.width, there.height, 1, "u8", data)


def _shrunk(layer: Gimp.Layer, longest: int) -> tuple[Gegl.Rectangle, float]:
    """The whole of a layer in pixels of the smaller one, and these beside its own."""
    size = (layer.get_width(), layer.get_height())
    share = min(1.0, longest / max(size))
    return Gegl.Rectangle.new(0, 0, *(max(1, round(side * share)) for side in size)), share


def _form(image: Gimp.Image) -> tuple[Any, ...]:
    """What samples of an image mean."""
    profile = image.get_effective_color_profile()
    return image.get_base_type(), image.get_precision(), bytes(profile.get_icc_profile())


class Source:
    """A layer as it was when painting began; whatever its image becomes meanwhile, what was painted is kept."""

    def __init__(self, image: Gimp.Image, layer: Gimp.Layer, active: Gimp.Layer) -> None:
        self.image, self.layer, self.type = image, layer, layer.type()
        self.below = _below(image, layer, active)
        self.tattoo, self.form, self.profile = layer.get_tattoo(), _form(image), image.get_color_profile()
        self.resolution = image.get_resolution()[1:]
        __, *self.offsets = layer.get_offsets()
        self.colours = Colours.of(layer)
        self.pixels = pixels(layer, self.colours, self.colours.linear)
        self.mask = None if Gimp.Selection.is_empty(image) else self._selection()
        self.native = None if self.mask is None else _get(layer, _native(layer))

    def _selection(self) -> Pixels:
        """How far each pixel of the layer is selected."""
        there = Gegl.Rectangle.new(*self.offsets, self.pixels.width, self.pixels.height)
        data = self.image.get_selection().get_buffer().get(there, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)
        return Pixels(there.width, there.height, 1, "u8", data)

    def above(
        self, name: str, painted: Pixels, made: dict[str, Any], before: Gimp.Layer | None = None
    ) -> tuple[Gimp.Layer, str]:
        """A new layer above, in one step of undo, and what is to be said of its place, should it not lie there.

        It takes the place of `before`, if that is in the image. Where nothing was selected it is the source to the bit.
        Nothing touches the image before the layer is whole.
        """
        lost = not self.image.is_valid() or _form(self.image) != self.form
        if lost:
            self.image = self._another()
        new = Gimp.Layer.new(self.image, name, painted.width, painted.height, self.type, 100.0, Gimp.LayerMode.NORMAL)
        _set(new, self.colours.format(painted.channels, painted.kind, painted.linear), painted.data)
        if self.mask is not None:
            self._restore(new, self.mask.data)
        below, offsets, place = self._place(lost)
        new.set_offsets(*offsets)
        made = made if lost else {**made, "tattoo": new.get_tattoo(), "source": self.tattoo}
        new.attach_parasite(Gimp.Parasite.new(RECIPE, PERSISTENT, list(json.dumps(made).encode())))
        old = before if before and before.is_valid() and before.get_image() == self.image else None
        below = old or below
        parent, position = (below.get_parent(), self.image.get_item_position(below)) if below else (None, 0)
        self.image.undo_group_start()
        try:
            if old:  # first, for its name
                self.image.remove_layer(old)
            self.image.insert_layer(new, parent, position)
        finally:
            self.image.undo_group_end()
        if lost:
            with suppress(TypeError):  # there is no window to show it in
                Gimp.Display.new(self.image)
        Gimp.displays_flush()
        return new, place

    def _place(self, lost: bool) -> tuple[Gimp.Layer | None, tuple[int, int], str]:
        """The layer to lie on, if any, where, and a sentence if that is not where it was asked for."""
        if lost:
            return None, (0, 0), _("Its image was closed or converted meanwhile: it is in a new one.")
        if not self.layer.is_valid():
            return None, self.offsets, _("Its source was removed: it lies on top of all.")
        below = self.below if self.below.is_valid() else self.layer
        if (self.layer.get_width(), self.layer.get_height()) != (self.pixels.width, self.pixels.height):
            return below, self.offsets, _("Its source was changed meanwhile: it lies where that was.")
        return below, self.layer.get_offsets()[1:], ""

    def _another(self) -> Gimp.Image:
        """A new image of the same form, as large as what was painted."""
        image = Gimp.Image.new_with_precision(self.pixels.width, self.pixels.height, *self.form[:2])
        image.set_resolution(*self.resolution)
        if self.profile:
            image.set_color_profile(self.profile)
        return image

    def _restore(self, new: Gimp.Layer, mask: bytes) -> None:
        """Give `new` the source's own bytes where nothing is selected: a conversion there and back could round them."""
        format_ = _native(new)
        result = bytearray(_get(new, format_))
        size = len(result) // len(mask)
        for run in re.finditer(rb"\0+", mask):
            here = slice(run.start() * size, run.end() * size)
            result[here] = self.native[here]
        _set(new, format_, bytes(result))


def _native(layer: Gimp.Layer) -> str:
    return str(Babl.get_name(layer.get_format()))


def _whole(layer: Gimp.Layer) -> Gegl.Rectangle:
    return Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())


def _get(layer: Gimp.Layer, format_: str) -> bytes:
    data: bytes = layer.get_buffer().get(_whole(layer), 1.0, format_, Gegl.AbyssPolicy.NONE)
    return data


def _set(layer: Gimp.Layer, format_: str, data: bytes) -> None:
    buffer, expected = layer.get_buffer(), len(_get(layer, format_))
    if len(data) != expected:  # GEGL would only grumble on the terminal, and leave the layer empty
        message = _("The worker sent {count} bytes for a picture of {expected}.")
        raise RefusedError(message.format(count=len(data), expected=expected))
    buffer.set(_whole(layer), format_, bytes(data))  # anything but bytes takes a hundred times as long
    buffer.flush()
