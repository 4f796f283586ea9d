"""The losses of every step as a table and as plots, kept by every command that paints."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, Run
from impasto import paint
from impasto.pictures.picture import read
from impasto.recipe.recipe import Recipe

PLAIN = ("--steps", 3, "--device", "cpu")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_loss_of_every_step_is_in_the_table(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out, losses = tmp_path / "out.png", tmp_path / "losses.csv"
    done = impasto(
        content, style, "-o", out, *PLAIN, "--size", 96, "--scales", 2, "--init", "content", "--losses", losses
    )
    assert done.exit_code == 0, done.output
    recipe = Recipe(init="content", size=96, scales=2, steps=3, device="cpu")
    steps = list(paint(read(content), read(style), recipe))
    rows = table(losses)
    assert [row["taken"] for row in rows] == [str(number) for number in range(1, len(steps) + 1)]
    assert list(rows[0])[:6] == ["taken", "stage", "size", "step", "seconds", "total"]
    assert steps[0].losses.keys() < steps[-1].losses.keys()  # the smaller stage reaches fewer layers
    for row, step in zip(rows, steps, strict=True):
        where = [step.stage + 1, step.size, step.step]
        assert [int(row[name]) for name in ("stage", "size", "step")] == where
        assert float(row["total"]) == pytest.approx(step.loss, rel=1e-6)
        cells = {name: float(row[name]) for name in list(row)[6:] if row[name]}
        assert cells == pytest.approx(step.losses, rel=1e-6)


@pytest.mark.parametrize("command", ["texture", "reconstruct"])
def test_alone_and_again(impasto: Run, tmp_path: Path, style: Path, command: str) -> None:
    out, first, second = tmp_path / "out.png", tmp_path / "1.csv", tmp_path / "2.csv"
    done = impasto(command, style, "-o", out, *PLAIN, "--size", 48, "--losses", first)
    assert done.exit_code == 0, done.output
    assert impasto("again", out, "--losses", second).exit_code == 0
    before, after = table(first), table(second)
    assert len(before) == 3
    assert [row | {"seconds": ""} for row in after] == [row | {"seconds": ""} for row in before]


def test_plots_show_a_curve_for_every_loss(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    svg, png = tmp_path / "plot.svg", tmp_path / "plot.png"
    options = (
        "--size",
        64,
        "--init",
        "content",
        "--scales",
        1,
        "--style-layers",
        "band1,band2",
        "--losses",
        svg,
        "--losses",
        png,
    )
    done = impasto(content, style, "-o", tmp_path / "out.png", *PLAIN, *options)
    assert done.exit_code == 0, done.output
    root = ElementTree.fromstring(svg.read_text())
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"total", "style band1", "style band2", "content shape2", "histogram", "64 px", "steps"} <= words
    lines = [line.attrib for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    curves = [line["points"].split() for line in lines if line["stroke"] == "#000000"]
    assert [len(points) for points in curves] == [3, 2]  # the total, and its line in the legend
    heights = [float(point.split(",")[1]) for point in curves[0]]
    assert heights == sorted(heights)  # the loss falls, and y counts downwards
    assert len(np.unique(np.asarray(Image.open(png).convert("RGB")).reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("losses.txt", "'.txt' is unknown. Use .csv, .png, .svg"),
        ("losses", "no suffix"),
        ("nowhere/losses.csv", "there is no folder"),
        ("style.png", "one of the input pictures"),
        ("out.png", "would replace a picture"),
        ("preview.png", "would replace a picture"),
    ],
)
def test_bad_names_are_refused_before_any_work(
    impasto: Run, tmp_path: Path, content: Path, style: Path, name: str, words: str
) -> None:
    before = style.read_bytes()
    outputs = ("-o", tmp_path / "out.png", "--preview", tmp_path / "preview.png", "--losses", tmp_path / name)
    done = impasto(content, style, *outputs, *PLAIN)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert words in done.stderr
    assert style.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [content, style]


def test_again_never_writes_losses_over_its_picture(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    assert impasto(content, style, "-o", out, *PLAIN, "--size", 64).exit_code == 0
    before = out.read_bytes()
    done = impasto("again", out, "--losses", out)
    assert (done.exit_code, "one of the input pictures" in done.stderr) == (2, True)
    assert out.read_bytes() == before


def test_ctrl_c_keeps_the_losses_so_far(tmp_path: Path, style: Path) -> None:
    out, preview, losses = (tmp_path / name for name in ("out.png", "preview.png", "losses.csv"))
    options = ("--size", 48, "--steps", 100000, "--scales", 1, "--preview", preview, "--losses", losses)
    command = [sys.executable, "-m", "impasto", *map(str, ("texture", style, "-o", out, *options))]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + HANGS
        while not preview.exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == 130, said
    rows = table(losses)
    assert 1 <= len(rows) < 100000
    assert f"step {len(rows)} of 100000" in said
