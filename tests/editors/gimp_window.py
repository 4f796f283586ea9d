"""The plug-in in GIMP's window, through the menu and the dialog, as a painter has it: under Xvfb, driven by xdotool.

Prints a line for each scenario, as gimp_headless.py does, and leaves screenshots in /scratch. Each begins with the
picture as it was opened and a style remembered, in a new GIMP if the one before left anything else.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

import leftovers
from brackets import LANGUAGE, outside
from closing import ask_to_close
from meddling import meddle

DISPLAY = ":9"
WIDTH, HEIGHT = 1000, 760
MIDDLE, ASIDE = (WIDTH // 2, HEIGHT // 2), (46, 300)
"""Where the mouse rests, for what it is over has the keys: over every dialog, and where ours has nothing to tell."""
STYLE = "/checkout/examples/summer.jpg"
QUICK = "steps=1 scales=1 size=64"
FOREIGN = "⟦Neural Style⟧$"
DIALOG, AT_WORK, CHOOSER = "Neural Style$", "^[0-9]+ % - Neural Style$", "Choose a style"
OFFER = "Neural Style: Set Up"
HALF_DONE = "^[5-9][0-9] % - Neural Style$"
MENU = "Escape Escape alt+r a n"
PROFILE = next(Path(os.environ["XDG_CONFIG_HOME"]).glob("GIMP/3.*"))
LAST = PROFILE / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-impasto.last"
KNOWN, PROGRAM = PROFILE / "plug-ins/impasto/impasto.json", Path("/scratch/venv/bin/impasto")
OTHERS = ("/scratch/harbour_in_linear_light.xcf", "/scratch/harbour_in_grey.xcf")
MAKE = """
exec(open("/checkout/tests/editors/gimp_headless.py").read())
larger = Scene(Precision.FLOAT_LINEAR, box=(-20, -10, 140, 100), group=True)
for scene, path in zip((larger, Scene(Precision.U16_NON_LINEAR, GRAY, False)), OTHERS):
    ellipse(scene.image, 35, 25, 40, 40)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, scene.image, Gio.File.new_for_path(path), None)
    scene.image.delete()
"""
"""Images with a soft selection: a layer in a group, larger than the canvas, and a grey one of 16 bits."""
MANAGER = """
RandomPlacement
NoGrabServer
DecorateTransients
TitleFont "fixed"
MenuFont "fixed"
IconFont "fixed"
ResizeFont "fixed"
IconManagerFont "fixed"
Color { BorderColor "gray15" DefaultBackground "gray15" TitleBackground "gray15" TitleForeground "gray85" }
"""
"""The window manager's settings. Dialogs have frames, as on a screen."""
OPENED = Path("/scratch/opened")
BROWSER = {
    Path("/scratch/browser"): f'#!/bin/sh\necho "$1" > {OPENED}\n',
    Path.home() / ".local/share/applications/browser.desktop": (
        "[Desktop Entry]\nType=Application\nName=Browser\nExec=/scratch/browser %u\nMimeType=text/html;\n"
    ),
    PROFILE.parents[1] / "mimeapps.list": "[Default Applications]\ntext/html=browser.desktop\n",
}
"""What stands for a browser: it notes the page that it is to show."""
SELECTED = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
print(Gtk.Clipboard.get(Gdk.SELECTION_PRIMARY).wait_for_text())
"""
LOG = Path("/scratch/gimp.log")
"""What GIMP and its plug-ins say to the terminal."""
EYES, LOOK, SEEN = "/checkout/tests/editors/gimp_eyes", Path("/scratch/look"), Path("/scratch/seen")
NAMES = ("harbour.jpg", "summer 50 %", "[harbour] (imported)-1 / harbour.jpg-2", "Layer")
"""Of layers and of the image."""
GIMPS = {
    *("Reset", "_Reset", "Save Settings", "_Save Settings", "Load Saved Settings", "_Load Saved Settings"),
    *('Load settings saved with "Save Settings" button', "Store current settings for later reuse", "Down"),
}
"""What GIMP says, in the language that it has, in our dialog: its own buttons."""
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
AGAIN = 20
"""Seconds after which a key is pressed again, for a window may have been too busy to hear."""
LINGER = int(os.environ.get("LINGER", "5"))
"""Seconds to wait for a painting worth a picture; those in docs/ were made with 600."""


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=AGAIN).stdout.strip()
    except subprocess.TimeoutExpired:
        return ""


def tool(*words):
    return output("xdotool", *map(str, words)).split()


def until(found, what, seconds=90):
    """Wait for what `found` finds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.2)
    shot("missing")
    raise AssertionError(f"no {what} in {seconds} s; the windows: {titles()}")


