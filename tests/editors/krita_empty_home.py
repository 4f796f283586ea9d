"""From an empty home to a painting without a terminal: Krita's own menus and dialogs, by mouse and keyboard alone.

Inside the root filesystem. A plug-in that only looks (krita_eyes.py) lies where a distribution has its own, outside the
home, and tells where things are; what is done is done by xdotool. Prints what each step took, as JSON.
`SKIP` leaves out the steps that it names, for whoever wants to see that none can be.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SCRATCH = Path("/scratch")
HOME, AWAY = SCRATCH / "empty_home", SCRATCH / "away"
"""The painter's home; and what is there of the system, the packed plug-in and the index of packages."""
PICTURE, SAVED = HOME / "harbour.jpg", HOME / "painted.kra"
DISPLAY = ":73"
SEEN = AWAY / "seen.json"
WORKER = HOME / ".local/share/impasto/worker"
PLUGIN = HOME / ".local/share/krita/pykrita/impasto"
DESKTOP = (
    "[Desktop Entry]\nType=Service\nServiceTypes=Krita/PythonPlugin\nX-KDE-Library=eyes\n"
    "X-Python-2-Compatible=false\nName=eyes\nComment=eyes\n"
)
MANAGER = "RandomPlacement\nNoGrabServer\nDecorateTransients\n" + "".join(
    f'{part}Font "fixed"\n' for part in ("Title", "Menu", "Icon", "Resize", "IconManager")
)
ENV = {
    **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},
    "HOME": str(HOME),
    "DISPLAY": DISPLAY,
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "OMP_NUM_THREADS": "1",
    "EYES": str(SEEN),
    "XDG_RUNTIME_DIR": str(AWAY / "run"),
    "XDG_CONFIG_DIRS": str(AWAY / "etc"),
    "XDG_DATA_DIRS": f"{AWAY / 'share'}:/usr/local/share:/usr/share",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": str(AWAY / "index"),
}
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def prepare():
    """What is not the painter's to do: the file to hand out, an index of packages, and our eyes."""
    for folder in (HOME, AWAY):
        shutil.rmtree(folder, ignore_errors=True)
    eyes = AWAY / "share/krita/pykrita/eyes"
    for folder in (HOME, AWAY / "run", AWAY / "etc", AWAY / "index", eyes):
        folder.mkdir(parents=True)
    (AWAY / "run").chmod(0o700)
    (AWAY / "etc/kritarc").write_text("[python]\nenable_eyes=true\n")
    eyes.with_suffix(".desktop").write_text(DESKTOP)
    shutil.copy(HERE / "krita_eyes.py", eyes / "__init__.py")
    python, impasto = SCRATCH / "venv/bin/python", SCRATCH / "venv/bin/impasto"
    elsewhere = {**ENV, "HOME": str(AWAY)}
    subprocess.run([python, HERE.parent / "local_index.py", AWAY / "index"], env=elsewhere, check=True)
    packed = [impasto, "install", "krita", "--zip", AWAY / "impasto-krita.zip"]
    subprocess.run(packed, env=elsewhere, check=True, stdout=subprocess.DEVNULL)


def tool(*words):
    subprocess.run(["xdotool", *map(str, words)], env=ENV, check=True, timeout=60)


def seen(kind, text, window=""):
    """What is on the screen and fits, the last one made first: dialogs lie above windows."""
    try:
        there = json.loads(SEEN.read_text())
    except (OSError, ValueError):
        return []
    fits = [each for each in there if each[0] == kind and re.fullmatch(text, each[1]) and re.search(window, each[5])]
    return [each for each in fits[::-1] if each[4] or kind in ("label", "window")]


def until(found, what, seconds=60):
    """Wait for what `found` finds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.1)
    shot("missing")
    there = json.loads(SEEN.read_text()) if SEEN.exists() else []
    told = sorted({f"{each[0]} {each[1]!r}" for each in there if each[1] and each[0] != "menu"})
    raise AssertionError(f"no {what} within {seconds} s; on the screen: {'; '.join(told)}")


def shot(name):
    """What the screen looks like, for people."""
    subprocess.run(["import", "-window", "root", AWAY / f"{name}.png"], env=ENV, check=False)


def press(text, kind="button", window="", seconds=60):
    """Click on it, once it is there and has stayed where it is."""
    before = None
    end = time.monotonic() + seconds
    while True:
        _, _, x, y, *_ = until(lambda: seen(kind, text, window), f"{kind} {text!r}", seconds)[0]
        if (x, y) == before:
            break
        assert time.monotonic() < end, f"{kind} {text!r} moves on and on"
        before = x, y
        time.sleep(0.5)
    tool("mousemove", x, y, "click", 1)
    time.sleep(0.3)


def menu(*names, brings):
    """Through Krita's menus, and anew if that brings nothing about: in Krita 6 a menu may close under the mouse."""
    for left in (2, 1, 0):
        for name in names:
            press(name, "menu")
        try:
            until(brings, f"end of {' > '.join(names)}")
        except AssertionError:
            if not left:
                raise
            tool("key", "Escape", "Escape")
        else:
            return


