"""Whether impasto paints what a textbook implementation paints: same weights, losses, start, size and count of steps.

    python benchmarks/same_picture.py OUT [--size 256] [--steps 200] [--content-weight 5] [--pictures FOLDER]

Paints with VGG-16's trained weights (`impasto weights get vgg16`) and the losses of jcjohnson/neural-style without
total variation, at one size, from the content, both with pixels held in [0, 1]: free ones, clipped at the end, lose a
hundred times what is left of the loss on a night that is to have the colours of noon. Prints what each program says of
both pictures as they were written, in 8 bits, and lays the two beside one another in OUT/PAIR.png.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import torch
from pictures import BESIDE, EXAMPLES
from textbook import CONTENT_WEIGHT, MEAN, Losses, descent

from impasto import Picture, Recipe, paint, read, write
from impasto.pictures.contact_sheet import Contact, Label, flat
from impasto.plugin import Stored
from impasto_vgg import WEIGHTS

PAIRS = {"harbour_summer": ("harbour.jpg", "summer.jpg"), "tubingen_starry": ("tubingen.jpg", "starry_night.jpg")}
COMMON = {"network": "vgg16", "profile": "johnson", "tv_weight": 0, "scales": 1, "history": 100, "device": "cpu"}
CAFFE, HED = (123.68, 116.779, 103.939), (122.67892, 116.66877, 104.00699)
MEANS = {"torchvision": MEAN, "caffe": CAFFE, "hed": HED}
"""What weights were trained without, red first, where white is 255."""
NAMES = "textbook", "impasto"
Knobs = Mapping[str, float]


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--size", default=256, show_default=True, help="Longest side, in pixels.")
@click.option("--steps", default=200, show_default=True, help="Steps of each.")
@click.option("--content-weight", default=CONTENT_WEIGHT, show_default=True, help="That of both.")
@click.option("--pictures", type=click.Path(path_type=Path), default=BESIDE, help="Where those not of ours are.")
def main(out: Path, size: int, steps: int, content_weight: float, pictures: Path) -> None:
    """Compare every pair whose pictures are there."""
    out.mkdir(parents=True, exist_ok=True)
    stored = WEIGHTS["vgg16"].load()
    for pair, files in PAIRS.items():
        paths = [next((p for p in (EXAMPLES / file, pictures / file) if p.exists()), None) for file in files]
        if None in paths:
            print(f"{pair}: left out, {' or '.join(files)} is not in {pictures}")
            continue
        shown = [read(path) for path in paths if path]
        inputs = [picture.resized(*picture.fit(size)) for picture in shown]
        compare(out, pair, inputs, stored, {"size": size, "steps": steps, "content_weight": content_weight})


def compare(out: Path, pair: str, inputs: list[Picture], stored: Stored, knobs: Knobs) -> None:
    losses = Losses(*map(tensor, inputs), stored.tensors, MEANS[stored.kind], 0, knobs["content_weight"])
    painted = {"textbook": textbook(inputs[0], losses, int(knobs["steps"])), "impasto": ours(inputs, knobs)}
    files = {name: out / f"{pair}-{name}.png" for name in painted}
    for name, picture in painted.items():
        write(files[name], picture)
    said = {name: (theirs(read(path), losses), ours_of(inputs, str(path), knobs)) for name, path in files.items()}
    table(pair, {"content": (theirs(inputs[0], losses), ours_of(inputs, "content", knobs))} | said)
    pixels = [255 * read(path).pixels for path in files.values()]
    print(
        f"the two pictures differ by {float(((pixels[0] - pixels[1]) ** 2).mean() ** 0.5):.1f} of 255, root mean square"
    )
    sheet(out / f"{pair}.png", inputs, files, said)


def textbook(content: Picture, losses: Losses, steps: int) -> Picture:
    image = tensor(content).requires_grad_()
    for _ in descent(losses, image, steps, bounded=True):
        pass
    return Picture(image.detach()[0].permute(1, 2, 0).clamp(0, 1).contiguous().numpy())


def ours(inputs: list[Picture], knobs: Knobs) -> Picture:
    *_, last = paint(*inputs, Recipe.of(**{**COMMON, **knobs, "init": "content"}))
    return last.picture()


@torch.no_grad()
def theirs(picture: Picture, losses: Losses) -> dict[str, float]:
    return {name: float(loss) for name, loss in losses(tensor(picture)).items()}


def ours_of(inputs: list[Picture], start: str, knobs: Knobs) -> dict[str, float]:
    """What impasto says of the picture it starts from, in float32 as the other."""
    only = {"steps": 1, "init": start, "precision": "float32"}
    return next(paint(*inputs, Recipe.of(**{**COMMON, **knobs, **only}))).losses


def table(pair: str, said: Mapping[str, tuple[dict[str, float], dict[str, float]]]) -> None:
    print(f"\n{pair:<18}" + "".join(f"{f'{name}, by {by}':>24}" for name in said for by in NAMES))
    for loss in next(iter(said.values()))[0]:
        print(f"{loss:<18}" + "".join(f"{by[loss]:>24.6g}" for both in said.values() for by in both))
    print(f"{'sum':<18}" + "".join(f"{sum(by.values()):>24.6g}" for both in said.values() for by in both))


def sheet(
    path: Path, inputs: list[Picture], files: Mapping[str, Path], said: Mapping[str, tuple[dict[str, float], ...]]
) -> None:
    """The two pictures side by side, with their inputs."""
    columns = [Label(value=f"{name}, loss {sum(said[name][0].values()):.4g}") for name in files]
    corner = [
        Label(value=name, picture=flat(picture)) for name, picture in zip(("content", "style"), inputs, strict=True)
    ]
    cells = {(0, number): flat(read(file)) for number, file in enumerate(files.values())}
    drawn = Contact(inputs[0].size, [Label()], columns, corner).draw(cells)
    drawn.save(path)


def tensor(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.pixels).permute(2, 0, 1)[None].contiguous()


if __name__ == "__main__":
    main()
