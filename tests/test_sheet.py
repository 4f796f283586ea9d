"""`impasto sheet`: each picture is the one painted alone and lies where its labels say; the paper's figures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from conftest import HANGS, Run, drawing
from impasto.cli.sheet.axes import NOTHING, Axis, span
from impasto.cli.sheet.figures import planned
from impasto.pictures.contact_sheet import EMPTY, GAP, Contact, Label, wrapped
from impasto.pictures.picture import read, read_comment
from impasto.plugin import Recognised
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16, VGG19, Architecture
from random_vgg import random_weights

PLAIN = ("--size", 64, "--scales", 1, "--device", "cpu")
QUICK = (*PLAIN, "--steps", 2)
FONT = ImageFont.load_default(size=12)


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def place(sheet: Path, picture: NDArray[np.uint8]) -> tuple[int, int]:
    """(x, y) of the one place where the sheet has this picture, bit for bit."""
    whole, (height, width, _) = pixels(sheet), picture.shape
    rows = np.lib.stride_tricks.sliding_window_view(whole, (height, width, 3))[:, :, 0]
    found = np.argwhere((rows[..., 0, :, :] == picture[0]).all(axis=(2, 3)))
    ((y, x),) = [(y, x) for y, x in found if np.array_equal(rows[y, x], picture)]
    return int(x), int(y)


def assert_grid(places: list[list[tuple[int, int]]]) -> None:
    """Places, row by row, lie in rows and columns, in order."""
    xs, ys = [[x for x, _ in row] for row in places], [[y for _, y in row] for row in places]
    assert all(row == sorted(set(xs[0])) for row in xs)
    assert [[y] * len(row) for (y, *_), row in zip(ys, ys, strict=True)] == ys == sorted(ys)


def alone(impasto: Run, content: Path, style: Path, out: Path, *options: object) -> NDArray[np.uint8]:
    done = impasto(content, style, "-o", out, *QUICK, *options)
    assert done.exit_code == 0, done.output
    return pixels(out)


# What lies where


def test_every_picture_is_the_one_painted_alone(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    sheet, one = tmp_path / "sheet.png", tmp_path / "one.png"
    axes = ("--rows", "style-layers=band1/band2=2,swirl1_1", "--columns", "strength=20,50,100")
    done = impasto("sheet", content, style, "-o", sheet, *QUICK, *axes, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert "picture 6/6, 64 px, step 2/2" in done.stderr
    assert "6 pictures in" in done.stderr
    assert_grid(
        [
            [
                place(sheet, alone(impasto, content, style, one, "--style-layers", w, "--strength", s, "--seed", 3))
                for s in (20, 50, 100)
            ]
            for w in ("band1", "band2=2,swirl1_1")
        ]
    )
    carried = json.loads(read_comment(sheet))
    assert carried["sheet"]["columns"] == {"strength": ["20", "50", "100"]}
    assert carried["recipe"]["seed"] == 3
    assert [file["path"] for file in carried["files"]] == ["content.png", "style.png"]
    assert "carries no recipe" in impasto("again", sheet).stderr


def test_one_painting_as_it_grows_is_painted_once(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    sheet, places = tmp_path / "sheet.png", []
    axes = ("--rows", "seed=1,2", "--columns", "steps-taken=1,3,4", "--steps", 4, "--init", "content")
    assert "picture 2/2, 64 px, step 4/4" in impasto("sheet", content, style, "-o", sheet, *QUICK, *axes).stderr
    for seed in (1, 2):
        alone(
            impasto,
            content,
            style,
            tmp_path / "one.png",
            "--seed",
            seed,
            "--init",
            "content",
            "--steps",
            4,
            "--save-every",
            1,
        )
        places.append([place(sheet, pixels(tmp_path / f"one-{taken:06d}.png")) for taken in (1, 3, 4)])
    assert_grid(places)


def test_pictures_as_an_axis(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    other, sheet, one = tmp_path / "other.png", tmp_path / "sheet.png", tmp_path / "one.png"
    Image.fromarray(drawing(80, 60, seed=5)).save(other)
    rows, columns = ("--rows", f"content={content},{other}"), ("--columns", f"style={style},{other}")
    for args in ((content, *columns), (style, *rows), (*rows, *columns)):
        done = impasto("sheet", *args, "-o", sheet, *QUICK)
        assert done.exit_code == 0, done.output
    places = [[place(sheet, alone(impasto, c, s, one)) for s in (style, other)] for c in (content, other)]
    assert [x for x, _ in places[0]] == [x for x, _ in places[1]]
    assert places[0][0][1] < places[1][0][1]


def test_pictures_of_different_shapes_lie_in_the_middle() -> None:
    places = Contact((30, 20), [Label(value="row")], [Label(value="one"), Label(value="two")], captions={(0, 0): "a"})
    sheet = np.asarray(places.draw({(0, 0): Image.new("RGB", (10, 20), "red")}))
    x, y = places.corner(0, 0)
    assert (sheet[y : y + 20, x + 10 : x + 20] == (255, 0, 0)).all()
    assert (sheet[y : y + 20, x : x + 10] == 255).all()
    x, y = places.corner(0, 1)
    assert (sheet[y : y + 20, x : x + 30] == EMPTY).all()
    assert (sheet[:y].min(axis=(0, 2)) < 100).any()  # words above
    assert sheet.shape == (places.size[1], places.size[0], 3)


def test_words_are_wrapped_and_none_is_lost() -> None:
    for text in ("conv1_1=0.2,conv2_1=0.2,conv3_1=0.2", "one two three", "a_very_long_name_that_never_ends", ""):
        lines = list(wrapped(text, 60, FONT))
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(FONT.getlength(line) <= 60 for line in lines)
    assert list(wrapped("abc", 1, FONT)) == ["a", "b", "c"]


def test_the_ratio_sets_alpha(content: Path, style: Path) -> None:
    files = {"content": content, "style": style}
    for knobs, alpha in (({"profile": "gatys2016"}, 1.0), ({"style_weight": "50"}, 0.05)):
        plan = span(NOTHING, Axis.of("alpha/beta=1e-3,1"), knobs, files, Path("out.png"))
        weights = [job.recipe.content_weight for job in plan.jobs.values()]
        assert weights == pytest.approx([alpha, 1000 * alpha])


# The paper's figures


@pytest.mark.parametrize("of", [VGG16, VGG19])
def test_figures_of_vgg_have_the_paper_s_layers(
    content: Path, style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: Architecture
) -> None:
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path))
    WEIGHTS[of.name].save(Recognised("caffe", random_weights(4, 4, of)), "a test")
    knobs = {"network": of.name, "size": "64"}
    first = [f"conv{block}_1" for block in range(1, 6)]
    plan = planned("3", knobs, content, style, Path("out.png"))
    assert [mark.text for mark in plan.columns.marks] == ["1e-05", "0.0001", "0.001", "0.01"]
    for row in range(5):
        recipe = plan.jobs[row, 0].recipe
        assert recipe.style_layers == pytest.approx(dict.fromkeys(first[: row + 1], 1 / (row + 1)))
        assert (recipe.profile, recipe.init, recipe.content_layers) == ("gatys2016", "noise", None)
        assert plan.jobs[row, 0].recipe.content_weight == pytest.approx(1e-2)
    plan = planned("3", knobs, content, style, Path("out.png"), Axis.of("alpha/beta=1e-8,1e-7"))
    assert [mark.text for mark in plan.columns.marks] == ["1e-8", "1e-7"]
    assert plan.jobs[4, 1].recipe.content_weight == pytest.approx(1e-4)
    plan = planned("1", knobs, content, style, Path("out.png"))
    assert [list(plan.jobs[0, x].recipe.style_layers or {}) for x in range(5)] == [first[: x + 1] for x in range(5)]
    assert [list(plan.jobs[1, x].recipe.content_layers or {}) for x in range(5)] == [
        [f"conv{block}_2"] for block in range(1, 6)
    ]
    assert {plan.jobs[0, 0].recipe.strength, plan.jobs[1, 0].recipe.strength} == {0, 100}


@pytest.mark.parametrize(("number", "rows", "columns"), [(1, 2, 3), (3, 3, 4)])
def test_figures_of_wavelet_go_as_deep_as_the_picture(
    impasto: Run, tmp_path: Path, content: Path, style: Path, number: int, rows: int, columns: int
) -> None:
    sheet = tmp_path / "sheet.png"
    done = impasto("sheet", content, style, "-o", sheet, "--figure", number, *QUICK, "--size", 80, "--steps", 1)
    assert done.exit_code == 0, done.output
    assert f"{rows * columns} pictures in" in done.stderr
    plan = planned(str(number), {"size": "80"}, content, style, sheet)
    assert (len(plan.rows.marks), len(plan.columns.marks)) == (rows, columns)
    assert set(plan.jobs[0, 0].recipe.style_layers or {}) == {"fine1", "band1"} | {
        f"{kind}1_{distance}" for kind in ("swirl", "streak") for distance in (1, 2)
    }
    assert read(sheet).size[0] > columns * 80


# Refused before anything is painted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "Say what to vary"),
        (("--figure", 1, "--rows", "seed=1"), "Say what to vary"),
        (("--figure", 1, "--columns", "seed=1"), "Say what to vary"),
        (("--figure", 3, "--columns", "style=oil,mosaic"), "A figure is of one CONTENT and one STYLE"),
        (("--figure", 3, "--columns", "style-layers=band1"), "style-layers is set twice"),
        (("--figure", 2), "'2' is not one of '1', '3'"),
        (("--figure", 1, "--strength", 5), "--strength is set by figure 1"),
        (("--figure", 3, "--style-layers", "band1"), "--style-layers is set by figure 3"),
        (("--figure", 3, "--profile", "mahendran"), "mahendran has no style loss"),
        (("--figure", 1, "--style-scale", 0.1), "the network wavelet sees nothing. Raise --size"),
        (("--rows", "seed"), "expected KNOB=V1,V2"),
        (("--rows", "colours=1,2"), "Knobs: content, style, alpha/beta, steps-taken, size"),
        (("--rows", "strength=20,101"), "strength is '101'; expected a number, 0 to 100"),
        (("--rows", "strength="), "strength is ''"),
        (("--rows", "style-layers=band1/nosuch"), "no layer 'nosuch'"),
        (("--rows", "style-layers=band1,band2=1/"), "style_layers"),
        (("--rows", "network=wavelet,vgg99"), "no network 'vgg99'"),
        (("--rows", "init=noise,chaos"), "no file of that name"),
        (("--rows", "seed=1,2", "--columns", "seed=3"), "seed is set twice"),
        (("--rows", "seed=1,2", "--seed", 3), "seed is set twice"),
        (("--rows", "alpha/beta=1", "--content-weight", 3), "content-weight is set twice"),
        (("--rows", "alpha/beta=much"), "alpha/beta is 'much'; expected a number"),
        (("--rows", "alpha/beta=-1"), "content_weight is -1.0; expected a number"),
        (("--rows", "alpha/beta=1", "--profile", "mahendran"), "beta, the style weight, is 0"),
        (
            ("--rows", "strength=0,100", "--style-weight", 0, "--init", "noise", "--histogram-weight", 0),
            "Nothing is left to match",
        ),
        (("--rows", "steps-taken=1,5"), "steps-taken is 5; there are 4 steps in all"),
        (("--rows", "steps-taken=0"), "expected a whole number, 1 or more"),
        (("--rows", "style=oil,mosaic"), "2 pictures are named before the options; expected CONTENT"),
        (("--columns", f"seed={','.join(map(str, range(240)))}"), "WEBP holds at most 16383"),
    ],
)
def test_bad_values_are_refused(
    impasto: Run, tmp_path: Path, content: Path, style: Path, options: tuple[object, ...], words: str
) -> None:
    done = impasto("sheet", content, style, "-o", tmp_path / "sheet.webp", *QUICK, *options)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert words in done.stderr
    assert sorted(tmp_path.iterdir()) == [content, style]


def test_bad_files_are_refused(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    before = style.read_bytes()
    for args, words in (
        ((content, style, "-o", style, "--rows", "seed=1"), "one of the input pictures"),
        ((content, "-o", style, "--rows", f"style={content},{style}"), "one of the input pictures"),
        ((content, "-o", tmp_path / "out.png", "--rows", f"style={style},{tmp_path / 'no.png'}"), "no such file"),
        ((content, style, "-o", tmp_path / "out.gif", "--rows", "seed=1"), "'.gif' is unknown"),
        ((content, style, "--rows", "seed=1"), "--output"),
    ):
        done = impasto("sheet", *args, *QUICK)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
        assert words in done.stderr
    assert style.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [content, style]


# Ctrl-C


def test_ctrl_c_keeps_the_sheet_so_far(tmp_path: Path, content: Path, style: Path, impasto: Run) -> None:
    sheet = tmp_path / "sheet.png"
    args = ["sheet", content, style, "-o", sheet, *PLAIN, "--columns", "steps=2,100000"]
    command = [sys.executable, "-m", "impasto", *map(str, args)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        for line in running.stderr:
            if "picture 2/2" in line:
                break
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(timeout=HANGS) == 130
    assert f"stopped after 1 of 2 pictures; {sheet} holds the sheet so far" in said
    x, y = place(sheet, alone(impasto, content, style, tmp_path / "one.png"))
    assert place(sheet, np.full((43, 64, 3), EMPTY, np.uint8)) == (x + 64 + GAP, y)
    assert sorted(tmp_path.iterdir()) == [content, tmp_path / "one.png", sheet, style]


def test_ctrl_c_before_the_first_picture_writes_nothing(tmp_path: Path, content: Path, style: Path) -> None:
    args = ["sheet", content, style, "-o", tmp_path / "sheet.png", *PLAIN, "--rows", "steps=100000"]
    command = [sys.executable, "-m", "impasto", *map(str, args)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert "picture 1/1" in running.stderr.readline()
        running.send_signal(signal.SIGINT)
        assert "nothing was written" in running.stderr.read()
        assert running.wait(timeout=HANGS) == 130
    assert sorted(tmp_path.iterdir()) == [content, style]


TIRING = """
import torch
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

