"""Arithmetic in bfloat16: where it is chosen, and that pictures come out alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import drawing
from impasto import Picture, Recipe, paint
from impasto.objective.profiles import IMPASTO
from impasto.painting.loading import Choice, Loaded, load
from impasto.pictures.picture import write
from impasto.plugin import Network
from impasto.plugin.registry import registry
from impasto.storage.cache import MEASURED
from impasto_torch.backend import TorchBackend
from impasto_vgg.architecture import VGG19
from impasto_vgg.network import VGG
from random_vgg import random_weights

CONTENT, STYLE = (Picture(drawing(160, 128, seed) / np.float32(255)) for seed in (1, 2))
CLOSE = 1.02
"""Of the loss in float32, at the end of a painting."""


def vgg() -> Network:
    return VGG(random_weights(width=8), VGG19, "torchvision")


def loaded(choice: Choice) -> Loaded:
    network = vgg()
    backend = registry().differentiable("torch").build("cpu", choice.precision)
    evaluate = backend.load(network)
    return Loaded(network, "cpu", backend.precision, evaluate, evaluate)


def test_auto_measures_the_machine_once() -> None:
    first = TorchBackend("cpu", "auto").precision
    assert first in ("float32", "bfloat16")
    (entry,) = MEASURED.entries()
    assert TorchBackend("cpu", "auto").precision == first
    for other in ("bfloat16", "float32"):  # what is remembered counts, so this is no second measurement
        MEASURED.put(entry.path.name, other.encode())
        assert TorchBackend("cpu", "auto").precision == other
    assert [entry.path for entry in MEASURED.entries()] == [entry.path]


def test_auto_is_float32_where_a_network_does_not_say_that_it_bears_less() -> None:
    TorchBackend("cpu", "auto")
    (entry,) = MEASURED.entries()
    MEASURED.put(entry.path.name, b"bfloat16")
    assert load(Choice.of(Recipe.of(network="wavelet"), IMPASTO)).precision == "float32"
    assert loaded(Choice.of(Recipe.of(network="vgg19"), IMPASTO)).precision == "bfloat16"


@pytest.mark.parametrize("knobs", [{"network": "wavelet"}, {"network": "vgg19", "profile": "johnson", "tv_weight": 0}])
def test_a_painting_in_bfloat16_ends_as_low(tmp_path: Path, knobs: dict[str, object]) -> None:
    ends = []
    for precision in ("float32", "bfloat16"):
        named = {"load": loaded} if knobs["network"] == "vgg19" else {}
        *_, last = paint(CONTENT, STYLE, Recipe.of(**knobs, init="content", size=128, precision=precision), **named)  # type: ignore[arg-type]
        write(tmp_path / "end.png", last.picture())
        judge = Recipe.of(**knobs, size=128, init=str(tmp_path / "end.png"), precision="float32", scales=1, steps=1)
        ends.append(next(paint(CONTENT, STYLE, judge, **named)).loss)  # type: ignore[arg-type]
    assert ends[0] != ends[1]
    assert ends[1] < CLOSE * ends[0]
