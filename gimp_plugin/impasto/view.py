"""The picture in the window."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GdkPixbuf, GLib, Gtk

import widgets
from words import _

LEAST, USUAL = (200, 110), 448
"""The least width and height that a picture has, and the usual width, in pixels."""


class View(Gtk.EventBox):
    """A picture, as large as there is room for; while the mouse is held down on it, or B, what was there before."""

    def __init__(self) -> None:
        super().__init__(
            above_child=True, tooltip_text=_("Hold the mouse down here, or the key B, to see the layer as it is")
        )
        self.image, self.room = Gtk.Image(), (0, 0)
        self.before: GdkPixbuf.Pixbuf | None = None
        self.after: GdkPixbuf.Pixbuf | None = None
        self.held = False
        hidden = Gtk.PolicyType.EXTERNAL  # for an image alone would allow the window to grow, and never to shrink
        self.frame = Gtk.ScrolledWindow(hscrollbar_policy=hidden, vscrollbar_policy=hidden)
        self.frame.add(self.image)
        self.add(self.frame)
        self.add_events(Gdk.EventMask.BUTTON_PRESS_MASK | Gdk.EventMask.BUTTON_RELEASE_MASK)
        self.connect("button-press-event", self._hold, True)
        self.connect("button-release-event", self._hold, False)
        self.connect("size-allocate", self._placed)

    def begin(self, before: GdkPixbuf.Pixbuf | None) -> None:
        """The layer as it is, which is shown until something becomes of it."""
        self.before = before
        self.queue_resize()
        self._draw()

    def become(self, after: GdkPixbuf.Pixbuf | None) -> None:
        """Show what becomes of it; None shows the layer."""
        self.after = after
        self._draw()

    def do_get_request_mode(self) -> Gtk.SizeRequestMode:
        """Its height follows from its width."""
        return Gtk.SizeRequestMode.HEIGHT_FOR_WIDTH

    def do_get_preferred_width(self) -> tuple[int, int]:
        """The least, and the usual."""
        self.frame.get_preferred_width()  # Gtk wants everything asked that it is to place
        return LEAST[0], USUAL

    def do_get_preferred_width_for_height(self, _height: int) -> tuple[int, int]:
        """The same."""
        return self.do_get_preferred_width()

    def do_get_preferred_height(self) -> tuple[int, int]:
        """The least, and that of the picture in its own shape."""
        return self.do_get_preferred_height_for_width(USUAL)

    def do_get_preferred_height_for_width(self, width: int) -> tuple[int, int]:
        """The same."""
        self.frame.get_preferred_height()
        high = width * self.before.get_height() // self.before.get_width() if self.before else 0
        return LEAST[1], max(LEAST[1], min(high, USUAL))

    def hold(self, held: bool) -> None:
        """Whether what was there before is shown."""
        if self.held != held:
            self.held = held
            self._draw()

    def listen(self, window: Gtk.Window) -> None:
        """Heed the key, wherever the focus is, but where one writes."""
        window.connect("key-press-event", self._key)
        window.connect("key-release-event", self._key)
        window.connect("focus-out-event", lambda *__: self.hold(False))

    def _key(self, window: Gtk.Window, event: Gdk.EventKey) -> bool:
        focus, plain = window.get_focus(), not event.state & Gtk.accelerator_get_default_mod_mask()
        writes = isinstance(focus, Gtk.Entry) and not isinstance(focus, Gtk.SpinButton)
        if event.keyval not in (Gdk.KEY_b, Gdk.KEY_B) or writes:
            return False
        self.hold(plain and event.type == Gdk.EventType.KEY_PRESS)
        return plain

    def _hold(self, _view: Gtk.Widget, event: Gdk.EventButton, held: bool) -> bool:
        if event.button == Gdk.BUTTON_PRIMARY:
            self.hold(held)
        return True

    def _placed(self, _view: Gtk.Widget, room: Gdk.Rectangle) -> None:
        if self.room != (room.width, room.height):
            self.room = (room.width, room.height)
            GLib.idle_add(self._draw)

    def _draw(self) -> bool:
        picture = self.before if self.held or not self.after else self.after
        if picture and min(self.room) > 1:
            self.image.set_from_pixbuf(widgets.fitted(picture, *self.room))
        return bool(GLib.SOURCE_REMOVE)
