"""Scenarios for the plug-in in a real GIMP without a window; gimp-console's Python runs this file.

Each function called `scenario_...` prints one line, "PASS name" or "FAIL name why", for tests/test_gimp.py.
"""

import functools
import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import traceback
from array import array
from contextlib import closing, contextmanager
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Babl, Gegl, Gimp, Gio, GLib

sys.path.insert(0, "/checkout/tests/editors")
import leftovers

Gegl.init(None)
PLUGIN = Path(Gimp.directory()) / "plug-ins" / "impasto"
SETTINGS, COMMAND = PLUGIN / "impasto.json", Path("/scratch/venv/bin/impasto")
STYLE = "/checkout/examples/summer.jpg"
QUICK = "steps=1 scales=1 size=64"
ENDLESS = "steps=100000 scales=1 size=64"
RGB, GRAY = Gimp.ImageBaseType.RGB, Gimp.ImageBaseType.GRAY
Precision, Success = Gimp.Precision, Gimp.PDBStatusType.SUCCESS
TYPES = {
    (RGB, False): Gimp.ImageType.RGB_IMAGE,
    (RGB, True): Gimp.ImageType.RGBA_IMAGE,
    (GRAY, False): Gimp.ImageType.GRAY_IMAGE,
    (GRAY, True): Gimp.ImageType.GRAYA_IMAGE,
}


class Scene:
    """An image of 96x80 with one layer of waves; the layer may differ in size and place, and lie in a group."""

    def __init__(
        self, precision=Precision.U8_NON_LINEAR, base=RGB, alpha=True, box=(0, 0, 96, 80), group=False, profile=""
    ):
        self.image = Gimp.Image.new_with_precision(96, 80, base, precision)
        if profile:
            file = Gio.File.new_for_path(f"/usr/share/color/icc/krita/{profile}.icc")
            self.image.set_color_profile(Gimp.ColorProfile.new_from_file(file))
        x, y, width, height = box
        kind, mode = TYPES[base, alpha], Gimp.LayerMode.NORMAL
        self.layer = Gimp.Layer.new(self.image, "waves", width, height, kind, 100, mode)
        parent = Gimp.GroupLayer.new(self.image, "group") if group else None
        if parent:
            self.image.insert_layer(parent, None, 0)
        bottom = Gimp.Layer.new(self.image, "bottom", 96, 80, kind, 100, mode)
        self.image.insert_layer(bottom, None, 1)
        self.image.insert_layer(self.layer, parent, 0)
        self.layer.set_offsets(x, y)
        rows = (
            bytes((x * 5 % 256, y * 3 % 256, (x + y) * 2 % 256, 255 if x > 4 else 128))
            for y in range(height)
            for x in range(width)
        )
        buffer = self.layer.get_buffer()
        own = Babl.format_with_space("R'G'B'A u8", Babl.format_get_space(self.layer.get_format()))
        buffer.set(Gegl.Rectangle.new(0, 0, width, height), Babl.get_name(own), b"".join(rows))
        buffer.flush()
        self.image.set_selected_layers([self.layer])
        self.before = native(self.layer)
        self.count = len(all_layers(self.image.get_layers()))
        self.image.clean_all()

    def paint(self, drawable=None, mode=Gimp.RunMode.NONINTERACTIVE, **settings):
        """Call the procedure: (status, message, layer)."""
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-impasto")
        config = procedure.create_config()
        config.set_property("run-mode", mode)
        config.set_property("image", self.image)
        config.set_core_object_array("drawables", [drawable or self.layer])
        given = {"style": STYLE, **({} if "quality" in settings else {"knobs": QUICK}), **settings}
        for name, value in given.items():
            config.set_property(name.replace("_", "-"), value)
        values = procedure.run(config)
        status = values.index(0)
        return (status, "", values.index(1)) if status == Success else (status, values.index(1), None)

    def painted(self, **settings):
        """Paint, and hold the new layer to what is true of all of them."""
        status, message, new = self.paint(**settings)
        assert status == Success, message
        layer = self.layer
        assert len(all_layers(self.image.get_layers())) == self.count + 1
        assert new.get_parent() == layer.get_parent()
        assert self.image.get_item_position(new) == self.image.get_item_position(layer) - 1
        assert new.get_offsets()[1:] == layer.get_offsets()[1:]
        assert (new.get_width(), new.get_height()) == (layer.get_width(), layer.get_height())
        assert new.get_format() == layer.get_format(), (
            Babl.get_name(new.get_format()),
            Babl.get_name(layer.get_format()),
        )
        assert native(layer) == self.before
        assert new.get_mask() is None
        assert new.get_parasite("impasto-recipe") is not None
        assert self.image.is_dirty()
        return new

    def refused(self, *words, drawable=None, **settings):
        """Paint in vain: a message with these words, an image that is as it was, no process and no file left."""
        files = leftovers.files()
        status, message, _ = self.paint(drawable, **settings)
        assert status in (Gimp.PDBStatusType.EXECUTION_ERROR, Gimp.PDBStatusType.CALLING_ERROR), status
        assert message and "Traceback" not in message, message
        missing = [word for word in words if word not in message]
        assert not missing, f"{missing} are not in {message!r}"
        leftovers.none(files)
        self.untouched()
        print("SAYS", message, flush=True)

    def untouched(self):
        assert not self.image.is_dirty()
        assert len(all_layers(self.image.get_layers())) == self.count
        assert native(self.layer) == self.before

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.image.delete()


