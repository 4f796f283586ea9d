"""Plug-ins found through real dist-info folders: strangers' networks work, and broken ones harm nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Install, put_plugin

GOOD = """
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

@hookimpl
def impasto_networks():
    return [NetworkInfo({name!r}, "a stranger's network", build=dict)]
"""
BROKEN = {
    "fails_to_import": "import does_not_exist",
    "is_no_python": "def broken(:",
    "exits": "import sys\nsys.exit(3)",
    "raises_in_the_hook": GOOD.replace("return", "raise OSError('no disk')\n    return"),
    "gives_one_record": GOOD.replace("return [", "return (").replace("build=dict)]", "build=dict))"),
    "gives_something_else": GOOD.replace("NetworkInfo(", "str("),
    "takes_a_used_name": GOOD.format(name="wavelet"),
    "gives_a_name_twice": GOOD.format(name="twin").replace("build=dict)]", "build=dict)] * 2"),
    "misspells_the_hook": GOOD.replace("impasto_networks", "impasto_network"),
    "wants_an_argument": GOOD.replace("impasto_networks()", "impasto_networks(colour)"),
    "has_no_summary": GOOD.replace('"a stranger\'s network"', "None"),
    "has_odd_options": GOOD.replace("build=dict", "build=dict, options={'pooling': 'max'}"),
    "cannot_say_if_ready": GOOD.format(name="moody").replace("build=dict", "build=dict, missing=lambda: 1 / 0"),
}
Plugins = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def plugins(tmp_path: Path) -> Plugins:
    """`impasto plugins`, or other words, as a process that finds what was installed."""

    def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "impasto", *(args or ["plugins"])]
        env = os.environ | {"PYTHONPATH": str(tmp_path)} | environment
        return subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)

    return run


def test_the_built_in_ones_come_through_the_same_door(plugins: Plugins) -> None:
    done = plugins()
    assert done.returncode == 0
    assert done.stderr == ""
    rows = [line.split()[:4] for line in done.stdout.splitlines()]
    assert rows[0] == ["NAME", "KIND", "FROM", "STATE"]
    assert ["wavelet", "network", "impasto", "ready"] in rows
    assert ["torch", "backend", "impasto", "ready"] in rows
    assert "  cpu cuda mps  " in done.stdout
    assert "\nvgg19: --network-options" in done.stdout
    assert "  pooling=average|max\n" in done.stdout
    assert "cannot be used" not in done.stdout


def test_a_strangers_network_is_listed(install: Install, plugins: Plugins) -> None:
    install("acme_net", GOOD.format(name="acme"))
    assert ["acme", "network", "acme_net", "ready"] in [line.split()[:4] for line in plugins().stdout.splitlines()]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_and_harms_nobody(install: Install, plugins: Plugins, name: str) -> None:
    install(name, BROKEN[name].replace("{name!r}", "'mine'"))
    install("acme_net", GOOD.format(name="acme"))
    done = plugins()
    assert done.returncode == 0, done.stderr
    rows = [line.split()[:2] for line in done.stdout.splitlines()]
    assert {("wavelet", "network"), ("torch", "backend"), ("acme", "network")} <= {tuple(row) for row in rows}
    if name == "cannot_say_if_ready":
        assert "ZeroDivisionError" in done.stdout
    else:
        assert f"'{name} = {name}' of {name} cannot be used" in done.stdout
        assert f"pip uninstall {name}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "content", "shown"),
    [
        ("entry_points.txt", b"[impasto]\nacme_net = acme\xff\n", "'entry_points.txt' of acme_net cannot be used"),
        ("entry_points.txt", b"[impasto]\nacme_net\n", "cannot be used"),
        ("METADATA", b"Metadata-Version: 2.1\nName: acme\xff\n", "acme  "),
        ("METADATA", b"Metadata-Version: 2.1\nVersion: 1.0\n", "acme  "),
        ("METADATA", None, "acme  "),
    ],
)
def test_damaged_metadata_harms_nobody(
    install: Install, plugins: Plugins, tmp_path: Path, file: str, content: bytes | None, shown: str
) -> None:
    install("acme_net", GOOD.format(name="acme"))
    path = tmp_path / "acme_net-1.0.dist-info" / file
    path.unlink() if content is None else path.write_bytes(content)
    done = plugins()
    assert done.returncode == 0, done.stderr
    assert ["wavelet", "network", "impasto", "ready"] in [line.split()[:4] for line in done.stdout.splitlines()]
    assert shown in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_distribution_that_is_twice_on_the_path_counts_once(plugins: Plugins, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "behind"):
        folder.mkdir(exist_ok=True)
        put_plugin("acme_net", GOOD.format(name="acme"), folder)
    done = plugins(PYTHONPATH=f"{tmp_path}{os.pathsep}{tmp_path / 'behind'}")
    assert done.stdout.count("acme_net") == 1
    assert "cannot be used" not in done.stdout


def test_what_a_backend_can_do_is_listed_and_its_name_is_no_network_s(install: Install, plugins: Plugins) -> None:
    backend = GOOD.format(name="wavelet").replace("networks", "backends").replace("NetworkInfo", "BackendInfo")
    backend = backend.replace("network import", "backend import").replace("build=dict", "False, dict, devices=('npu',)")
    install("acme_backend", backend)
    rows = plugins().stdout.splitlines()
    (ours,) = (row for row in rows if "acme_backend" in row)
    assert ours.split()[:6] == ["wavelet", "backend", "acme_backend", "ready", "npu", "a"]
    assert ours.endswith("no gradients, for --targets only")
    assert ["wavelet", "network", "impasto", "ready"] in [row.split()[:4] for row in rows]


def test_a_plugin_is_taken_whole_or_not_at_all(install: Install, plugins: Plugins) -> None:
    half = GOOD.format(name="half") + "\n@hookimpl\ndef impasto_backends():\n    raise ValueError('half done')\n"
    install("half_plugin", half)
    done = plugins()
    assert ["half", "network"] not in [line.split()[:2] for line in done.stdout.splitlines()]
    assert "ValueError: half done" in done.stdout


def test_authors_can_see_the_traceback(install: Install, plugins: Plugins) -> None:
    install("fails", BROKEN["fails_to_import"])
    done = plugins(IMPASTO_PLUGIN_ERRORS="raise")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "does_not_exist" in done.stderr


def test_an_unknown_network_names_those_that_exist(install: Install, plugins: Plugins) -> None:
    install("acme_net", GOOD.format(name="acme"))
    done = plugins("a.png", "b.png", "-o", "c.png", "--network", "acne")
    assert done.returncode == 2
    assert "There is no network 'acne'" in done.stderr
    assert "acme" in done.stderr
    assert "wavelet" in done.stderr
