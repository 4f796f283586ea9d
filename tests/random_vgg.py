"""Random weights in the shape of a VGG: the same arithmetic, and nothing to download.

They make no pictures worth looking at; they make the same speed, memory and exactness as trained ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from impasto_vgg.architecture import VGG19, Architecture


def random_weights(seed: int = 0, width: int = 64, architecture: Architecture = VGG19) -> dict[str, Tensor]:
    """convI_J.weight and convI_J.bias of all convolutions, float32; the same for the same `seed` on every machine.

    Filters are normal with variance 2 / (9 * in), which keeps the size of activations from layer to layer (He, Zhang,
    Ren and Sun, ICCV 2015, eq. 10). Where they have zero biases, these are normal with deviation 0.1, so that code
    that forgets a bias is found out. `width` is the number of channels of the first block: 64 as published, fewer for
    a thin one that runs in milliseconds.
    """
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}
    for name, shape in architecture.shapes(width).items():
        deviation = math.sqrt(2 / (shape[1] * 9))
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) * deviation
        weights[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    return weights


def as_torchvision(weights: Mapping[str, Tensor], architecture: Architecture = VGG19) -> dict[str, Tensor]:
    """The same weights under torchvision's names, features.0.weight .., to give them to other implementations too."""
    names = architecture.torchvision_names()
    return {f"{names[layer]}.{part}": weights[f"{layer}.{part}"] for layer in names for part in ("weight", "bias")}
