"""One picture by several processes is the picture of one process; they start, stop and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, Process, drawing
from impasto.cli.ranks import check_shared
from impasto.errors import RecipeError
from impasto.pictures.picture import read
from impasto.recipe.provenance import Provenance
from impasto.recipe.recipe import Recipe

EXACT = 1e-5
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
PAINT = ["--size", "150", "--tile", "64", "--init", "content", "--network", "wavelet", "--profile", "johnson"]
SOON = 10
"""Seconds within which the other ranks end when one has died."""


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A photograph of 150x117 pixels."""
    path = tmp_path / "large.png"
    Image.fromarray(drawing(150, 117, seed=1)).save(path)
    return path


def ours(said: str) -> list[str]:
    """The lines that impasto said, without those of torchrun."""
    return [line for line in said.splitlines() if line.startswith("impasto:")]


@pytest.mark.slow
def test_ranks_make_what_one_process_makes(tmp_path: Path) -> None:
    done = torchrun(Path(__file__).with_name("ranks_beside_one.py"), tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    for kind in ("losses", "curvature"):
        for case, differences in found[kind].items():
            for name, difference in differences.items():
                assert difference <= EXACT, f"{case}: {name}"
    for case, differences in found["painted"].items():
        assert differences["largest"] <= 1, case


@pytest.mark.slow
def test_a_picture_by_ranks_from_the_command_line(large: Path, style: Path, tmp_path: Path, process: Process) -> None:
    asked = [large, style, *PAINT, "--steps", 6, "--scales", 2]
    one = process(*asked, "-o", tmp_path / "one.png")
    assert one.returncode == 0, one.stderr
    two = torchrun("-m", "impasto", *asked, "-o", tmp_path / "two.png", "--ranks", "--losses", tmp_path / "losses.csv")
    assert two.returncode == 0, two.stderr
    pixels = [read(tmp_path / name).pixels for name in ("one.png", "two.png")]
    assert np.abs(pixels[0] - pixels[1]).max() <= 1.01 / 255
    plain = [[line.split(" in ")[0].split(", loss")[0] for line in ours(each.stderr)] for each in (one, two)]
    assert plain[1][0] == plain[0][0]
    assert len(plain[1]) == len(set(plain[1]))  # by one of them
    carried = [Provenance.read(tmp_path / name).recipe for name in ("one.png", "two.png")]
    assert carried[0] == carried[1]


@pytest.mark.slow
def test_when_a_rank_dies_the_others_say_so_and_end(large: Path, style: Path, tmp_path: Path) -> None:
    preview, out = tmp_path / "preview.png", tmp_path / "out.png"
    asked = [large, style, *PAINT, "--steps", 10000, "--scales", 1, "-o", out, "--preview", preview, "--ranks"]
    with subprocess.Popen(
        [*TORCHRUN, "-m", "impasto", *map(str, asked)], stderr=subprocess.PIPE, text=True
    ) as launcher:
        try:
            wait_for(preview, launcher)
            os.kill(rank(launcher.pid, 1), signal.SIGKILL)
            begin = time.monotonic()
            said = launcher.communicate(timeout=HANGS)[1]
        finally:
            launcher.kill()
    assert time.monotonic() - begin < SOON
    assert launcher.returncode == 1
    (line,) = [line for line in ours(said) if "error" in line]
    assert line.startswith("impasto: error: Another rank has ended (")
    assert line.endswith(f"{out} holds the picture so far.")
    assert read(preview).size == read(out).size == (150, 117)
    assert Provenance.read(out).reached.step > 0  # type: ignore[operator]


@pytest.mark.slow
def test_a_signal_to_stop_keeps_the_picture_so_far(large: Path, style: Path, tmp_path: Path) -> None:
    preview, out = tmp_path / "preview.png", tmp_path / "out.png"
    asked = [large, style, *PAINT, "--steps", 10000, "--scales", 1, "-o", out, "--preview", preview, "--ranks"]
    with subprocess.Popen(
        [*TORCHRUN, "-m", "impasto", *map(str, asked)], stderr=subprocess.PIPE, text=True
    ) as launcher:
        try:
            wait_for(preview, launcher)
            launcher.terminate()
            said = launcher.communicate(timeout=HANGS)[1]
        finally:
            launcher.kill()
    assert f"{out} holds the picture so far, and --from goes on from it." in said
    assert len([line for line in ours(said) if "finishing this step" in line]) == 1
    assert read(out).size == (150, 117)


def wait_for(path: Path, launcher: subprocess.Popen[str]) -> None:
    end = time.monotonic() + HANGS
    while not path.exists():
        assert launcher.poll() is None, launcher.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.1)


def rank(launcher: int, number: int) -> int:
    """The process that torchrun started as this rank."""
    children = Path(f"/proc/{launcher}/task").glob("*/children")
    processes = [int(one) for path in children for one in path.read_text().split()]
    environments = {one: Path(f"/proc/{one}/environ").read_bytes().split(b"\0") for one in processes}
    (found,) = [one for one, variables in environments.items() if b"RANK=%d" % number in variables]
    return found


def test_ranks_without_torchrun_are_refused(large: Path, style: Path, tmp_path: Path, process: Process) -> None:
    done = process(large, style, "-o", tmp_path / "out.png", "--ranks")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "there is only this one. Start it as torchrun --nproc-per-node 2 -m impasto" in line


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"profile": "nnst"}, "the profile nnst has none"),
        ({"profile": "strotss"}, "the profile strotss has none"),
        ({"seamless": True}, "cannot paint what is seamless"),
        ({"init": "matched"}, "Add --init content"),
        ({"colour": "palette"}, "this picture takes none"),
    ],
)
def test_what_ranks_cannot_share_is_refused(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        check_shared(Recipe.of(**{"network": "wavelet", **knobs}))


def test_what_ranks_can_share() -> None:
    check_shared(Recipe.of(network="vgg16"))
    check_shared(Recipe.of(network="wavelet", init="content"))
    check_shared(Recipe.of(network="wavelet", init="matched", profile="johnson"))