class Tiring(torch.nn.Module):
    layers, content_layers, style_layers, steps = ("flat", "steep"), {"flat": 1.0}, {"flat": 1.0}, 0

    def forward(self, image, layers):
        self.steps += image.requires_grad
        return {layer: image * (1e30 if layer == "steep" and self.steps > 3 else 1) for layer in layers}

@hookimpl
def impasto_networks():
    return [NetworkInfo("tiring", "measured and after two steps, its layer steep is too large", build=Tiring)]
"""


def test_a_picture_that_diverges_stays_empty_and_the_others_are_kept(
    process: Callable[..., subprocess.CompletedProcess[str]],
    install: Callable[..., Path],
    tmp_path: Path,
    content: Path,
    style: Path,
) -> None:
    env, sheet = os.environ | {"PYTHONPATH": str(install("tiring", TIRING))}, tmp_path / "sheet.png"
    args = ("sheet", content, style, "-o", sheet, *QUICK, "--network", "tiring")
    done = process(*args, "--columns", "style-layers=steep/flat", env=env)
    assert done.returncode == 1, done.stderr
    assert "picture 1/2 stays empty. The loss 'style steep' is" in done.stderr
    assert place(sheet, np.full((43, 64, 3), EMPTY, np.uint8))
    sheet.unlink()
    done = process(*args, "--columns", "style-layers=steep", env=env)
    assert (done.returncode, sheet.exists()) == (1, False)
    assert "impasto: error: The loss 'style steep'" in done.stderr
