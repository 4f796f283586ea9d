"""How long peers and impasto take to the same loss, with the same weights, pictures and losses, in turn on one machine.

    python benchmarks/peers.py [--size 256] [--iterations 200] [--only NAME ...]
        [--neural-style-pt CHECKOUT] [--style-transfer-pytorch CHECKOUT]

The goal is the loss of our textbook after so many iterations; without checkouts, only that and impasto run. All take
the trained weights of `vgg16` (`impasto weights get vgg16`), which are converted for each program into a temporary
folder, and the losses of jcjohnson/neural-style without total variation, from the content. Optimisers, sizes on the way
and borders of maps are each program's own:

    textbook                L-BFGS at one size, pixels brought back into [0, 1] before each evaluation
    neural-style-pt         L-BFGS at one size, of pixels that are free; its own main program, whose output is read
    style-transfer-pytorch  Adam from 128 pixels on, with its own loop, into which network and losses are put
    impasto                 L-BFGS from 128 pixels on, in the precision it chooses; its losses are taken in float32

Set-up is from the start of the process to the end of its first step, seconds are from there to the goal.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click
import torch
from first_picture import EXAMPLES, MAXRSS, machine
from performance import CONTENT, tensor  # which adds the folder of random_vgg to the path
from same_picture import CAFFE, MEANS
from textbook import CONTENT_WEIGHT, MEAN, STYLE_WEIGHT, Losses, descent, gram
from torch import Tensor, nn

from impasto import Picture, Recipe, paint, prepare_process, read, write
from impasto.memory import system
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16
from random_vgg import as_torchvision

DEVIATION = (58.395, 57.12, 57.375)
"""Of ImageNet, as `MEAN`: torchvision's networks take colours divided by it."""
CONTENT_PLACE, STYLE_PLACES = 20, [1, 6, 11, 18, 25]
"""Of the textbook's layers among the features of torchvision's VGG-16."""
RACE = {"network": "vgg16", "profile": "johnson", "init": "content", "tv_weight": 0, "history": 100, "device": "cpu"}
STEPS, SPARE = 100, 0.97
"""Of impasto at the last size, at most; and the share of the goal at which it stops: its steps may be in bfloat16."""
PEERS = "neural-style-pt", "style-transfer-pytorch"
NAMES = "textbook", *PEERS, "impasto"
LIMIT = 900
"""Seconds after which a program is given up."""
SAID = re.compile(r"^ *(?:Total )?(loss|begun|peak): ([\d.e+-]+)(?: after ([\d.e+-]+))?")
LINE = "{:<24}{:>11}{:>16}{:>12}{:>12}{:>10}"
CHECKOUT = click.Path(path_type=Path, exists=True, resolve_path=True)
Colour = tuple[float, float, float]


class Run(NamedTuple):
    """What came of one program: seconds of set-up, every loss and the seconds to it from there, and bytes of memory."""

    setup: float
    losses: list[tuple[float, float]]
    peak: float


@click.command(context_settings={"show_default": True})
@click.option("--size", default=256, help="Longest side, in pixels.")
@click.option("--iterations", default=200, help="Of the textbook, whose least loss is the goal.")
@click.option("--goal", type=float, help="The loss to reach, where the textbook has run before.")
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Run only these.")
@click.option("--neural-style-pt", type=CHECKOUT)
@click.option("--style-transfer-pytorch", type=CHECKOUT)
@click.option("--once", hidden=True)
def main(
    size: int,
    iterations: int,
    goal: float | None,
    only: tuple[str, ...],
    once: str | None,
    neural_style_pt: Path | None,
    style_transfer_pytorch: Path | None,
) -> None:
    """Run all in turn, each in a process of its own, and print a table."""
    if once:
        CHILDREN[once](size, iterations, goal, style_transfer_pytorch)
        return
    there = {"neural-style-pt": neural_style_pt, "style-transfer-pytorch": style_transfer_pytorch}
    print(f"{size} px, {machine()}\n")
    print(LINE.format("", "set-up, s", "to the goal, s", "first loss", "least loss", "peak, MB"))
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), size)
        for name in only or [name for name in NAMES if there.get(name, name)]:
            run = measured(command(name, size, iterations, goal, there.get(name)), Path(folder), goal)
            least = min(loss for _, loss in run.losses)
            goal = goal or least
            seconds = next((f"{seconds:.1f}" for seconds, loss in run.losses if loss <= goal), "not reached")
            figures = f"{run.setup:.1f}", seconds, f"{run.losses[0][1]:.5g}", f"{least:.5g}", f"{run.peak / 1e6:.0f}"
            print(LINE.format(name, *figures), flush=True)


def command(name: str, size: int, iterations: int, goal: float | None, checkout: Path | None) -> list[str]:
    """What runs a program; it says each loss at the whole size on its standard output."""
    if name == "neural-style-pt":
        words = (
            "-content_image content.png -style_image style.png -model_file vgg16.pth -disable_check -gpu c -init image"
        )
        words += f" -tv_weight 0 -print_iter 1 -save_iter 0 -num_iterations 1000 -image_size {size}"
        return [sys.executable, "-u", f"{checkout}/neural_style.py", *words.split()]
    words = f"--once {name} --size {size} --iterations {iterations} --goal {goal or 0}"
    more = ["--style-transfer-pytorch", str(checkout)] if checkout else []
    return [sys.executable, "-u", str(Path(__file__).resolve()), *words.split(), *more]


