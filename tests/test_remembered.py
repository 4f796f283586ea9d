"""What is remembered from one picture to the next: the same to the last bit, bounded, and hard to break."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from conftest import Install, Run, drawing
from impasto.errors import RecipeError
from impasto.painting.paint import paint, stylized
from impasto.pictures.picture import Picture
from impasto.plugin.registry import registry
from impasto.recipe.recipe import Recipe
from impasto.storage import cache, folders
from impasto.storage.cache import CONTENTS, NETWORKS, STYLES, Shelf

CONTENT, OTHER, STYLE = (Picture(drawing(seed=seed) / np.float32(255)) for seed in (1, 3, 2))
QUICK = {"size": 96, "steps": 2, "device": "cpu"}
COUNTING = """
import torch
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

CALLS = []


class Counting(torch.nn.Module):
    layers = ("deep", "flat")
    content_layers = {"deep": 1.0}
    style_layers = {"flat": 1.0, "deep": 1.0}

    def __init__(self, gain="1"):
        super().__init__()
        self.register_buffer("gain", torch.tensor(float(gain)))

    def forward(self, image, layers):
        if not image.requires_grad:
            CALLS.append(tuple(layers))
        maps = {"flat": image * self.gain, "deep": torch.relu(image - 0.5)[:, :2]}
        return {name: maps[name] for name in layers}


@hookimpl
def impasto_networks():
    return [NetworkInfo("counting", "Counts its calls", build=Counting, options={"gain": ("1", "2")})]
"""


@pytest.fixture
def calls(install: Install, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The layers that were asked of a stranger's network, `counting`, for targets."""
    monkeypatch.syspath_prepend(install("counting", COUNTING))
    registry.cache_clear()
    registry()
    yield sys.modules["counting"].CALLS
    del sys.modules["counting"]
    registry.cache_clear()


def painted(content: Picture = CONTENT, style: Picture = STYLE, **knobs: object) -> Picture:
    return stylized(content, style, **QUICK | knobs)


def kept(shelf: Shelf = STYLES) -> list[Path]:
    return [entry.path for entry in shelf.entries()]


def same(one: Picture, other: Picture) -> bool:
    return np.array_equal(one.pixels, other.pixels)


# What is found again


@pytest.mark.parametrize("knobs", [{}, {"precision": "bfloat16"}, {"strength": 80, "style_layers": "pair1,band1"}])
def test_the_same_picture_to_the_last_bit(monkeypatch: pytest.MonkeyPatch, knobs: dict[str, object]) -> None:
    first, again = painted(**knobs), painted(**knobs)
    assert kept(STYLES)
    assert kept(CONTENTS)
    monkeypatch.setenv("IMPASTO_CACHE", "off")
    without = painted(**knobs)
    assert same(first, again)
    assert same(first, without)


def test_a_second_picture_does_not_evaluate_the_style_again(calls: list[tuple[str, ...]]) -> None:
    painted(network="counting", scales=1, init="content")
    assert calls == [("flat", "deep"), ("deep",)]
    painted(OTHER, network="counting", scales=1, init="content", strength=70, seed=4)
    assert calls[2:] == [("deep",)]
    painted(OTHER, network="counting", scales=1, init="content")
    assert len(calls) == 3


@pytest.mark.parametrize(
    "knobs",
    [
        {"style_scale": 0.5},
        {"style_layers": "flat"},
        {"network_options": {"gain": "2"}},
        {"precision": "bfloat16"},
        {"size": 64},
    ],
)
def test_whatever_matters_makes_another_target(calls: list[tuple[str, ...]], knobs: dict[str, object]) -> None:
    painted(network="counting", scales=1, init="content")
    painted(network="counting", scales=1, init="content", **knobs)
    assert len([layers for layers in calls if "flat" in layers]) == 2


