"""One table: how fast impasto is, beside a textbook implementation and the machine itself, and what memory it takes.

    python benchmarks/performance.py                       # all parts; half an hour on two cores
    python benchmarks/performance.py race rate wavelet     # some of them

    race     seconds until VGG-19 (random weights, 512 px) has the loss of the textbook's after 200 iterations
    rate     a step of either network, 256 to 1024 px, beside the products of matrices in its precision
    wavelet  growth of the seconds and the memory of a step from 0.25 to 16 megapixels; `vgg19`: the same
    command  whole commands: --help, a draft and a picture of 512 pixels
    warm     a draft of 512 pixels from a worker that has painted before, from the request to the result
    canvas   VGG-19 at 4096x4096 within 4 GB beside the untiled cost of a pixel; a whole picture of 4000x3000 pixels

Every measurement is a process of its own. The loss is that of the profile johnson in float32, one function for all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from first_picture import EXAMPLES, MAXRSS, machine

if TYPE_CHECKING:
    import torch

    from impasto import Picture
    from impasto.painting.loading import Choice, Loaded

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # random_vgg

CONTENT, STYLE, SIZE, ITERATIONS = EXAMPLES / "harbour.jpg", EXAMPLES / "night.jpg", 512, 200
RACE = {"network": "vgg19", "profile": "johnson", "init": "content", "size": SIZE, "history": 100}
MEGAPIXELS = {"wavelet": (0.25, 1, 2, 4, 8, 16), "vgg19": (0.25, 0.5, 1, 2, 4, 8, 16)}
Figures = dict[str, float]


def main() -> None:
    """Measure, in this process or in others."""
    if sys.argv[1:2] == ["--once"]:
        print(json.dumps(MEASURED[sys.argv[2]](*sys.argv[3:])))
        return
    print(f"{machine()}\n")
    for part in sys.argv[1:] or PARTS:
        for name, value in PARTS[part]():
            print(f"{name:<58}{value:>10.4g}", flush=True)


def fresh(*words: object) -> Figures:
    """What a process of its own measures."""
    command = [sys.executable, __file__, "--once", *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def race() -> Iterator[tuple[str, float]]:
    theirs = fresh("textbook")
    runs = [fresh("ours", theirs["loss"]) for _ in range(3)]
    seconds = median(run["seconds"] for run in runs)
    yield f"textbook: loss after {ITERATIONS} iterations", theirs["loss"]
    yield "textbook: seconds", theirs["seconds"]
    yield "impasto: loss, the most of 3", max(run["loss"] for run in runs)
    yield "impasto, median of 3: seconds", seconds
    yield "times sooner", theirs["seconds"] / seconds


def rate() -> Iterator[tuple[str, float]]:
    for network in ("vgg19", "wavelet"):
        for size in (256, 512, 1024):
            runs = [fresh("step", network, size) for _ in range(3)]
            for name in runs[0]:
                yield f"{network}, {size} px, median of 3: {name}", median(run[name] for run in runs)


def growth(network: str) -> Iterator[tuple[str, float]]:
    for megapixels in MEGAPIXELS[network]:
        found = fresh("growth", network, megapixels)
        for name, value in found.items():
            yield f"{network}, {megapixels} megapixels: {name}", value


def command() -> Iterator[tuple[str, float]]:
    for name, words in COMMANDS.items():
        seconds = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                line = [sys.executable, "-m", "impasto", *words]
                begin = time.perf_counter()
                subprocess.run(line, cwd=folder, check=True, capture_output=True)
                seconds.append(time.perf_counter() - begin)
        yield f"{name}, median of 3: seconds", median(seconds)


def warm() -> Iterator[tuple[str, float]]:
    from impasto import read
    from impasto.client import ENDS, Pixels, Worker

    content = fitted(read(CONTENT))
    layer = Pixels(*content.size, 3, "float", content.pixels.tobytes())
    seconds = []
    with Worker([sys.executable, "-m", "impasto", "worker"]) as worker:
        for _ in range(6):
            begin = time.perf_counter()
            worker.paint(layer, [{"file": str(STYLE.resolve())}], {"size": SIZE, "quality": "draft"})
            if next(event.type for event in worker.events() if event.type in ENDS) != "done":
                raise SystemExit("the worker failed")
            seconds.append(time.perf_counter() - begin)
    yield "a draft of 512 px, warm worker, median of 5: seconds", median(seconds[1:])


def canvas() -> Iterator[tuple[str, float]]:
    """Whole steps before and after, so that a machine that others load is seen to change its pace."""
    before, large, after = fresh("untiled"), fresh("large"), fresh("untiled")
    untiled = (before["seconds a megapixel"] + after["seconds a megapixel"]) / 2
    if before["side of tiles, 0 for none"] or after["side of tiles, 0 for none"]:
        raise SystemExit("There is too little memory for a megapixel untiled: close other programs.")
    yield "vgg19, untiled, before: seconds for a step a megapixel", before["seconds a megapixel"]
    for name, value in large.items():
        yield f"vgg19, 4096x4096: {name}", value
    yield "vgg19, untiled, after: seconds for a step a megapixel", after["seconds a megapixel"]
    yield "vgg19, 4096x4096: times the untiled cost of a pixel", large["seconds a megapixel"] / untiled
    for name, value in fresh("whole").items():
        yield f"wavelet, 4000x3000, the whole command: {name}", value


def textbook() -> Figures:
    from textbook import iterations

    from impasto import read
    from random_vgg import random_weights

    content, style = (tensor(fitted(read(path))) for path in (CONTENT, STYLE))
    *_, last = iterations(content, style, random_weights(), ITERATIONS)
    return last


def ours(goal: str) -> Figures:
    """Seconds from the pictures to the goal, the targets included, but not the building of the network."""
    from impasto import Recipe, paint, read

    content, style = (fitted(read(path)) for path in (CONTENT, STYLE))
    best = float("inf")
    for step in paint(content, style, Recipe.of(**RACE, steps=25, scales=3), load=untrained):
        if step.size == SIZE:
            best = min(best, step.loss)
            if best <= float(goal):
                break
    return {"loss": best, "seconds": step.seconds, "step": step.step}


def step(network: str, size: str) -> Figures:
    """A step at one size, what it multiplies, and what the machine does with the widest products of VGG-19."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    from impasto import Recipe, paint, read
    from impasto.memory import system
    from impasto_torch.precision import quicker

    class Counted(TorchDispatchMode):
        """FlopCounterMode without its names of modules, which `torch.autograd.grad` does not bear."""

        total = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            if func._overloadpacket in flop_registry:
                self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=out)
            return out

    longest, marks, named = int(size), list[float](), {} if network == "wavelet" else {"load": untrained}
    recipe = Recipe.of(network=network, size=longest, scales=1, steps=6, init="content", device="cpu")
    taken = paint(*(read(one).resized(longest, longest * 3 // 4) for one in (CONTENT, STYLE)), recipe, **named)
    for _ in range(5):
        next(taken)
        marks.append(time.perf_counter())
    seconds, peak = median(after - before for before, after in pairwise(marks)), system.peak()
    with Counted() as counted:
        next(taken)
    kind = torch.float32 if network == "wavelet" else getattr(torch, quicker("cpu"))  # as `--precision auto` has it
    a, b, times = torch.rand(4096, 2304).to(kind), torch.rand(2304, 512).to(kind), []
    for _ in range(60):
        begin = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - begin)
    most, done = 2 * a.numel() * b.shape[1] / min(times), counted.total / seconds
    found = {"seconds": seconds, "teraflops": done / 1e12, "in bfloat16, 1 for yes": float(kind == torch.bfloat16)}
    return found | {"machine, teraflops": most / 1e12, "share": done / most, "peak memory, MB": peak / 1e6}


def grown(network: str, megapixels: str) -> Figures:
    from impasto import Recipe, paint, read
    from impasto.memory import system

    side = round((float(megapixels) * 1e6 * 4 / 3) ** 0.5)
    content, marks = read(CONTENT), list[float]()
    named = {"load": untrained} if network == "vgg19" else {}
    recipe = Recipe.of(network=network, size=side, scales=1, steps=3)
    for taken in paint(content, read(STYLE), recipe, **named):
        marks.append(taken.seconds)
    plan = taken.memory.plan(round(float(megapixels) * 1e6))
    return {
        "seconds for a step": min(after - before for before, after in pairwise(marks)),
        "side of tiles, 0 for none": plan.tile or 0,
        "peak memory, MB": system.peak() / 1e6,
    }


def untiled() -> Figures:
    """A megapixel all at once."""
    return stepped(1155, 866, steps=4, memory=20)


def large() -> Figures:
    return stepped(4096, 4096, steps=3, memory=4)


def stepped(width: int, height: int, **knobs: float) -> Figures:
    """Steps of VGG-19 at one size, the first left out."""
    from impasto import Recipe, paint, read
    from impasto.memory import system

    content = read(CONTENT).resized(width, height)
    recipe = Recipe.of(network="vgg19", size=max(width, height), scales=1, style_scale=0.25, **knobs)
    marks = list[float]()
    for taken in paint(content, read(STYLE), recipe, load=untrained):
        marks.append(taken.seconds)
    plan = taken.memory.plan(width * height)
    return {
        "seconds a megapixel": median(after - before for before, after in pairwise(marks)) / (width * height / 1e6),
        "side of tiles, 0 for none": plan.tile or 0,
        "remembered steps": plan.history,
        "peak memory, MB": system.peak() / 1e6,
    }


def whole() -> Figures:
    """A picture of 12 megapixels from a photograph of as many, with default settings."""
    import resource

    from impasto import read, write

    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        write(photo, read(CONTENT).resized(4000, 3000))
        line = [sys.executable, "-m", "impasto", str(photo), str(STYLE.resolve()), "-o", "out.png", "--size", "4000"]
        begin = time.perf_counter()
        subprocess.run(line, cwd=folder, check=True, capture_output=True)
        seconds = time.perf_counter() - begin
    return {
        "seconds": seconds,
        "peak memory, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * MAXRSS / 1e6,
    }


def untrained(choice: Choice) -> Loaded:
    """VGG-19 with random weights, which take as long as others."""
    from impasto.painting.loading import Loaded
    from impasto.plugin.registry import registry
    from impasto_vgg.architecture import VGG19
    from impasto_vgg.network import VGG
    from random_vgg import random_weights

    network = VGG(random_weights(), VGG19, **dict(choice.options))
    backend = registry().differentiable("torch").build("cpu", choice.precision)
    evaluate = backend.load(network)
    return Loaded(network, "cpu", backend.precision, evaluate, evaluate)


def fitted(picture: Picture) -> Picture:
    return picture.resized(*picture.fit(SIZE))


def tensor(picture: Picture) -> torch.Tensor:
    import torch

    return torch.from_numpy(picture.pixels).permute(2, 0, 1)[None].contiguous()


MEASURED = {"textbook": textbook, "ours": ours, "step": step, "growth": grown}
MEASURED |= {"untiled": untiled, "large": large, "whole": whole}
PARTS = {"race": race, "rate": rate, "command": command, "warm": warm, "canvas": canvas}
PARTS |= {name: partial(growth, name) for name in MEGAPIXELS}
PAIR = [str(CONTENT.resolve()), str(STYLE.resolve())]
COMMANDS = {
    "impasto --help": ["--help"],
    "a draft of 512 px": [*PAIR, "-o", "out.png", "--size", "512", "--quality", "draft"],
    "a picture of 512 px": [*PAIR, "-o", "out.png", "--size", "512"],
}

if __name__ == "__main__":
    from impasto import prepare_process

    prepare_process()
    main()