def native(layer, name=None):
    whole = Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height())
    return layer.get_buffer().get(whole, 1.0, name or Babl.get_name(layer.get_format()), Gegl.AbyssPolicy.NONE)


def all_layers(layers):
    return [
        each for layer in layers for each in [layer, *(all_layers(layer.get_children()) if layer.is_group() else [])]
    ]


def differing(one, other, size):
    return [
        number for number in range(0, len(one), size) if one[number : number + size] != other[number : number + size]
    ]


def ellipse(image, x, y, width, height):
    """A soft selection: a byte per pixel of the image."""
    Gimp.context_set_antialias(True)
    Gimp.context_set_feather(True)
    Gimp.context_set_feather_radius(4, 4)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, x, y, width, height)
    image.clean_all()


class Talking:
    """The worker replaced by a script for a while; None takes the settings away."""

    def __init__(self, script):
        self.script, self.before = script, SETTINGS.read_text()

    def __enter__(self):
        if self.script is None:
            SETTINGS.unlink()
        else:
            Path("/scratch/worker.py").write_text(self.script)
            SETTINGS.write_text(json.dumps({"worker": ["/usr/bin/python3", "/scratch/worker.py"]}))

    def __exit__(self, *_):
        SETTINGS.write_text(self.before)


class Meddled(Talking):
    """The worker kept waiting, once it has begun to paint, until `code` was run in GIMP by another plug-in."""

    def __init__(self, code):
        super().__init__("")
        self.script = MEDDLED.format(code=code, command=json.loads(self.before)["worker"])


MEDDLED = """
import os, subprocess, sys
sys.path.insert(0, "/checkout/tests/editors")
from meddling import meddle
worker = subprocess.Popen({command!r}, stdout=subprocess.PIPE)
seen = b""
for data in iter(lambda: os.read(worker.stdout.fileno(), 65536), b""):
    seen = None if seen is None else seen + data
    if seen and b'"type":"progress"' in seen:
        meddle({code!r})
        seen = None
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
"""


# What comes of it


def scenario_every_precision_comes_back_to_the_bit_at_strength_0():
    wanted = [
        (Precision.U8_NON_LINEAR, RGB, False),
        (Precision.U8_NON_LINEAR, RGB, True),
        (Precision.U8_NON_LINEAR, GRAY, False),
        (Precision.U16_NON_LINEAR, GRAY, True),
        (Precision.U16_NON_LINEAR, RGB, True),
        (Precision.HALF_NON_LINEAR, RGB, True),
        (Precision.U8_LINEAR, RGB, True),
        (Precision.FLOAT_NON_LINEAR, RGB, True),
    ]
    for precision, base, alpha in wanted:
        with Scene(precision, base, alpha) as scene:
            new = scene.painted(strength=0, knobs="steps=1 scales=1")
            assert native(new) == scene.before, (precision, base, alpha)


