"""Inside the root filesystem: a screen, Krita with the plug-in from `impasto install krita`, and its scenarios."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
SCRATCH = Path("/scratch")
HOME = SCRATCH / "krita"
DATA, CONFIG = HOME / "data", HOME / "config"
IMPASTO = [str(SCRATCH / "venv/bin/impasto")]
DISPLAY = ":72"
HANGS = 600
SOON = 1.0
PROBE = """[Desktop Entry]
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


def install():
    for folder in (DATA / "krita" / "pykrita" / "probe", CONFIG, HOME / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    (HOME / "run").chmod(0o700)
    scripts = DATA / "krita" / "pykrita"
    (scripts / "probe.desktop").write_text(PROBE)
    shutil.copy(HERE / "krita_probe.py", scripts / "probe" / "__init__.py")
    (CONFIG / "kritarc").write_text("[python]\nenable_probe=true\n")
    subprocess.run([*IMPASTO, "install", "krita"], env=ENV, check=True)


def krita(*names, **more):
    """Start Krita for these scenarios."""
    (HOME / "out").unlink(missing_ok=True)
    log = (HOME / f"{names[0]}.log").open("w")
    env = {**ENV, **more, "PROBE_ONLY": " ".join(names)}
    return subprocess.Popen(["krita", "--nosplash"], env=env, stdout=log, stderr=log, cwd=HOME)


def together(names):
    """Scenarios in one Krita, which leaves at their end; their results as the probe wrote them."""
    process = krita(*names)
    code = process.wait(HANGS)
    print((HOME / "out").read_text() if (HOME / "out").exists() else "", end="")
    said = (HOME / f"{names[0]}.log").read_text(errors="replace")
    bad = [line for line in said.splitlines() if "Traceback" in line or "SAFE ASSERT" in line]
    tell(f"{names[0]}_ends_well", [f"exit code {code}", *bad, said[-3000:]] if code or bad else [])


def dies(way):
    """Krita ends while it paints, in one of several ways: nothing may be left of it after a second."""
    process = krita("long", PROBE_WAY=way)
    file = HOME / "long"
    try:
        until(lambda: file.exists() or process.poll() is not None)
        pid = int(file.read_text())
        numbers = {"term": signal.SIGTERM, "kill": signal.SIGKILL, "segv": signal.SIGSEGV}
        if way in numbers:
            process.send_signal(numbers[way])
        code = process.wait(60)
        begin = time.monotonic()
        until(lambda: not alive(pid), 20)
        gone = time.monotonic() - begin
        assert code == -numbers[way] if way in numbers else code == 0, f"exit code {code}"
        assert gone < SOON, f"the worker lived on for {gone:.1f} s"
        tell(f"dies_by_{way}", [])
    except Exception:
        tell(f"dies_by_{way}", [*traceback.format_exc().splitlines(), (HOME / "long.log").read_text()[-2000:]])
    finally:
        process.kill()
        file.unlink(missing_ok=True)


def until(true, seconds=90):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def tell(name, why):
    print("FAIL" if why else "PASS", f"scenario_{name}", json.dumps(why), flush=True)


GROUPS = (
    "formats through_krita places selection two_documents refusals",
    "meanwhile worker_trouble choices large",
    "pictures",
)
WAYS = ("menu", "window", "term", "kill", "segv")


def main(chosen):
    """All of it, or the scenarios of these names."""
    HOME.mkdir(exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1400x1000x24", "-nolisten", "tcp"], **quiet)
    try:
        until(Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists, 20)
        install()
        for group in [" ".join(chosen)] if chosen else GROUPS:
            together(group.split())
        for way in () if chosen else WAYS:
            dies(way)
        if not chosen:
            with (CONFIG / "kritarc").open("a") as file:
                file.write("\n[theme]\nTheme=Krita bright\n")
            together(["pictures_light"])
    finally:
        screen.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
