"""The worker as a process: what goes in comes out as it should, and nothing is left of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import drawing
from impasto.client import ENDS, Message, Pixels, Worker

HANGS = 300
"""Seconds after which a process counts as hanging: on a busy machine its imports alone may take a minute."""
COMMAND = (sys.executable, "-m", "impasto", "worker")
QUICK = {"steps": 2, "scales": 1, "device": "cpu"}
Start = Callable[..., Worker]


def pixels(array: NDArray[np.generic], linear: bool = False) -> Pixels:
    kinds = {"uint8": "u8", "uint16": "u16", "float16": "half", "float32": "float"}
    height, width, channels = array.shape
    return Pixels(width, height, channels, kinds[array.dtype.name], array.tobytes(), linear)


CONTENT, STYLE = pixels(drawing(seed=1)), {"picture": pixels(drawing(80, 80, seed=2))}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def start(home: Path) -> Iterator[Start]:
    """Starts workers that keep their log in `home`, and ends them."""
    begun: list[Worker] = []

    def run(*command: str, **options: object) -> Worker:
        env = os.environ | {"XDG_STATE_HOME": str(home), "OMP_NUM_THREADS": "1"} | dict(options.pop("env", {}))  # type: ignore[call-overload]
        begun.append(Worker(command or COMMAND, env=env, start_within=HANGS, **options).start())  # type: ignore[arg-type]
        return begun[-1]

    yield run
    for worker in begun:
        worker.close()


@pytest.fixture(scope="module")
def worker(start: Start) -> Worker:
    """One worker for all tests that leave it well."""
    return start()


def until(worker: Worker, *types: str, id: str | None = None) -> list[Message]:  # noqa: A002
    """The events up to the first of these types (and this id), which is the last."""
    seen = []
    while True:
        event = worker.wait(HANGS)
        assert event, f"nothing but {[each.type for each in seen]}"
        seen.append(event)
        if event.type in types and id in (None, event.id):
            return seen
        assert not worker.ended, event


def painted(worker: Worker, content: Pixels = CONTENT, **fields: object) -> Message:
    recipe = QUICK | dict(fields.pop("recipe", {}))  # type: ignore[call-overload]
    job = worker.paint(content, [STYLE], recipe, **fields)  # type: ignore[arg-type]
    return until(worker, *ENDS, id=job)[-1]


def test_a_picture_comes_back_in_the_form_it_had(worker: Worker) -> None:
    done = painted(worker)
    result = done.picture()
    assert done.type == "done", done
    assert result[:4] == CONTENT[:4]
    assert len(result.data) == len(CONTENT.data)
    assert result.data != CONTENT.data
    assert done["taken"] == 2
    assert done["recipe"]["size"] == 96
