"""Tells from the tensors of a file whether it holds a VGG of some architecture, and which weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.plugin import Recognised

from .architecture import Architecture

# As jcjohnson's vgg16-00b39a1b.pth and vgg19-d01eb7cb.pth name their first fully connected layer. Their convolutions
# are called as torchvision's, and neural-style-pt renames the classifier too: then only numbers tell them apart.
CAFFE_CLASSIFIER = "classifier.1.weight"


Axes = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Naming:
    """How a file calls its tensors."""

    names: Mapping[str, str]
    """Convolution -> its name there."""
    pattern: str
    """Of the names of filters of any VGG in such a file."""
    weight: str = ".weight"
    bias: str = ".bias"
    kind: str = ""
    """What such names say of where the file came from, if anything."""
    axes: Axes = (0, 1, 2, 3)
    """Where (out, in, row, column) are in the filters."""


def _namings(architecture: Architecture) -> tuple[_Naming, ...]:
    itself = {name: name for name in architecture.convolutions}
    features = architecture.torchvision_names()
    return (
        _Naming(itself, r"conv\d+_\d+\.weight", kind="gatys"),
        _Naming(features, r"features\.\d+\.weight"),
        _Naming(_keras(architecture), r"block\d+/layers/conv2d\w*/vars/0", "/vars/0", "/vars/1", "hed", (3, 2, 0, 1)),
    )


def _keras(architecture: Architecture) -> dict[str, str]:
    """conv1_1 -> block1/layers/conv2d, conv1_2 -> block1/layers/conv2d_1: models of blocks, as Keras stores them."""
    pairs = ((name, *name.removeprefix("conv").split("_")) for name in architecture.convolutions)
    return {n: f"block{block}/layers/conv2d" + (f"_{int(i) - 1}" if i != "1" else "") for n, block, i in pairs}


def recognise(tensors: Mapping[str, Tensor], architecture: Architecture, kind: str = "") -> Recognised:
    """The convolutions in `tensors`, as convI_J.weight and .bias, float32, red first, and where they came from.

    `kind`, one of the architecture's, overrules what the tensors say. Raises `WeightsError` for anything but this very
    architecture: a deeper one has all that a shallower one has, so that what is too much counts as well.
    """
    if kind and kind not in architecture.kinds:
        raise WeightsError(
            f"There is no kind {kind!r} of {architecture.title}.", f"Kinds: {', '.join(architecture.kinds)}."
        )
    naming = _naming(tensors, architecture)
    found = {
        ours: _checked(tensors, theirs, f"{ours} of {architecture.title}", shape, naming.axes)
        for ours, theirs, shape in _wanted(architecture, naming)
    }
    if (many := sum(bool(re.fullmatch(naming.pattern, name)) for name in tensors)) > len(architecture.convolutions):
        raise WeightsError(f"It holds {many} convolutions; {architecture.title} has {len(architecture.convolutions)}.")
    kind = kind or naming.kind or _kind(tensors, architecture)
    if kind not in architecture.kinds:
        raise WeightsError(
            "Its names do not say where it came from.", f"Say --kind and one of {', '.join(architecture.kinds)}."
        )
    if architecture.kinds[kind].bgr:
        found["conv1_1.weight"] = found["conv1_1.weight"].flip(1)
    return Recognised(kind, found)


def _naming(tensors: Mapping[str, Tensor], architecture: Architecture) -> _Naming:
    """The one of this file."""
    for naming in _namings(architecture):
        if f"{naming.names['conv1_1']}{naming.weight}" in tensors:
            return naming
    some = ", ".join(sorted(tensors)[:3]) or "none"
    raise WeightsError(
        f"It holds {len(tensors)} tensors ({some}, ...), none of them the first filters of a {architecture.title},"
        " features.0.weight (torchvision, neural-style-pt), conv1_1.weight (Gatys) or"
        " block1/layers/conv2d/vars/0 (HED)."
    )


def _wanted(architecture: Architecture, naming: _Naming) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(our name, the file's name, shape) of all tensors."""
    for name, shape in architecture.shapes().items():
        yield f"{name}.weight", f"{naming.names[name]}{naming.weight}", shape
        yield f"{name}.bias", f"{naming.names[name]}{naming.bias}", shape[:1]


def _checked(tensors: Mapping[str, Tensor], theirs: str, ours: str, shape: tuple[int, ...], axes: Axes) -> Tensor:
    """One tensor, float32, after a look at its shape and values; `ours` is what it is, in words."""
    if theirs not in tensors:
        raise WeightsError(f"It has no tensor {theirs} ({ours}); is it another network?")
    tensor = tensors[theirs]
    if tensor.ndim == len(axes):
        tensor = tensor.permute(axes)
    if tuple(tensor.shape) != shape:
        raise WeightsError(f"{theirs} has shape {tuple(tensor.shape)}; {ours} has {shape}.")
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise WeightsError(f"{theirs} holds values that are no numbers to compute with; the file is damaged.")
    return tensor.detach().to(torch.float32)


def _kind(tensors: Mapping[str, Tensor], architecture: Architecture) -> str:
    """Of a file whose names are torchvision's."""
    known = torch.tensor(architecture.caffe_biases)
    biases = tensors["features.0.bias"][: len(known)].detach().to(torch.float32)
    caffe = len(known) > 0 and torch.allclose(biases, known, rtol=0, atol=1e-5)
    return "caffe" if caffe or CAFFE_CLASSIFIER in tensors else "torchvision"