def visible(name):
    return tool("search", "--onlyvisible", "--name", name)


def titles():
    return sorted({output("xdotool", "getwindowname", number) for number in tool("search", ".")})


def title():
    """The image window's: "*" before it means changed, and it says how many layers there are."""
    return next((name for name in titles() if "harbour" in name), "")


def window(name, seconds=90):
    number = until(lambda: visible(name), f"window {name!r}", seconds)[-1]
    tool("windowfocus", "--sync", number)
    time.sleep(0.5)
    return number


def height(name):
    return int(re.search(r"HEIGHT=(\d+)", output("xdotool", "getwindowgeometry", "--shell", visible(name)[-1]))[1])


def keys(names):
    for name in names.split():
        tool("key", name)
        time.sleep(0.6)


def comes(found, seconds=AGAIN):
    """Whether it does before a key wants pressing again."""
    end = time.monotonic() + seconds
    while not (seen := found()) and time.monotonic() < end:
        time.sleep(0.2)
    return seen


def pressed(names, found, what):
    """Press these keys, again if need be, until `found`."""

    def once():
        keys(names)
        return comes(found)

    return until(once, what, 6 * AGAIN)


def shot(name):
    subprocess.run(["import", "-window", "root", f"/scratch/{name}.png"], check=True)


def seen_in_windows():
    """What the plug-in's windows show: kind of widget, property, text."""
    SEEN.unlink(missing_ok=True)
    LOOK.touch()
    until(SEEN.exists, "look at the windows", 30)
    return json.loads(SEEN.read_text())


def label(part):
    """The text that has this in it, once there is one."""
    return until(lambda: next((text for *_, text in seen_in_windows() if part in text), ""), f"text {part!r}", 30)


def untouched():
    until(lambda: "1 layer" in title() and "*" not in title(), "unchanged image", 30)


def remember(knobs=""):
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(f'(style "{STYLE}")\n(knobs "{knobs}")\n')


def ask(dialog=DIALOG):
    """From the image's window through the menu to the dialog."""
    window("harbour")
    pressed(MENU, lambda: visible(dialog), "dialog")
    tool("windowmove", window(dialog), 40, 60)  # for the screenshots


def paint():
    """From the dialog to a worker at work: the title shows its first step."""
    pressed("alt+p", lambda: visible(AT_WORK), "first step")


def leave(dialog=DIALOG):
    """Close the dialog, which keeps what was painted."""
    window(dialog)
    pressed("Escape", lambda: not visible(dialog), "end of the dialog")


def painted(count):
    """From the dialog to so many layers, and back to the image."""
    pressed("alt+p", lambda: f"{count} layers" in title(), f"{count} layers")
    leave()


def chosen(path=STYLE, over=DIALOG, opening="alt+y Tab space", chooser=CHOOSER):
    """Choose a path in a chooser opened for it; if it does not take it, close it for another try."""
    window(over)
    pressed(opening, lambda: visible(chooser), "chooser")
    window(chooser)
    keys("slash ctrl+a")  # which turns it from a list of recent files into a field for a path: that may take a while,
    tool("type", "--delay", "30", path)  # and what is typed meanwhile is lost
    keys("ctrl+a")
    typed = output("/usr/bin/python3", "-c", SELECTED)
    if typed == path:
        for key in ("Return", "alt+o"):  # the field, or else the button
            keys(key)
            if comes(lambda: not visible(chooser)):
                return True
    shot("chooser")
    print("the chooser has", repr(typed), file=sys.stderr, flush=True)
    pressed("Escape", lambda: not visible(chooser), "end of the chooser")
    return False


