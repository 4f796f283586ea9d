"""What benchmarks/gimp.py runs inside GIMP: the plug-in's own modules, with a worker that is ready.

Prints lines of "SAID NAME SECONDS". "draft" paints 512 pixels in two steps per size; "full" all of the layer with the
settings of the dialog, and is stopped and kept at the first preview.
"""

import sys
import time
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio, GLib

sys.path.insert(0, str(Path(Gimp.directory()) / "plug-ins" / "impasto"))
import layers
import painting

PROCEDURE = "plug-in-impasto"


def said(name, seconds):
    print(f"SAID {name} {seconds:.3f}", flush=True)


def picture(width, height, alpha):
    """An image of one layer, the harbour enlarged."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path("/checkout/examples/harbour.jpg"))
    image.scale(width, height)
    (layer,) = image.get_layers()
    if alpha:
        layer.add_alpha()
    return image, layer


def settings(**wanted):
    config = Gimp.get_pdb().lookup_procedure(PROCEDURE).create_config()
    for name, value in {"style": "/checkout/examples/summer.jpg", **wanted}.items():
        config.set_property(name, value)
    return config


def ready():
    """A worker that has loaded everything."""
    worker, loop = painting.Painter(), GLib.MainLoop()
    worker.hear = lambda event: loop.quit() if event.type == "ready" else None
    loop.run()
    return worker


def paint(worker, config, image, layer, name, first=False):
    """Paint, and say when what came; with `first` no further than the first preview."""
    began, seen, ended = time.perf_counter(), {}, {}

    def hear(event):
        seen.setdefault(event.type, time.perf_counter() - began)
        ended[event.type] = event
        if first and event.type == "preview":
            worker.finish()

    painting.paint(worker, config, image, layer, layer, hear)
    whole = time.perf_counter() - began
    said(f"{name}-preview", seen["preview"])
    said(f"{name}-whole", whole)
    said(f"{name}-worker", ended["done"]["seconds"])


def main():
    Gegl.init(None)
    for alpha in (False, True):
        image, layer = picture(4000, 3000, alpha)
        form = "rgba" if alpha else "rgb"
        began = time.perf_counter()
        source = layers.Source(image, layer)
        said(f"{form}-read", time.perf_counter() - began)
        began = time.perf_counter()
        source.above("same", source.pixels, "{}")
        said(f"{form}-write", time.perf_counter() - began)
        worker = ready()
        try:
            draft = settings(quality="draft", size=512, knobs="steps=2")
            for number in (1, 2):
                paint(worker, draft, image, layer, f"{form}-draft-{number}")
            paint(worker, settings(), image, layer, f"{form}-full", first=True)
        finally:
            worker.close()
        image.delete()


main()
