"""The network `vgg19` of the paper: torchvision's definition and weights, or the reader's own. Registers without torch.

architecture.py  names, shapes, kinds of weights; no torch
network.py       the module
normalise.py     the paper's weight normalisation
recognise.py     which VGG-19 a file holds
untrained.py     random weights for tests and benchmarks
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from impasto.hooks import hookimpl
from impasto.network import Network, NetworkInfo
from impasto.weights import Recognised, Stored, WeightsInfo

from .architecture import KINDS, OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from .architecture import Chosen, Padding, Pooling, Scale


def random_weights(seed: int = 0, width: int = 64) -> dict[str, Tensor]:
    """See `untrained.random_weights`; here so that tests and benchmarks find it without importing torch first."""
    from .untrained import random_weights

    return random_weights(seed, width)


def _recognise(tensors: Mapping[str, Tensor], kind: str) -> Recognised:
    from .recognise import recognise

    return recognise(tensors, kind)


def _normalise(stored: Stored, pictures: Iterable[Tensor]) -> Recognised:
    from .network import VGG19
    from .normalise import normalised

    return Recognised(stored.kind, normalised(VGG19(stored.tensors, stored.kind), pictures).weights)


def build(
    pooling: Pooling = "average", padding: Padding = "zeros", scale: Scale = "trained", weights: Chosen = "added"
) -> Network:
    """`vgg19` with the stored weights; `WeightsError` says how to get them. Options as `network.VGG19` has them.

    weights: "added", as they came, or "normalised", what `impasto weights normalise vgg19` made of them.
    """
    stored = (WEIGHTS.normalised if weights == "normalised" else WEIGHTS).load()
    from .network import VGG19

    return VGG19(stored.tensors, stored.kind, pooling, padding, scale)


WEIGHTS = WeightsInfo(
    name="vgg19",
    summary="VGG-19 trained on ImageNet, from torchvision",
    url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
    sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
    size=574_673_361,
    kept=80_100_000,
    licence="BSD-3-Clause (torchvision); trained on ImageNet, whose terms may bind what you use it for",
    kinds={kind.name: kind.summary for kind in KINDS.values()},
    recognise=_recognise,
    normalise=_normalise,
)


@hookimpl
def impasto_networks() -> Iterable[NetworkInfo]:
    """The network `vgg19`."""
    return [
        NetworkInfo(
            "vgg19",
            "VGG-19 of the paper; needs weights",
            build=build,
            missing=WEIGHTS.missing,
            weights=WEIGHTS,
            options=OPTIONS,
        )
    ]
