"""impasto's own styles to choose one from, or several, and how much each of several counts."""

from __future__ import annotations

from collections.abc import Callable

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GdkPixbuf, Gtk, Pango

import widgets
from words import _, said

USUAL = "oil"
"""The one that is chosen where nothing was."""
SIDE, IN_LINE = 64, 4
"""Pixels of a thumbnail's longest side, and how many stand side by side."""
SHARE = 50
"""Of a style that is added to others; the most is 100."""


def title(name: str) -> str:
    """A style's name as a painter would write it: "Ink wash" for ink-wash."""
    return said(name.replace("-", " ").capitalize())


class Gallery(Gtk.FlowBox):
    """A picture and a name for each; `picked` is called when others are chosen. A click with Ctrl adds one."""

    def __init__(self, picked: Callable[..., None]) -> None:
        lines = {"min_children_per_line": IN_LINE, "max_children_per_line": IN_LINE}
        several = {"selection_mode": Gtk.SelectionMode.MULTIPLE, "activate_on_single_click": False}
        super().__init__(homogeneous=True, **several, **lines)
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
            text = widgets.small(title(style["name"]))
            name = Gtk.Label(label=text, use_markup=True, ellipsize=Pango.EllipsizeMode.END, width_chars=9)
            box.add(picture)
            box.add(name)
            mix = _("Hold Ctrl to mix it with others")
            box.set_tooltip_text(f"{title(style['name'])}: {said(style['summary'])}\n{mix}")
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

    def choose(self, names: list[str]) -> None:
        """Mark these."""
        for number, name in enumerate(self.names):
            child = self.get_child_at_index(number)
            if (name in names) != child.is_selected():
                (self.select_child if name in names else self.unselect_child)(child)

    def chosen(self) -> list[str]:
        """The names of those that are marked, in their order."""
        return [self.names[number] for number in sorted(child.get_index() for child in self.get_selected_children())]


class Shares(Gtk.Grid):
    """A slider for each of several styles; `moved` gets all values."""

    def __init__(self, moved: Callable[[list[float]], None]) -> None:
        super().__init__(column_spacing=6, no_show_all=True)
        self.moved, self.sliders, self.busy = moved, [], False
        self.names: list[str] = []

    def offer(self, names: list[str], titles: list[str], values: list[float]) -> None:
        """Those of these styles, with their titles; none for one alone."""
        if names != self.names:
            self.names = names
            self.hide()  # whoever waits for it to be shown makes room then
            for child in self.get_children():
                child.destroy()
            self.sliders = [self._slider(*pair) for pair in enumerate(titles)] if len(names) > 1 else []
        self.busy = True
        for slider, value in zip(self.sliders, values, strict=False):
            slider.set_value(value)
        self.busy = False
        self.set_visible(len(names) > 1)

    def _slider(self, number: int, style: str) -> Gtk.Scale:
        text = _("Share of {style}").format(style=style)
        name = Gtk.Label(label=text, xalign=0, ellipsize=Pango.EllipsizeMode.MIDDLE, max_width_chars=24)
        slider = Gtk.Scale.new_with_range(Gtk.Orientation.HORIZONTAL, 1, 100, 1)
        slider.set_value_pos(Gtk.PositionType.RIGHT)
        slider.set_hexpand(True)
        slider.set_tooltip_text(_("How much this style counts beside the others"))
        slider.get_accessible().set_name(text)
        slider.connect("value-changed", self._moved)
        for column, widget in enumerate((name, slider)):
            widget.show()
            self.attach(widget, column, number, 1, 1)
        widgets.calm(slider)
        return slider

    def _moved(self, *_: object) -> None:
        if not self.busy:
            self.moved([slider.get_value() for slider in self.sliders])