def scenario_the_menu_leads_to_a_dialog_that_paints_at_once_and_in_other_styles_of_impastos_own():
    LAST.write_text(f'(knobs "{QUICK}")\n')
    window("harbour")
    keys("alt+r a Up Up Up")  # it is the last but two
    shot("menu")
    ask()
    painted(2)
    assert made()["style"] == "oil", made()
    ask()
    becomes(held(), "draft")  # so that there is a gallery too
    keys("alt+y Tab Right")
    shot("gallery")
    painted(3)
    assert made()["style"] == "hatching", made()
    until(lambda: not leftovers.processes(), "end of the second")
    window("harbour")
    pressed("ctrl+f", lambda: "4 layers" in title(), "fourth layer")
    assert made()["style"] == "hatching", made()


def scenario_several_styles_of_the_gallery_are_mixed_and_remembered():
    LAST.write_text(f'(style "hatching")\n(knobs "{QUICK}")\n')
    start()
    ask()
    becomes(held(), "draft")
    keys("alt+y Tab Right ctrl+Right ctrl+space")
    shot("mixed")
    painted(2)
    assert layer_names()[0] == "hatching + mosaic 50 %", layer_names()
    assert made()["recipe"]["style_weights"] == [50, 50], made()
    ask()
    becomes(held(), "draft")
    shot("mixed_again")
    tool("mousemove", 680, 366, "click", 1, "mousemove", *ASIDE)  # left of the first share's knob
    painted(3)
    assert layer_names()[0] == "hatching + mosaic 50 % #1", layer_names()
    hatching, mosaic = made()["recipe"]["style_weights"]
    assert hatching < 40 and mosaic == 50, (hatching, mosaic)
    window("harbour")
    pressed("ctrl+f", lambda: "4 layers" in title(), "fourth layer")
    assert layer_names()[0] == "hatching + mosaic 50 % #2", layer_names()
    assert made()["recipe"]["style_weights"] == [hatching, mosaic], made()
    ask()
    becomes(held(), "draft")
    tool("mousemove", 556, 205, "click", 1, "keydown", "ctrl", "mousemove", 821, 205, "click", 1, "keyup", "ctrl")
    shot("mixed_by_mouse")
    painted(5)
    assert layer_names()[0] == "charcoal + oil 50 %", layer_names()
    ask()
    becomes(held(), "draft")
    tool("mousemove", 821, 290, "click", 1)
    painted(6)
    assert layer_names()[0] == "woodcut 50 %" and made()["recipe"]["style_weights"] is None, layer_names()


def layer_names():
    return meddle("result = [layer.get_name() for layer in Gimp.get_images()[0].get_layers()]")


def scenario_a_picture_file_is_asked_for_and_the_advanced_knobs_fold():
    LAST.unlink()
    ask()
    keys("alt+y Down alt+p")
    time.sleep(2)
    assert visible(DIALOG) and not visible(AT_WORK), "it should not paint without a picture"
    until(chosen, "style chosen", 12 * AGAIN)
    window(DIALOG)
    folded = height(DIALOG)
    keys("alt+q Tab space")
    until(lambda: height(DIALOG) > folded + 100, "advanced knobs", 30)
    unfolded = height(DIALOG)  # with the picture's thumbnail, which may come after `folded`
    keys("space")
    until(lambda: height(DIALOG) < unfolded - 100, "folding of the advanced knobs", 30)
    pressed("alt+c", lambda: not visible(DIALOG), "end of the dialog")


def scenario_stop_and_keep_keeps_the_picture_so_far_and_one_undo_takes_it_back():
    ask()
    paint()
    comes(lambda: visible(HALF_DONE), LINGER)
    shot("running")
    window(DIALOG)
    pressed("alt+k", lambda: "2 layers" in title(), "second layer")
    time.sleep(1)
    shot("done")
    leave()
    leftovers.none(FILES)
    assert title().startswith("*")
    time.sleep(1)
    shot("result")
    window("harbour")
    keys("ctrl+z")
    untouched()