def scenario_a_profile_comes_back_to_the_bit_at_strength_0():
    """Colours too that sRGB does not hold."""
    wanted = [
        (Precision.U8_NON_LINEAR, "ClayRGB-elle-V2-g22"),
        (Precision.U16_NON_LINEAR, "WideRGB-elle-V2-g22"),
        (Precision.FLOAT_NON_LINEAR, "LargeRGB-elle-V2-g22"),
        (Precision.U16_LINEAR, "Rec2020-elle-V4-g10"),
        (Precision.U16_NON_LINEAR, "Rec2020-elle-V4-g10"),
        (Precision.U8_PERCEPTUAL, "LargeRGB-elle-V2-g22"),
    ]
    for precision, profile in wanted:
        with Scene(precision, profile=profile) as scene:
            new = scene.painted(strength=0, knobs="steps=1 scales=1")
            changed = len(differing(native(new), scene.before, len(scene.before) // (96 * 80)))
            assert not changed, (precision, profile, changed)
    with Scene(Precision.FLOAT_LINEAR, profile="Rec2020-elle-V4-g10") as scene:
        new = scene.painted(strength=0, knobs="steps=1 scales=1")
        far = max(abs(one - other) for one, other in zip(*(array("f", each) for each in (native(new), scene.before))))
        assert far < 1e-6, far  # a curve there and back, in 32 bits


def scenario_a_painting_looks_the_same_whatever_the_profile():
    """The same picture and styles, converted: a file, one of impasto's own, and a layer."""

    def look(scene, **style):
        new = scene.painted(strength=80, **style)
        data = native(new, "R'G'B'A u8")
        return [sum(data[channel::4]) / (96 * 80) for channel in range(3)]

    def looks(scene):
        with Scene(box=(0, 0, 80, 80)) as other:
            yield look(scene, knobs="steps=20 scales=1")
            yield look(scene, knobs="steps=20 scales=1", style="oil")
            yield look(scene, knobs="steps=20 scales=1", style="", style_layer=other.layer)

    def converted(precision, profile):
        scene = Scene(precision)
        file = Gio.File.new_for_path(f"/usr/share/color/icc/krita/{profile}.icc")
        wide, intent = Gimp.ColorProfile.new_from_file(file), Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC
        scene.image.convert_color_profile(wide, intent, False)
        scene.before = native(scene.layer)
        return scene

    with Scene(Precision.U16_NON_LINEAR) as scene:
        right = []
        for found in looks(scene):
            right.append(found)
            scene.image.remove_layer(scene.image.get_layers()[0])
    wide = ((Precision.U16_NON_LINEAR, "LargeRGB-elle-V2-g22"), (Precision.U16_LINEAR, "Rec2020-elle-V4-g10"))
    for precision, profile in wide:
        with converted(precision, profile) as scene:
            for number, found in enumerate(looks(scene)):
                far = max(abs(one - other) for one, other in zip(found, right[number]))
                assert far < 8, (profile, number, found, right[number])
                scene.image.remove_layer(scene.image.get_layers()[0])


def scenario_a_soft_selection_holds_at_every_place_and_precision():
    larger, offset = (-20, -10, 140, 100), (10, 5, 80, 70)
    wanted = [
        {"alpha": False},
        {"box": larger, "group": True},
        {"base": GRAY, "alpha": False, "box": offset},
        {"precision": Precision.U16_NON_LINEAR, "box": larger},
        {"precision": Precision.FLOAT_LINEAR, "box": offset, "group": True},
    ]
    for given in wanted:
        with Scene(**given) as scene:
            ellipse(scene.image, 20, 10, 50, 50)
            new = scene.painted(strength=80)
            x, y, wide, high = given.get("box", (0, 0, 96, 80))
            selected = native(scene.image.get_selection(), "Y u8")
            assert max(selected) == 255 and len(set(selected)) > 10, "the selection should be soft"
            changed, size = set(), len(scene.before) // (wide * high)
            for number in differing(native(new), scene.before, size):
                left, top = number // size % wide + x, number // size // wide + y
                assert 0 <= left < 96 and 0 <= top < 80, f"{given}: painted outside the canvas"
                changed.add(left + 96 * top)
            assert all(selected[number] for number in changed), f"{given}: pixels outside the selection changed"
            assert len(changed) > 0.9 * sum(value > 16 for value in selected), f"{given}: {len(changed)} changed"


def scenario_the_pixels_are_those_of_the_command_line():
    def saved(image, name):
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(f"/scratch/{name}.png"), None)

    with Scene(alpha=False) as scene:
        saved(scene.image, "content")
        style = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(STYLE))
        saved(style, "style")
        style.delete()
        new = scene.painted(strength=80, style="/scratch/style.png", knobs="steps=2 scales=1")
        files = ("/scratch/content.png", "/scratch/style.png", "-o", "/scratch/painted.png")
        knobs = ("--strength", "80", "--steps", "2", "--scales", "1", "--size", "96", "--quiet")
        subprocess.run(["impasto", *files, *knobs], check=True)
        painted = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path("/scratch/painted.png"))
        wanted, got = native(painted.get_layers()[0], "R'G'B' u8"), native(new, "R'G'B' u8")
        painted.delete()
        assert len(differing(wanted, native(scene.layer, "R'G'B' u8"), 3)) > 96 * 80 / 2
        assert wanted == got, max(abs(one - other) for one, other in zip(wanted, got))


