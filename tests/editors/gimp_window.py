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
    end = time.monotonic() + 1
    while processes(PLUGIN) and time.monotonic() < end:
        time.sleep(0.05)
    assert not processes(PLUGIN), processes(PLUGIN)


def untouched(layers=1):
    end = time.monotonic() + 5  # the title follows a little later
    while time.monotonic() < end and not (f"{layers} layer" in title() and "*" not in title()):
        time.sleep(0.2)
    assert f"{layers} layer" in title() and "*" not in title(), title()


def painting():
    """From the main window through Ctrl+Shift+F to a worker at work, with the last settings."""
    window("harbour")
    keys("ctrl+shift+f")
    window("^Neural Style$")
    time.sleep(1)
    keys("alt+p")
    at_work()


def at_work():
    until(lambda: processes(PLUGIN[1:]), "worker")
    end = time.monotonic() + 90
    # "Stop and keep" wakes up with the first step
    log = Path("/scratch/state/impasto/worker.log")
    while time.monotonic() < end and not log.exists():
        time.sleep(0.2)
    time.sleep(8)


def scenario_the_menu_leads_to_a_dialog_that_asks_for_a_style():
    window("harbour")
    keys("alt+r", "a")
    shot("menu")
    keys("n")
    window("^Neural Style$")
    time.sleep(3)
    keys("alt+y", "Tab", "space")
    window("Choose a style")
    tool("type", "--delay", "20", STYLE)
    time.sleep(2)
    chooser = ("search", "--onlyvisible", "--name", "Choose a style")
    until(lambda: keys("Return") or not tool(*chooser), "end of the chooser")  # which may be busy with the folder yet
    window("^Neural Style$")
    time.sleep(2)
    shot("dialog")


def scenario_painting_shows_the_picture_as_it_grows_and_stop_and_keep_keeps_it():
    keys("alt+p")
    at_work()
    shot("running")
    window("^Neural Style$")
    keys("alt+k")
    until(lambda: "2 layers" in title(), "second layer", 300)
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
    window("^Neural Style$")
    keys("alt+c")
    gone("^Neural Style$")
    nothing_left()
    untouched()


def scenario_cancel_in_the_status_bar_leaves_nothing():
    painting()
    number = tool("search", "--onlyvisible", "--name", "harbour")[-1]
    shape = dict(line.split("=") for line in tool("getwindowgeometry", "--shell", number) if "=" in line)
    width, height = int(shape["WIDTH"]), int(shape["HEIGHT"])
    tool("windowraise", number)
    shot("status")
    where = (
        Path("/scratch/cancel").read_text().split() if Path("/scratch/cancel").exists() else (width - 265, height - 18)
    )
    tool("mousemove", "--window", number, *where, "click", 1)
    gone("^Neural Style$")
    nothing_left()
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
