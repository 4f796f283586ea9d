"""Small things of Gtk that the windows share."""

from __future__ import annotations

import math

import gi

gi.require_version("Gtk", "3.0")
from client import Pixels
from gi.repository import Gdk, GdkPixbuf, GLib, GObject, Gtk


def calm(widget: Gtk.Widget) -> None:
    """Have the wheel change no control in `widget` that was not chosen before."""
    if isinstance(widget, Gtk.SpinButton | Gtk.Scale | Gtk.ComboBox):
        GObject.Object.connect(widget, "scroll-event", _unless_focused)  # for GIMP's own have another connect()
    if isinstance(widget, Gtk.Container):
        widget.forall(calm)


def _unless_focused(widget: Gtk.Widget, _event: Gdk.EventScroll) -> bool:
    focus = widget.get_toplevel().get_focus()
    return focus is None or not (focus == widget or focus.is_ancestor(widget))


def spell(widget: Gtk.Widget, zero: str) -> None:
    """Have the fields for numbers in `widget` say this instead of 0."""
    if isinstance(widget, Gtk.SpinButton):
        widget.set_numeric(False)
        digit = widget.get_pango_context().get_metrics(None, None).get_approximate_digit_width()
        widget.set_width_chars(math.ceil(widget.create_pango_layout(zero).get_size()[0] / digit))
        GObject.Object.connect(widget, "output", _spelled, zero)
        _spelled(widget, zero)
    elif isinstance(widget, Gtk.Container):
        widget.forall(spell, zero)


def _spelled(field: Gtk.SpinButton, zero: str) -> bool:
    if field.get_value() == 0 and field.get_text() != zero:
        field.set_text(zero)
    return bool(field.get_value() == 0)


def row(grid: Gtk.Grid, number: int, title: str, widget: Gtk.Widget, width: int = 2) -> None:
    """Put `widget` into row `number`, behind its title."""
    name = Gtk.Label(xalign=0)
    name.set_text_with_mnemonic(title)
    name.set_mnemonic_widget(widget)
    grid.attach(name, 0, number, 1, 1)
    grid.attach(widget, 1, number, width, 1)


def stack(box: Gtk.Widget, width: int) -> None:
    """Have what stands side by side in `box` stand below one another, if it is wider than this, as in German."""
    if isinstance(box, Gtk.Orientable) and box.get_preferred_width()[1] > width:
        box.set_orientation(Gtk.Orientation.VERTICAL)


def label(text: str = "") -> Gtk.Label:
    """Sentences, which can be copied."""
    made = Gtk.Label(label=text, xalign=0, wrap=True, selectable=True)
    made.set_max_width_chars(60)
    return made


def small(text: str) -> str:
    """Markup of a text in small letters."""
    return f"<small>{GLib.markup_escape_text(text)}</small>"


def pixbuf(picture: Pixels) -> GdkPixbuf.Pixbuf:
    """A picture of 8 bits in sRGB, with alpha or without."""
    width, height, channels, data = picture.width, picture.height, picture.channels, GLib.Bytes.new(picture.data)
    form = (GdkPixbuf.Colorspace.RGB, channels == 4, 8, width, height, width * channels)
    return GdkPixbuf.Pixbuf.new_from_bytes(data, *form)


def fitted(picture: GdkPixbuf.Pixbuf, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """`picture` as large as this room allows, in its shape; over a chequered ground where it is transparent."""
    scale = min(width / picture.get_width(), height / picture.get_height())
    size = [max(1, round(side * scale)) for side in (picture.get_width(), picture.get_height())]
    if picture.get_has_alpha():
        return picture.composite_color_simple(*size, GdkPixbuf.InterpType.BILINEAR, 255, 8, 0x999999, 0x666666)
    return picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR)