def scenario_profiles_that_match_features():
    for profile in ("nnst", "strotss"):
        with Scene() as scene:
            new = scene.painted(knobs=f"profile={profile} steps=2 scales=1")
            assert len(differing(native(new), scene.before, 4)) > 96 * 80 / 2


def scenario_a_small_layer_with_an_offset_and_no_alpha():
    with Scene(alpha=False, box=(30, 20, 64, 48)) as scene:
        new = scene.painted(strength=80)
        assert len(differing(native(new), scene.before, 3)) > 64 * 48 / 2


def scenario_transparency_is_kept():
    with Scene(Precision.U16_NON_LINEAR) as scene:
        new = scene.painted()
        assert native(new, "A u16") == native(scene.layer, "A u16")


def scenario_the_style_is_another_layer_and_the_name_says_so():
    with Scene() as scene, Scene(box=(0, 0, 80, 80)) as other:
        other.layer.set_name("my swirls")
        new = scene.painted(style="", style_layer=other.layer, strength=60)
        assert new.get_name() == "my swirls 60 %", new.get_name()
        recipe = json.loads(bytes(new.get_parasite("impasto-recipe").get_data()))
        assert recipe["recipe"]["strength"] == 60 and recipe["style"] == "my swirls"


def scenario_a_style_that_comes_with_impasto():
    with Scene() as scene:
        assert scene.painted(style="oil", quality="draft").get_name() == "oil 50 %"


def scenario_several_styles_are_mixed_by_their_weights():
    """Files, names and a layer; and a weight of 0 is as none."""

    def mixed(scene, **settings):
        new = scene.painted(knobs="steps=2 scales=1 size=64", **settings)
        recipe = json.loads(bytes(new.get_parasite("impasto-recipe").get_data()))["recipe"]
        found = new.get_name(), recipe["style_weights"], native(new)
        scene.image.remove_layer(new)
        return found

    with Scene() as scene, Scene(box=(0, 0, 80, 80)) as other:
        alone = mixed(scene)
        assert alone[:2] == ("summer 50 %", None), alone[:2]
        several = mixed(scene, more_styles=["oil"], style_weights="1,3")
        assert several[:2] == ("summer + oil 50 %", [1, 3]), several[:2]
        one = mixed(scene, more_styles=["oil"], style_weights="1,0")
        assert one[2] == alone[2] != several[2]
        layer = mixed(scene, style="", style_layer=other.layer, more_styles=["oil", STYLE])
        assert layer[:2] == ("waves + oil + summer 50 %", None), layer[:2]


def scenario_a_layer_mask_means_its_layer():
    with Scene() as scene:
        mask = scene.layer.create_mask(Gimp.AddMaskType.WHITE)
        scene.layer.add_mask(mask)
        scene.image.clean_all()
        status, message, new = scene.paint(drawable=mask)
        assert status == Success, message
        assert (new.get_width(), scene.image.get_item_position(new)) == (96, 0)