def test_another_style_and_other_code_are_other_targets(calls: list[tuple[str, ...]], tmp_path: Path) -> None:
    painted(network="counting", scales=1)
    painted(style=OTHER, network="counting", scales=1)
    assert len(kept(STYLES)) == 2
    code = tmp_path / "counting.py"
    code.write_text(code.read_text() + "\n# a change")
    cache.code.cache_clear()
    painted(network="counting", scales=1)
    assert len(kept(STYLES)) == 3


def test_off_leaves_nothing(monkeypatch: pytest.MonkeyPatch, cached: Path) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", "off")
    painted()
    assert not cached.exists()
    assert not Path("off").exists()


def test_weights_that_are_stored_are_known_by_the_hash_of_their_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from impasto.features.target_cache import weights_digest
    from impasto.plugin import Recognised
    from impasto.weights.store import metadata
    from impasto_vgg import WEIGHTS
    from random_vgg import random_weights

    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    vgg19, digests = registry().network("vgg19"), []
    for seed in (1, 2):
        WEIGHTS["vgg19"].save(Recognised("torchvision", random_weights(seed, width=2)), "random")
        digests.append(weights_digest(vgg19, vgg19.build()))
    assert digests[0] != digests[1]
    assert metadata(WEIGHTS["vgg19"].path)["sha256"] in digests[1]
    WEIGHTS["vgg19"].normalised.save(Recognised("gatys", random_weights(3, width=2)), "random")
    assert weights_digest(vgg19, vgg19.build()) != digests[1]


# A shelf

SHELF = Shelf("styles", 1 / 4)


def key(word: object) -> str:
    return hashlib.sha256(str(word).encode()).hexdigest()


def test_a_shelf_gives_back_what_was_put() -> None:
    assert SHELF.get(key(1)) is None
    SHELF.put(key(1), b"one")
    SHELF.put(key(2), b"")
    assert (SHELF.get(key(1)), SHELF.get(key(2))) == (b"one", b"")
    SHELF.put(key(1), b"another")
    assert SHELF.get(key(1)) == b"another"


@pytest.mark.parametrize("harm", ["cut", "changed", "emptied", "a folder"])
def test_a_damaged_entry_is_computed_again_and_said_once(caplog: pytest.LogCaptureFixture, harm: str) -> None:
    first = painted(scales=1)
    (entry,) = kept(STYLES)
    whole = entry.read_bytes()
    entry.unlink()
    if harm == "a folder":
        entry.mkdir()
    else:
        entry.write_bytes({"cut": whole[:-100], "changed": b"x" + whole[1:], "emptied": b""}[harm])
    assert same(first, painted(scales=1))
    lines = [record.getMessage() for record in caplog.records]
    if harm != "a folder":
        assert lines == [f"impasto: {entry} is damaged; it is computed again."]
        assert entry.read_bytes() == whole
    else:
        assert "cannot be written" in lines[0]


def test_the_least_recently_used_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE_BYTES", "4000")  # a quarter of it for styles, of which no entry takes over 250
    for number in range(4):
        SHELF.put(key(number), bytes(200))
        os.utime(SHELF.folder / key(number), (number, number))  # type: ignore[operator]
    assert SHELF.get(key(0)) is not None
    for number in (4, 5):
        SHELF.put(key(number), bytes(200))
    left = {number for number in range(6) if SHELF.get(key(number)) is not None}
    assert left == {0, 3, 4, 5}
    assert sum(entry.size for entry in SHELF.entries()) <= SHELF.budget
    SHELF.put(key("large"), bytes(300))
    assert SHELF.get(key("large")) is None
    assert len(kept()) == 4


def test_a_content_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_CACHE_BYTES", "200000")
    painted(content_layers="band1", style_layers="shape1")
    assert kept(STYLES)
    assert not kept(CONTENTS)


@pytest.mark.parametrize("value", ["1 GB", "-1", "1e9"])
def test_a_budget_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("IMPASTO_CACHE_BYTES", value)
    with pytest.raises(RecipeError, match=r"IMPASTO_CACHE_BYTES is '.*'; expected a whole number"):
        paint(CONTENT, STYLE, Recipe(size=64))


