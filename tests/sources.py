"""The paper and four programs, as they compute their losses: numpy in float64, written from them and not from ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Maps = Mapping[str, Array]
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


# Each takes the layers of picture, content and style, (C, h, w), and the picture as its total variation sees it.


def gatys2016(picture: Maps, content: Maps, style: Maps, pixels: Array) -> dict[str, float]:
    losses = {"content conv4_2": 0.5 * np.sum((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        f, s = flat(picture[layer]), flat(style[layer])
        (n, m), g = f.shape, f @ f.T
        a = s @ s.T * (m / s.shape[1])  # as many positions as the picture, where the sizes differ
        losses[f"style {layer}"] = 1e3 / 5 * np.sum((g - a) ** 2) / (4 * n**2 * m**2)
    return losses


def gatys_notebook(picture: Maps, content: Maps, style: Maps, pixels: Array) -> dict[str, float]:
    losses = {"content conv4_2": np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.shape[1] for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 1e3 / len(g) ** 2 * np.mean((g - a) ** 2)
    return losses


def johnson(picture: Maps, content: Maps, style: Maps, pixels: Array) -> dict[str, float]:
    losses = {"content conv4_2": 5 * np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.size for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 100 * np.mean((g - a) ** 2)
    here, right, down = pixels[:, :-1, :-1], pixels[:, :-1, 1:], pixels[:, 1:, :-1]
    return losses | {"tv": 1e-3 / 2 * np.sum((here - right) ** 2 + (here - down) ** 2)}


def gordic(picture: Maps, content: Maps, style: Maps, pixels: Array) -> dict[str, float]:
    losses = {"content conv4_2": 1e5 * np.mean((content["conv4_2"] - picture["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.size for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 3e4 * np.sum((a - g) ** 2) / 5
    across = np.sum(np.abs(pixels[:, :, :-1] - pixels[:, :, 1:]))
    return losses | {"tv": across + np.sum(np.abs(pixels[:, :-1] - pixels[:, 1:]))}


def crowson(picture: Maps, content: Maps, style: Maps, pixels: Array) -> dict[str, float]:
    losses = {"content conv4_2": 0.015 * np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer, weight in zip(STYLE_LAYERS, (256, 64, 16, 4, 1), strict=True):
        g, a = ((x @ x.T) / x.shape[1] for x in (flat(picture[layer]), flat(style[layer])))
        scaled = np.sum((g - a) ** 2) / (np.sum(np.abs(g - a)) + 1e-8)
        losses[f"style {layer}"] = weight / (256 + 64 + 16 + 4 + 1) * scaled
    x = np.pad(pixels, ((0, 0), (1, 1), (1, 1)), mode="edge")
    middle = x[:, 1:-1, 1:-1]
    dx, dy = np.mean((x[:, 1:-1, 2:] - middle) ** 2) / 3, np.mean((x[:, 2:, 1:-1] - middle) ** 2) / 3
    one, other = x[:, 1:, 1:] - x[:, :-1, :-1], x[:, 1:, :-1] - x[:, :-1, 1:]
    return losses | {"tv": 2 * 2 * (dx + dy + np.mean(one**2) / 12 + np.mean(other**2) / 12)}


def flat(maps: Array) -> Array:
    return maps.reshape(len(maps), -1)


# What each feeds its network with, and how that pools and pads.

BGR = {
    "caffe": (103.939, 116.779, 123.68),
    "gatys": (103.939, 116.779, 123.68),
    "hed": (104.00699, 116.66877, 122.67892),
}
"""What weights that take blue first were trained without, where white is 255."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""What torchvision's were trained without, and divided by, red first and where white is 1."""


@dataclass(frozen=True)
class Source:
    losses: Callable[[Maps, Maps, Maps, Array], dict[str, float]]
    kind: str
    """Of the weights."""
    white: float = 0
    """What the program takes white to be, whatever the weights; 0 for what they were trained with."""
    pool: Callable[[Tensor, int], Tensor] = F.max_pool2d
    first_padding: str = "constant"
    plain_variation: bool = False
    """Whether the total variation sees white as 1, before anything is prepared."""

    def on(self, kind: str) -> Source:
        """The program with other weights, given what these were trained with where it gives its own that."""
        return replace(self, kind=kind)

    def prepare(self, rgb: Array) -> Array:
        if self.kind in BGR:
            return (self.white or 255) * rgb[::-1] - column(BGR[self.kind])
        if self.white:
            return self.white * rgb - 255 * column(MEAN)
        return (rgb - column(MEAN)) / column(STD)

    def pixels(self, rgb: Array) -> Array:
        return rgb if self.plain_variation else self.prepare(rgb)


def column(values: tuple[float, ...]) -> Array:
    return np.array(values)[:, None, None]


SOURCES = {
    "gatys2016": Source(gatys2016, "gatys", pool=F.avg_pool2d),
    "gatys-notebook": Source(gatys_notebook, "gatys"),
    "johnson": Source(johnson, "caffe", white=256),
    "gordic": Source(gordic, "torchvision", white=255),
    "crowson": Source(crowson, "torchvision", first_padding="replicate", plain_variation=True),
}
UP_TO_CONV5_1 = {13: (2, 2, 3, 3, 1), 16: (2, 2, 4, 4, 1)}
"""Convolutions of each block by how many there are in all: those of VGG-16, and of VGG-19."""


def maps_of(weights: Mapping[str, Tensor], source: Source, rgb: Array) -> dict[str, Array]:
    """conv1_1 .. conv5_1 of a (3, H, W) picture, after the ReLU, in float64."""
    x, maps = torch.from_numpy(source.prepare(rgb).copy())[None], {}
    for block, count in enumerate(UP_TO_CONV5_1[len(weights) // 2], 1):
        if block > 1:
            x = source.pool(x, 2)
        for name in (f"conv{block}_{number}" for number in range(1, count + 1)):
            weight, bias = weights[f"{name}.weight"].double(), weights[f"{name}.bias"].double()
            if name == "conv1_1" and source.kind in BGR:
                weight = weight.flip(1)  # ours take red first, those files blue
            mode = source.first_padding if name == "conv1_1" else "constant"
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode), weight, bias))
            maps[name] = x[0].numpy()
    return maps


def oracle(
    weights: Mapping[str, Tensor], source: Source, start: Array, content: Array, style: Array
) -> dict[str, float]:
    maps = (maps_of(weights, source, rgb) for rgb in (start, content, style))
    return source.losses(*maps, source.pixels(start))
