"""Targets from another backend than the one that paints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import Install, Run, drawing
from impasto.errors import PluginError
from impasto.painting.paint import paint, stylized
from impasto.pictures.picture import Picture
from impasto.plugin.registry import registry
from impasto.recipe.recipe import Recipe

CONTENT, STYLE = (Picture(drawing(seed=seed) / np.float32(255)) for seed in (1, 2))
QUICK = {"size": 64, "steps": 2, "scales": 1, "device": "cpu"}
DIMMED = """
from impasto.plugin import BackendInfo
from impasto.plugin import hookimpl


class Dimmed:
    precision, identity = "float32", ""

    def __init__(self, device, precision):
        self.device = device

    def load(self, network):
        return lambda image, layers: {name: maps / 2 for name, maps in network(image, layers).items()}


@hookimpl
def impasto_backends():
    return [BackendInfo("dimmed", "Sees half of it", differentiable=False, build=Dimmed)]
"""


@pytest.fixture
def dimmed(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stranger's backend that only evaluates, installed for one test."""
    monkeypatch.syspath_prepend(install("dimmed", DIMMED))
    registry.cache_clear()
    yield "dimmed"
    registry.cache_clear()


def test_another_backend_computes_the_targets(dimmed: str) -> None:
    plain, other = stylized(CONTENT, STYLE, **QUICK), stylized(CONTENT, STYLE, **QUICK, targets=dimmed)
    assert np.abs(plain.pixels - other.pixels).mean() > 1e-3


def test_the_same_backend_is_the_default() -> None:
    plain, same = stylized(CONTENT, STYLE, **QUICK), stylized(CONTENT, STYLE, **QUICK, targets="torch")
    assert np.array_equal(plain.pixels, same.pixels)


def test_a_backend_without_gradients_cannot_paint(dimmed: str) -> None:
    with pytest.raises(PluginError, match=r"dimmed computes no gradients.*can: torch\. Use --targets dimmed"):
        paint(CONTENT, STYLE, Recipe(backend=dimmed))


@pytest.mark.parametrize(("option", "words"), [("--backend", "computes no gradients"), ("--targets", "no such file")])
def test_refused_before_a_picture_is_read(
    impasto: Run, tmp_path: Path, content: Path, dimmed: str, option: str, words: str
) -> None:
    result = impasto(content, tmp_path / "gone.png", "-o", tmp_path / "out.png", option, dimmed)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_targets_backend_that_is_not_there() -> None:
    with pytest.raises(PluginError, match="no backend 'abacus'"):
        paint(CONTENT, STYLE, Recipe(targets="abacus"))
