"""`impasto install krita` into resource folders of our making; the real Krita is in test_krita.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from conftest import ROOT, Process
from impasto.cli.install.krita import enabled

KRITARC = (
    "[advancedColorSelector]\ngamut=a=b\n\n[python]\nenable_other=true\nenable_impasto=false\n\n[theme]\nTheme=x\n"
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folders of other systems are elsewhere")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with Krita's resource folder and settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    (tmp_path / ".local" / "share" / "krita").mkdir(parents=True)
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "kritarc").write_text(KRITARC)
    return tmp_path


def test_the_plugin_is_whole_enabled_and_knows_this_worker(home: Path, process: Process) -> None:
    done = process("install", "krita")
    assert done.returncode == 0, done.stderr
    assert "Its worker paints" in done.stdout
    resources = home / ".local" / "share" / "krita"
    plugin = resources / "pykrita" / "impasto"
    assert {path.name for path in (ROOT / "krita_plugin" / "impasto").glob("*.*")} < {p.name for p in plugin.iterdir()}
    assert (plugin / "client.py").read_bytes() == (ROOT / "core" / "impasto" / "client.py").read_bytes()
    assert json.loads((plugin / "impasto.json").read_text())["worker"] == [sys.executable, "-m", "impasto", "worker"]
    assert (resources / "pykrita" / "impasto.desktop").is_file() and (
        resources / "actions" / "impasto.action"
    ).is_file()
    kritarc = (home / ".config" / "kritarc").read_text()
    assert kritarc.replace("enable_impasto=true\n", "") == KRITARC.replace("enable_impasto=false\n", "")


def test_check_says_what_is_wrong_and_uninstall_leaves_nothing(home: Path, process: Process) -> None:
    resources, kritarc = home / ".local" / "share" / "krita", home / ".config" / "kritarc"
    assert "is not there" in process("install", "krita", "--check").stderr
    process("install", "krita")
    assert process("install", "krita", "--check").returncode == 0
    (resources / "pykrita" / "impasto" / "layers.py").write_text("old")
    assert "layers.py is missing, or not that of" in process("install", "krita", "--check").stderr
    process("install", "krita")
    kritarc.write_text("[theme]\n")
    assert "not enabled" in process("install", "krita", "--check").stderr
    process("install", "krita")
    assert process("install", "krita", "--uninstall").returncode == 0
    assert [path for path in resources.rglob("*") if path.is_file()] == []
    assert "impasto" not in kritarc.read_text()


def test_a_flatpak_has_its_own_folders(home: Path, process: Process) -> None:
    flatpak = home / ".var" / "app" / "org.kde.krita"
    (flatpak / "data" / "krita").mkdir(parents=True)
    done = process("install", "krita")
    assert done.returncode == 0, done.stderr
    settings = json.loads((flatpak / "data" / "krita" / "pykrita" / "impasto" / "impasto.json").read_text())
    assert settings["worker"][0] == sys.executable
    assert "enable_impasto=true" in (flatpak / "config" / "kritarc").read_text()
    assert (home / ".local" / "share" / "krita" / "pykrita" / "impasto").is_dir()


def test_without_krita_it_says_where_it_looked(home: Path, process: Process) -> None:
    (home / ".local" / "share" / "krita").rmdir()
    done = process("install", "krita")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert str(home / ".local" / "share" / "krita") in done.stderr and "--profile" in done.stderr


def test_what_is_not_ours_stays(home: Path, process: Process) -> None:
    other = home / ".local" / "share" / "krita" / "pykrita" / "impasto"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("someone else's")
    done = process("install", "krita")
    assert done.returncode == 2 and "not ours" in done.stderr
    process("install", "krita", "--uninstall")
    assert (other / "__init__.py").read_text() == "someone else's"
    assert (home / ".config" / "kritarc").read_text() == KRITARC


@pytest.mark.parametrize(
    "text", ["", "[python]", "[theme]\nTheme=x", "[python]\nenable_other=true\n[a]\nb=c\n", KRITARC]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_kritarc_keeps_all_else(text: str, end: str) -> None:
    text, end = text.replace("\n", end), end if "\n" in text else "\n"
    on = enabled(text, True)
    assert enabled(on, True) == on
    assert on.split(end).count("enable_impasto=true") == 1 and on.split(end).count("[python]") == 1
    assert on.split(end)[on.split(end).index("[python]") + 1] == "enable_impasto=true"
    kept = [line for line in text.split(end) if line and "impasto" not in line]
    assert [line for line in on.split(end) if line in kept] == kept
    assert "impasto" not in enabled(on, False)
