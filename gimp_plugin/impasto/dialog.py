"""The window to paint in: settings, what they will cost, the picture as it grows, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import client
from gi.repository import Gdk, GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk, Pango

import layers
import painting
import widgets
from draft import Draft
from foot import AGAIN, AT_WORK, DISCARD, DONE, FINISH, IDLE, KEEP, PAINT, STOP, Foot
from forecast import Forecast
from setup import SetUp
from styles import StyleChooser
from tries import Tries
from view import USUAL, View
from words import _

TITLE, PAINTED = _("Neural Style"), _("The new layer")
MANUAL = Path(__file__).resolve().with_name("manual.html")
WAIT, FRAME, SCROLLED = 250, 40, 100
"""Milliseconds after the last change before the cost and a draft are asked for; pixels that a window's frame may take,
and the least height of what scrolls."""


def show(
    procedure: Gimp.Procedure,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    layer: Gimp.Layer,
    active: Gimp.Layer,
) -> Gimp.Layer | None:
    """Let the painter set things, and paint `layer` or others, until the window is closed.

    The last layer that was kept, or None if that is not there any more. Raises `painting.CancelledError` if none was,
    and what `painting.paint` raises where there is nothing left to paint.
    """
    GimpUi.init("impasto")
    try:
        worker = painting.Painter()  # starts now, so that it has loaded everything by the time it is needed
    except painting.MissingError as error:
        if not SetUp(str(error)).run():
            raise painting.CancelledError from None
        worker = painting.Painter()
    window = Window(procedure, config, image, layer, active, worker)
    try:
        return window.run()
    finally:
        window.dialog.destroy()
        worker.close()


class Window:
    """A ProcedureDialog that stays open from painting to painting of `layer`; `active` is the one that is selected."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        image: Gimp.Image,
        layer: Gimp.Layer,
        active: Gimp.Layer,
        worker: painting.Painter,
    ) -> None:
        self.config, self.image, self.layer, self.worker = config, image, layer, worker
        self.tries = Tries(image, active)
        self.dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self.area = self.dialog.get_content_area()
        self.notice, self.said, self.wrong = widgets.label(), widgets.label(), widgets.label()
        self.cost = Forecast()
        self.view, self.caption = View(), Gtk.Label(xalign=1)
        self.follow = Gtk.CheckButton.new_with_mnemonic(_("Pre_view"))
        self.style = StyleChooser(config, worker)
        self.origin = Gtk.ComboBoxText()
        self.draft = Draft(worker, config, self.view.become, self._say)
        self.waiting, self.asked, self.answer, self.closing = 0, "", 0, False
        self.listed: list[tuple[str, str]] = []
        self._fill()
        for signal, hear in (
            ("key-press-event", self._pressed),
            ("focus-in-event", self._come_back),
            ("response", self._response),
            ("delete-event", lambda *__: True),  # it is told as a response, and the dialog is there until `show` ends
        ):
            self.dialog.connect(signal, hear)
        self.view.listen(self.dialog)
        worker.hear = self._news
        config.connect("notify", self._set)

    def _fill(self) -> None:
        """Beside one another the picture and the settings, which scroll; below them what is always in sight."""
        self.foot = Foot(self.dialog)
        self.foot.help.connect("clicked", self._show_manual)
        body = Gtk.Box(spacing=12)
        body.pack_start(self._pictured(), True, True, 0)
        body.pack_start(self._settings(), False, True, 0)
        self.area.pack_start(body, True, True, 0)
        self.area.show_all()
        self.foot.show(IDLE)
        for label in (self.notice, self.wrong):
            self._tell(label, "")
        self._say("")
        widgets.calm(self.area)
        self._changed()

    def _pictured(self) -> Gtk.Box:
        """The picture, and below it whether it is a draft, and all that is said."""
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        self.config.bind_property("preview", self.follow, "active", both)
        self.follow.set_tooltip_text(self.config.find_property("preview").blurb)
        below, column = Gtk.Box(spacing=6), Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        below.pack_start(self.follow, False, False, 0)
        below.pack_end(self.caption, False, False, 0)
        column.pack_start(self.view, True, True, 0)
        for line in (below, self.notice, self.said, self.wrong, self.cost.label, self.foot.bar):
            column.pack_start(line, False, False, 0)
        self.view.begin(self._as_it_is())
        return column

    def _settings(self) -> Gtk.ScrolledWindow:
        """All that is set; GIMP's own buttons for saved settings among it, for they take room."""
        self._source()
        saved = [each for each in self.area.get_children() if not self.foot.help.is_ancestor(each)]
        for name in ("strength", "stroke-size"):
            self.dialog.get_widget(name, GimpUi.ScaleEntry).set_digits(0)
        for name in ("colour", "quality"):
            self.dialog.get_widget(name, Gtk.ComboBox)  # GIMP 3.2 would spread three choices over three rows
        widgets.spell(self.dialog.get_widget("stroke-size", GimpUi.ScaleEntry), _("as in the style"))
        self.dialog.fill_box("folded", ["size", "network", "seed", "knobs"])
        self.dialog.get_label("more", _("Advanced"), False, False)
        more = self.dialog.fill_expander("advanced", "more", False, "folded")
        more.set_expanded(False)
        knobs = self.dialog.fill_box("settings", ["strength", "colour", "stroke-size", "quality", "advanced"])
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_end=6)
        for widget in (self.style.box, knobs):
            column.pack_start(widget, False, False, 0)
        for widget in saved:
            widgets.stack(widget, USUAL)
            self.area.remove(widget)
            column.pack_start(widget, False, False, 0)
        self.scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=SCROLLED)
        self.scrolled.set_propagate_natural_height(True)
        self.scrolled.set_hexpand(False)  # room goes to the picture
        self.scrolled.add(column)
        more.connect("notify::expanded", self._fit)
        for part in (self.style.gallery, self.style.shares):
            part.connect("notify::visible", self._fit)
        return self.scrolled

    def _source(self) -> None:
        cell = self.origin.get_cells()[0]  # as wide whatever the layers' names are
        for name, value in (("ellipsize", Pango.EllipsizeMode.MIDDLE), ("width-chars", 24), ("max-width-chars", 24)):
            cell.set_property(name, value)
        self._list_layers()
        about = _("The layer that is painted. Results are not: trying again begins with it anew")
        self.origin.set_tooltip_text(about)
        self.origin.connect("changed", self._pick)
        widgets.row(self.style.box, 0, _("Paint fro_m"), self.origin)

    def _list_layers(self) -> None:
        """Those that the image has now; none is chosen if the one that was is gone."""
        found = layers.walk(self.image.get_layers()) if self.image.is_valid() else ()
        now = [(str(each.get_id()), each.get_name()) for each in found]
        if now != self.listed:
            self.listed = now
            self.origin.remove_all()
            for number, name in now:
                self.origin.append(number, name)
            self.origin.set_active_id(str(self.layer.get_id()))

    def run(self) -> Gimp.Layer | None:
        """Let the painter paint and try until the window is closed; the last layer that was kept."""
        while not self.closing:
            self.answer = 0
            self.dialog.run()
            if self.answer in (PAINT, AGAIN):
                self._paint()
            elif self.answer == KEEP:
                self.tries.keep()
                self.cost.again()
                self._ready()
            elif self.answer == DISCARD:
                self._discard()
            else:
                self.closing = True
        self._calm()
        return self.tries.last()

    # While settings are made

    def _news(self, event: client.Message) -> None:
        self.style.hear(event)
        if self.draft.hear(event):
            return
        if event.type == "hello":  # there is a gallery now
            GLib.idle_add(self._resize, self.dialog.get_preferred_width()[1])
        elif event.type == "description":
            self._changed()
        elif event.type == "estimate":
            self.cost.expect(painting.cost(event))
        elif event.type == "failed" and event.id in (self.asked, None):
            self.cost.refuse(painting.sentence(event))
            self._say(self.said.get_text())

    def _pick(self, *_: Any) -> None:
        number = self.origin.get_active_id()
        found = Gimp.Layer.get_by_id(int(number)) if number else None
        if found in (None, self.layer):  # as when they are listed anew
            return
        self.layer = found
        self.draft.stop()
        self.caption.set_text("")
        self.view.become(None)
        self.view.begin(self._as_it_is())
        self._set()

    def _come_back(self, *_: Any) -> None:
        """The image may be another by now."""
        self.draft.forget()
        self._list_layers()
        if self.layer.is_valid():
            self.view.begin(self._as_it_is())
        self._changed()

    def _as_it_is(self) -> GdkPixbuf.Pixbuf:
        return self._thumbnail(self.layer)

    def _thumbnail(self, layer: Gimp.Layer) -> GdkPixbuf.Pixbuf:
        return layer.get_thumbnail(USUAL, USUAL, Gimp.PixbufTransparency.SMALL_CHECKS)

    def _set(self, *_: Any) -> None:
        self.cost.again()
        self._changed()

    def _changed(self, *_: Any) -> None:
        self.foot.allow(self._has_style())
        if self.waiting:
            GLib.source_remove(self.waiting)
        self.waiting = GLib.timeout_add(WAIT, self._settled)

    def _has_style(self) -> bool:
        return bool(self.config.get_property("style") or self.config.get_property("style-layer"))

    def _settled(self) -> bool:
        self.waiting = 0
        if self.foot.state == AT_WORK:
            return bool(GLib.SOURCE_REMOVE)
        try:
            layers.check(self.image, self.layer)
            self._tell(self.notice, layers.notices(self.image, self.layer, self.tries.top))
            self.asked = self.worker.estimate(self.layer, self.config)
        except layers.RefusedError as error:
            self.cost.refuse(str(error))
            for label in (self.wrong, self.said):  # which it is the reason of
                self._tell(label, "")
            self.foot.allow(False)
            self.draft.stop()
        else:
            self._preview()
        return bool(GLib.SOURCE_REMOVE)

    def _preview(self) -> None:
        """A draft of what is set now, if one is wanted and can be had."""
        if not self.follow.get_active():
            self.draft.stop()
            if self.caption.get_text() != PAINTED:
                self.view.become(None)
                self.caption.set_text("")
            self._say("")
        elif self.worker.knobs is not None and not self.worker.broken:
            try:
                if side := self.draft.ask(self.image, self.layer):
                    self.caption.set_markup(widgets.small(_("Rough draft at {size} pixels").format(size=side)))
            except layers.RefusedError as error:
                self.draft.stop()
                self._say(str(error))

    def _say(self, text: str) -> None:
        """Tell of the draft, but not what is told of its cost anyway."""
        self._tell(self.said, "" if text == self.cost.label.get_text() else text)

    def _tell(self, where: Gtk.Label, text: str) -> None:
        where.set_text(text)
        where.set_visible(bool(text))

    def _fit(self, *_: Any) -> None:
        """Make the window as high as what is in it, where the screen has room."""
        GLib.idle_add(self._resize, self.dialog.get_size()[0])

    def _resize(self, width: int) -> bool:
        if window := self.dialog.get_window():
            room = window.get_display().get_monitor_at_window(window).get_workarea().height - FRAME
            self.dialog.resize(width, min(room, self.dialog.get_preferred_height_for_width(width)[1]))
        return bool(GLib.SOURCE_REMOVE)

    def _pressed(self, _dialog: Gtk.Dialog, event: Gdk.EventKey) -> bool:
        if event.keyval == Gdk.KEY_Escape and self.foot.state == AT_WORK:
            self.worker.cancel()
            return True
        return event.keyval == Gdk.KEY_F1 and self._show_manual()

    def _show_manual(self, *__: Any) -> bool:
        try:
            Gtk.show_uri_on_window(self.dialog, MANUAL.as_uri(), Gdk.CURRENT_TIME)
        except GLib.Error:
            self._tell(self.notice, _("Nothing here shows web pages. The manual page is {file}.").format(file=MANUAL))
        return True

    # While it paints, and then

    def _calm(self) -> None:
        """Ask the worker for nothing more that was not asked for."""
        if self.waiting:
            GLib.source_remove(self.waiting)
        self.waiting = 0
        self.draft.stop()

    def _paint(self) -> None:
        self._calm()
        for label in (self.notice, self.said, self.wrong):
            self._tell(label, "")
        self.cost.begin()
        self.cost.label.hide()
        self.caption.set_text("")
        self._lock(True)
        self.foot.show(AT_WORK)
        wrong = ""
        try:
            self.cost.end(self.tries.paint(self.worker, self.config, self.layer, self._progress))
        except painting.CancelledError:
            pass
        except (layers.RefusedError, painting.FailedError) as error:
            if not self.image.is_valid():
                raise
            wrong = str(error)
        self._ready(wrong)

    def _lock(self, locked: bool) -> None:
        for widget in (self.scrolled, self.follow):
            widget.set_sensitive(not locked)

    def _ready(self, said: str = "") -> None:
        """What there is now is in the painter's hands: the new layer, if there is one, and the settings."""
        new = self.tries.new
        self._lock(False)
        self.foot.show(DONE if new else IDLE)
        self.dialog.set_title(TITLE)
        self.cost.label.show()
        self._tell(self.wrong, said)
        if new and new.is_valid():
            self.view.become(self._thumbnail(new))
            self.caption.set_markup(widgets.small(PAINTED))
            self.draft.skip(self.image, self.layer)
        elif self.caption.get_text() != PAINTED:
            self.view.become(None)
        self._come_back()

    def _discard(self) -> None:
        there = self.tries.discard()
        self.cost.again()
        self.draft.stop()
        self.caption.set_text("")
        self._ready("" if there else _("The new layer is not there any more."))

    def _progress(self, event: client.Message) -> None:
        if event.type == "preview":
            self.view.become(widgets.pixbuf(event.picture()))
        elif event.type == "progress":
            self.foot.tell(event["fraction"], self.worker.left(event))
            self.dialog.set_title(f"{100 * event['fraction']:.0f} % - {TITLE}")  # seen where windows are listed

    def _response(self, _dialog: Gtk.Dialog, response: int) -> None:
        self.answer = response
        if self.foot.state != AT_WORK:
            return
        if response == FINISH:
            self.dialog.set_response_sensitive(FINISH, False)
            self.foot.bar.set_text(_("Stopping..."))
            self.worker.finish()
        else:
            self.closing = response != STOP
            self.worker.cancel()
