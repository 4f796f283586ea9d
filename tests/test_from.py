"""Going on from a result: one that was stopped, and any at a larger size."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from conftest import Run, drawing
from impasto import Picture, Recipe, RecipeError, paint, read
from impasto.painting.scene import Begun
from impasto.painting.step import Step
from impasto.pictures.picture import read_comment
from impasto.recipe.schedule import Reached, Stage

Process = Callable[..., subprocess.CompletedProcess[str]]
PLAIN = ("--network", "wavelet", "--device", "cpu")
CONTENT, STYLE = (
    Picture(drawing(*size, seed).astype(np.float32) / 255) for size, seed in (((96, 64), 1), ((80, 80), 2))
)
HANGS = 100


def steps_of(losses: Path) -> list[tuple[int, int, int]]:
    """(stage, longest side, step) of each row."""
    with losses.open() as file:
        return [(int(row["stage"]), int(row["size"]), int(row["step"])) for row in csv.DictReader(file)]


def stopped_in_the_middle(*words: object, preview: Path) -> str:
    """Start painting, press Ctrl-C once the first preview is there; what was said."""
    command = [sys.executable, "-m", "impasto", *map(str, words), "--preview", str(preview)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + HANGS
        while not preview.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == 130, said
    return said


def test_a_painting_that_was_stopped_goes_on_where_it_stopped(
    process: Process, tmp_path: Path, content: Path, style: Path
) -> None:
    names = ("kept.png", "done.png", "preview.png", "before.csv", "after.csv")
    kept, done, preview, before, after = (tmp_path / name for name in names)
    words = ("--init", "content", "--size", 256, "--steps", 40, *PLAIN)
    stopped_in_the_middle(content, style, "-o", kept, *words, "--losses", before, preview=preview)
    assert read(kept).size == (256, 171)
    first = steps_of(before)
    assert json.loads(read_comment(kept))["reached"] == list(first[-1][1:])
    rest = process(content, style, "--from", kept, "-o", done, "--losses", after)
    assert rest.returncode == 0, rest.stderr
    plan = [(1, 128, step) for step in range(1, 61)] + [(2, 256, step) for step in range(1, 41)]
    assert first + steps_of(after) == plan
    stage, size, step = plan[len(first)]
    where = f"goes on from {kept} at step {step} of {60 if stage == 1 else 40} in stage {stage} of 2, {size} pixels."
    assert rest.stderr.splitlines()[0] == f"impasto: photograph {content}; style {style}; {where}"
    made = json.loads(read_comment(done))
    assert (made["taken"], made["reached"], made["begun"]) == (None, [256, 40], list(first[-1][1:]))
    assert made["sources"]["from"]["path"] == "kept.png"
    assert process("again", done, "-q").returncode == 0
    assert (tmp_path / "done-again.png").read_bytes() == done.read_bytes()
    kept.unlink()
    assert "kept.png: the from picture is not there. Say where the original is with --moved from=FILE" in (
        process("again", done).stderr
    )


@pytest.mark.parametrize(("init", "sizes"), [("content", {128}), ("matched", {91, 128})])
def test_a_finished_picture_is_enlarged_with_its_look_kept(
    process: Process, tmp_path: Path, content: Path, style: Path, init: str, sizes: set[int]
) -> None:
    small, large, losses = (tmp_path / name for name in ("small.png", "large.png", "losses.csv"))
    done = process(content, style, "-o", small, "--init", init, "--size", 64, "-q", *PLAIN)
    assert done.returncode == 0, done.stderr
    done = process("--from", small, "-o", large, "--size", 128, "--losses", losses)
    assert done.returncode == 0, done.stderr
    assert read(large).size == (128, 85)
    assert {size for _, size, _ in steps_of(losses)} == sizes
    assert f"photograph {content}; style {style}; goes on from {small} at step" in done.stderr.splitlines()[0]
    again, photo = (each.resized(64, 43).pixels for each in (read(large), read(content)))
    assert np.abs(again - read(small).pixels).mean() < 0.6 * np.abs(photo - read(small).pixels).mean()
    assert process("again", large, "-q").returncode == 0
    assert (tmp_path / "large-again.png").read_bytes() == large.read_bytes()


def test_strokes_of_a_given_width_grow_with_the_picture(
    impasto: Run, tmp_path: Path, content: Path, style: Path
) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    words = ("--init", "content", "--size", 64, "--steps", 1, "--stroke-size", 5, "-q", *PLAIN)
    assert impasto(content, style, "-o", small, *words).exit_code == 0
    for size, more, width in (("100%", (), 7.5), (128, ("--stroke-size", 6), 6)):
        assert impasto("--from", small, "-o", large, "--size", size, *more, "-q").exit_code == 0
        recipe = json.loads(read_comment(large))["recipe"]
        assert (recipe["stroke_size"], recipe["size"]) == (width, 96 if size == "100%" else 128)


def test_nothing_is_left_of_a_finished_picture(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    out, new = tmp_path / "out.png", tmp_path / "new.png"
    assert impasto(content, style, "-o", out, "--size", 96, "--steps", 1, "-q", *PLAIN).exit_code == 0
    for words in ((), ("--size", 64)):
        done = impasto("--from", out, "-o", new, *words)
        assert done.exit_code == 2
        assert f"is finished at {64 if words else 96} pixels. Set a larger size." in done.stderr
    done = impasto("--from", out, "--mask", content, "-o", new)
    assert done.exit_code == 2
    assert "--from takes the masks of RESULT" in done.stderr
    assert "one of the input pictures" in impasto("--from", out, "-o", out, "--size", 128).stderr
    assert not new.exists()


def test_a_texture_is_enlarged(impasto: Run, tmp_path: Path, style: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    words = ("--width", 48, "--height", 32, "--steps", 2, "-q", *PLAIN)
    assert impasto("texture", style, "-o", small, *words).exit_code == 0
    done = impasto("--from", small, "-o", large, "--size", "200%", "-q")
    assert done.exit_code == 0, done.stderr
    assert read(large).size == (96, 64)
    assert json.loads(read_comment(large))["canvas"] == [96, 64]
    assert impasto("again", large, "-q").exit_code == 0
    assert (tmp_path / "large-again.png").read_bytes() == large.read_bytes()


def test_what_a_mask_leaves_out_stays(impasto: Run, tmp_path: Path, content: Path, style: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 48:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    words = ("--mask", tmp_path / "mask.png", "--steps", 2, "--init", "content", "-q", *PLAIN)
    assert impasto(content, style, "-o", small, *words).exit_code == 0
    done = impasto("--from", small, "-o", large, "--size", 192, "-q")
    assert done.exit_code == 0, done.stderr
    whole = read(content).resized(192, 128).pixels
    here = np.abs(read(large).pixels - whole).mean(axis=2)
    assert here[:, :90].max() < 0.01 < here[:, 100:].mean()


# The loop


def where(step: Step) -> tuple[int, int, int]:
    return step.stage, step.size, step.step


@pytest.mark.parametrize("taken", [1, 3, 5, 6, 8])
@pytest.mark.parametrize(
    "knobs", [{"init": "matched", "scales": 2}, {"init": "noise", "scales": 3, "optimiser": "adam"}]
)
def test_only_the_rest_is_painted(taken: int, knobs: dict[str, Any]) -> None:
    recipe = Recipe.of(network="wavelet", device="cpu", size=128, steps=3, **knobs)
    whole = list(paint(CONTENT, STYLE, recipe))
    kept = whole[taken - 1]
    begun = Begun(kept.picture(), kept.reached)
    rest = list(paint(CONTENT, STYLE, recipe, begun=begun))
    assert [where(step) for step in rest] == [where(step) for step in whole[taken:]]
    assert 0 < rest[0].fraction <= 1 == rest[-1].fraction
    assert rest[0].rest == pytest.approx(1 - kept.fraction)
    assert rest[-1].losses.keys() == whole[-1].losses.keys()
    assert rest[-1].loss < 1.5 * whole[-1].loss


def test_a_painting_that_was_stopped_at_its_last_step_is_finished() -> None:
    recipe = Recipe.of(network="wavelet", device="cpu", size=64, steps=1, init="content")
    *_, last = paint(CONTENT, STYLE, recipe)
    with pytest.raises(RecipeError, match="finished at 64 pixels"):
        next(paint(CONTENT, STYLE, recipe, begun=Begun(last.picture(), last.reached)))


def test_how_much_of_a_stage_is_done() -> None:
    matched, descended = Stage(128, 3, (64, 91, 128)), Stage(128, 10)
    for reached, first, second in (
        (Reached(64), (64**2 + 160**2) / (64**2 + 91**2 + 128**2 + 3 * 160**2), 0),
        (Reached(128, 0), 1, 0),
        (Reached(128, 4), 1, 0.4),
        (Reached(128, 12), 1, 1),
        (Reached(128), 1, 1),
        (Reached(200, 0), 1, 1),
    ):
        assert (reached.share(matched), reached.share(descended)) == (pytest.approx(first), second)
