"""What a VGG-19 is, without torch: its layers, the shapes of its filters, and the kinds of trained weights there are.

Source: Simonyan and Zisserman (ICLR 2015), table 1, column E, without the three fully connected layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Pooling = Literal["average", "max"]
Padding = Literal["zeros", "replicate", "replicate-first"]
Scale = Literal["trained", "255", "256"]
Chosen = Literal["added", "normalised"]
OPTIONS = {
    "pooling": get_args(Pooling),
    "padding": get_args(Padding),
    "scale": get_args(Scale),
    "weights": get_args(Chosen),
}
"""What can be chosen when the network is built, defaults first; `network.VGG19` explains all but the weights."""

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
WIDTH_OF_BLOCK = (1, 2, 4, 8, 8)
"""Channels of each block, in units of the first one's 64."""

BLOCKS = tuple(
    tuple(f"conv{block}_{i}" for i in range(1, count + 1)) for block, count in enumerate(CONVOLUTIONS_PER_BLOCK, 1)
)
CONVOLUTIONS = tuple(name for block in BLOCKS for name in block)
LAYERS = tuple(name for number, block in enumerate(BLOCKS, 1) for name in (*block, f"pool{number}"))
"""conv1_1 .. conv5_4 and pool1 .. pool5, shallow to deep, as the paper calls them."""
ALIASES = {name.replace("conv", "relu"): name for name in CONVOLUTIONS}
"""A layer convI_J is taken after its ReLU, as the paper does, so reluI_J is another name of it."""


def shapes(width: int = 64) -> dict[str, tuple[int, int, int, int]]:
    """Name -> (out, in, 3, 3) of every convolution; `width` is the number of channels of the first block."""
    wide = [width * WIDTH_OF_BLOCK[int(name[4]) - 1] for name in CONVOLUTIONS]
    return {name: (out, into, 3, 3) for name, out, into in zip(CONVOLUTIONS, wide, [3, *wide], strict=False)}


def torchvision_names() -> dict[str, str]:
    """conv1_1 -> features.0, ...: torchvision counts convolutions, ReLUs and poolings alike."""
    steps = [name for layer in LAYERS for name in ((layer, "relu") if layer.startswith("conv") else (layer,))]
    return {name: f"features.{index}" for index, name in enumerate(steps) if name in CONVOLUTIONS}


@dataclass(frozen=True)
class Kind:
    """Where weights came from, which decides what input they were trained on."""

    name: str
    summary: str
    bgr: bool
    """Whether the file's first filters take blue first. Ours always take red first; see `recognise`."""
    mean: tuple[float, float, float]
    """Subtracted from red, green and blue in [0, 1]."""
    std: tuple[float, float, float]
    """Then divided by."""

    def preparation(self, scale: Scale) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) for pictures in [0, 1] at this scale."""
        if scale == "trained":
            return self.mean, self.std
        white = float(scale)
        return tuple(255 / white * mean for mean in self.mean), (1 / white,) * 3


# The mean colour of ImageNet as Caffe's VGG has it (BGR 103.939, 116.779, 123.68 of 255), here red first.
_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
_TO_255 = (1 / 255, 1 / 255, 1 / 255)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("torchvision", "RGB, mean and std", False, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        Kind("caffe", "BGR, 0-255 minus mean", True, _CAFFE_MEAN, _TO_255),
        Kind("gatys", "normalised, BGR, 0-255 minus mean", True, _CAFFE_MEAN, _TO_255),
    )
}
