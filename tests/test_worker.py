"""The worker as a process: what goes in comes out as it should, and nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import catalogue
import impasto
from conftest import HANGS, cut_out, drawing, put_plugin
from impasto.client import ENDS, Message, Pixels, Worker, encode
from impasto.recipe.knobs import KNOBS
from impasto.recipe.recipe import Recipe
from impasto.translation import Translation
from impasto.worker.server import Server
from impasto.worker.streams import MOST_LOG, Log

SOON = 20
"""Seconds in which a process ends at once, on a machine that is busy with others."""
COMMAND = (sys.executable, "-m", "impasto", "worker")
QUICK = {"init": "content", "steps": 2, "scales": 1, "device": "cpu"}
Start = Callable[..., Worker]

ODD = """
import ctypes, os, sys, time
import torch
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo

class Odd(torch.nn.Module):
    layers, content_layers, style_layers = ("one",), {"one": 1.0}, {"one": 1.0}

    def __init__(self, do):
        super().__init__()
        self.do = do

    def forward(self, image, layers):
        if self.do == "print":
            print("hello from Python")
            os.write(1, b"hello from a system call\\n")
            ctypes.CDLL(None).puts(b"hello from C")
            ctypes.CDLL(None).fflush(None)
        if self.do == "sleep" and torch.is_grad_enabled():
            time.sleep(600)
        if self.do == "raise":
            raise KeyError("odd")
        if self.do == "leave":
            sys.exit(3)
        if self.do == "memory":
            raise MemoryError
        if self.do == "crash":
            ctypes.string_at(0)
        return {"one": image * 2}

def build(do):
    sys.stderr.write("BUILT\\n")
    return Odd(do)

@hookimpl
def impasto_networks():
    does = ("nothing", "print", "sleep", "raise", "leave", "memory", "crash")
    return [NetworkInfo("odd", "misbehaves as told", build, options={"do": does})]
"""
"""A plug-in's network, with the faults that libraries have."""


def odd(do: str) -> dict[str, object]:
    return {"network": "odd", "network_options": {"do": do}}


def pixels(array: NDArray[np.generic], linear: bool = False) -> Pixels:
    kinds = {"uint8": "u8", "uint16": "u16", "float16": "half", "float32": "float"}
    height, width, channels = array.shape
    return Pixels(width, height, channels, kinds[array.dtype.name], array.tobytes(), linear)


def array(found: Pixels) -> NDArray[np.generic]:
    kind = {"u8": np.uint8, "u16": np.uint16, "half": np.float16, "float": np.float32}[found.kind]
    return np.frombuffer(found.data, kind).reshape(found.height, found.width, found.channels)


