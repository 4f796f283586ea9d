"""impasto for a plug-in that has found none, by uv or by pip, into a folder of the user's. It lies beside the plug-in.

One file of standard library, Python 3.8 or newer, as `client.py`; what takes long is done by a thread.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

CPU = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds for the processor, which are smaller than those of PyPI on Linux."""
SMALL, LARGE = (0.25, 1.1), (3.0, 5.9)
"""GB to download and on disk, for the processor and for NVIDIA's cards, as docs/install.md has measured them."""
NEEDED = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
CHOSEN = ("PIP_NO_INDEX", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_TORCH_BACKEND")
"""With one of these set, the user has said where packages come from, PyTorch among them."""
FRAME = " \r\n\u00d7\u2570\u2500\u25b6\u2502"
"""What uv draws around its errors."""
WHY, TOLD = ("error", "no solution"), 3
"""How the first line begins that says why a command has failed, and how many of these are told."""


class Installer:
    """Puts `wanted`, as `impasto==0.1.0` or a wheel's path, into `place`, a folder that is ours and then new.

    `poll` gives what there is to say. `ended` it has, once it is true; `failed` is then why, empty if all is well.
    """

    def __init__(self, place: Path, wanted: str) -> None:
        self.place, self.wanted = place, wanted
        self.ended, self.failed = False, ""
        self._cancelled = False
        self._lines: deque[str] = deque()
        self._process: subprocess.Popen[bytes] | None = None

    def offer(self) -> str:
        """What it would do: by which program, where, and what that takes."""
        download, disk = size()
        build = "NVIDIA's card" if card() else "the processor"
        return (
            f"impasto, the program that paints, is not here yet. {means()} would put it into {self._named()}, with "
            f"PyTorch for {build}: some {download:g} GB to download, {disk:g} GB on disk."
        )

    def _named(self) -> str:
        """`place` as people write it."""
        inside = Path.home() in self.place.parents
        return f"~/{self.place.relative_to(Path.home()).as_posix()}" if inside else str(self.place)

    def typed(self) -> str:
        """The same as a line for a terminal. Raises what `steps` does."""
        return " && ".join(map(shlex.join, self.steps()))

    def steps(self) -> list[list[str]]:
        """The commands, one after the other. Raises `LookupError`, whose text says what to do, where they cannot be."""
        linux, chosen = sys.platform == "linux", any(name in os.environ for name in CHOSEN)
        if found := uv():
            torch = ["--torch-backend", "auto"] if linux and not chosen else []
            install = [found, "pip", "install", "--python", str(self.place), *torch, self.wanted]
            own = ["--managed-python"] if Path("/.flatpak-info").exists() else []  # a runtime's may be another tomorrow
            return [[found, "venv", *own, "--python", ">=3.11", str(self.place)], install]
        index = ["--extra-index-url", CPU] if linux and not card() and not chosen else []
        pip = [str(python(self.place)), "-m", "pip", "install", "--progress-bar", "off", *index, self.wanted]
        return [[_interpreter(), "-m", "venv", str(self.place)], pip]

    def start(self) -> None:
        """Begin; `poll` tells how it goes."""
        threading.Thread(target=self._work, daemon=True).start()

    def poll(self) -> list[str]:
        """The lines that have been said since the last call."""
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def cancel(self) -> None:
        """Stop it, and leave nothing in `place`."""
        self._cancelled = True
        if self._process is not None:
            _kill(self._process)

    def _work(self) -> None:
        """Thread: all of it."""
        try:
            self._check_room()
            self._clear()
            for step in self.steps():
                self._run(step)
        except (LookupError, OSError) as error:
            self.failed = str(error)
            with suppress(OSError):
                self._clear()
        self.ended = True

    def _check_room(self) -> None:
        there = next(folder for folder in self.place.parents if folder.exists())
        free, needed = shutil.disk_usage(there).free / 1e9, sum(size())
        if free < needed:
            raise LookupError(f"{there} has {free:.1f} GB left, and {needed:.1f} are needed. Make room, and try again.")

    def _clear(self) -> None:
        if self.place.exists():
            shutil.rmtree(self.place)

    def _run(self, step: list[str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_LIBRARY"))}
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        how.update(start_new_session=True, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
        process = self._process = subprocess.Popen(step, env={**own, "PYTHONUNBUFFERED": "1"}, **how)  # noqa: S603
        if self._cancelled:  # before there was one to end
            _kill(process)
        told: list[str] = []
        with process.stdout or open(os.devnull, "rb") as said:  # noqa: PTH123  (the pipe is there; for mypy)
            for line in said:
                text = line.decode(errors="replace").strip(FRAME)
                if text:
                    told.append(text)
                    self._lines.append(text)
        failed = process.wait()
        if self._cancelled:
            raise LookupError("Stopped: nothing was kept.")
        if failed:
            begin = next((number for number, text in enumerate(told) if text.lower().startswith(WHY)), -1)
            raise LookupError(f"{means()} could not install it: {' '.join(told[begin:][:TOLD])}")


def means() -> str:
    """What installs."""
    return "uv" if uv() else "pip"


def uv() -> str | None:
    """Where uv is, if it is somewhere."""
    usual = (Path.home() / folder for folder in (".local/bin", ".cargo/bin"))
    return shutil.which("uv", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, usual)]))


def card() -> bool:
    """Whether there is a graphics card of NVIDIA's, with its driver."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def size() -> tuple[float, float]:
    """GB to download, and on disk."""
    return LARGE if sys.platform == "linux" and card() else SMALL


def python(place: Path) -> Path:
    """The interpreter of the environment in `place`."""
    return place / "Scripts" / "python.exe" if sys.platform == "win32" else place / "bin" / "python"


def command(place: Path) -> list[str]:
    """What starts the worker that was installed into `place`."""
    return [str(python(place)), "-m", "impasto", "worker"]


def _interpreter() -> str:
    """A Python that is new enough and can make environments."""
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"):
        found = shutil.which(name)
        with suppress(OSError):
            if found and not subprocess.call([found, "-I", "-c", NEEDED], stderr=subprocess.DEVNULL):  # noqa: S603
                return found
    raise LookupError(
        "Neither uv nor Python 3.11 or newer with venv is here. Install one of them "
        "(https://docs.astral.sh/uv; on Debian and Ubuntu, apt install python3-venv), and try again."
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it, and what it has started."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
