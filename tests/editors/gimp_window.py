"""The plug-in in GIMP's window, through the menu and the dialog, as a painter has it: under Xvfb, driven by xdotool.

Prints a line for each scenario, as gimp_headless.py does, and leaves screenshots in /scratch. They run in this order,
in one GIMP: each begins where the one before left off.
"""

import json
import os
import signal
import subprocess
import time
import traceback
from pathlib import Path

DISPLAY = ":9"
STYLE = "/checkout/examples/summer.jpg"
PLUGIN = ("impasto.py", "-m impasto")
DIALOG, AT_WORK = "Neural Style$", "^[0-9]+ % - Neural Style$"
LAST = "plug-in-settings/GimpProcedureConfigRun-plug-in-impasto.last"
CHOOSER = "Choose a style"
AGAIN = 20
"""Seconds after which a key is pressed again, for a window may have been too busy to hear."""


def tool(*words):
    return subprocess.run(["xdotool", *map(str, words)], capture_output=True, text=True).stdout.split()


def until(found, what, seconds=90):
    """Wait for what `found` finds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.2)
    shot("missing")
    raise AssertionError(f"no {what} in {seconds} s; the windows: {titles()}")


def titles():
    names = (
        subprocess.run(["xdotool", "getwindowname", w], capture_output=True, text=True) for w in tool("search", ".")
    )
    return sorted({name.stdout.strip() for name in names})


def window(name, seconds=90):
    number = until(lambda: tool("search", "--onlyvisible", "--name", name), f"window {name!r}", seconds)[-1]
    tool("windowfocus", "--sync", number)
    time.sleep(0.5)
    return number


def gone(name):
    until(lambda: not tool("search", "--onlyvisible", "--name", name), f"end of {name!r}")


def keys(*names):
    for name in names:
        tool("key", name)
        time.sleep(0.6)


def shot(name):
    subprocess.run(["import", "-window", "root", f"/scratch/{name}.png"], check=True)


def title():
    """The image window's: "*" before it means changed, and it says how many layers there are."""
    return next((name for name in titles() if "harbour" in name), "")


def processes(words):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if any(word in command for word in words):
            found.append(int(folder.name))
    return found


def nothing_left():
    until(lambda: not processes(PLUGIN), "end of its processes", 10)


def untouched(layers=1):
    until(lambda: f"{layers} layer" in title() and "*" not in title(), "unchanged image", 30)


def visible(name):
    return tool("search", "--onlyvisible", "--name", name)


def pressed(names, found, what):
    """Press these keys, again if need be, until `found`."""

    def once():
        keys(*names.split())
        end = time.monotonic() + AGAIN
        while not (seen := found()) and time.monotonic() < end:
            time.sleep(0.2)
        return seen

    return until(once, what, 6 * AGAIN)


def asked(names):
    """From the image's window to the dialog by these keys."""
    window("harbour")
    pressed(names, lambda: visible(DIALOG), "dialog")
    window(DIALOG)


def painting():
    """From the image's window to a worker at work, with the last settings."""
    asked("ctrl+shift+f")
    at_work()


def at_work():
    """Press Paint, and wait for a step, which the title shows."""
    pressed("alt+p", lambda: visible(AT_WORK), "first step")


def typed():
    """Type the path of the style into the chooser, which may have lost the beginning, and enter it."""
    tool("key", "ctrl+a")
    tool("type", "--delay", "20", STYLE)
    time.sleep(2)
    keys("Return")
    time.sleep(2)


def scenario_the_menu_leads_to_a_dialog_that_asks_for_a_style():
    window("harbour")
    keys("alt+r", "a")
    shot("menu")
    asked("Escape Escape alt+r a n")
    pressed("alt+y Tab space", lambda: visible(CHOOSER), "chooser")
    window(CHOOSER)
    until(lambda: typed() or not visible(CHOOSER), "end of the chooser")
    window(DIALOG)
    time.sleep(2)  # for the screenshot
    shot("dialog")


def scenario_painting_shows_the_picture_as_it_grows_and_stop_and_keep_keeps_it():
    at_work()
    time.sleep(5)
    shot("running")
    window(DIALOG)
    pressed("alt+k", lambda: "2 layers" in title(), "second layer")
    assert title().startswith("*")
    nothing_left()
    time.sleep(1)
    shot("result")


def scenario_one_undo_takes_it_back_whole():
    window("harbour")
    keys("ctrl+z")
    untouched()


def scenario_cancel_in_the_dialog_leaves_nothing():
    painting()
    window(DIALOG)
    pressed("alt+c", lambda: not visible(DIALOG), "end of the dialog")
    nothing_left()
    untouched()


def scenario_cancel_in_the_status_bar_leaves_nothing():
    painting()
    number = visible("harbour")[-1]
    shape = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", number) if "=" in line)
    tool("windowraise", number)
    time.sleep(1)
    shot("status")
    for left in (265, 290, 240, 315):  # it is at the right end of the status bar, beside the dock
        if visible(DIALOG):
            tool("mousemove", "--window", number, int(shape["WIDTH"]) - left, int(shape["HEIGHT"]) - 18, "click", 1)
            time.sleep(3)
    gone(DIALOG)
    nothing_left()
    untouched()


def scenario_ctrl_f_paints_again_without_asking():
    """With the settings of the last picture; made small here, where GIMP keeps them."""
    last = Path(os.environ["XDG_CONFIG_HOME"]) / "GIMP" / "3.0" / LAST
    last.write_text(last.read_text().replace('(knobs "")', '(knobs "steps=1 scales=1 size=64")'))
    window("harbour")
    pressed("ctrl+f", lambda: "2 layers" in title() or processes(PLUGIN), "plug-in")
    assert not visible(DIALOG)
    until(lambda: "2 layers" in title(), "second layer", 300)
    nothing_left()
    last.write_text(last.read_text().replace("steps=1 scales=1 size=64", ""))
    window("harbour")
    keys("ctrl+z")
    untouched()


def scenario_killing_gimp_leaves_nothing():
    painting()
    os.kill(GIMP.pid, signal.SIGKILL)
    nothing_left()


os.environ["DISPLAY"] = DISPLAY
Path("/tmp/twmrc").write_text("RandomPlacement\nNoGrabServer\n")
profile = Path(os.environ["XDG_CONFIG_HOME"]) / "GIMP" / "3.0" / "gimprc"
profile.write_text(profile.read_text() + "(show-welcome-dialog no)\n")
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1000x760x24", "-nolisten", "tcp"], **quiet)
until(lambda: Path("/tmp/.X11-unix/X9").exists(), "display")
manager = subprocess.Popen(["twm", "-f", "/tmp/twmrc"], **quiet)
GIMP = subprocess.Popen(["gimp", "-s", "/checkout/examples/harbour.jpg"], **quiet)
try:
    window("harbour")
    time.sleep(3)
    for name, scenario in list(globals().items()):
        if name.startswith("scenario_"):
            scenario()
            print("PASS", name, "", flush=True)
except BaseException:
    print("FAIL", globals().get("name"), json.dumps(traceback.format_exc().strip().splitlines()[-8:]), flush=True)
finally:
    for process in (GIMP, manager, screen):
        process.kill()