CONTENT, STYLE = pixels(drawing(seed=1)), {"picture": pixels(drawing(80, 80, seed=2))}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plug-in of `ODD`, in which workers keep their log too."""
    return put_plugin("odd", ODD, tmp_path_factory.mktemp("home"))


THIN = """
from impasto.plugin import Recognised
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16
from random_vgg import random_weights
WEIGHTS["vgg16"].save(Recognised("caffe", random_weights(3, 4, VGG16)), "thin.pth")
"""


@pytest.fixture(scope="module")
def env(home: Path) -> dict[str, str]:
    path = os.pathsep.join([str(home), *filter(None, [os.environ.get("PYTHONPATH")])])
    folders = {"XDG_STATE_HOME": str(home), "PYTHONPATH": path}
    return os.environ | folders | {"IMPASTO_CACHE": "off", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def start(env: dict[str, str]) -> Iterator[Start]:
    """Starts workers, and ends them."""
    begun: list[Worker] = []

    def run(*command: str) -> Worker:
        begun.append(Worker(command or COMMAND, env=env, start_within=HANGS).start())
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
    seen: list[Message] = []
    while True:
        event = worker.wait(HANGS)
        assert event, f"nothing but {[each.type for each in seen]}"
        seen.append(event)
        if event.type in types and (id in (None, event.id) or worker.ended):
            return seen
        assert not worker.ended, event


def answer(worker: Worker, kind: str, **fields: object) -> Message:
    job = worker.request(kind, **fields)  # type: ignore[arg-type]
    return until(worker, "description", "estimate", "thumbnail", *ENDS, id=job)[-1]


def paint(worker: Worker, content: Pixels = CONTENT, **fields: object) -> list[Message]:
    """All events of a painting of few steps."""
    recipe, styles = QUICK | dict(fields.pop("recipe", {})), fields.pop("styles", [STYLE])  # type: ignore[call-overload]
    job = worker.paint(content, styles, recipe, **fields)  # type: ignore[arg-type]
    return until(worker, *ENDS, id=job)


def painted(worker: Worker, content: Pixels = CONTENT, **fields: object) -> Message:
    return paint(worker, content, **fields)[-1]


# What it says of itself


def test_it_introduces_itself(start: Start) -> None:
    worker = start()
    hello = until(worker, "hello")[-1]
    assert hello["protocol"] == 1
    assert hello["version"] == impasto.__version__
    networks = {network["name"]: network for network in hello["networks"]}
    assert networks["wavelet"]["ready"]
    assert "impasto weights get vgg19" in networks["vgg19"]["missing"]
    assert networks["vgg19"]["options"]["pooling"]
    assert next(backend for backend in hello["backends"] if backend["name"] == "torch")["paints"]
    assert "cpu" in hello["devices"]
    assert [style["name"] for style in hello["styles"]] == list(impasto.bundled())
    assert until(worker, "ready")[-1]["devices"][:2] == ["auto", "cpu"]
    worker.request("hello")
    assert until(worker, "hello")[-1]["networks"] == hello["networks"]


def test_it_describes_every_knob(worker: Worker) -> None:
    knobs = answer(worker, "describe")["knobs"]
    assert [knob["name"] for knob in knobs] == list(KNOBS)
    strength = next(knob for knob in knobs if knob["name"] == "strength")
    assert (strength["low"], strength["high"], strength["default"], strength["kind"]) == (0, 100, 50, "real")
    assert all(knob["group"] and knob["description"] and knob["source"] for knob in knobs)


def test_it_estimates_and_learns(worker: Worker) -> None:
    size = {"width": 96, "height": 64}
    before = answer(worker, "estimate", recipe=QUICK | odd("nothing"), **size)
    assert not before["measured"]
    assert painted(worker, recipe=odd("nothing")).type == "done"
    after = answer(worker, "estimate", recipe=QUICK | odd("nothing"), **size)
    assert after["measured"]
    assert 0 < after["seconds"] < before["seconds"]
    larger = answer(worker, "estimate", recipe=QUICK | odd("nothing") | {"size": 960}, **size)
    assert larger["seconds"] > 10 * after["seconds"]
    assert larger["bytes"] > after["bytes"] > 0
    assert (after["size"], larger["size"]) == (96, 960)
    draft = {"size": 1200, "quality": "draft", "colour": "style"}
    assert answer(worker, "estimate", recipe=odd("nothing") | draft, **size)["size"] == 300
    assert answer(worker, "estimate", recipe={"network": "none"}, **size)["code"] == "plugin_error"


# Painting


def test_a_picture_comes_back_with_all_there_is_to_tell(worker: Worker) -> None:
    events = paint(worker)
    done, progress = events[-1], [event for event in events if event.type == "progress"]
    assert done.type == "done", done
    assert done.picture()[:4] == CONTENT[:4]
    assert done.picture().data != CONTENT.data
    assert (done["taken"], done["stopped"], done["recipe"]["size"], done["recipe"]["steps"]) == (2, False, 96, 2)
    assert impasto.Recipe.of(**done["recipe"])
    assert next(event.type for event in events if event.type != "heartbeat") == "queued"
    assert progress[-1]["fraction"] == pytest.approx(1)
    assert (progress[-1]["step"], progress[-1]["steps"], progress[-1]["stage"], progress[-1]["stages"]) == (2, 2, 1, 1)
    preview = next(event for event in events if event.type == "preview").picture()
    assert preview[:4] == (96, 64, 3, "u8")
    assert len(preview.data) == 96 * 64 * 3


def test_it_paints_as_the_library_does(worker: Worker) -> None:
    library = impasto.stylized(
        impasto.Picture(drawing(seed=1) / np.float32(255)),
        impasto.Picture(drawing(80, 80, seed=2) / np.float32(255)),
        **QUICK | {"size": 96},
    )
    expected = (library.pixels * 255).round()
    assert np.abs(array(painted(worker).picture()) - expected).max() <= 1  # sums in another number of threads


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_form_comes_back_as_it_was_outside_the_mask(worker: Worker, kind: type, channels: int) -> None:
    rng, most = np.random.default_rng(channels), np.iinfo(kind).max if np.issubdtype(kind, np.integer) else 1
    content = (np.resize(drawing(seed=1) / 255, (64, 96, channels)) * most).astype(kind)
    content[:8] = (rng.random((8, 96, channels)) * (most if most > 1 else 7)).astype(kind)  # high dynamic range
    if channels % 2 == 0:
        content[8:, :, -1] = most
    mask = np.zeros((64, 96, 1), np.uint8)
    mask[32:, :48] = 255
    for linear in (False, True):
        done = painted(worker, pixels(content, linear), mask=pixels(mask), preview=0)
        result = done.picture()
        assert (*result[:4], result.linear) == (*pixels(content, linear)[:4], linear)
        found = array(result)
        assert found[mask[..., 0] == 0].tobytes() == content[mask[..., 0] == 0].tobytes()
        assert (found[mask[..., 0] > 0] != content[mask[..., 0] > 0]).mean() > 0.3


def test_a_size_of_its_own_gives_the_content_its_own_back(worker: Worker) -> None:
    done = painted(worker, recipe={"size": 48})
    assert done.picture()[:2] == (96, 64)
    assert done["recipe"]["size"] == 48
    assert np.abs(array(done.picture()).astype(int) - drawing(seed=1)).mean() < 80


def test_previews_are_of_the_size_asked_for_and_show_the_mask(worker: Worker) -> None:
    mask = np.zeros((64, 96, 1), np.float32)
    mask[:, 48:] = 1
    clear = np.dstack([drawing(seed=1), np.full((64, 96), 255, np.uint8)])
    clear[:16, :, 3] = 0
    for width, height, far in ((48, 32, 2), (20, 13, 20)):  # of a larger picture, pixels are left out
        events = paint(worker, pixels(clear), mask=pixels(mask), preview=width)
        preview = array(next(event for event in events if event.type == "preview").picture())
        assert preview.shape == (height, width, 3)
        assert np.abs(preview[: height // 7].astype(int) - 230).max() <= 1  # paper
        size = width, height
        small = np.asarray(Image.fromarray(drawing(seed=1)).resize(size, Image.Resampling.LANCZOS)).astype(int)
        unlike = np.abs(small - preview)[height // 2 :]
        assert unlike[:, : 2 * width // 5].max() <= far
        assert unlike[:, 3 * width // 5 :].mean() > 5
    assert not [event for event in paint(worker, preview=0) if event.type == "preview"]


def test_hidden_colours_show_in_no_preview_result_or_thumbnail(worker: Worker, tmp_path: Path) -> None:
    found = []
    for hidden in ((255, 0, 255), (0, 160, 60)):
        layer = cut_out(hidden)
        Image.fromarray(layer).save(tmp_path / "layer.png")
        events = paint(worker, pixels(layer), recipe={"size": 96}, preview=80)
        preview = next(event for event in events if event.type == "preview").picture()
        thumbnail = answer(worker, "thumbnail", style={"file": str(tmp_path / "layer.png")}, longest=40).picture()
        assert thumbnail.data[:3] == bytes((230, 230, 230))
        found.append((array(events[-1].picture())[layer[..., 3] > 0].tobytes(), preview.data, thumbnail.data))
    assert found[0] == found[1]


def test_a_live_worker_takes_weights_that_are_normalised_anew(env: dict[str, str], tmp_path: Path) -> None:
    env = env | {"IMPASTO_DATA": str(tmp_path / "data")}
    subprocess.run([sys.executable, "-c", THIN], cwd=Path(__file__).parent, env=env, check=True)
    asked = {"network": "vgg16", "network_options": {"weights": "normalised"}}

    def normalise(seed: int) -> None:
        Image.fromarray(drawing(seed=seed)).save(tmp_path / "picture.png")
        command = [sys.executable, "-m", "impasto", "weights", "normalise", "vgg16", str(tmp_path / "picture.png")]
        subprocess.run(command, env=env, check=True, capture_output=True)

    normalise(1)
    with Worker(COMMAND, env=env, start_within=HANGS) as live:
        first = painted(live, recipe=asked).picture()
        normalise(2)
        second = painted(live, recipe=asked).picture()
    with Worker(COMMAND, env=env, start_within=HANGS) as fresh:
        expected = painted(fresh, recipe=asked).picture()
    assert second == expected != first


def test_styles_come_as_files_with_weights_and_masks(worker: Worker, tmp_path: Path) -> None:
    path = tmp_path / "style.png"
    Image.fromarray(drawing(80, 80, seed=2)).save(path)
    alone = painted(worker)
    assert painted(worker, styles=[{"file": str(path)}]).picture() == alone.picture()
    other = {"picture": pixels(drawing(80, 80, seed=5))}
    both = painted(worker, styles=[STYLE, other | {"weight": 3}])
    assert both["recipe"]["style_weights"] == [1, 3]
    assert both.picture() == painted(worker, styles=[STYLE, other], recipe={"style_weights": [1, 3]}).picture()
    assert both.picture() != alone.picture()
    left = np.zeros((1, 2, 1), np.uint8)
    left[0, 0] = 255
    halves = [STYLE | {"mask": pixels(left)}, other | {"mask": pixels(left[:, ::-1].copy()), "region": pixels(left)}]
    assert painted(worker, styles=halves).picture() not in (alone.picture(), both.picture())


def test_styles_are_converted_into_a_space_that_is_given_by_a_lattice(worker: Worker, tmp_path: Path) -> None:
    side = 3
    steps = np.round(np.linspace(0, 1, side) * 65535).astype(np.uint16)
    red, green, blue = np.meshgrid(steps, steps, steps, indexing="ij")

    def nodes(*axes: NDArray[np.uint16]) -> Pixels:
        return pixels(np.stack(axes, axis=-1).reshape(side * side, side, 3))

    turned = {"from_srgb": nodes(blue, red, green), "to_srgb": nodes(green, blue, red)}
    path, own = tmp_path / "style.png", drawing(80, 80, seed=2)
    Image.fromarray(own[..., [1, 2, 0]]).save(path)
    events = paint(worker, styles=[{"file": str(path)}], space=turned)
    expected = paint(worker, styles=[STYLE], space=turned)
    plain = paint(worker, styles=[STYLE])
    found, right = (array(each[-1].picture()).astype(int) for each in (events, expected))
    assert np.abs(found - right).mean() < 0.05  # float32 mixes the nodes, and steps enlarge what that rounds
    assert expected[-1].picture() == plain[-1].picture()  # a picture that is sent is in these numbers already
    shown, numbers = (
        array(next(event for event in each if event.type == "preview").picture()).astype(int)
        for each in (expected, plain)
    )
    assert np.abs(shown - numbers[..., [1, 2, 0]]).max() <= 1
    wrong = painted(worker, space=turned | {"to_srgb": CONTENT})
    assert (wrong["code"], "n x n rows" in wrong["message"]) == ("bad_request", True)


def test_the_frame_that_is_taken_of_a_style_is_told_once(worker: Worker, tmp_path: Path) -> None:
    frames = [Image.fromarray(drawing(64, 64, seed)) for seed in range(3)]
    frames[0].save(tmp_path / "film.png", save_all=True, append_images=frames[1:])
    events = paint(worker, styles=[STYLE, {"file": str(tmp_path / "film.png")}])
    said = [event.fields["notice"] for event in events if event.type == "progress" and "notice" in event.fields]
    assert said == [f"{tmp_path / 'film.png'}: the first of 3 frames."]


def test_colours_are_chosen_again_without_painting(start: Start) -> None:
    worker = start()
    assert answer(worker, "recolour", colour="keep")["code"] == "unknown_job"
    mask = np.zeros((64, 96, 1), np.uint8)
    mask[32:] = 255
    first = painted(worker, mask=pixels(mask))
    kept = answer(worker, "recolour", colour="keep")
    assert (kept["colour"], kept["recipe"], kept["taken"]) == ("keep", first["recipe"], 2)
    assert kept.picture() == painted(worker, mask=pixels(mask), recipe={"colour": "keep"}).picture()
    assert array(kept.picture())[:32].tobytes() == array(first.picture())[:32].tobytes()
    assert answer(worker, "recolour", colour="style").picture() == first.picture()
    assert answer(worker, "recolour", colour="palette").picture() not in (kept.picture(), first.picture())


def test_networks_stay_loaded(start: Start, home: Path) -> None:
    worker = start()
    log = Path(until(worker, "hello")[-1]["log"])
    assert log == home / "impasto" / "worker.log"

    def built() -> int:
        return log.read_text().count("BUILT")

    before = built()
    assert painted(worker, recipe=odd("nothing")).type == "done"
    assert painted(worker, recipe=odd("nothing")).type == "done"
    assert built() == before + 1
    assert painted(worker, recipe=odd("print")).type == "done"
    assert built() == before + 2


# Cancel and finish


def begun(worker: Worker, **knobs: object) -> str:
    """A long painting that has taken its first step."""
    job = worker.paint(CONTENT, [STYLE], {"steps": 100_000, "device": "cpu", **knobs})
    until(worker, "progress", id=job)
    return job


def test_cancel_answers_and_leaves_the_worker_well(worker: Worker) -> None:
    job = begun(worker)
    waits = worker.paint(CONTENT, [STYLE], QUICK)
    assert until(worker, "queued", id=waits)[-1]["ahead"] == 1
    worker.cancel(waits)
    assert not [event for event in until(worker, "cancelled")[:-1] if event.type in ENDS]  # while the other goes on
    worker.cancel(job)
    assert until(worker, "cancelled", id=job)
    worker.cancel(job)
    assert until(worker, "failed")[-1]["code"] == "unknown_job"
    assert painted(worker).type == "done"


def test_finish_keeps_the_picture_so_far(worker: Worker) -> None:
    job = begun(worker)
    worker.finish(job)
    done = until(worker, *ENDS, id=job)[-1]
    assert (done.type, done["stopped"]) == ("done", True)
    assert 0 < done["taken"] < 100_000
    assert array(done.picture()).shape == (64, 96, 3)


def test_jobs_have_one_id_each_and_are_not_without_number(worker: Worker) -> None:
    job = begun(worker)
    form = {"part": "content", "width": 96, "height": 64, "channels": 3, "kind": "u8"}
    worker.request("paint", {"content": CONTENT.data}, id=job, content=form, styles=[{"picture": form}])
    assert "already" in until(worker, "failed")[-1]["message"]
    others = [worker.paint(CONTENT, [STYLE], QUICK) for _ in range(16)]
    assert "wait already" in until(worker, "failed", id=others[-1])[-1]["message"]
    for id_ in (*others[:-1], job):
        worker.cancel(id_)
        until(worker, "cancelled", id=id_)


# When something is wrong


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Translation:
    """A language in which all that there are words for stands in brackets."""
    folder = tmp_path_factory.mktemp("locale")
    catalogue.write(folder, {text: f"\u27e6{text}\u27e7" for text in catalogue.texts()}, "xx")
    return Translation(folder, ["xx"])


def test_what_is_wrong_gets_a_sentence(worker: Worker, foreign: Translation, tmp_path: Path) -> None:
    short = CONTENT._replace(data=CONTENT.data[:-1])
    tiny, turned = Pixels(4, 4, 3, "u8", bytes(48)), pixels(np.full((96, 64, 1), 255, np.uint8))
    cases = [
        ({"content": short}, "image_error", "18431 bytes"),
        ({"content": tiny}, "image_error", "4x4"),
        ({"content": pixels(drawing(640, 16)), "recipe": {"size": 96}}, "image_error", "times the other"),
        ({"content": pixels(drawing(480, 16)), "recipe": {"size": 96}}, "image_error", "short side"),
        ({"recipe": {"strength": 101}}, "recipe_error", "strength is 101"),
        ({"recipe": {"strangth": 1}}, "recipe_error", "strangth"),
        ({"recipe": {"network": "none"}}, "plugin_error", "no network 'none'"),
        ({"recipe": {"network": "vgg19"}}, "plugin_error", "weights"),
        ({"recipe": {"device": "cuda:77"}}, "device_error", "cuda:77"),
        ({"recipe": {"style_weights": [1, 2]}}, "recipe_error", "2 style weights for 1"),
        ({"styles": [STYLE | {"weight": 0}]}, "recipe_error", "No style has a weight above 0"),
        ({"styles": [STYLE | {"mask": pixels(np.zeros((64, 96, 1), np.uint8))}]}, "image_error", "No style applies"),
        ({"styles": [{"file": str(tmp_path / "no.png")}]}, "image_error", "no such file"),
        ({"styles": [{"file": "https://a.org/b.png"}]}, "image_error", "https://a.org/b.png: this is an address"),
        ({"styles": [{"file": "a\0b"}]}, "image_error", "no name of a file"),
        ({"styles": [{"name": "starry"}]}, "unsupported", "starry"),
        ({"styles": []}, "bad_request", "styles"),
        ({"styles": [{"weight": 1}]}, "bad_request", "picture, file and name"),
        ({"mask": pixels(drawing())}, "bad_request", "mask.channels"),
        ({"mask": Pixels(1, 1, 1, "u8", b"\0")}, "image_error", "The mask is black all over"),
        ({"mask": turned}, "image_error", "The mask is 64x96 pixels and its picture 96x64"),
        ({"styles": [STYLE, STYLE | {"mask": turned}]}, "image_error", "The mask of style 2 is 64x96 pixels"),
        ({"styles": [STYLE | {"region": turned}]}, "image_error", "its picture 80x80"),
        ({"preview": 513}, "bad_request", "preview"),
        ({"recipe": odd("raise")}, "internal", "KeyError: 'odd'"),
        ({"recipe": odd("leave")}, "internal", "SystemExit: 3"),
        ({"recipe": odd("memory")}, "out_of_memory", "memory"),
    ]
    for fields, code, message in cases:
        failed = painted(worker, **fields)
        assert (failed.type, failed.fields.get("code")) == ("failed", code), (fields, failed)
        assert message in failed["message"]
        assert isinstance(failed["hint"], str)
        told = (failed["message"], failed["hint"]) if code != "bad_request" else ()  # of use to programmers only
        for text in filter(None, told):
            assert re.fullmatch("(\u27e6.*?\u27e7+ ?)+", foreign.said(text)), text
        assert ("in forward" in failed.fields.get("log", "")) == (code == "internal")
    assert answer(worker, "dance")["code"] == "bad_request"
    assert answer(worker, "recolour", colour="blue")["code"] == "bad_request"
    assert answer(worker, "describe", more=1)["code"] == "bad_request"
    assert painted(worker).type == "done"


def test_what_libraries_print_stays_out_of_the_stream(worker: Worker, home: Path) -> None:
    assert painted(worker, recipe=odd("print")).type == "done"
    log = (home / "impasto" / "worker.log").read_text()
    assert all(f"hello from {who}" in log for who in ("Python", "a system call", "C"))


def test_a_crash_reaches_the_client_with_the_end_of_the_log(start: Start) -> None:
    worker = start()
    failed = painted(worker, recipe=odd("crash"))
    assert failed["code"] == "crashed"
    assert failed.id is None
    assert "Segmentation fault" in failed["log"]
    assert "in forward" in failed["log"]
    assert worker.ended


def test_a_worker_that_is_killed_is_told_of(start: Start) -> None:
    worker = start()
    begun(worker)
    assert worker.process is not None
    worker.process.kill()
    failed = until(worker, "failed")[-1]
    assert (failed["code"], failed.id) == ("crashed", None)
    assert "exit code -9" in failed["message"]
    assert worker.wait(1) is None


def test_the_log_begins_anew_when_it_is_large(tmp_path: Path) -> None:
    (tmp_path / "impasto").mkdir()
    old = tmp_path / "impasto" / "worker.log"
    old.write_bytes(b"x" * (MOST_LOG + 1))
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    with Worker(COMMAND, env=env, start_within=HANGS) as worker:
        until(worker, "hello")
    assert old.with_suffix(".log.1").stat().st_size == MOST_LOG + 1
    assert old.stat().st_size < 1000


# Its end


def gone(pid: int) -> bool:
    """Whether the process ends soon."""
    for _ in range(SOON * 20):
        if state(pid) in ("", "Z"):
            return True
        time.sleep(0.05)
    return False


def state(pid: int) -> str:
    """The letter that Linux has for what the process does, or "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@pytest.mark.parametrize("how", ["eof", "term"])
