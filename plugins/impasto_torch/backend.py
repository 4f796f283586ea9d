"""Networks on a torch device."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from impasto.backend import Evaluator
from impasto.errors import DeviceError
from impasto.network import Network, checkpoints


@dataclass(frozen=True)
class _Placed:
    """`network` on a kind of device; goes on from a checkpoint if the network does."""

    network: Network
    kind: str
    short: bool

    @property
    def checkpoints(self) -> Mapping[str, Collection[str]]:
        """See `impasto.network`."""
        return checkpoints(self.network)

    def __call__(self, image: Tensor, layers: Collection[str], **after: str) -> dict[str, Tensor]:
        """See `impasto.backend.Evaluator`."""
        with torch.autocast(self.kind, torch.bfloat16, enabled=self.short):
            return self.network(image, layers, **after)


class TorchBackend:
    """Differentiable evaluation on `device`; `precision` "bfloat16" runs the network under autocast.

    "auto" takes the fastest device there is, and float32: what bfloat16 gains depends on the processor.
    """

    def __init__(self, device: str, precision: str) -> None:
        self.device = _device(device)
        self.precision = precision

    def load(self, network: Network) -> Evaluator:
        """`network` on this device, channels last, its arithmetic in this backend's precision."""
        module = cast(torch.nn.Module, network).to(self.device).to(memory_format=torch.channels_last)
        return _Placed(cast(Network, module), self.device.partition(":")[0], self.precision == "bfloat16")


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()  # the device `meta` has no values to give back
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise DeviceError(f"The device {name!r} is not there: {reason}.", "Use --device cpu, or auto.") from None
    return name
