"""Choosing a style: one or several of impasto's own in a gallery, a picture file, or a layer."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import client
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk

import painting
import style_requests
import widgets
from gallery import SHARE, Gallery, Shares, title
from words import _

OWN, FILE, LAYER = _("Included"), _("A picture file"), _("A layer")
HINT = _("Hold Ctrl and click to mix several")


class StyleChooser:
    """Where the style comes from, kept in the config. Hears the worker, who knows impasto's own styles."""

    def __init__(self, config: Gimp.ProcedureConfig, worker: painting.Painter) -> None:
        self.config, self.worker, self.busy = config, worker, False
        self.kind = Gtk.ComboBoxText()
        self.gallery, self.shares = Gallery(self._chosen), Shares(self._weigh)
        self.hint = Gtk.Label(label=widgets.small(HINT), use_markup=True, xalign=0)
        self.share: dict[str, float] = {}
        """How much each style counts that was mixed so far."""
        self.file = Gtk.FileChooserButton(title=_("Choose a style picture"), action=Gtk.FileChooserAction.OPEN)
        self.layers = GimpUi.LayerComboBox.new(None)
        self.thumbnail = Gtk.Image()
        self.asked: dict[str, str] = {}
        """Which style's thumbnail each request to the worker is about."""
        self.box = self._build()
        self._show()
        self.kind.connect("changed", self._chosen)
        self.file.connect("file-set", self._chosen)
        GObject.Object.connect(self.layers, "changed", self._chosen)  # its own connect() is another one
        for name in ("style", "style-layer", "more-styles", "style-weights"):
            config.connect(f"notify::{name}", self._reset)

    def _build(self) -> Gtk.Grid:
        grid = Gtk.Grid(column_spacing=6, row_spacing=6)
        for kind in (OWN, FILE, LAYER):
            self.kind.append(kind, kind)
        self.kind.set_hexpand(True)
        widgets.row(grid, 1, _("St_yle from"), self.kind, 1)
        pictures = Gtk.FileFilter()
        pictures.set_name(_("Pictures"))
        pictures.add_mime_type("image/*")
        self.file.add_filter(pictures)
        for widget in (self.file, self.layers):
            widget.set_hexpand(True)
            grid.attach(widget, 2, 1, 1, 1)
        for number, widget in ((2, self.gallery), (2, self.thumbnail), (3, self.shares), (4, self.hint)):
            grid.attach(widget, 0, number, 3, 1)
        grid.show_all()
        for widget in (self.file, self.layers, self.gallery, self.thumbnail, self.hint):
            widget.set_no_show_all(True)
        return grid

    def hear(self, event: client.Message) -> None:
        """What the worker says of its styles."""
        if event.type == "hello" and not self.gallery.names:  # it is not that of another worker
            self.gallery.offer(event["styles"])
            self.asked = {self.worker.thumbnail(name): name for name in self.gallery.names}
            if not self.gallery.names:
                self.kind.remove(0)
            self._show()
        elif event.type == "thumbnail" and event.id in self.asked:
            self.gallery.picture(self.asked.pop(event.id), widgets.pixbuf(event.picture()))

    def _show(self) -> None:
        """Show what the config holds, and choose a style where there is none."""
        style, layer = self.config.get_property("style"), self.config.get_property("style-layer")
        self.busy = True
        if not (style or layer):
            style = self.gallery.usual()
            self.config.set_property("style", style)
            self.file.unselect_all()
        own = not style or style_requests.is_name(style)
        if not self.kind.set_active_id(LAYER if layer else OWN if own else FILE):
            self.kind.set_active_id(FILE)  # this worker has no styles
        if layer:
            self.layers.set_active(layer.get_id())
        elif own:
            self.gallery.choose(style_requests.texts(self.config))
        elif Path(style_requests.path(style)).is_file():
            self.file.set_filename(style_requests.path(style))
        self.busy = False
        self._reveal()

    def _reveal(self) -> None:
        kind = self.kind.get_active_id()
        for name, widget in ((OWN, self.gallery), (FILE, self.file), (LAYER, self.layers)):
            widget.set_visible(name == kind)
        self._show_shares()
        self.hint.set_visible(kind == OWN and len(self.shares.names) == 1)
        self.thumbnail.set_visible(kind != OWN)
        self.thumbnail.set_from_pixbuf(self._thumbnail())

    def _thumbnail(self) -> GdkPixbuf.Pixbuf | None:
        layer, style = self.config.get_property("style-layer"), self.config.get_property("style")
        if layer and layer.is_valid():
            return layer.get_thumbnail(160, 120, Gimp.PixbufTransparency.SMALL_CHECKS)
        file = style_requests.path(style or "")
        try:
            return GdkPixbuf.Pixbuf.new_from_file_at_scale(file, 160, 120, True) if style else None
        except GLib.Error:
            return None  # GIMP reads more kinds of files than this does

    def _chosen(self, *_: object) -> None:
        if self.busy:
            return
        kind, style, more, layer = self.kind.get_active_id(), "", [], None
        if kind == LAYER:
            number = self.layers.get_active()[1]
            layer = Gimp.Layer.get_by_id(number) if number > 0 else None
        elif kind == OWN:
            style, *more = self.gallery.chosen() or [self.config.get_property("style")]
            style = style if style in self.gallery.names else self.gallery.usual()
        else:
            style = self.file.get_filename() or ""
        self.busy = True
        self.config.set_property("style-layer", layer)
        self.config.set_property("style", style)
        self.config.set_property("more-styles", more)
        self._keep([self.share.get(name, SHARE) for name in (style, *more)] if more else [])
        if kind == OWN:
            self.gallery.choose([style, *more])
        self.busy = False
        self._reveal()

    def _show_shares(self) -> None:
        """A slider for each of several; GIMP keeps the settings of scripts too, which may mix anything."""
        layer, texts = self.config.get_property("style-layer"), style_requests.texts(self.config)
        names = [each if style_requests.is_name(each) else Path(style_requests.path(each)).stem for each in texts]
        names = [*([layer.get_name()] if layer and layer.is_valid() else []), *names]
        titles = [title(each) if each in texts and each in self.gallery.names else each for each in names]
        values = [SHARE] * len(names)
        with suppress(ValueError):  # the worker says what is wrong with them
            values = [float(each) for each in (self.config.get_property("style-weights") or "").split(",")]
        self.shares.offer(names, titles, values)

    def _weigh(self, values: list[float]) -> None:
        self.share.update(zip(self.shares.names, values, strict=True))
        self.busy = True
        self._keep(values)
        self.busy = False

    def _keep(self, values: list[float]) -> None:
        self.config.set_property("style-weights", ",".join(f"{value:g}" for value in values))

    def _reset(self, *_: object) -> None:
        """The config was set from elsewhere: by the buttons for saved settings and defaults."""
        if not self.busy:
            self._show()
