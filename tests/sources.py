"""The paper and four programs, as they compute their losses: numpy in float64, written from them and not from ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Maps = Mapping[str, Array]
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


# Each takes the layers of picture, content and style, (C, h, w), and the picture as it prepared it.


def gatys2016(picture: Maps, content: Maps, style: Maps, prepared: Array) -> dict[str, float]:
    losses = {"content conv4_2": 0.5 * np.sum((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        f, s = flat(picture[layer]), flat(style[layer])
        (n, m), g = f.shape, f @ f.T
        a = s @ s.T * (m / s.shape[1])  # as many positions as the picture, where the sizes differ
        losses[f"style {layer}"] = 1e3 / 5 * np.sum((g - a) ** 2) / (4 * n**2 * m**2)
    return losses


def gatys_notebook(picture: Maps, content: Maps, style: Maps, prepared: Array) -> dict[str, float]:
    losses = {"content conv4_2": np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.shape[1] for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 1e3 / len(g) ** 2 * np.mean((g - a) ** 2)
    return losses


def johnson(picture: Maps, content: Maps, style: Maps, prepared: Array) -> dict[str, float]:
    losses = {"content conv4_2": 5 * np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.size for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 100 * np.mean((g - a) ** 2)
    here, right, down = prepared[:, :-1, :-1], prepared[:, :-1, 1:], prepared[:, 1:, :-1]
    return losses | {"tv": 1e-3 / 2 * np.sum((here - right) ** 2 + (here - down) ** 2)}


def gordic(picture: Maps, content: Maps, style: Maps, prepared: Array) -> dict[str, float]:
    losses = {"content conv4_2": 1e5 * np.mean((content["conv4_2"] - picture["conv4_2"]) ** 2)}
    for layer in STYLE_LAYERS:
        g, a = ((x @ x.T) / x.size for x in (flat(picture[layer]), flat(style[layer])))
        losses[f"style {layer}"] = 3e4 * np.sum((a - g) ** 2) / 5
    across = np.sum(np.abs(prepared[:, :, :-1] - prepared[:, :, 1:]))
    return losses | {"tv": across + np.sum(np.abs(prepared[:, :-1] - prepared[:, 1:]))}


def crowson(picture: Maps, content: Maps, style: Maps, prepared: Array) -> dict[str, float]:
    losses = {"content conv4_2": 0.015 * np.mean((picture["conv4_2"] - content["conv4_2"]) ** 2)}
    for layer, weight in zip(STYLE_LAYERS, (256, 64, 16, 4, 1), strict=True):
        g, a = ((x @ x.T) / x.shape[1] for x in (flat(picture[layer]), flat(style[layer])))
        scaled = np.sum((g - a) ** 2) / (np.sum(np.abs(g - a)) + 1e-8)
        losses[f"style {layer}"] = weight / (256 + 64 + 16 + 4 + 1) * scaled
    x = np.pad(prepared * np.array(STD)[:, None, None], ((0, 0), (1, 1), (1, 1)), mode="edge")
    middle = x[:, 1:-1, 1:-1]
    dx, dy = np.mean((x[:, 1:-1, 2:] - middle) ** 2) / 3, np.mean((x[:, 2:, 1:-1] - middle) ** 2) / 3
    one, other = x[:, 1:, 1:] - x[:, :-1, :-1], x[:, 1:, :-1] - x[:, :-1, 1:]
    return losses | {"tv": 2 * 2 * (dx + dy + np.mean(one**2) / 12 + np.mean(other**2) / 12)}


def flat(maps: Array) -> Array:
    return maps.reshape(len(maps), -1)


# What each feeds its network with, and how that pools and pads.

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def caffe(white: float) -> Callable[[Array], Array]:
    return lambda rgb: white * rgb[::-1] - np.array([103.939, 116.779, 123.68])[:, None, None]


def torchvision(rgb: Array) -> Array:
    return (rgb - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]


def unscaled(rgb: Array) -> Array:
    return 255 * rgb - np.array([123.675, 116.28, 103.53])[:, None, None]


@dataclass(frozen=True)
class Source:
    losses: Callable[[Maps, Maps, Maps, Array], dict[str, float]]
    kind: str
    prepare: Callable[[Array], Array]
    pool: Callable[[Tensor, int], Tensor] = F.max_pool2d
    first_padding: str = "constant"


SOURCES = {
    "gatys2016": Source(gatys2016, "gatys", caffe(255), F.avg_pool2d),
    "gatys-notebook": Source(gatys_notebook, "gatys", caffe(255)),
    "johnson": Source(johnson, "caffe", caffe(256)),
    "gordic": Source(gordic, "torchvision", unscaled),
    "crowson": Source(crowson, "torchvision", torchvision, first_padding="replicate"),
}


def maps_of(weights: Mapping[str, Tensor], source: Source, rgb: Array) -> dict[str, Array]:
    """conv1_1 .. conv5_1 of a (3, H, W) picture, after the ReLU, in float64."""
    x, maps = torch.from_numpy(source.prepare(rgb).copy())[None], {}
    for block, count in enumerate((2, 2, 4, 4, 1), 1):
        if block > 1:
            x = source.pool(x, 2)
        for name in (f"conv{block}_{number}" for number in range(1, count + 1)):
            weight, bias = weights[f"{name}.weight"].double(), weights[f"{name}.bias"].double()
            if name == "conv1_1" and source.kind != "torchvision":
                weight = weight.flip(1)  # ours take red first, those files blue
            mode = source.first_padding if name == "conv1_1" else "constant"
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode), weight, bias))
            maps[name] = x[0].numpy()
    return maps


def oracle(
    weights: Mapping[str, Tensor], source: Source, start: Array, content: Array, style: Array
) -> dict[str, float]:
    maps = (maps_of(weights, source, rgb) for rgb in (start, content, style))
    return source.losses(*maps, source.prepare(start))
