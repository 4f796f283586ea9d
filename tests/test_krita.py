"""The docker in a real Krita, in a Debian root filesystem made by `tests/editors/rootfs.sh build`; and its pixels."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import catalogue
from conftest import ROOT

EDITORS = ROOT / "tests" / "editors"
PLUGIN = ROOT / "krita_plugin" / "impasto"
SCENARIOS = EDITORS / "krita_scenarios.py"
NAMES = re.findall(r"^def scenario_(\w+)", SCENARIOS.read_text(), re.MULTILINE)
WAYS = ("menu", "window", "term", "kill", "segv")
HANGS = 3600
LABEL = 30
"""Letters that a label or a button has at most: longer texts are sentences, which wrap, or are shown by themselves."""
TYPES = {"B": "u1", "H": "<u2", "e": "<f2", "f": "<f4"}


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with impasto from this checkout, for the root filesystem."""
    there = subprocess.run([EDITORS / "rootfs.sh", "check"], capture_output=True, text=True, check=False)
    if there.returncode:
        pytest.skip(there.stdout.strip())
    folder = tmp_path_factory.mktemp("krita")
    subprocess.run([EDITORS / "rootfs.sh", "install", folder], check=True, timeout=HANGS)
    catalogue.write(folder / "locale", {text: foreign(text) for text in catalogue.texts()})
    return folder


def foreign(text: str) -> str:
    """`text` in a language that is longer than English, as most are, in brackets."""
    return f"\u27e6{text}{'~' * (len(text) * 2 // 5 if len(text) < LABEL else 0)}\u27e7"


@pytest.fixture(scope="session")
def results(scratch: Path, record_testsuite_property: Callable[[str, object], None]) -> dict[str, str]:
    """What each scenario came to: "PASS", or why not. Pictures of the docker lie in the folder `krita`."""
    start = [EDITORS / "rootfs.sh", "run", scratch, "python3", "/checkout/tests/editors/krita_session.py"]
    done = subprocess.run(start, capture_output=True, text=True, timeout=HANGS, check=False)
    lines = re.findall(r"^(PASS|FAIL) scenario_(\w+) (.*)$", done.stdout, re.MULTILINE)
    found = {name: state if state == "PASS" else "\n".join(json.loads(why)) for state, name, why in lines}
    assert found, done.stdout + done.stderr
    speed = scratch / "krita" / "large.txt"
    record_testsuite_property("krita", speed.read_text() if speed.exists() else "not measured")
    return found


@pytest.mark.slow
@pytest.mark.window
@pytest.mark.parametrize("name", [name for name in NAMES if name != "long"])
def test_in_krita(results: dict[str, str], name: str) -> None:
    assert results.get(name, "it did not run") == "PASS"


@pytest.mark.slow
@pytest.mark.window
@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_the_worker(results: dict[str, str], way: str) -> None:
    assert results.get(f"dies_by_{way}", "it did not run") == "PASS"


@pytest.mark.slow
@pytest.mark.window
def test_every_krita_ends_well_and_quietly(results: dict[str, str]) -> None:
    ends = {name: state for name, state in results.items() if name.endswith("_ends_well")}
    assert len(ends) == 8 and set(ends.values()) == {"PASS"}, ends


