"""Tells from the tensors of a file whether it holds a VGG-19, and which."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.weights import Recognised

from .architecture import CONVOLUTIONS, KINDS, shapes, torchvision_names

# Two files call their tensors features.N.*, and neural-style-pt renames Caffe's classifier to torchvision's names, so
# only numbers tell them apart: the first biases of conv1_1 of Caffe's VGG_ILSVRC_19_layers.
CAFFE_BIASES = (0.73017758, 0.06493629, 0.03428847, 0.8260386)
# As jcjohnson's vgg19-d01eb7cb.pth names its first fully connected layer, before that renaming.
CAFFE_CLASSIFIER = "classifier.1.weight"


def recognise(tensors: Mapping[str, Tensor], kind: str = "") -> Recognised:
    """The convolutions in `tensors`, as convI_J.weight and .bias, float32, red first, and where they came from.

    `kind`, a key of `KINDS`, overrules what the tensors say. Raises `WeightsError` for anything but a VGG-19.
    """
    if kind and kind not in KINDS:
        raise WeightsError(f"There is no kind {kind!r} of VGG-19.", f"Kinds: {', '.join(KINDS)}.")
    names = _names(tensors)
    found = {name: _checked(tensors, name, theirs) for name, theirs in _pairs(names)}
    kind = kind or _kind(tensors, names)
    if KINDS[kind].bgr:
        found["conv1_1.weight"] = found["conv1_1.weight"].flip(1)
    return Recognised(kind, found)


def _names(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """What this file calls each convolution."""
    for names in ({name: name for name in CONVOLUTIONS}, torchvision_names()):
        if f"{names['conv1_1']}.weight" in tensors:
            return names
    some = ", ".join(sorted(tensors)[:3]) or "none"
    raise WeightsError(
        f"It holds {len(tensors)} tensors ({some}, ...), none of them the first filters of a VGG-19,"
        " features.0.weight (torchvision, neural-style-pt) or conv1_1.weight (Gatys)."
    )


def _pairs(names: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"{ours}.{part}", f"{theirs}.{part}") for ours, theirs in names.items() for part in ("weight", "bias")]


def _checked(tensors: Mapping[str, Tensor], ours: str, theirs: str) -> Tensor:
    """One tensor, float32, after a look at its shape and values."""
    if theirs not in tensors:
        raise WeightsError(f"It has no tensor {theirs} ({ours} of VGG-19); is it another network?")
    name, part = ours.split(".")
    shape = shapes()[name] if part == "weight" else shapes()[name][:1]
    tensor = tensors[theirs]
    if tuple(tensor.shape) != shape:
        raise WeightsError(f"{theirs} has shape {tuple(tensor.shape)}; {ours} of VGG-19 has {shape}.")
    if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
        raise WeightsError(f"{theirs} holds values that are no numbers to compute with; the file is damaged.")
    return tensor.detach().to(torch.float32)


def _kind(tensors: Mapping[str, Tensor], names: Mapping[str, str]) -> str:
    if names["conv1_1"] == "conv1_1":
        return "gatys"
    biases = tensors["features.0.bias"][: len(CAFFE_BIASES)].detach().to(torch.float32)
    caffe = torch.allclose(biases, torch.tensor(CAFFE_BIASES), rtol=0, atol=1e-5)
    return "caffe" if caffe or CAFFE_CLASSIFIER in tensors else "torchvision"