def scenario_stop_in_the_dialog_leaves_nothing_and_one_may_paint_again():
    ask()
    for key in ("alt+s", "Escape"):
        paint()
        window(AT_WORK)
        tool("key", key)  # once: Escape would close the dialog then
        until(lambda: not visible(AT_WORK), f"end of the painting by {key}", AGAIN)
        assert visible(DIALOG), "the dialog should stay"
        label("At 768 pixels about")
        untouched()
    leave()
    leftovers.none(FILES)
    untouched()


def scenario_a_worker_that_is_killed_is_said_and_the_next_painting_has_another():
    ask()
    paint()
    for number in leftovers.processes(("-m impasto",)):
        os.kill(number, signal.SIGKILL)
    until(lambda: not visible(AT_WORK), "end of the painting", AGAIN)
    assert visible(DIALOG), "the dialog should stay"
    time.sleep(1)
    shot("killed")
    untouched()
    pressed("alt+p", lambda: "2 layers" in title(), "second layer")
    leave()
    leftovers.none(FILES)


def scenario_closing_the_dialog_ends_the_painting():
    ask()
    paint()
    (number,) = visible(DIALOG)
    ask_to_close(int(number))
    until(lambda: not visible(DIALOG), "end of the dialog", AGAIN)
    leftovers.none(FILES)
    untouched()


def scenario_a_new_layer_is_tried_again_kept_and_discarded():
    """Each in one step of undo."""
    remember("steps=1 scales=1")
    start()
    ask()
    pressed("alt+p", lambda: "2 layers" in title(), "second layer")
    assert re.fullmatch(r"Done in \d+ s: the new layer is summer 50 %\.", label("Done in"))
    shot("done_quick")
    strength(80)
    label("At 768 pixels about")
    pressed("alt+t", lambda: strengths() == [80], "second try")
    assert "2 layers" in title() and visible(DIALOG), title()
    window("harbour")
    keys("ctrl+z")
    until(lambda: strengths() == [50], "first try", 30)
    keys("ctrl+y")
    until(lambda: strengths() == [80], "second try once more", 30)
    window(DIALOG)
    keys("alt+e")
    strength(0)
    pressed("alt+p", lambda: strengths() == [0, 80], "third try, beside the second")
    *_, photograph = tries = seen()
    assert tries[0] == photograph != tries[1], "it painted a painting"
    window(DIALOG)
    pressed("alt+i", lambda: strengths() == [80], "end of the third")
    assert visible(DIALOG)
    leave()
    leftovers.none(FILES)
    window("harbour")
    keys("ctrl+z")
    until(lambda: strengths() == [0, 80], "third try back", 30)
    pressed("ctrl+f", lambda: len(strengths()) == 3, "painting with the last values")
    assert strengths() == [0, 0, 80], "the settings of the last one should be remembered"


def scenario_what_becomes_of_the_image_while_the_dialog_is_open_is_said():
    """GIMP's log is looked at for what was not expected, as after any scenario."""
    remember(QUICK)
    start()
    ask()
    top = "image = Gimp.get_images()[0]\nimage.remove_layer(image.get_layers()[0])"
    pressed("alt+p", lambda: "2 layers" in title(), "second layer")
    meddle(top)
    window(DIALOG)
    keys("alt+i")
    shot("gone_new")
    pressed("alt+p", lambda: "2 layers" in title(), "another one")
    meddle(top)
    strength(70)
    pressed("alt+t", lambda: "2 layers" in title(), "another one in the place of none")
    meddle("image = Gimp.get_images()[0]\nimage.remove_layer(image.get_layers()[1])")
    keys("alt+t")
    time.sleep(2)
    assert visible(DIALOG) and strengths() == [70], "there is nothing to paint"
    shot("gone_source")
    meddle("[Gimp.Display.get_by_id(n).delete() for n in range(1, 99) if Gimp.Display.id_is_valid(n)]")
    until(lambda: not title(), "end of the image")
    for key in ("alt+t", "alt+i", "alt+p"):
        window(DIALOG)
        keys(key)
        time.sleep(1)
        assert visible(DIALOG)
    shot("gone_image")
    leave()
    leftovers.none(FILES)


