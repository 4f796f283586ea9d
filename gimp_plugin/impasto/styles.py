"""Choosing a style: one of impasto's own in a gallery, a picture file, or a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
import client
from gi.repository import GdkPixbuf, Gimp, GimpUi, GLib, GObject, Gtk, Pango

import painting
import widgets

OWN, FILE, LAYER = "impasto's own", "A picture file", "A layer"
USUAL = "oil"
"""Of impasto's own, that which is chosen where nothing was."""
SIDE, IN_LINE = 64, 4
"""Pixels of a thumbnail's longest side in the gallery, and how many stand side by side."""


class StyleChooser:
    """Where the style comes from, kept in the config. Hears the worker, who knows impasto's own styles."""

    def __init__(self, config: Gimp.ProcedureConfig, worker: painting.Painter) -> None:
        self.config, self.worker, self.busy = config, worker, False
        self.kind = Gtk.ComboBoxText()
        self.gallery = Gallery(self._chosen)
        self.file = Gtk.FileChooserButton(title="Choose a style picture", action=Gtk.FileChooserAction.OPEN)
        self.layers = GimpUi.LayerComboBox.new(None)
        self.thumbnail = Gtk.Image()
        self.asked: dict[str, str] = {}
        """Which style's thumbnail each request to the worker is about."""
        self.box = self._build()
        self._show()
        self.kind.connect("changed", self._chosen)
        self.file.connect("file-set", self._chosen)
        GObject.Object.connect(self.layers, "changed", self._chosen)  # its own connect() is another one
        config.connect("notify::style", self._reset)
        config.connect("notify::style-layer", self._reset)

    def _build(self) -> Gtk.Grid:
        grid = Gtk.Grid(column_spacing=6, row_spacing=6)
        for kind in (OWN, FILE, LAYER):
            self.kind.append(kind, kind)
        self.kind.set_hexpand(True)
        widgets.row(grid, 1, "St_yle from", self.kind, 1)
        pictures = Gtk.FileFilter()
        pictures.set_name("Pictures")
        pictures.add_mime_type("image/*")
        self.file.add_filter(pictures)
        for widget in (self.file, self.layers):
            widget.set_hexpand(True)
            grid.attach(widget, 2, 1, 1, 1)
        for widget in (self.gallery, self.thumbnail):
            grid.attach(widget, 0, 2, 3, 1)
        grid.show_all()
        for widget in (self.file, self.layers, self.gallery, self.thumbnail):
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
        own = not style or painting.is_name(style)
        if not self.kind.set_active_id(LAYER if layer else OWN if own else FILE):
            self.kind.set_active_id(FILE)  # this worker has no styles
        if layer:
            self.layers.set_active(layer.get_id())
        elif own:
            self.gallery.choose(style)
        elif Path(painting.path(style)).is_file():
            self.file.set_filename(painting.path(style))
        self.busy = False
        self._reveal()

    def _reveal(self) -> None:
        kind = self.kind.get_active_id()
        for name, widget in ((OWN, self.gallery), (FILE, self.file), (LAYER, self.layers)):
            widget.set_visible(name == kind)
        self.thumbnail.set_visible(kind != OWN)
        self.thumbnail.set_from_pixbuf(self._thumbnail())

    def _thumbnail(self) -> GdkPixbuf.Pixbuf | None:
        layer, style = self.config.get_property("style-layer"), self.config.get_property("style")
        if layer:
            return layer.get_thumbnail(160, 120, Gimp.PixbufTransparency.SMALL_CHECKS)
        try:
            return GdkPixbuf.Pixbuf.new_from_file_at_scale(painting.path(style), 160, 120, True) if style else None
        except GLib.Error:
            return None  # GIMP reads more kinds of files than this does

    def _chosen(self, *_: object) -> None:
        if self.busy:
            return
        kind, style, layer = self.kind.get_active_id(), "", None
        if kind == LAYER:
            _, number = self.layers.get_active()
            layer = Gimp.Layer.get_by_id(number) if number > 0 else None
        elif kind == OWN:
            style = self.gallery.chosen() or self.gallery.usual()
        else:
            style = self.file.get_filename() or ""
        self.busy = True
        self.config.set_property("style-layer", layer)
        self.config.set_property("style", style)
        if kind == OWN:
            self.gallery.choose(style)
        self.busy = False
        self._reveal()

    def _reset(self, *_: object) -> None:
        """The config was set from elsewhere: by the buttons for saved settings and defaults."""
        if not self.busy:
            self._show()


class Gallery(Gtk.FlowBox):
    """impasto's own styles, each with a picture and its name; `picked` is called when another one is chosen."""

    def __init__(self, picked: Callable[..., None]) -> None:
        lines = {"min_children_per_line": IN_LINE, "max_children_per_line": IN_LINE}
        super().__init__(selection_mode=Gtk.SelectionMode.BROWSE, homogeneous=True, **lines)
        self.names: list[str] = []
        self.pictures: dict[str, Gtk.Image] = {}
        self.connect("selected-children-changed", picked)

    def offer(self, styles: list[dict[str, str]]) -> None:
        """Show these, as the worker describes them."""
        self.names = [style["name"] for style in styles]
        for style in styles:
            box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            picture = self.pictures[style["name"]] = Gtk.Image()
            picture.set_size_request(SIDE, SIDE)  # so that nothing moves when it comes
            text = widgets.small(style["name"])
            name = Gtk.Label(label=text, use_markup=True, ellipsize=Pango.EllipsizeMode.END, width_chars=9)
            box.add(picture)
            box.add(name)
            box.set_tooltip_text(f"{style['name']}: {style['summary']}")
            box.show_all()
            self.insert(box, -1)
        for child in self.get_children():
            child.show()

    def picture(self, name: str, thumbnail: GdkPixbuf.Pixbuf) -> None:
        """What a style looks like."""
        self.pictures[name].set_from_pixbuf(widgets.fitted(thumbnail, SIDE, SIDE))

    def usual(self) -> str:
        """The style to begin with; nothing where there are none."""
        return USUAL if USUAL in self.names else next(iter(self.names), "")

    def choose(self, name: str) -> None:
        """Mark it."""
        if name in self.names:
            self.select_child(self.get_child_at_index(self.names.index(name)))

    def chosen(self) -> str:
        """Its name, or nothing."""
        found = self.get_selected_children()
        return self.names[found[0].get_index()] if found else ""
