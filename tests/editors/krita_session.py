"""Inside the root filesystem: a screen, Krita with the plug-in from `impasto install krita`, and its scenarios."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SCRATCH = Path("/scratch")
HOME = SCRATCH / "krita"
DATA, CONFIG = HOME / "data", HOME / "config"
IMPASTO = [str(SCRATCH / "venv/bin/impasto")]
DISPLAY = ":72"
HANGS = 900
SOON = 1.0
DESKTOP = """[Desktop Entry]
Type=Service
ServiceTypes=Krita/PythonPlugin
X-KDE-Library=probe
X-Python-2-Compatible=false
Name=probe
Comment=probe
"""
ENV = {
    **os.environ,
    "HOME": str(HOME),
    "DISPLAY": DISPLAY,
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "OMP_NUM_THREADS": "1",
    "PROBE_OUT": str(HOME / "out"),
    "PROBE_SCRIPT": str(HERE / "krita_scenarios.py"),
    **{f"XDG_{name}_HOME": str(HOME / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")},
    "XDG_RUNTIME_DIR": str(HOME / "run"),
}


def profile():
    """A profile of Krita's with nothing but our probe in it."""
    for folder in (DATA / "krita" / "pykrita" / "probe", CONFIG, HOME / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    (HOME / "run").chmod(0o700)
    scripts = DATA / "krita" / "pykrita"
    (scripts / "probe.desktop").write_text(DESKTOP)
    shutil.copy(HERE / "krita_probe.py", scripts / "probe" / "__init__.py")
    (CONFIG / "kritarc").write_text("[python]\nenable_probe=true\n")


def imported():
    """Into an empty profile, by Krita's own importer; after a restart the docker is there and finds a worker."""
    for folder in (DATA, CONFIG):
        shutil.rmtree(folder, ignore_errors=True)
    profile()
    subprocess.run([*IMPASTO, "install", "krita", "--zip", HOME / "impasto-krita.zip"], env=ENV, check=True)
    zipfile.main(
        ["-c", str(HOME / "repository.zip"), "/checkout/core", "/checkout/gimp_plugin", "/checkout/krita_plugin"]
    )
    together(["import_from_file"])
    set_up()
    command = HOME / ".local/bin/impasto"  # as pipx and uv do
    command.parent.mkdir(parents=True)
    command.symlink_to(IMPASTO[0])
    together(["imported"])


def translated():
    """Krita in a language of ours, for which the session was given a catalogue: nothing in it is English."""
    words = DATA / "krita/pykrita/impasto/locale/xx"
    shutil.copytree(SCRATCH / "locale/xx", words, dirs_exist_ok=True)
    chosen = CONFIG / "klanguageoverridesrc"
    chosen.write_text("[Language]\nkrita=@ByteArray(xx)\n")  # as Settings > Switch Application Language leaves it
    together(["translated"])
    chosen.unlink()
    shutil.rmtree(words)


def set_up():
    """The docker installs its worker, from a folder of wheels; then that is taken away again."""
    index, known = HOME / "index", DATA / "krita/pykrita/impasto/impasto.json"
    index.mkdir()
    subprocess.run([SCRATCH / "venv/bin/python", "/checkout/tests/local_index.py", index], env=ENV, check=True)
    before = known.read_text()
    together(["set_up"], PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index))
    known.write_text(before)
    shutil.rmtree(DATA / "impasto", ignore_errors=True)


def krita(*names, **more):
    """Start Krita for these scenarios."""
    (HOME / "out").unlink(missing_ok=True)
    log = (HOME / f"{names[0]}.log").open("w")
    env = {**ENV, **more, "PROBE_ONLY": " ".join(names)}
    return subprocess.Popen(["krita", "--nosplash"], env=env, stdout=log, stderr=log, cwd=HOME)