def test_it_ends_in_the_middle_of_a_step(start: Start, how: str) -> None:
    worker = start()
    worker.paint(CONTENT, [STYLE], QUICK | odd("sleep"))
    until(worker, "heartbeat")
    process = worker.process
    assert process is not None
    if how == "eof":
        worker.close(SOON)
    else:
        process.terminate()
    assert process.wait(SOON) == (0 if how == "eof" else -signal.SIGTERM)


def test_it_ends_when_whoever_started_it_is_killed(env: dict[str, str]) -> None:
    editor = """
import sys
from impasto.client import Pixels, Worker
with Worker([sys.executable, "-m", "impasto", "worker"], env=dict(__import__("os").environ)) as worker:
    style = Pixels(64, 64, 3, "u8", bytes(range(256)) * 48)
    worker.paint(style, [{"picture": style}], {"network": "odd", "network_options": {"do": "sleep"}})
    for event in worker.events():
        if event.type == "heartbeat":
            print(worker.process.pid, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", editor], env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        assert state(pid) not in ("", "Z")
        process.kill()
    assert gone(pid)


def test_it_ends_quietly_when_nobody_reads(env: dict[str, str], home: Path) -> None:
    process = subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin and process.stdout and process.stderr
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(b'{"type":"hello"}\n' * 2)
    process.stdin.flush()
    assert process.wait(SOON) == 0
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()


def test_styles_show_what_they_look_like(worker: Worker, tmp_path: Path) -> None:
    Image.new("RGB", (90, 60), (200, 100, 50)).save(tmp_path / "flat.png")
    bundled = answer(worker, "thumbnail", style={"name": "oil"}, longest=32).picture()
    assert max(bundled.width, bundled.height) == 32 and len(set(bundled.data)) > 20
    small = answer(worker, "thumbnail", style={"file": str(tmp_path / "flat.png")}, longest=30).picture()
    assert (small.width, small.height, small.channels, small.kind) == (30, 20, 3, "u8")
    assert small.data == bytes((200, 100, 50)) * 600
    missing = answer(worker, "thumbnail", style={"file": str(tmp_path / "none.png")})
    assert missing["code"] == "image_error" and "none.png" in missing["message"]


class Sink:
    """Keeps the types of events."""

    behind = False

    def __init__(self) -> None:
        self.types: list[str] = []

    def drain(self, seconds: float) -> None:
        pass

    def __call__(self, kind: str, parts: object = None, **fields: object) -> None:
        self.types.append(kind)


def test_a_recipe_is_built_once() -> None:
    form = {"part": "content", "width": 96, "height": 64, "channels": 3, "kind": "u8"}
    recipe = {"steps": 1, "init": "content", "network": "wavelet"}
    paint = {"type": "paint", "id": "a", "content": form, "styles": [{"picture": form}], "recipe": recipe}
    sink, log, built = Sink(), Log.__new__(Log), []
    log.path = None
    server = Server(sink, log)

    def calls(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Recipe.of.__func__.__code__:  # type: ignore[attr-defined]
            built.append(frame)

    sys.setprofile(calls)
    try:
        server.feed(b"".join(encode(paint, {"content": bytes(range(256)) * 72})))
        server.run(server._waiting.get_nowait())
    finally:
        sys.setprofile(None)
    assert sink.types[-1] == "done"
    assert len(built) == 1
