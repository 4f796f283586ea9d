"""The window: settings, what they will cost, and then the picture as it grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import client
from gi.repository import Gdk, Gimp, GimpUi, GLib, Gtk, Pango

import layers
import painting
import widgets
from setup import SetUp
from styles import StyleChooser

TITLE = "Neural Style"
KEEP = 1001
"""Response of "Stop and keep"."""
SIDE = 360
"""Longest side of the preview, in pixels."""
MANUAL = Path(__file__).resolve().with_name("manual.html")
WAIT = 300
"""Milliseconds after the last change before the cost is asked for."""


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
        self.cost, self.notice = widgets.label("Starting..."), widgets.label()
        self.help = Gtk.Button.new_with_mnemonic("_Help")
        self.picture = Gtk.Image()
        self.bar = Gtk.ProgressBar(show_text=True)
        self.style = StyleChooser(config, worker)
        self.origin = Gtk.ComboBoxText()
        self.knobs: list[dict[str, Any]] = []
        self.waiting = 0
        self._fill()
        self.dialog.connect("key-press-event", self._pressed)
        self.dialog.connect("focus-in-event", self._changed)  # the image may be another by now
        worker.hear = self._news
        config.connect("notify", self._changed)

    def _fill(self) -> None:
        self.dialog.set_ok_label("_Paint")
        self.dialog.get_widget_for_response(Gtk.ResponseType.HELP).destroy()  # it leads into GIMP's own manual
        self.help.connect("clicked", self._show_manual)
        self.dialog.get_action_area().pack_start(self.help, False, False, 0)
        self.dialog.get_action_area().set_child_secondary(self.help, True)
        self.area = self.dialog.get_content_area()
        for each in layers.walk(self.image.get_layers()):
            self.origin.append(str(each.get_id()), each.get_name())
        self.origin.get_cells()[0].set_property("ellipsize", Pango.EllipsizeMode.MIDDLE)
        self.origin.set_active_id(str(self.layer.get_id()))
        self.origin.set_tooltip_text("The layer that is painted. Results are not: trying again begins with it anew")
        self.origin.connect("changed", self._pick)
        widgets.row(self.style.box, 0, "Paint fro_m", self.origin)
        self.area.pack_start(self.style.box, False, False, 0)
        self.dialog.get_widget("strength", GimpUi.ScaleEntry)
        self.dialog.get_widget("stroke-size", GimpUi.ScaleEntry)
        self.dialog.fill_box("folded", ["size", "network", "seed", "knobs"])
        self.dialog.get_label("more", "Advanced", False, False)
        self.dialog.fill_expander("advanced", "more", False, "folded").set_expanded(False)
        self.dialog.fill(["strength", "stroke-size", "colour", "quality", "advanced"])
        self.area.pack_start(self.notice, False, False, 0)
        self.area.pack_start(self.cost, False, False, 6)
        self.area.show_all()
        self._notice("")
        widgets.calm(self.area)
        self._changed()

    def run(self) -> Gimp.Layer:
        """Ask, then paint with the picture growing in the window."""
        if not self.dialog.run():
            raise painting.CancelledError
        self.dialog.disconnect_by_func(self._changed)
        if self.waiting:
            GLib.source_remove(self.waiting)
        self._paint_view()
        self.dialog.connect("response", self._response)
        return painting.paint(self.worker, self.config, self.image, self.layer, self.active, self._progress)

    # While settings are made

    def _news(self, event: client.Message) -> None:
        self.style.hear(event)
        kind = event.type
        if kind == "description":
            self.knobs = event["knobs"]
            self._changed()
        elif kind == "estimate":
            self.cost.set_text(painting.cost(event))
        elif kind == "failed":
            self.cost.set_text(painting.sentence(event))

    def _pick(self, *_: Any) -> None:
        self.layer = Gimp.Layer.get_by_id(int(self.origin.get_active_id()))
        self._changed()

    def _changed(self, *_: Any) -> None:
        chosen = self.config.get_property("style") or self.config.get_property("style-layer")
        self.dialog.set_response_sensitive(Gtk.ResponseType.OK, bool(chosen))
        if self.waiting:
            GLib.source_remove(self.waiting)
        self.waiting = GLib.timeout_add(WAIT, self._estimate)

    def _estimate(self) -> bool:
        self.waiting = 0
        try:
            layers.check(self.image, self.layer)
            self._notice(layers.notices(self.image, self.layer, self.active))
            self.worker.estimate(self.layer, self.config)
        except layers.RefusedError as error:
            self.cost.set_text(str(error))
            self.dialog.set_response_sensitive(Gtk.ResponseType.OK, False)
        return bool(GLib.SOURCE_REMOVE)

    def _notice(self, text: str) -> None:
        self.notice.set_text(text)
        self.notice.set_visible(bool(text))

    def _pressed(self, _dialog: Gtk.Dialog, event: Gdk.EventKey) -> bool:
        return event.keyval == Gdk.KEY_F1 and self._show_manual()

    def _show_manual(self, *_: Any) -> bool:
        try:
            Gtk.show_uri_on_window(self.dialog, MANUAL.as_uri(), Gdk.CURRENT_TIME)
        except GLib.Error:
            self._notice(f"Nothing here shows web pages. The manual page is {MANUAL}.")
        return True

    # While it paints

    def _paint_view(self) -> None:
        buttons = self.dialog.get_action_area()
        for child in self.area.get_children():
            if child is not buttons and not buttons.is_ancestor(child):
                child.hide()
        self.help.hide()
        for response in (Gtk.ResponseType.OK, 1):  # 1 is GIMP's own "Reset"
            if button := self.dialog.get_widget_for_response(response):
                button.hide()
        self.keep = self.dialog.add_button("Stop and _keep", KEEP)
        self.keep.set_sensitive(False)
        self.view = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=8)
        self.picture.set_from_pixbuf(self.layer.get_thumbnail(SIDE, SIDE, Gimp.PixbufTransparency.SMALL_CHECKS))
        self.bar.set_text("Starting...")
        self.view.pack_start(self.picture, True, True, 0)
        self.view.pack_start(self.bar, False, False, 0)
        self.area.pack_start(self.view, True, True, 0)
        self.view.show_all()
        self.dialog.resize(1, 1)

    def _progress(self, event: client.Message) -> None:
        if event.type == "preview":
            self.picture.set_from_pixbuf(widgets.fitted(widgets.pixbuf(event.picture()), SIDE, SIDE))
        elif event.type == "progress":
            self.keep.set_sensitive(True)
            self.bar.set_fraction(event["fraction"])
            self.bar.set_text(painting.left(event))
            self.dialog.set_title(f"{100 * event['fraction']:.0f} % - {TITLE}")  # seen where windows are listed

    def _response(self, _dialog: Gtk.Dialog, response: int) -> None:
        if response == KEEP:
            self.keep.set_sensitive(False)
            self.bar.set_text("Stopping...")
            self.worker.finish()
        else:
            self.worker.cancel()
