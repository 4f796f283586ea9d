"""What the plug-in's windows show, told to tests: its Python imports this at its start, from PYTHONPATH.

Asked by the file /scratch/look, it writes into /scratch/seen, as JSON: kind of widget, property, text.
"""

import json
import sys
import threading
import time
from pathlib import Path

LOOK, SEEN = Path("/scratch/look"), Path("/scratch/seen")
PROPERTIES = ("label", "text", "title", "tooltip-text", "placeholder-text")
GTK, GLIB = "gi.repository.Gtk", "gi.repository.GLib"


def texts(widget):
    """All that a widget may show, be it in sight or not, and what it tells those who do not see."""
    gtk = sys.modules[GTK]
    plain = {"label": widget.get_text()} if isinstance(widget, gtk.Label) else {}  # without markup
    for name in PROPERTIES:
        if widget.find_property(name):
            yield name, plain.get(name) or widget.get_property(name)
    number = isinstance(widget, gtk.SpinButton) and widget.get_allocated_width() > 1  # what is folded away has 1
    if number and widget.get_layout().get_pixel_size()[0] > widget.get_text_area().width:
        yield "cut off", widget.get_text()
    for row in (isinstance(widget, gtk.ComboBox) and widget.get_model()) or ():
        yield from (("entry", value) for value in row if isinstance(value, str))
    if isinstance(widget, gtk.FileChooserButton):
        yield from (("filter", each.get_name()) for each in widget.list_filters())
    told = widget.get_accessible()
    yield from (("accessible name", told.get_name()), ("accessible description", told.get_description()))


def walk(widget):
    gtk, children = sys.modules[GTK], []
    yield widget
    if isinstance(widget, gtk.Container) and not isinstance(widget, gtk.FileChooserButton):  # in that all is Gtk's
        widget.forall(children.append)
    for child in children:
        yield from walk(child)


def look():
    windows = [window for window in sys.modules[GTK].Window.list_toplevels() if window.get_visible()]
    found = [(type(each).__name__, *pair) for window in windows for each in walk(window) for pair in texts(each)]
    new = SEEN.with_suffix(".new")
    new.write_text(json.dumps([each for each in found if each[2]]))
    new.replace(SEEN)
    return False


def watch():
    while True:
        time.sleep(0.1)
        if GTK in sys.modules and LOOK.exists():
            LOOK.unlink()
            sys.modules[GLIB].idle_add(look)


if any(word.endswith("/impasto/impasto.py") for word in sys.orig_argv):
    threading.Thread(target=watch, daemon=True).start()