def scenario_cancel_in_the_status_bar_leaves_nothing():
    ask()
    paint()
    number = visible("harbour")[-1]
    shape = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", number) if "=" in line)
    tool("windowraise", number)
    time.sleep(1)
    shot("status")
    for left in (265, 290, 240, 315):  # it is at the right end of the status bar, beside the dock
        if visible(DIALOG):
            tool("mousemove", "--window", number, int(shape["WIDTH"]) - left, int(shape["HEIGHT"]) - 18, "click", 1)
            comes(lambda: not visible(DIALOG))
    assert not visible(DIALOG), "the button Cancel in the status bar was not found"
    leftovers.none(FILES)
    untouched()


def seen():
    """A number for each layer, the topmost first, which is the same for those that look alike."""
    small = meddle("""
there = Gegl.Rectangle.new(0, 0, 24, 18)
buffers = [layer.get_buffer() for layer in Gimp.get_images()[0].get_layers()]
result = [list(buffer.get(there, 1 / 32, "R'G'B' u8", Gegl.AbyssPolicy.NONE)) for buffer in buffers]
""")

    def alike(one, other):
        return max(abs(first - second) for first, second in zip(one, other)) < 8

    return [next(number for number, other in enumerate(small) if alike(one, other)) for one in small]


def scenario_painting_again_paints_what_was_painted():
    remember(QUICK)
    start()  # for a picture that was painted before remembers its own settings
    ask()
    painted(2)
    until(lambda: not leftovers.processes(), "end of the first")
    window("harbour")
    pressed("ctrl+f", leftovers.processes, "plug-in")
    until(lambda: "3 layers" in title() or visible(DIALOG), "third layer", 300)
    assert "3 layers" in title(), "it asked"
    leftovers.none(FILES)
    ask()
    shot("again")
    painted(4)
    *tries, photograph = seen()
    assert len(set(tries)) == 1 and tries[0] != photograph, "it painted a painting"
    ask()
    keys("alt+m Home")  # the topmost
    shot("picked")
    painted(5)
    assert len(set(seen())) == 3, "it did not paint what was chosen"


def made():
    """What the topmost layer was made with."""
    return meddle("""
import json
made = Gimp.get_images()[0].get_layers()[0].get_parasite("impasto-recipe")
result = json.loads(bytes(made.get_data()))
""")


def strengths():
    """Those of all paintings in the image, the topmost first."""
    return meddle("""
import json
found = [layer.get_parasite("impasto-recipe") for layer in Gimp.get_images()[0].get_layers()]
result = [json.loads(bytes(made.get_data()))["recipe"]["strength"] for made in found if made]
""")


def painted_with():
    """Knobs of the topmost layer's recipe."""
    recipe = made()["recipe"]
    return {name: recipe[name] for name in ("strength", "stroke_size", "colour", "quality", "seed")}


def turn_everywhere():
    """The wheel, all over the dialog."""
    number = window(DIALOG)
    shape = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", number) if "=" in line)
    for across in (0.3, 0.6, 0.9):
        for y in range(10, int(shape["HEIGHT"]), 12):
            tool("mousemove", "--window", number, round(across * int(shape["WIDTH"])), y, "click", 5)


def scenario_the_wheel_changes_only_what_has_the_focus():
    remember(QUICK)
    start()
    ask()
    turn_everywhere()
    painted(2)
    usual = painted_with()
    assert (usual["strength"], usual["colour"], usual["quality"], usual["seed"]) == (50, "style", "normal", 0), usual
    window("harbour")
    keys("ctrl+a")
    ask()
    keys("alt+q")
    turn_everywhere()
    shot("notice")
    painted(3)
    assert painted_with() == {**usual, "quality": "fine"}, painted_with()


def looks():
    """The picture in the dialog, as a few colours."""
    seen = subprocess.run(["import", "-window", visible(DIALOG)[-1], "png:-"], capture_output=True, check=True).stdout
    small = ["convert", "png:-", "-crop", "340x200+30+30", "+repage", "-scale", "17x10!", "-depth", "8", "rgb:-"]
    return subprocess.run(small, input=seen, capture_output=True, check=True).stdout


