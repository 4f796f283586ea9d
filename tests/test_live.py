"""Live requests to a worker, a process of its own: what sliders ask for starts from the picture that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, drawing
from impasto.client import ENDS, Message, Pixels, Worker

COMMAND = (sys.executable, "-m", "impasto", "worker")
DRAFT = {"size": 192, "quality": "draft", "network": "wavelet", "device": "cpu"}
GRAM = DRAFT | {"init": "content"}
WAYS = {"matched": DRAFT, "by Gram matrices": GRAM}
CLOSE = 0.06
"""Of what is between black and white. Drafts of other seeds are as far from one another."""
GROWTH = 8_000
"""Kilobytes: what one redraw takes, and gives back, in places of its own."""


def sent(seed: int, width: int = 192, height: int = 128) -> Pixels:
    return Pixels(width, height, 3, "u8", drawing(width, height, seed).tobytes())


CONTENT, STYLE, OTHER = sent(1), {"picture": sent(2, 160, 160)}, {"picture": sent(5, 120, 160)}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    with Worker(COMMAND, env=env, start_within=HANGS) as running:
        yield running


def ended(worker: Worker, job: str) -> Message:
    """The event that ends `job`."""
    while True:
        event = worker.wait(HANGS)
        assert event, f"{job} does not end"
        if event.type in ENDS and (event.id == job or worker.ended):
            return event


def asked(
    worker: Worker, strength: float = 50, live: bool = True, content: Pixels = CONTENT, **more: object
) -> Message:
    styles = more.pop("styles", [STYLE])
    recipe = DRAFT | {"strength": strength, **more}
    done = ended(worker, worker.paint(content, styles, recipe, preview=0, live=live))  # type: ignore[arg-type]
    assert done.type == "done", done
    return done


def array(done: Message) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    found = done.picture()
    return np.frombuffer(found.data, np.uint8).reshape(found.height, found.width, 3).astype(np.float32) / 255


def apart(one: Message, other: Message) -> float:
    """Root mean square difference of means over 8 x 8 pixels, where white is 1: strokes lie anywhere."""
    means = [array(done).reshape(32, 8, 48, 8, 3).mean(axis=(1, 3)) for done in (one, other)]
    return float(np.sqrt(np.square(means[0] - means[1]).mean()))


@pytest.mark.parametrize("way", WAYS)
def test_a_live_result_is_close_to_a_draft_from_nothing_in_fewer_steps(worker: Worker, way: str) -> None:
    """Closer than the picture it started from."""
    large = {**WAYS[way], "size": 384, "content": sent(1, 384, 256)}
    first = asked(worker, 30, **large)
    assert (first["live"], first["recipe"]["strength"]) == (False, 30)
    redrawn = asked(worker, 70, **large)
    draft = asked(worker, 70, live=False, **large)
    assert (redrawn["live"], redrawn["recipe"]) == (True, None)
    assert (draft["live"], draft["recipe"]["strength"]) == (False, 70)
    assert 0 < redrawn["taken"] < draft["taken"]
    if way == "matched":  # by Gram matrices a start from nothing takes its colours by strength, a few steps do not
        assert apart(redrawn, draft) < CLOSE
        assert apart(redrawn, draft) < apart(first, draft)


def test_a_live_request_without_anything_there_is_an_ordinary_one(worker: Worker) -> None:
    assert asked(worker).picture() == asked(worker, live=False).picture()


@pytest.mark.parametrize("way", WAYS)
def test_the_same_sequence_gives_the_same_pictures(worker: Worker, way: str) -> None:
    """Of whatever sliders change; a request that is not live forgets what was there before it."""
    changes: list[dict[str, object]] = [
        *({"strength": strength} for strength in (50, 70, 70, 100)),
        *({"colour": colour} for colour in ("keep", "match", "palette", "style")),
        *({"stroke_size": 12.0}, {"style_scale": 0.5}, {"style_weights": [3, 1]}, {"style_weights": [1, 2]}),
    ]
    found = []
    for _ in range(2):
        found.append([asked(worker, styles=[STYLE, OTHER], **WAYS[way] | change) for change in changes])
        asked(worker, live=False)
    assert [[done["live"] for done in run] for run in found] == [[number not in (0, 6) for number in range(12)]] * 2
    assert [done.picture() for done in found[0]] == [done.picture() for done in found[1]]
    assert len({done.picture() for done in found[0]}) > len(changes) / 2


@pytest.mark.parametrize(
    "other",
    [
        {"content": sent(3)},
        {"styles": [OTHER]},
        {"styles": [STYLE, OTHER]},
        {"size": 160},
        {"seed": 1},
        {"strength": 0},
        {"live": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_else_is_asked_for_drops_what_is_there(worker: Worker, other: dict[str, object]) -> None:
    first = asked(worker)
    assert asked(worker, 60)["live"]
    assert not asked(worker, **other)["live"]
    again = asked(worker)
    assert (again["live"], again.picture()) == (False, first.picture())


def test_a_style_file_that_was_written_anew_is_another_picture(worker: Worker, tmp_path: Path) -> None:
    path = tmp_path / "style.png"
    for seed in (2, 3):
        Image.fromarray(drawing(80, 80, seed)).save(path)
        assert [asked(worker, styles=[{"file": str(path)}])["live"] for _ in range(2)] == [False, True]


def test_a_live_request_takes_the_place_of_those_before_it(worker: Worker) -> None:
    long = GRAM | {"steps": 100_000}
    ordinary = worker.paint(CONTENT, [STYLE], DRAFT, preview=0)
    replaced = [worker.paint(CONTENT, [STYLE], long | {"strength": 40 + number}, live=True) for number in range(20)]
    assert ended(worker, ordinary).type == "done"
    while (event := worker.wait(HANGS)) and (event.type, event.id) != ("progress", replaced[-1]):
        assert event.type not in ENDS
    last = worker.paint(CONTENT, [STYLE], DRAFT, live=True)
    assert ended(worker, replaced[-1]).type == "cancelled"
    assert ended(worker, last).type == "done"


def test_other_colours_of_a_live_result_have_no_recipe_either(worker: Worker) -> None:
    asked(worker)
    asked(worker, 70)
    kept = ended(worker, worker.request("recolour", colour="keep"))
    assert (kept["colour"], kept["recipe"], kept["live"]) == ("keep", None, True)


@pytest.mark.parametrize("way", WAYS)
def test_memory_does_not_grow_from_redraw_to_redraw(worker: Worker, way: str) -> None:
    def taken() -> int:
        assert worker.process is not None
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    for strength in range(30, 80, 10):
        asked(worker, strength, **WAYS[way])
    before = taken()
    for strength in range(30, 70, 2):
        asked(worker, strength, **WAYS[way])
    assert taken() - before < GROWTH


def test_live_is_true_or_false(worker: Worker) -> None:
    failed = ended(worker, worker.paint(CONTENT, [STYLE], DRAFT, live="yes"))
    assert (failed["code"], "live" in failed["message"]) == ("bad_request", True)