def measured(line: list[str], folder: Path, goal: float | None) -> Run:
    """Run `line` until it says a loss of `goal`, or for as long as it does, `LIMIT` at most."""
    setup, losses, peak, begin = 0.0, [], 0.0, time.perf_counter()
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for said in process.stdout:
            now = time.perf_counter() - begin
            for kind, number, after in SAID.findall(said):
                setup = setup or now
                if kind == "peak":
                    peak = float(number)
                elif kind == "loss":
                    losses.append((float(after) if after else now - setup, float(number)))
            if (goal and losses and losses[-1][1] <= goal and not peak) or now > LIMIT:
                process.kill()
                break
        _, process.returncode, used = os.wait4(process.pid, 0)
    if not losses:
        raise SystemExit(f"{line} said no loss.")
    return Run(setup, losses, peak or used.ru_maxrss * MAXRSS)


def put(folder: Path, size: int) -> None:
    """The pictures at their size, and the weights as neural-style-pt takes them: blue first, less Caffe's mean."""
    for path, name in ((CONTENT, "content"), (EXAMPLES / "summer.jpg", "style")):
        picture = read(path)
        write(folder / f"{name}.png", Picture(picture.resized(*picture.fit(size)).pixels))
    tensors = converted(CAFFE, (1.0, 1.0, 1.0))
    tensors["conv1_1.weight"] = tensors["conv1_1.weight"].flip(1)
    torch.save(as_torchvision(tensors, VGG16), folder / "vgg16.pth")


def converted(mean: Colour, divisor: Colour) -> dict[str, Tensor]:
    """The weights for colours, red first and white 255, from which `mean` was taken, divided by `divisor`."""
    stored = WEIGHTS["vgg16"].load()
    own, weight = torch.tensor(MEANS[stored.kind]), stored.tensors["conv1_1.weight"]
    bias = stored.tensors["conv1_1.bias"] + torch.einsum("kchw,c->k", weight, torch.tensor(mean) - own)
    first = {"conv1_1.weight": weight * torch.tensor(divisor)[:, None, None], "conv1_1.bias": bias}
    return {**stored.tensors, **first}


def textbook(size: int, iterations: int, goal: float, _: Path | None) -> None:
    losses, content = common()

    def told(image: Tensor) -> dict[str, Tensor]:
        found = losses(image)
        print(f"loss: {float(sum(found.values()).detach()):.9g}")
        return found

    for _loss in descent(told, content.clone().requires_grad_(), iterations, bounded=True):
        pass


def common() -> tuple[Losses, Tensor]:
    """The losses that all are to bring down, and the content, which all begin with."""
    content, style = (tensor(read(f"{name}.png")) for name in ("content", "style"))
    stored = WEIGHTS["vgg16"].load()
    return Losses(content, style, stored.tensors, MEANS[stored.kind], 0), content


def ours(size: int, _: int, goal: float, __: Path | None) -> None:
    """Losses of the pictures are taken in float32 by the textbook when all are painted: steps tell others."""
    prepare_process()
    pictures, images, begin = [read(f"{name}.png") for name in ("content", "style")], [], 0.0
    for step in paint(*pictures, Recipe.of(**RACE, size=size, steps=STEPS)):
        if not begin:
            print(f"begun: {step.seconds}")
            begin = time.perf_counter()
        if step.size == size:
            images.append((time.perf_counter() - begin, step.image))
            if step.loss <= SPARE * goal:
                break
    print(f"peak: {system.peak()}")
    losses, _content = common()
    for seconds, image in images:
        with torch.no_grad():
            print(f"loss: {float(sum(losses(image).values())):.9g} after {seconds}")


class GramLoss(nn.Module):
    """The textbook's loss of a layer, in the place of theirs: targets are pairs, of which the second is left aside."""

    def __init__(self, target: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.target = target[0]

    @staticmethod
    def get_target(maps: Tensor) -> tuple[Tensor, Tensor]:
        return gram(maps), torch.zeros(())

    def forward(self, maps: Tensor) -> Tensor:
        return (gram(maps) - self.target).square().mean()


def theirs(size: int, _: int, goal: float, checkout: Path | None) -> None:
    """The loop of style-transfer-pytorch, on VGG-16 and with the common losses."""
    import torchvision
    from PIL import Image

    package = sys.modules["style_transfer"] = ModuleType("style_transfer")
    package.__path__ = [f"{checkout}/style_transfer"]  # its own __init__ needs what its web page does
    module = import_module("style_transfer.style_transfer")
    network = torchvision.models.vgg16(weights=None)
    network.load_state_dict(as_torchvision(converted(MEAN, DEVIATION), VGG16), strict=False)
    torchvision.models.vgg19 = lambda weights: network
    module.StyleLossW2 = GramLoss
    painter = module.StyleTransfer()
    painter.content_layers, painter.style_layers = [CONTENT_PLACE], STYLE_PLACES
    painter.model.layers, painter.model.model = (
        sorted([CONTENT_PLACE, *STYLE_PLACES]),
        painter.model.model[: 1 + max(STYLE_PLACES)],
    )
    painter.style_weights = [STYLE_WEIGHT] * len(STYLE_PLACES)

    def tell(done: Any) -> None:
        kind = "loss" if max(done.w, done.h) == size else "begun"
        print(f"{kind}: {done.loss:.9g}")

    pictures = [Image.open(f"{name}.png").convert("RGB") for name in ("content", "style")]
    weights = {"content_weight": CONTENT_WEIGHT, "tv_weight": 0.0}
    painter.stylize(pictures[0], pictures[1:], end_scale=size, callback=tell, **weights)


CHILDREN = {"textbook": textbook, "style-transfer-pytorch": theirs, "impasto": ours}

if __name__ == "__main__":
    main()