def far(one, other):
    """How much two of these differ, 0 to 255."""
    return max(abs(first - second) for first, second in zip(one, other, strict=True))


def becomes(unlike, what):
    """What the picture is like once it stays as it is, and is not like that."""

    def still():
        seen = looks()
        time.sleep(2)
        return seen if far(seen, unlike) > 16 and far(seen, looks()) < 4 else None

    return until(still, what)


def held():
    """What the picture is like while the mouse is held down on it."""
    tool("mousemove", "--window", window(DIALOG), 200, 140, "mousedown", 1)
    time.sleep(1)
    seen = looks()
    tool("mouseup", 1, "mousemove", *ASIDE)
    time.sleep(1)
    return seen


def held_by_a_key():
    """The same while B is."""
    window(DIALOG)
    tool("keydown", "b")
    time.sleep(1)
    seen = looks()
    tool("keyup", "b")
    time.sleep(1)
    return seen


def written(field):
    """The text of a field, by its key."""
    keys(f"{field} ctrl+a")
    return output("/usr/bin/python3", "-c", SELECTED)


def strength(percent):
    keys("alt+g ctrl+a")
    tool("type", str(percent))
    keys("Tab")


def scenario_a_draft_follows_the_settings_and_makes_no_layer():
    LAST.write_text('(style "oil")\n')
    start()
    ask()
    layer = held()
    draft = becomes(layer, "draft")
    shot("dialog")
    for seen_while in (held, held_by_a_key):
        assert far(seen_while(), layer) < 4, f"it should show the layer as it is: {seen_while.__name__}"
    assert far(looks(), draft) < 4, "let go it should show the draft"
    strength(90)
    stronger = becomes(draft, "other draft")
    strength(0)
    weakest = becomes(stronger, "draft of strength 0")
    assert far(weakest, layer) < 24, far(weakest, layer)  # scaled down and up again
    untouched()
    strength(70)
    painted(2)  # while a draft is in work
    assert (painted_with()["strength"], painted_with()["quality"]) == (70, "normal"), painted_with()
    until(lambda: not leftovers.processes(), "end of it")
    ask()
    draft = becomes(layer, "draft")
    keys("alt+v")
    plain = becomes(draft, "layer as it is")
    assert far(plain, layer) < 4, far(plain, layer)
    painted(3)
    until(lambda: not leftovers.processes(), "end of that")
    ask()
    time.sleep(5)
    assert far(looks(), layer) < 4, "that no draft was wanted should be remembered"
    pressed("alt+c", lambda: not visible(DIALOG), "end of the dialog")


def scenario_no_stroke_width_reads_as_what_it_is():
    remember(QUICK)
    start()
    ask()
    assert written("alt+k") == "as in the style"
    tool("type", "12")
    keys("Tab")
    assert written("alt+k") == "12"
    painted(2)
    assert painted_with()["stroke_size"] == 12, painted_with()
    ask()
    assert written("alt+k") == "12", "it should be remembered"
    tool("type", "0")
    keys("Tab")
    assert written("alt+k") == "as in the style"
    leave()


def scenario_a_low_screen_has_everything_in_sight_that_paints():
    ask()
    number = window(DIALOG)
    tool("windowsize", number, 820, 300)
    until(lambda: height(DIALOG) == 300, "low dialog", 30)
    shot("low")
    keys("alt+q")
    shot("low_scrolled")
    tool("mousemove", "--window", number, 820 - 80, 300 - 36, "click", 1)
    until(lambda: visible(AT_WORK), "first step")
    assert height(AT_WORK) == 300
    shot("low_running")
    tool("mousemove", "--window", number, 820 - 80, 300 - 36, "click", 1)
    until(lambda: "2 layers" in title(), "second layer")
    time.sleep(1)
    shot("low_done")
    tool("mousemove", "--window", number, 820 - 80, 300 - 36, "click", 1)
    leave()
    assert "2 layers" in title()


