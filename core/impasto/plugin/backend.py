"""The contract of a backend: it runs a network on a device.

A differentiable backend can drive the optimisation; any backend can compute targets, which need no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from .network import Network


class Evaluator(Protocol):
    """A network placed on a device in a precision.

    Its attribute `capabilities`, if it has one, says which of the network's it passes on.
    """

    def __call__(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """Feature maps as `Network.__call__` gives them, on the device of the evaluator."""
        ...


class Backend(Protocol):
    """Places networks on one device in one precision."""

    device: str
    """In torch's words; what "auto" became."""
    precision: str
    """float32 or bfloat16; what "auto" became."""
    identity: str
    """What its results depend on besides these and its own code; "" if on nothing."""

    def load(self, network: Network) -> Evaluator:
        """`network`, ready to be evaluated here."""
        ...


@dataclass(frozen=True)
class BackendInfo:
    """A backend as the registry lists it, before anything heavy is imported."""

    name: str
    summary: str
    differentiable: bool
    build: Callable[[str, str], Backend]
    """(device, precision) -> Backend; raises `DeviceError` for a device that is not there."""
    missing: Callable[[], str] = lambda: ""
    """Empty when ready; otherwise what is missing and the command that gets it. Must not import torch."""
    devices: tuple[str, ...] = ("cpu",)
    """The kinds of device it can use where the machine has them, in torch's words: cpu, cuda, mps."""
    exports: Mapping[str, Callable[[Network, Sequence[str]], tuple[bytes, str]]] = field(default_factory=dict)
    """Suffix, as .onnx -> (network, layers) -> a file with these layers for other programs, and its format in words."""