def scenario_a_text_layer_is_painted_as_it_looks():
    with Scene() as scene:
        text = Gimp.TextLayer.new(scene.image, "paint", Gimp.context_get_font(), 40, Gimp.Unit.pixel())
        scene.image.insert_layer(text, None, 0)
        text.set_offsets(5, 10)
        seen = native(text, "R'G'B'A u8")
        assert text.is_text_layer() and len(set(seen[3::4])) > 10, "the text should be there, its edges soft"
        scene.image.clean_all()
        scene.layer, scene.before, scene.count = text, native(text), scene.count + 1
        new = scene.painted(strength=80)
        assert not new.is_text_layer() and text.is_text_layer()
        assert native(new, "A u8") == seen[3::4]
        assert native(new, "R'G'B'A u8") != seen


@contextmanager
def last_values(strength, style=STYLE, knobs=QUICK):
    """What a call with the last values takes."""
    last = Path(Gimp.directory()) / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-impasto.last"
    last.parent.mkdir(exist_ok=True)
    last.write_text(f'(style "{style}")\n(strength {strength})\n(knobs "{knobs}")\n')
    yield {"mode": Gimp.RunMode.WITH_LAST_VALS}
    last.unlink()


def scenario_the_last_values_are_used_again():
    with Scene() as scene, last_values(33) as again:
        status, message, new = scene.paint(**again)
        assert status == Success and new.get_name() == "summer 33 %", message
    with Scene() as scene, last_values(33, style="woodcut") as again:
        status, message, new = scene.paint(**again)
        assert status == Success and new.get_name() == "woodcut 33 %", message
    with Scene() as scene, last_values(33, style="") as again:  # which is what GIMP keeps of a style layer
        scene.refused("forgets style layers", "Ctrl+Shift+F", **again)


def scenario_trying_again_paints_what_was_painted_and_not_the_painting():
    path = Gio.File.new_for_path("/scratch/tried.xcf")
    with Scene(group=True) as scene, last_values(0, knobs="steps=1 scales=1") as again:
        tries = [scene.painted(strength=60)]
        assert native(tries[0]) != scene.before
        for _ in range(2):
            status, message, new = scene.paint(drawable=tries[0], **again)
            assert status == Success and new.get_name().startswith("summer 0 %"), message
            assert native(new) == scene.before, "it painted the painting"
            tries.insert(0, new)
            assert scene.layer.get_parent().get_children() == [*tries, scene.layer], "it lies below another"
        status, message, new = scene.paint(drawable=tries[-1], strength=0, knobs="steps=1 scales=1")
        assert status == Success and native(new) == native(tries[-1]), "a script paints what it says"
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, scene.image, path, None)
        scene.image.remove_layer(scene.layer)
        status, message, new = scene.paint(drawable=tries[-1], **again)
        assert status == Success and native(new) == native(tries[-1]), "without its source it is a layer as others"
        scene.image.delete()
        scene.image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, path)
        tried = next(layer for layer in all_layers(scene.image.get_layers()) if layer.get_name() == "summer 60 %")
        status, message, new = scene.paint(drawable=tried, **again)
        assert status == Success and native(new) == scene.before, "a file forgets what was painted"
        copy = tried.copy()
        scene.image.insert_layer(copy, None, 0)
        status, message, new = scene.paint(drawable=copy, **again)
        assert status == Success and native(new) == native(copy), "a copy is a layer as others"


def scenario_a_locked_layer_and_a_group_are_read():
    with Scene(group=True) as scene:
        scene.layer.set_lock_content(True)
        scene.image.clean_all()
        status, message, new = scene.paint(drawable=scene.layer.get_parent())
        assert status == Success, message
        assert not new.is_group() and new.get_parent() is None and scene.image.get_item_position(new) == 0
        scene.count += 1
        scene.painted()


