"""The window: settings, what they will cost, and then the picture as it grows."""

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
from setup import SetUp
from styles import StyleChooser
from view import USUAL, View

TITLE = "Neural Style"
KEEP = 1001
"""Response of "Stop and keep"."""
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
) -> Gimp.Layer:
    """Let the painter set things, paint `layer` or another one, and return the new layer.

    Raises what `painting.paint` raises.
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
    """A ProcedureDialog that stays open while the worker paints `layer`; `active` is the one that is selected."""

    def __init__(
        self,
        procedure: Gimp.Procedure,
        config: Gimp.ProcedureConfig,
        image: Gimp.Image,
        layer: Gimp.Layer,
        active: Gimp.Layer,
        worker: painting.Painter,
    ) -> None:
        self.config, self.image, self.layer, self.active, self.worker = config, image, layer, active, worker
        self.dialog = GimpUi.ProcedureDialog.new(procedure, config, TITLE)
        self.area = self.dialog.get_content_area()
        self.notice, self.said, self.cost = widgets.label(), widgets.label(), widgets.label("Starting...")
        self.help = Gtk.Button.new_with_mnemonic("_Help")
        self.view, self.caption = View(), Gtk.Label(xalign=1)
        self.follow = Gtk.CheckButton.new_with_mnemonic("Pre_view")
        self.bar = Gtk.ProgressBar(show_text=True, no_show_all=True)
        self.style = StyleChooser(config, worker)
        self.origin = Gtk.ComboBoxText()
        self.draft = Draft(worker, config, self.view.become, self._say)
        self.waiting, self.asked = 0, ""
        self._fill()
        self.dialog.connect("key-press-event", self._pressed)
        self.dialog.connect("focus-in-event", self._come_back)
        worker.hear = self._news
        config.connect("notify", self._changed)

    def _fill(self) -> None:
        """Beside one another the picture and the settings, which scroll; below them what is always in sight."""
        self._buttons()
        body = Gtk.Box(spacing=12)
        body.pack_start(self._pictured(), True, True, 0)
        body.pack_start(self._settings(), False, True, 0)
        self.area.pack_start(body, True, True, 0)
        for line in (self.notice, self.said, self.cost, self.bar):
            self.area.pack_start(line, False, False, 0)
        self.area.show_all()
        self._tell(self.notice, "")
        self._say("")
        widgets.calm(self.area)
        self._changed()

    def _buttons(self) -> None:
        self.dialog.set_ok_label("_Paint")
        self.dialog.get_widget_for_response(Gtk.ResponseType.HELP).destroy()  # it leads into GIMP's own manual
        self.help.connect("clicked", self._show_manual)
        self.dialog.get_action_area().pack_start(self.help, False, False, 0)
        self.dialog.get_action_area().set_child_secondary(self.help, True)

    def _pictured(self) -> Gtk.Box:
        """The picture, and below it whether it is a draft."""
        both = GObject.BindingFlags.BIDIRECTIONAL | GObject.BindingFlags.SYNC_CREATE
        self.config.bind_property("preview", self.follow, "active", both)
        self.follow.set_tooltip_text(self.config.find_property("preview").blurb)
        self.below, self.column = Gtk.Box(spacing=6), Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.below.pack_start(self.follow, False, False, 0)
        self.below.pack_end(self.caption, False, False, 0)
        self.column.pack_start(self.view, False, True, 0)
        self.column.pack_start(self.below, False, False, 0)
        self.view.begin(self._as_it_is())
        return self.column

    def _settings(self) -> Gtk.ScrolledWindow:
        """All that is set; GIMP's own buttons for saved settings among it, for they take room."""
        self._list_layers()
        saved = [each for each in self.area.get_children() if not self.help.is_ancestor(each)]
        for name in ("strength", "stroke-size"):
            self.dialog.get_widget(name, GimpUi.ScaleEntry).set_digits(0)
        self.dialog.fill_box("folded", ["size", "network", "seed", "knobs"])
        self.dialog.get_label("more", "Advanced", False, False)
        more = self.dialog.fill_expander("advanced", "more", False, "folded")
        more.set_expanded(False)
        knobs = self.dialog.fill_box("settings", ["strength", "stroke-size", "colour", "quality", "advanced"])
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, margin_end=6)
        for widget in (self.style.box, knobs):
            column.pack_start(widget, False, False, 0)
        for widget in saved:
            self.area.remove(widget)
            column.pack_start(widget, False, False, 0)
        self.scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, min_content_height=SCROLLED)
        self.scrolled.set_propagate_natural_height(True)
        self.scrolled.set_hexpand(False)  # room goes to the picture
        self.scrolled.add(column)
        more.connect("notify::expanded", self._fit)
        self.style.gallery.connect("notify::visible", self._fit)
        return self.scrolled

    def _list_layers(self) -> None:
        for each in layers.walk(self.image.get_layers()):
            self.origin.append(str(each.get_id()), each.get_name())
        cell = self.origin.get_cells()[0]  # as wide whatever the layers' names are
        for name, value in (("ellipsize", Pango.EllipsizeMode.MIDDLE), ("width-chars", 24), ("max-width-chars", 24)):
            cell.set_property(name, value)
        self.origin.set_active_id(str(self.layer.get_id()))
        self.origin.set_tooltip_text("The layer that is painted. Results are not: trying again begins with it anew")
        self.origin.connect("changed", self._pick)
        widgets.row(self.style.box, 0, "Paint fro_m", self.origin)

    def run(self) -> Gimp.Layer:
        """Ask, then paint with the picture growing in the window."""
        if not self.dialog.run():
            raise painting.CancelledError
        self.dialog.disconnect_by_func(self._come_back)
        self.config.disconnect_by_func(self._changed)
        if self.waiting:
            GLib.source_remove(self.waiting)
        self.draft.stop()
        self._paint_view()
        self.dialog.connect("response", self._response)
        return painting.paint(self.worker, self.config, self.image, self.layer, self.active, self._progress)

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
            self.cost.set_text(painting.cost(event))
        elif event.type == "failed" and event.id in (self.asked, None):
            self.cost.set_text(painting.sentence(event))
            self._say(self.said.get_text())

    def _pick(self, *_: Any) -> None:
        self.layer = Gimp.Layer.get_by_id(int(self.origin.get_active_id()))
        self.draft.stop()
        self.view.become(None)
        self.view.begin(self._as_it_is())
        self._changed()

    def _come_back(self, *_: Any) -> None:
        """The image may be another by now."""
        self.draft.forget()
        if self.layer.is_valid():
            self.view.begin(self._as_it_is())
        self._changed()

    def _as_it_is(self) -> GdkPixbuf.Pixbuf:
        return self.layer.get_thumbnail(USUAL, USUAL, Gimp.PixbufTransparency.SMALL_CHECKS)

    def _changed(self, *_: Any) -> None:
        self.dialog.set_response_sensitive(Gtk.ResponseType.OK, self._has_style())
        if self.waiting:
            GLib.source_remove(self.waiting)
        self.waiting = GLib.timeout_add(WAIT, self._settled)

    def _has_style(self) -> bool:
        return bool(self.config.get_property("style") or self.config.get_property("style-layer"))

    def _settled(self) -> bool:
        self.waiting = 0
        try:
            layers.check(self.image, self.layer)
            self._tell(self.notice, layers.notices(self.image, self.layer, self.active))
            self.asked = self.worker.estimate(self.layer, self.config)
        except layers.RefusedError as error:
            self.cost.set_text(str(error))
            self.dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
            self.draft.stop()
        else:
            self._preview()
        return bool(GLib.SOURCE_REMOVE)

    def _preview(self) -> None:
        """A draft of what is set now, if one is wanted and can be had."""
        if not self.follow.get_active():
            self.draft.stop()
            self.view.become(None)
            self.caption.set_text("")
            self._say("")
        elif self.worker.knobs is not None and not self.worker.broken:
            try:
                side = self.draft.ask(self.image, self.layer)
                self.caption.set_markup(widgets.small(f"Rough draft at {side} pixels"))
            except layers.RefusedError as error:
                self.draft.stop()
                self._say(str(error))

    def _say(self, text: str) -> None:
        """Tell of the draft, but not what is told of its cost anyway."""
        self._tell(self.said, "" if text == self.cost.get_text() else text)

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
        return event.keyval == Gdk.KEY_F1 and self._show_manual()

    def _show_manual(self, *_: Any) -> bool:
        try:
            Gtk.show_uri_on_window(self.dialog, MANUAL.as_uri(), Gdk.CURRENT_TIME)
        except GLib.Error:
            self._tell(self.notice, f"Nothing here shows web pages. The manual page is {MANUAL}.")
        return True

    # While it paints

    def _paint_view(self) -> None:
        for widget in (self.scrolled, self.below, self.notice, self.said, self.cost, self.help):
            widget.hide()
        for response in (Gtk.ResponseType.OK, 1):  # 1 is GIMP's own "Reset"
            if button := self.dialog.get_widget_for_response(response):
                button.hide()
        self.dialog.get_widget_for_response(Gtk.ResponseType.CANCEL).set_label("_Stop")
        self.keep = self.dialog.add_button("Stop and _keep", KEEP)
        self.keep.set_sensitive(False)
        self.bar.set_text("Starting...")
        self.bar.show()
        self.column.set_child_packing(self.view, True, True, 0, Gtk.PackType.START)
        GLib.idle_add(self._resize, self.dialog.get_preferred_width()[1])

    def _progress(self, event: client.Message) -> None:
        if event.type == "preview":
            self.view.become(widgets.pixbuf(event.picture()))
        elif event.type == "progress":
            self.keep.set_sensitive(True)
            self.bar.set_fraction(event["fraction"])
            self.bar.set_text(self.worker.left(event))
            self.dialog.set_title(f"{100 * event['fraction']:.0f} % - {TITLE}")  # seen where windows are listed

    def _response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response == KEEP:
            self.keep.set_sensitive(False)
            self.bar.set_text("Stopping...")
            self.worker.finish()
        else:
            self.worker.cancel()