def together(names, **more):
    """Scenarios in one Krita, which leaves at their end; after a crash, those that are left in another one."""
    process = krita(*names, **more)
    try:
        code = process.wait(HANGS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    results = (HOME / "out").read_text().splitlines() if (HOME / "out").exists() else []
    print(*results, sep="\n", flush=True)
    left = names[len(results) :]
    tell(
        f"{names[0]}_ends_well", [f"exit code {code}", *left, *told(names[0])] if code or left or bad(names[0]) else []
    )
    if left[1:]:
        together(left[1:], **more)


def dies(way):
    """Krita ends while it paints, in one of several ways: nothing may be left of it after a second."""
    process = krita("long", PROBE_WAY=way)
    file = HOME / "long"
    try:
        until(lambda: file.exists() or process.poll() is not None)
        numbers = {"term": signal.SIGTERM, "kill": signal.SIGKILL, "segv": signal.SIGSEGV}
        assert workers(), "no worker"
        if way in numbers:
            process.send_signal(numbers[way])
        code = process.wait(60)
        begin = time.monotonic()
        until(lambda: not workers(), 20)
        gone = time.monotonic() - begin
        assert code == -numbers[way] if way in numbers else code == 0, f"exit code {code}"
        assert gone < SOON, f"the worker lived on for {gone:.1f} s"
        assert not bad("long"), bad("long")
        tell(f"dies_by_{way}", [])
    except Exception:
        tell(f"dies_by_{way}", [*traceback.format_exc().splitlines(), *told("long")])
    finally:
        process.kill()
        process.wait()
        file.unlink(missing_ok=True)


def told(name):
    """The last lines of what a Krita said."""
    return (HOME / f"{name}.log").read_text(errors="replace").splitlines()[-40:]


def bad(name):
    """Lines of it that none may say."""
    lines = (HOME / f"{name}.log").read_text(errors="replace").splitlines()
    return [line for line in lines if any(word in line for word in ("Traceback", "SAFE ASSERT", "modal window"))]


def workers():
    """Every worker there is."""
    return [each for each in Path("/proc").glob("[0-9]*/cmdline") if b"impasto\0worker" in content(each)]


def content(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def until(true, seconds=90):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def tell(name, why):
    print("FAIL" if why else "PASS", f"scenario_{name}", json.dumps(why), flush=True)


GROUPS = (
    "formats through_krita profiles places selection two_documents refusals foot form before words history keys",
    "meanwhile kept again wheel hidden notices shapes idle worker_trouble choices drops large",
    "draft draft_gives_way pictures",
)
WAYS = ("menu", "window", "term", "kill", "segv")


def draw():
    """The pictures in docs/, of what the scenarios have taken."""
    panels = [f"{theme}_{state}.png" for theme in ("dark", "light") for state in ("idle", "running", "done")]
    offer = ["set_up_offer.png", "set_up_work.png"]
    for name, parts in (("docker", panels), ("window", ["dark_window.png"]), ("set_up", offer)):
        picture = ["convert", *parts, "+append", "+dither", "-colors", "200", f"krita_{name}.png"]
        subprocess.run(picture, cwd=HOME, check=True)


def main(chosen):
    """All of it, or the scenarios of these names."""
    HOME.mkdir(exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # Else the server resets when a Krita has gone, and throws out the next one, if that has come already.
    screen = subprocess.Popen(
        ["Xvfb", DISPLAY, "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"], **quiet
    )
    try:
        until(Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists, 20)
        profile()
        subprocess.run([*IMPASTO, "install", "krita"], env=ENV, check=True)
        alone = {"translated": translated, "imported": imported}
        groups = [each.split() for each in GROUPS] if not chosen else [chosen] if not alone.keys() & chosen else []
        for group in groups:
            together(group)
        for way in () if chosen else WAYS:
            dies(way)
        if not chosen:
            with (CONFIG / "kritarc").open("a") as file:
                file.write("\n[theme]\nTheme=Krita bright\n")
            together(["pictures_light"])
        for name, run in alone.items():
            if not chosen or chosen == [name]:
                run()
        if not chosen:
            draw()
    finally:
        screen.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