def scenario_a_painting_is_kept_wherever_its_layer_went():
    """What GIMP says of the place is looked for in its log by tests/test_gimp.py."""
    with Scene(group=True) as scene:
        layer = f"layer = Gimp.Layer.get_by_id({scene.layer.get_id()})\nimage = layer.get_image()\n"
        with Meddled(layer + "image.resize(120, 100, 7, 5)"):
            new = scene.painted()
        assert tuple(new.get_offsets()[1:]) == (7, 5), new.get_offsets()
        with Meddled(layer + "layer.resize(50, 40, 0, 0)"):
            status, message, new = scene.paint()
        assert status == Success and new.get_parent() == scene.layer.get_parent(), message
        assert (new.get_width(), *new.get_offsets()[1:]) == (96, 7, 5)
        with Meddled(layer + "image.remove_layer(layer.get_parent())"):
            status, message, new = scene.paint()
        assert status == Success and scene.image.get_layers()[0] == new, message
    with Scene() as scene:
        with Meddled(f"Gimp.Image.get_by_id({scene.image.get_id()}).flatten()"):
            status, message, new = scene.paint()
        assert status == Success and scene.image.get_layers()[0] == new and len(scene.image.get_layers()) == 2, message
    with Scene(profile="ClayRGB-elle-V2-g22") as scene:
        first = scene.painted()
        wanted, forms = native(first), [Babl.get_name(first.get_format())]
        with Meddled(f"Gimp.Image.get_by_id({scene.image.get_id()}).convert_indexed(0, 0, 16, False, False, '')"):
            status, message, new = scene.paint()
        assert status == Success and new.get_image() != scene.image, message
        forms.append(Babl.get_name(new.get_format()))
        assert forms[0] == forms[1] and new.get_image().get_width() == 96, forms
        pairs = list(zip(native(new), wanted))
        far = sum(abs(one - other) for one, other in pairs) / len(pairs)
        assert far < 1, far  # on a busy machine it may round in another way, and a patch be another
        new.get_image().delete()


@contextmanager
def plugin(*names):
    """Modules of the plug-in, in this process of GIMP."""
    sys.path.insert(0, str(PLUGIN))
    yield [importlib.import_module(name) for name in names]
    sys.path.remove(str(PLUGIN))


def scenario_before_painting_it_says_what_one_may_not_expect():
    with plugin("layers") as (layers,), Scene(group=True) as scene:
        told = functools.partial(layers.notices, scene.image, scene.layer)
        assert told(scene.layer) == ""
        cover = Gimp.Layer.new(scene.image, "over", 96, 80, Gimp.ImageType.RGB_IMAGE, 100, Gimp.LayerMode.NORMAL)
        scene.image.insert_layer(cover, None, 0)
        assert told(scene.layer) == 'The layer "over" hides what will be painted.', told(scene.layer)
        for hide in (functools.partial(cover.set_visible, False), functools.partial(cover.set_opacity, 50)):
            hide()
            assert told(scene.layer) == "", told(scene.layer)
            cover.set_visible(True)
        cover.set_opacity(100)
        cover.set_offsets(40, 0)
        assert told(scene.layer) == "", "it lies over a part"
        scene.image.remove_layer(cover)
        new = scene.painted()
        assert "summer" in told(scene.layer) and told(new) == "", (told(scene.layer), told(new))
        scene.image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
        assert told(new) == "Only what is selected is painted.", told(new)
    with plugin("layers") as (layers,), Scene(profile="ClayRGB-elle-V2-g22") as scene:
        told = layers.notices(scene.image, scene.layer, scene.layer)
        assert told == "The colours of styles are converted into ClayRGB-elle-V2-g22.icc.", told


def scenario_the_size_that_is_said_is_that_which_is_painted_at():
    wide = (0, 0, 1200, 300)
    with plugin("painting") as (painting,):
        for quality, size, box in (("normal", 0, (0, 0, 96, 80)), ("draft", 0, wide), ("draft", 64, wide)):
            config, heard = Gimp.get_pdb().lookup_procedure("plug-in-impasto").create_config(), {}
            for name, value in {"style": STYLE, "quality": quality, "knobs": f"steps=1 size={size or '100%'}"}.items():
                config.set_property(name, value)
            with closing(painting.Painter()) as worker, Scene(box=box) as scene:

                def hear(event, heard=heard):
                    heard.setdefault(event.type, []).append(event.fields.get("size"))

                painting.paint(worker, config, scene.image, scene.layer, scene.layer, hear)
                worker.hear = hear
                worker.estimate(scene.layer, config)
                while "estimate" not in heard:
                    GLib.MainContext.default().iteration(True)
                assert heard["estimate"][0] == max(heard["progress"]), (quality, size, heard)


