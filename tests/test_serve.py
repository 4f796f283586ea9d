"""`impasto serve`, in a process of its own, and commands that it runs: the same as without it, but sooner."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from conftest import HANGS, ROOT, drawing

IMPORTS = "impasto.cli.commands"
"""Of the modules that `-X importtime` lists: a command that is run here needs it, one that is handed over does not."""
QUICK = ("--size", "64", "--steps", "2", "--scales", "1")
LONG = ("--size", "64", "--init", "content", "--steps", "2000", "--scales", "1", "-q")


def ended(running: subprocess.Popen[str]) -> int:
    running.communicate(timeout=HANGS)
    return running.returncode


class Serving:
    """Commands in a folder with two pictures, and what they are told of the socket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.environment = folder, {**os.environ, "XDG_RUNTIME_DIR": str(folder / "run")}
        self.environment.pop("IMPASTO_SERVE", None)
        self.socket = folder / "run/impasto/serve.sock"
        (folder / "run").mkdir(mode=0o700)
        for number, name in enumerate(("photo.png", "style.png")):
            Image.fromarray(drawing(seed=number)).save(folder / name)

    def start(self, *args: str, **options: object) -> subprocess.Popen[str]:
        command, both = [sys.executable, "-X", "importtime", "-m", "impasto", *args], subprocess.PIPE
        options = {"cwd": self.folder, "env": self.environment, "stdout": both, "stderr": both} | options
        return subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload, no-any-return]

    def run(self, *args: str, **options: object) -> tuple[int, str, bool]:
        """The exit code, what was said but for imports, and whether it was handed over."""
        running = self.start(*args, **options)
        out, err = running.communicate(timeout=HANGS)
        lines = [line for line in err.splitlines() if not line.startswith("import time:")]
        return running.returncode, out + "\n".join(lines), IMPORTS not in err


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    one = Serving(tmp_path)
    assert one.run("serve", "--minutes", "5")[:2] == (0, "Ready: commands begin sooner now.\n")
    yield one
    assert one.run("serve", "--stop")[0] == 0


def appears(path: Path) -> None:
    end = time.monotonic() + HANGS
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_command_is_the_same_as_without(serving: Serving) -> None:
    paint = ("photo.png", "style.png", *QUICK, "-o")
    warm = serving.run(*paint, "warm.png", umask=0o077)
    assert warm[0] == 0 and warm[2]
    cold = serving.run(*paint, "cold.png", env=serving.environment | {"IMPASTO_SERVE": "off"})
    assert cold[0] == 0 and not cold[2]
    assert (serving.folder / "warm.png").read_bytes() == (serving.folder / "cold.png").read_bytes()
    assert stat.S_IMODE((serving.folder / "warm.png").stat().st_mode) == 0o600
    assert "warm.png: 64x43 pixels" in warm[1]


def test_errors_and_their_codes_come_back(serving: Serving) -> None:
    code, said, handed_over = serving.run("none.png", "style.png", "-o", "out.png")
    assert (code, handed_over) == (2, True)
    assert said == "impasto: error: none.png: there is no such file. Check the name."
    assert serving.run("styles")[0] == 0


def test_what_would_differ_is_run_here(serving: Serving) -> None:
    for changed in ({"OMP_NUM_THREADS": "1"}, {"ATEN_CPU_CAPABILITY": "default"}, {"LC_ALL": "C"}):
        assert not serving.run("styles", env=serving.environment | changed)[2]
    most = resource.getrlimit(resource.RLIMIT_AS)[1], 2**42
    limit = min(one for one in most if one != resource.RLIM_INFINITY)
    assert not serving.run("styles", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))[2]
    for name in ("--help", "--version"):
        assert not serving.run(name)[2]
    assert serving.run("styles")[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_stops_a_command_keeps_its_picture(serving: Serving, number: signal.Signals) -> None:
    running = serving.start("photo.png", "style.png", *LONG, "-o", "out.png", "--preview", "now.png")
    appears(serving.folder / "now.png")
    running.send_signal(number)
    assert ended(running) == (-9 if number == signal.SIGKILL else 130)
    appears(serving.folder / "out.png")


def test_two_commands_at_a_time(serving: Serving) -> None:
    both = [serving.start("photo.png", "style.png", *QUICK, "-o", f"{name}.png") for name in "ab"]
    assert [ended(one) for one in both] == [0, 0]
    assert (serving.folder / "a.png").read_bytes() == (serving.folder / "b.png").read_bytes()


def test_only_its_user_reaches_it(serving: Serving) -> None:
    assert stat.S_IMODE(serving.socket.parent.stat().st_mode) == 0o700
    serving.socket.parent.chmod(0o755)
    assert not serving.run("styles")[2]
    serving.socket.parent.chmod(0o700)
    assert serving.run("styles")[2]
    assert serving.run("serve")[:2] == (0, "It is there already.\n")


def test_it_ends_when_idle_and_when_asked(tmp_path: Path) -> None:
    one = Serving(tmp_path)
    assert one.run("serve", "--stop")[1] == "There was none.\n"
    running = one.start("serve", "--stay", "--minutes", "0.001", stderr=subprocess.DEVNULL)
    assert ended(running) == 0 and not one.socket.exists()
    running = one.start("serve", "--stay", stderr=subprocess.DEVNULL)
    assert running.stdout and running.stdout.readline() == "Ready: commands begin sooner now.\n"
    assert one.run("serve", "--stop")[1] == "It has ended.\n"
    assert ended(running) == 0 and not one.socket.exists()


def test_another_program_does_not_run_in_the_old_one(tmp_path: Path) -> None:
    one = Serving(tmp_path)
    for name in ("core", "plugins"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    one.environment["PYTHONPATH"] = f"{tmp_path / 'core'}{os.pathsep}{tmp_path / 'plugins'}"
    running = one.start("serve", "--stay", stderr=subprocess.DEVNULL)
    assert running.stdout and running.stdout.readline()
    assert one.run("styles")[2]
    os.utime(tmp_path / "core/impasto/painting/paint.py", (1, 1))
    assert not one.run("styles")[2]
    assert ended(running) == 0


def test_where_it_cannot_be(tmp_path: Path) -> None:
    one = Serving(tmp_path)
    one.environment["IMPASTO_SERVE"] = "off"
    code, said, _ = one.run("serve")
    assert code == 2 and said.startswith("impasto: error: Commands cannot be handed over here (")
