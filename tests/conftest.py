"""Small real pictures, the command line in this process, and the command line as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from local_server import Server, serving

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup this one
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "images"
Run = Callable[..., Result]
Install = Callable[..., Path]
Process = Callable[..., subprocess.CompletedProcess[str]]
HANGS = 300
"""Seconds after which a process counts as hanging: on a busy machine its imports alone may take a minute."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-count", type=int, default=0, help="cases of each kind in tests/fuzz; 0 for a few")
    parser.addoption("--fuzz-seed", type=int, default=0, help="which cases these are")
    parser.addoption("--fuzz-first", type=int, default=0, help="number of the first")


def drawing(width: int = 96, height: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """Soft waves of colour, (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 16
    planes = [np.sin(a * x + b * y + c) for a, b, c in rng.normal(size=(3, 3)) * 2]
    return ((np.stack(planes, axis=2) + 1) * 127.5).astype(np.uint8)


def cut_out(hidden: tuple[int, int, int], width: int = 160, height: int = 120, seed: int = 1) -> NDArray[np.uint8]:
    """A disc cut out of a drawing, with an edge that is not sharp, and `hidden` where it is transparent."""
    y, x = np.mgrid[:height, :width]
    alpha = ((height / 3 - np.hypot(x - width / 2, y - height / 2)) / 2 + 0.5).clip(0, 1)
    colours = np.where(alpha[..., None] > 0, drawing(width, height, seed), np.array(hidden, np.uint8))
    return np.dstack([colours, (alpha * 255).round().astype(np.uint8)]).astype(np.uint8)


@pytest.fixture(autouse=True)
def cached(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache: no test reads or writes what the user's pictures left, nor another test's."""
    folder = tmp_path_factory.mktemp("cache") / "impasto"
    monkeypatch.setenv("IMPASTO_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def unserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test has its commands run by the process that the user's `impasto serve` keeps."""
    monkeypatch.setenv("IMPASTO_SERVE", "off")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A photograph of 96x64 pixels."""
    path = tmp_path / "content.png"
    Image.fromarray(drawing(seed=1)).save(path)
    return path


@pytest.fixture
def style(tmp_path: Path) -> Path:
    """A painting of 80x80 pixels."""
    path = tmp_path / "style.png"
    Image.fromarray(drawing(80, 80, seed=2)).save(path)
    return path


@pytest.fixture
def impasto() -> Run:
    """Runs the command line in this process: `impasto("a.png", "b.png", "-o", out)`."""
    from impasto.cli.commands import impasto as main

    def run(*args: object) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args])

    return run


@pytest.fixture
def process() -> Process:
    """Runs the command line as a process of its own."""

    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "impasto", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]

    return run


def put_plugin(name: str, code: str, folder: Path) -> Path:
    """Put a distribution with one plug-in into `folder`, as an installer would."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[impasto]\n{name} = {name}\n")
    (folder / f"{name}.py").write_text(code)
    return folder


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """`put_plugin`, where Python finds it."""
    return partial(put_plugin, folder=tmp_path)


def environment(folder: Path) -> Path:
    """The interpreter of a new virtual environment, over the one that runs the tests: nothing need be downloaded."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = next(path for path in folder.glob("*/python*") if path.stem == "python")
    below = [path for path in sys.path if path.endswith("-packages")]
    purelib = inside(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    Path(purelib, "below.pth").write_text(f"import site; list(map(site.addsitedir, {below!r}))")
    return python


def put(python: Path, *distributions: Path) -> None:
    """Have pip put distributions, or folders of their source, into that environment."""
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", "--quiet"]
    done = inside(python, "-m", "pip", "install", *offline, *distributions)
    assert done.returncode == 0, done.stderr


def inside(program: Path, *args: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program of that environment, without what is set for the one that runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("PIP_")}
    command = [str(program), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False, env=kept | variables)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of files on this machine."""
    with serving() as running:
        yield running


@pytest.fixture
def shared() -> Path:
    """Well-known pictures that the repository does not carry; skips where they are not."""
    if not SHARED.is_dir():
        pytest.skip(f"the reference pictures are not in {SHARED}")
    return SHARED