def scenario_help_opens_our_page():
    ask()
    for key in ("alt+h", "F1"):
        OPENED.unlink(missing_ok=True)
        window(DIALOG)
        pressed(key, OPENED.exists, "page")
        assert OPENED.read_text().strip().endswith("plug-ins/impasto/manual.html"), OPENED.read_text()
        assert visible(DIALOG)
    pressed("Escape", lambda: not visible(DIALOG), "end of the dialog")


def scenario_closing_the_image_ends_the_painting():
    remember("steps=100000 scales=1 size=64")
    start()
    ask()
    paint()
    window("harbour")
    pressed("ctrl+w", lambda: not visible(DIALOG), "end of the dialog")
    shot("closed")
    leftovers.none(FILES)


def scenario_one_undo_takes_back_a_layer_in_a_group_and_a_grey_one():
    code = f"OTHERS = {OTHERS}\n{MAKE}"
    console = ["gimp-console", "-ids", "--batch-interpreter", "python-fu-eval", "-b", code, "--quit"]
    subprocess.run(console, env=os.environ | {"ONLY": "none of its scenarios"}, **QUIET)
    remember(QUICK)
    for picture in OTHERS:
        start(picture)
        before = title()
        count = int(re.search(r"(\d+) layers", before)[1])
        ask()
        painted(count + 1)
        assert title().startswith("*")
        leftovers.none(FILES)
        window("harbour")
        keys("ctrl+z")
        until(lambda before=before: title() == before, f"title {before!r}", 30)


@contextmanager
def no_worker():
    """The plug-in is told of none, and finds none; where the program is then."""
    before, away = KNOWN.read_text(), PROGRAM.with_name("away")
    KNOWN.write_text(json.dumps({"version": json.loads(before)["version"]}))
    PROGRAM.rename(away)
    try:
        yield away
    finally:
        away.rename(PROGRAM)
        KNOWN.write_text(before)


def scenario_without_a_worker_one_is_installed_from_the_menu():
    """Cancelled at first, then done, from a folder of wheels; and it paints, without a terminal. Or one is found."""
    index = "/scratch/index"
    Path(index).mkdir()
    subprocess.run(["/scratch/venv/bin/python", "/checkout/tests/local_index.py", index], check=True)
    place = Path.home() / ".local/share/impasto/worker"
    os.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=index)
    with no_worker() as away:
        remember(QUICK)
        start()
        window("harbour")
        pressed(MENU, lambda: visible(OFFER), "offer")
        window(OFFER)
        shot("set_up_offer")
        pressed("alt+i", place.exists, "folder")
        pressed("alt+c", lambda: not place.exists(), "end of what was cancelled")
        assert visible(OFFER) and not visible(DIALOG)
        window(OFFER)
        pressed("alt+i", place.exists, "folder")
        shot("set_up_work")
        until(lambda: visible(DIALOG), "dialog", 300)
        window(DIALOG)
        pressed("alt+p", lambda: "2 layers" in title(), "second layer")
        worker = json.loads(KNOWN.read_text())["worker"]
        assert worker == [str(place / "bin/python"), "-m", "impasto", "worker"], worker
        KNOWN.write_text("{}")
        shutil.rmtree(place)
        start()
        window("harbour")
        pressed(MENU, lambda: visible(OFFER), "offer")
        until(lambda: chosen(str(away), OFFER, "alt+f", "Where impasto is"), "program chosen", 12 * AGAIN)
        until(lambda: visible(DIALOG), "dialog")
        assert json.loads(KNOWN.read_text())["worker"] == [str(away), "worker"]


@contextmanager
def another_language():
    """GIMP in the made-up language, which it knows nothing of itself."""
    os.environ["LANGUAGE"] = LANGUAGE
    try:
        yield
    finally:
        del os.environ["LANGUAGE"]


def nothing_is_untranslated(*parts):
    """Whatever the windows show, these texts among it, is in the made-up language."""
    for part in parts:
        label(part)
    found = set()
    for kind, name, text in seen_in_windows():
        assert name != "cut off", text
        ours = kind not in ("LayerComboBox", "StringComboBox") and (kind, name) != ("Entry", "text")
        if ours and text not in GIMPS and text not in NAMES and outside(text):
            found.add((kind, name, text))
    assert not found, sorted(found)


