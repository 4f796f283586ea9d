"""The wheel and the sdist as they are published: each is installed and paints, and all that it needs is inside."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from PIL import Image

from conftest import ROOT, environment, inside, put
from impasto._version import __version__
from impasto.cli.install.command import EDITORS

MOST = {".whl": 1.1e6, ".gz": 6e6}
"""Bytes of each: so much docs/install.md promises of the wheel."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Suffix -> what `python -m build` would make of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture(scope="module", params=MOST)
def python(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The interpreter of an environment with the one or the other."""
    python = environment(tmp_path_factory.mktemp("env") / "env")
    put(python, built[request.param])
    return python


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"impasto-{__version__}.dist-info/METADATA").decode())


def test_both_are_small_and_hold_nothing_that_is_not_ours(built: dict[str, Path]) -> None:
    assert set(built) == set(MOST)
    assert not {path.name: path.stat().st_size for suffix, path in built.items() if path.stat().st_size > MOST[suffix]}
    with zipfile.ZipFile(built[".whl"]) as wheel, tarfile.open(built[".gz"]) as sdist:
        names = [*wheel.namelist(), *sdist.getnames()]
    assert not [name for name in names if ".pyc" in name or "cache" in name.split("/")[-2:][0]]
    assert "impasto/locale/de/LC_MESSAGES/impasto.mo" in names and "impasto/locale/impasto.pot" not in names


def test_the_registry_takes_them(built: dict[str, Path]) -> None:
    done = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *built.values()], capture_output=True)
    assert done.returncode == 0, done.stdout.decode()
    said = metadata(built[".whl"])
    assert (said["Version"], said["License-Expression"], said["Requires-Python"]) == (
        __version__,
        "Apache-2.0",
        ">=3.11",
    )
    assert {"Environment :: GPU", "Topic :: Artistic Software"} < set(said.get_all("Classifier", []))


def test_a_painting_needs_no_torchvision(built: dict[str, Path]) -> None:
    needed = [line for line in metadata(built[".whl"]).get_all("Requires-Dist", []) if "extra ==" not in line]
    assert "torch>=2.4" in needed and not [line for line in needed if "vision" in line]


def test_it_paints_in_a_style_of_its_own(python: Path, content: Path, tmp_path: Path) -> None:
    where = inside(python, "-c", "import impasto; print(impasto.__file__)").stdout
    assert where.startswith(os.fspath(python.parents[1])), where
    command, out = python.with_name("impasto"), tmp_path / "painted.png"
    assert inside(command, "styles").stdout.count("\n") >= 8
    done = inside(command, content, "oil", "-o", out, "--size", 64, "--steps", 3)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert picture.size == (64, 43)


@pytest.mark.parametrize("editor", EDITORS)
def test_the_plugins_for_editors_are_inside(python: Path, editor: str, tmp_path: Path) -> None:
    done = inside(python.with_name("impasto"), "install", editor, "--zip", tmp_path / "plugin.zip")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plugin.zip").read_bytes() == EDITORS[editor].packed()