def test_without_a_folder_to_write_to_it_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    first = painted()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "file" / "cache"))
    assert same(first, painted())
    line, _ = [record.getMessage() for record in caplog.records]  # the other for contents
    folder = tmp_path / "file" / "cache" / "styles"
    assert (
        line == f"impasto: {folder} cannot be written, so nothing is remembered; name another folder in IMPASTO_CACHE."
    )


def test_only_its_own_files_are_removed(impasto: Run, cached: Path) -> None:
    SHELF.put(key(1), b"one")
    NETWORKS.put(key(2), b"two")
    mine = cached / "styles" / "my drawing.png"
    mine.write_bytes(b"a drawing")
    listed = impasto("cache")
    assert "styles        1 kept, 0 MB of at most 268 MB" in listed.stdout
    assert str(cached) in listed.stdout
    assert impasto("cache", "clear").exit_code == 0
    assert not kept()
    assert not kept(NETWORKS)
    assert mine.exists()


def test_the_folder_is_the_platform_s(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform not in ("win32", "darwin"):
        monkeypatch.delenv("IMPASTO_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
        assert folders.cache() == Path("/somewhere/impasto")
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert folders.cache() == Path.home() / ".cache/impasto"
    monkeypatch.setenv("IMPASTO_CACHE", "~/mine")
    assert folders.cache() == Path.home() / "mine"


# Real processes

ENDLESS = """
import hashlib
from impasto.storage.cache import STYLES
while True:
    for number in range(3):
        STYLES.put(hashlib.sha256(str(number).encode()).hexdigest(), bytes([number]) * 30_000_000)
"""


def test_killed_while_writing_it_goes_on_working() -> None:
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", ENDLESS]) as writer:
            before, deadline = {entry.path for entry in STYLES.entries()}, time.monotonic() + 60
            while not any(entry.unfinished for entry in STYLES.entries() if entry.path not in before):
                assert time.monotonic() < deadline, "it never writes"
            writer.send_signal(signal.SIGKILL)
        for number in range(3):
            assert STYLES.get(key(number)) in (None, bytes([number]) * 30_000_000)
    assert any(entry.unfinished for entry in STYLES.entries()), "no writer was caught in the middle"
    for entry in STYLES.entries():
        if entry.unfinished:
            os.utime(entry.path, (1, 1))  # long ago
    STYLES.put(key("next"), b"next")
    assert STYLES.get(key("next")) == b"next"
    assert not any(entry.unfinished for entry in STYLES.entries())


def test_two_processes_on_one_style(content: Path, style: Path, tmp_path: Path) -> None:
    def start(name: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "impasto",
            content,
            style,
            "-o",
            tmp_path / name,
            "--size",
            "96",
            "--steps",
            "2",
        ]
        return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)

    both = [start("one.png"), start("other.png")]
    complaints = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], complaints
    assert not any("damaged" in text or "remembered" in text for text in complaints)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    entries = kept(STYLES) + kept(CONTENTS)
    assert entries
    shelves = {path: STYLES if path in kept(STYLES) else CONTENTS for path in entries}
    assert all(shelf.get(path.name) is not None for path, shelf in shelves.items())


def test_maps_are_found_in_the_order_they_were_asked_for() -> None:
    from impasto.features.target_cache import Remembering, recalled

    image = torch.rand(1, 3, 8, 9)
    maps = {name: torch.rand(1, 5, 4, 3)[:, :3] for name in "zay"}

    def compute() -> dict[str, Tensor]:
        return dict(maps)

    evaluate = Remembering(lambda image, layers: maps, "me")
    first = recalled(cache.CONTENTS, evaluate, list("azy"), [image, None], compute)
    maps.clear()
    again = recalled(cache.CONTENTS, evaluate, list("azy"), [image, None], compute)
    assert list(first) == list(again) == list("azy")
    assert all(first[name].equal(again[name]) and first[name].stride() == again[name].stride() for name in first)