def scenario_all_that_is_shown_is_in_the_language_of_gimp():
    """Names of layers, GIMP's own buttons, its names of choices and what is written in fields are not."""
    with another_language():
        LAST.write_text('(style "oil")\n(knobs "steps=many")\n')
        start()
        ask(FOREIGN)
        nothing_is_untranslated("⟦steps is 'many'", "⟦Watercolour⟧")
        shot("xx_wrong")
        keys("alt+y Tab Right ctrl+Right ctrl+space")
        nothing_is_untranslated("⟦Share of ⟦Hatching⟧⟧")
        leave(FOREIGN)
        remember("steps=2 scales=1")
        ask(FOREIGN)
        nothing_is_untranslated("⟦At 768 pixels about")
        pressed("alt+p", lambda: visible(f"^[0-9]+ % - {FOREIGN}"), "first step")
        nothing_is_untranslated(" left⟧")
        until(lambda: "2 layers" in title(), "second layer")
        nothing_is_untranslated("⟦Done in ", "⟦The new layer⟧")
        shot("xx_done")
        leave(FOREIGN)
        until(lambda: not leftovers.processes(), "end of it")
        with no_worker():
            window("harbour")
            pressed(MENU, lambda: visible("Set Up⟧$"), "offer")
            nothing_is_untranslated("⟦Neural Style: Set Up⟧", "⟦_Install it⟧")
            shot("xx_set_up")
            window("Set Up⟧$")
            pressed("alt+m", lambda: "is copied" in label("is copied"), "copy")
            nothing_is_untranslated("⟦The command is copied: paste it into a terminal.⟧")
            pressed("Escape", lambda: not visible("Set Up⟧$"), "end of the offer")


def scenario_killing_gimp_leaves_nothing():
    ask()
    paint()
    GIMP.kill()
    GIMP.wait()
    leftovers.none(FILES)


def start(picture="/checkout/examples/harbour.jpg"):
    """GIMP with the harbour, or another picture, in the place of one that was left in another state."""
    global GIMP, FILES
    if GIMP:
        GIMP.kill()
        GIMP.wait()
    for number in leftovers.processes((*leftovers.WORDS, "script-fu")):
        os.kill(number, signal.SIGKILL)
    with LOG.open("a") as log:
        command, environment = ["gimp", "-s", picture], os.environ | {"PYTHONPATH": EYES}
        GIMP = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    number = window("harbour", 300)
    tool("windowmove", number, 0, 0, "windowsize", number, WIDTH, HEIGHT)
    time.sleep(3)
    FILES = leftovers.files()


def as_opened():
    alone = not (visible(DIALOG) or visible(CHOOSER) or leftovers.processes())
    return GIMP and GIMP.poll() is None and alone and "1 layer" in title() and "*" not in title()


def run(name, scenario):
    try:
        remember()
        tool("mousemove", *MIDDLE)
        if not as_opened():
            start()
        LOG.write_text("")
        scenario()
        assert "Traceback" not in LOG.read_text(), LOG.read_text()[-2000:]
    except BaseException:
        print("FAIL", name, json.dumps(traceback.format_exc().strip().splitlines()[-8:]), flush=True)
    else:
        print("PASS", name, "", flush=True)


os.environ["DISPLAY"] = DISPLAY
Path("/tmp/twmrc").write_text(MANAGER)
for path, text in BROWSER.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
settings = PROFILE / "gimprc"
settings.write_text(settings.read_text() + "(show-welcome-dialog no)\n")
GIMP = None
screen = subprocess.Popen(
    ["Xvfb", DISPLAY, "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-noreset"], **QUIET
)
try:
    until(lambda: Path("/tmp/.X11-unix/X9").exists(), "display")
    manager = subprocess.Popen(["twm", "-f", "/tmp/twmrc"], **QUIET)
    for name, scenario in list(globals().items()):
        if name.startswith("scenario_") and re.search(os.environ.get("ONLY", ""), name):
            run(name, scenario)
finally:
    for process in (GIMP, manager, screen):
        process.kill()