@pytest.mark.slow
@pytest.mark.window
def test_from_an_empty_home_to_a_painting_without_a_terminal(
    scratch: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """By mouse and keyboard in Krita's own windows. Each step waits for what the one before has brought about."""
    command = [EDITORS / "rootfs.sh", "run", scratch, "python3", "/checkout/tests/editors/krita_empty_home.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)
    assert not done.returncode, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    record_testsuite_property("krita_empty_home", done.stdout.splitlines()[-1])
    assert found["layers"] == ["oil 50 %", "Background"], found
    assert found["said"].endswith("the new layer is oil 50 %."), found


@pytest.fixture(scope="module")
def pixels() -> ModuleType:
    """The module of the plug-in that needs no Krita."""
    spec = importlib.util.spec_from_file_location("krita_pixels", PLUGIN / "pixels.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_blue_first_becomes_red_first_and_back(pixels: ModuleType) -> None:
    for (model, depth), layout in pixels.LAYOUTS.items():
        values = (np.arange(5 * layout.channels) % 250).astype(TYPES[layout.code]).reshape(5, -1)
        sent = pixels.ordered(values.tobytes(), layout)
        order = [2, 1, 0, 3] if (model, depth) in (("RGBA", "U8"), ("RGBA", "U16")) else range(layout.channels)
        assert sent == values[:, list(order)].tobytes(), (model, depth)
        assert pixels.ordered(sent, layout) == values.tobytes()


def test_the_selection_goes_into_alpha_and_nowhere_else(pixels: ModuleType) -> None:
    generator = np.random.default_rng(3)
    selection = np.array([0, 1, 127, 128, 254, 255] * 20, np.uint8)
    for key, layout in pixels.LAYOUTS.items():
        top = {"B": 255, "H": 65535}.get(layout.code, 1.0)
        values = (generator.random((120, layout.channels)) * top).astype(TYPES[layout.code])
        baked = np.frombuffer(pixels.baked(values.tobytes(), selection.tobytes(), layout), TYPES[layout.code])
        baked = baked.reshape(values.shape)
        assert np.array_equal(baked[:, :-1], values[:, :-1]), key
        expected = values[:, -1].astype(np.float64) * selection / 255
        near = 0.51 if layout.code in "BH" else 1e-3 if layout.code == "e" else 1e-6
        assert np.abs(baked[:, -1] - expected).max() <= near, key
        whole = bytes([255]) * 120
        assert pixels.baked(values.tobytes(), whole, layout) == values.tobytes()


def test_strips_cover_every_row_once(pixels: ModuleType) -> None:
    for height, row in ((1, 1), (7, 2**19), (3000, 16000), (5, 2**22)):
        rows = [top + row_ for top, count in pixels.strips(height, row) for row_ in range(count)]
        assert rows == list(range(height))


def test_a_part_of_a_picture_is_cut_out(pixels: ModuleType) -> None:
    whole = np.arange(6 * 40, dtype=np.uint8).reshape(6, 40)
    assert pixels.cropped(memoryview(whole.tobytes()), 40, 8, 12, 2, 3) == whole[2:5, 8:20].tobytes()
    assert pixels.cropped(memoryview(whole.tobytes()), 40, 0, 40, 2, 3) == whole[2:5].tobytes()


def test_linear_light_is_told_by_the_name_of_the_profile(pixels: ModuleType) -> None:
    assert pixels.linear("sRGB-elle-V2-g10.icc") and pixels.linear("Linear Rec2020")
    assert not pixels.linear("sRGB-elle-V2-srgbtrc.icc") and not pixels.linear("Gray-D50-elle-V2-srgbtrc.icc")


@pytest.mark.parametrize("path", [*sorted(PLUGIN.glob("*.py")), SCENARIOS], ids=lambda path: path.name)
def test_qt_5_and_qt_6_both_know_every_enum(path: Path) -> None:
    """Qt.MouseButton.LeftButton is in both, Qt.LeftButton only in PyQt5; and what is imported is whichever there is."""
    tree = list(ast.walk(ast.parse(path.read_text())))
    scopes = {id(node.value) for node in tree if isinstance(node, ast.Attribute)}
    short = [
        f"line {node.lineno}: {node.value.id}.{node.attr}"
        for node in tree
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and id(node) not in scopes
        if re.fullmatch(r"Q[tA-Z]\w*", node.value.id) and node.attr[0].isupper()
    ]
    modules = {str(node.module).partition(".")[0] for node in tree if isinstance(node, ast.ImportFrom)}
    assert not short
    assert path.name == "qt.py" or not modules & {"PyQt5", "PyQt6"}


def test_the_plugin_needs_no_newer_python_than_krita_has() -> None:
    for path in PLUGIN.glob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))
