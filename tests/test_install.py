"""`impasto install gimp` into profiles of our making; the real GIMP is in test_gimp.py."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import pytest

from conftest import ROOT, Process


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one profile of GIMP 3, and one of GIMP 2, which is not meant."""
    for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("GIMP3_DIRECTORY", raising=False)
    (tmp_path / "GIMP" / "2.10").mkdir(parents=True)
    folder = tmp_path / "GIMP" / "3.2"
    folder.mkdir()
    return folder


def test_the_plugin_is_whole_executable_and_knows_this_worker(profile: Path, process: Process) -> None:
    done = process("install", "gimp")
    assert done.returncode == 0, done.stderr
    plugin = profile / "plug-ins" / "impasto"
    assert str(plugin) in done.stdout and "Its worker paints" in done.stdout
    assert os.access(plugin / "impasto.py", os.X_OK)
    assert json.loads((plugin / "impasto.json").read_text())["worker"] == [sys.executable, "-m", "impasto", "worker"]
    assert (plugin / "client.py").read_bytes() == (ROOT / "core" / "impasto" / "client.py").read_bytes()
    assert not (profile.parent / "2.10" / "plug-ins").exists()
    assert [path.name for path in (profile / "plug-ins").iterdir()] == ["impasto"]


def test_check_and_uninstall(profile: Path, process: Process) -> None:
    assert "is not there" in process("install", "gimp", "--check").stderr
    process("install", "gimp")
    assert process("install", "gimp", "--check").returncode == 0
    (profile / "plug-ins" / "impasto" / "layers.py").write_text("old")
    assert "layers.py is missing, or not that of" in process("install", "gimp", "--check").stderr
    assert process("install", "gimp", "--uninstall").returncode == 0
    assert list((profile / "plug-ins").iterdir()) == []


def test_a_worker_that_does_not_start_is_said_at_once(profile: Path, process: Process) -> None:
    done = process("install", "gimp", "--worker", "/nowhere/ssh box impasto worker")
    assert done.returncode == 2
    assert "/nowhere/ssh" in done.stderr and "its worker does not start" in done.stderr
    settings = json.loads((profile / "plug-ins" / "impasto" / "impasto.json").read_text())
    assert settings["worker"] == ["/nowhere/ssh", "box", "impasto", "worker"]


def test_without_a_profile_it_says_where_it_looked(profile: Path, process: Process, tmp_path: Path) -> None:
    profile.rmdir()
    done = process("install", "gimp")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert str(tmp_path / "GIMP" / "3.*") in done.stderr and "--profile" in done.stderr


def test_what_is_not_ours_stays(profile: Path, process: Process) -> None:
    other = profile / "plug-ins" / "impasto"
    other.mkdir(parents=True)
    (other / "impasto.py").write_text("someone else's")
    done = process("install", "gimp")
    assert done.returncode == 2 and "not ours" in done.stderr
    process("install", "gimp", "--uninstall")
    assert (other / "impasto.py").read_text() == "someone else's"


def test_a_link_to_a_checkout_loses_only_the_link(profile: Path, process: Process) -> None:
    target = profile / "checkout"
    target.mkdir()
    (profile / "plug-ins").mkdir()
    (profile / "plug-ins" / "impasto").symlink_to(target)
    assert process("install", "gimp", "--uninstall").returncode == 0
    assert target.is_dir() and not (profile / "plug-ins" / "impasto").exists()


def test_the_packed_plugin_is_what_install_puts(profile: Path, process: Process, tmp_path: Path) -> None:
    done = process("install", "gimp", "--zip", tmp_path / "impasto-gimp.zip")
    assert done.returncode == 0 and "Preferences > Folders > Plug-ins" in done.stdout
    assert not (profile / "plug-ins").exists()
    process("install", "gimp")
    plugins = profile / "plug-ins"
    found = [path for path in plugins.rglob("*") if path.is_file()]
    installed = {path.relative_to(plugins).as_posix(): path.read_bytes() for path in found}
    settings = json.loads(installed["impasto/impasto.json"])
    del settings["worker"]  # which the packed one looks for
    installed["impasto/impasto.json"] = json.dumps(settings, indent=1).encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "impasto-gimp.zip") as packed:
        assert {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")} == installed
        assert "impasto/locale/de/LC_MESSAGES/impasto.mo" in installed
        assert packed.getinfo("impasto/impasto.py").external_attr >> 16 == 0o100755
    first = (tmp_path / "impasto-gimp.zip").read_bytes()
    process("install", "gimp", "--zip", tmp_path / "impasto-gimp.zip")
    assert (tmp_path / "impasto-gimp.zip").read_bytes() == first


def test_an_unpacked_plugin_is_ours_to_check_and_to_replace(
    profile: Path, process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process("install", "gimp", "--zip", tmp_path / "impasto-gimp.zip")
    with zipfile.ZipFile(tmp_path / "impasto-gimp.zip") as packed:
        packed.extractall(profile / "plug-ins")
    plugin = profile / "plug-ins" / "impasto"
    (plugin / "impasto.py").chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    assert f"impasto is neither on the PATH nor in {tmp_path}" in process("install", "gimp", "--check").stderr
    command = tmp_path / ".local" / "bin" / "impasto"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m impasto "$@"\n')
    command.chmod(0o755)
    assert "its worker paints" in process("install", "gimp", "--check").stdout
    assert process("install", "gimp").returncode == 0
    assert json.loads((plugin / "impasto.json").read_text())["worker"] == [sys.executable, "-m", "impasto", "worker"]
    assert process("install", "gimp", "--uninstall").returncode == 0
    assert not plugin.exists()


def test_a_packed_plugin_is_a_zip_file(process: Process, tmp_path: Path) -> None:
    done = process("install", "krita", "--zip", tmp_path / "impasto.tar")
    assert done.returncode == 2 and "the suffix '.tar' is unknown" in done.stderr