def asked():
    """Whether the dialog for files is open."""
    return seen("field", "fileNameEdit")


def enter(path):
    """A path, into the dialog for files that is open."""
    press("fileNameEdit", "field")
    tool("key", "ctrl+a")
    tool("type", "--delay", 15, path)
    tool("key", "Return")


class Krita:
    """One sitting."""

    def __init__(self, *files):
        SEEN.unlink(missing_ok=True)
        self.log = (AWAY / "krita.log").open("a")
        command = ["krita", "--nosplash", *files]
        self.process = subprocess.Popen(command, env=ENV, cwd=HOME, stdout=self.log, stderr=self.log)
        until(lambda: seen("menu", "Tools"), "Krita", 120)

    def quit(self):
        menu("File", "Quit", brings=lambda: self.process.poll() is not None)
        assert self.process.returncode == 0, self.process.returncode


def import_plugin():
    """Tools > Scripts > Import Python Plugin from File, and Yes."""
    assert not PLUGIN.exists()
    menu("Tools", "Scripts", "Import Python Plugin from File.*", brings=asked)
    enter(AWAY / "impasto-krita.zip")
    press(".*Yes")
    until(lambda: (PLUGIN / "manual.html").exists(), "plug-in in the home")


def start_again(krita):
    """Leave, and open a picture."""
    krita.quit()
    shutil.copy("/checkout/examples/harbour.jpg", PICTURE)
    return Krita(PICTURE)


def show_docker():
    """Settings > Dockers > Neural Style: it offers to install what paints, and nothing else."""
    menu("Settings", "Dockers", "Neural Style", brings=lambda: seen("button", "Install it"))
    assert not seen("button", "Paint") and not WORKER.exists()


def set_up():
    """Install it."""
    press("Install it")
    until(lambda: seen("button", "Paint"), "Paint", 300)
    assert (WORKER / "bin/python").exists() and not seen("button", "Install it")


def paint():
    """Paint, and keep it."""
    press("Paint")
    until(lambda: seen("button", "Try again"), "painting", 240)
    (done,) = [each[1] for each in seen("label", "Done in .*")]
    press("Keep")
    return done


def save(krita):
    """File > Save As: what Krita has then in the file."""
    menu("File", "Save As.*", brings=asked)
    enter(SAVED)
    until(SAVED.exists, "saved document")
    time.sleep(1)
    krita.quit()
    return re.findall(r'<layer [^>]*\bname="([^"]*)"', zipfile.ZipFile(SAVED).read("maindoc.xml").decode())


def megabytes(folder):
    return round(sum(each.lstat().st_size for each in folder.rglob("*")) / 1e6, 1)


def main():
    """All the steps, and what they took."""
    skipped, took, found = os.environ.get("SKIP", "").split(), {}, {}
    prepare()
    screen = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"], **QUIET
    )
    until(Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists, "screen", 20)
    (AWAY / "twmrc").write_text(MANAGER)
    manager = subprocess.Popen(["twm", "-f", AWAY / "twmrc"], env=ENV, **QUIET)
    krita = Krita()
    steps = {
        "import": import_plugin,
        "start_again": lambda: start_again(krita),
        "docker": show_docker,
        "set_up": set_up,
        "paint": paint,
        "save": lambda: save(krita),
    }
    try:
        for name, step in steps.items():
            if name in skipped:
                continue
            begin = time.monotonic()
            found[name] = step()
            krita = found[name] if isinstance(found[name], Krita) else krita
            took[name] = round(time.monotonic() - begin, 1)
            shot(name)
    finally:
        for process in (krita.process, manager, screen):
            process.kill()
    sizes = {"file": (AWAY / "impasto-krita.zip").stat().st_size, "worker_mb": megabytes(WORKER)}
    print(json.dumps({"seconds": took, **sizes, "said": found["paint"], "layers": found["save"]}))


if __name__ == "__main__":
    sys.exit(main())