# What goes wrong


def scenario_what_cannot_be_painted_is_refused_with_a_sentence():
    with Scene() as scene:
        scene.refused("Choose a style", style="")
        scene.refused("/nowhere/style.jpg", "not there", style="/nowhere/style.jpg")
        scene.refused("/etc/passwd", "cannot be read", style="/etc/passwd")
        scene.refused(
            "/proc/self/mem", "cannot be read", style="/proc/self/mem"
        )  # which nobody may read, root included
        scene.refused("not both", style_layer=scene.layer)
        scene.refused("Write it as", knobs="steps")
        scene.refused("open quotation", knobs="steps='1")
        scene.refused("2 style weights for 1 styles", style_weights="1,2")
        scene.refused("style_weights", "much", style_weights="much")
        scene.refused("/nowhere/style.jpg", "not there", more_styles=["/nowhere/style.jpg"])
        scene.refused("bogus", knobs="bogus=1")
        scene.refused("nonesuch", network="nonesuch")
        scene.image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
        scene.layer.set_offsets(50, 50)
        scene.image.clean_all()
        scene.refused("selection does not touch")
    with Scene() as scene:
        scene.image.convert_indexed(0, 0, 16, False, False, "")
        scene.before = native(scene.layer)
        scene.image.clean_all()
        scene.refused("Image > Mode > RGB")


def scenario_a_worker_that_is_missing_dies_or_babbles():
    hello = "import json,sys\nprint(json.dumps(dict(type='hello',protocol=1,styles=[],networks=[])),flush=True)\n"
    describe = "print(json.dumps(dict(type='description',id='1',knobs=[])),flush=True)\nsys.stdin.buffer.readline()\n"
    with Scene() as scene:
        with Talking(None):
            away = COMMAND.rename(COMMAND.with_name("away"))
            try:
                scene.refused("run `impasto install` where it is")
            finally:
                away.rename(COMMAND)
        with Talking("import sys; sys.exit('No module named impasto')"):
            scene.refused("No module named impasto")
        with Talking("while True: print('complete rubbish', flush=True)"):
            scene.refused("does not answer as it should")
        with Talking(hello + describe + "print('rubbish', flush=True)\nsys.stdin.buffer.read()"):
            scene.refused("does not answer as it should")
        with Talking(hello + describe + "sys.stdin.buffer.readline()\nsys.exit(3)"):
            scene.refused("exit code 3")
        before = SETTINGS.read_text()
        SETTINGS.write_text('{"worker": ["/nowhere/python"]}')
        scene.refused("/nowhere/python", "cannot be started")
        SETTINGS.write_text(before)


def scenario_a_worker_that_was_not_named_is_looked_for():
    with Scene() as scene, Talking(None):
        scene.painted()


def scenario_a_worker_that_is_killed():
    def kill():
        until = time.monotonic() + 120
        while time.monotonic() < until and not any(map(at_work, leftovers.processes(["-m impasto"]))):
            time.sleep(0.1)
        for number in leftovers.processes(["-m impasto"]):
            os.kill(number, 9)

    def at_work(process):
        """Whether it has said so much that painting has begun: hello and description are far shorter."""
        said = re.search(r"wchar: (\d+)", Path(f"/proc/{process}/io").read_text())
        return int(said[1]) > 300_000

    with Scene() as scene:
        killer = threading.Thread(target=kill)
        killer.start()
        scene.refused("exit code -9", "Memory", knobs=ENDLESS)
        killer.join()


for name, scenario in list(globals().items()):
    if name.startswith("scenario_") and re.search(os.environ.get("ONLY", ""), name):
        began = time.monotonic()
        try:
            scenario()
        except BaseException:
            where = traceback.format_exc().strip().splitlines()
            print("FAIL", name, json.dumps(where[-8:]), flush=True)
        else:
            print("PASS", name, f"{time.monotonic() - began:.1f} s", flush=True)
