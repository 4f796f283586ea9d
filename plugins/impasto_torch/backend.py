"""Networks on a torch device."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import torch
from torch import Tensor

from impasto.backend import Evaluator
from impasto.errors import DeviceError
from impasto.network import Network


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

        def evaluate(image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
            with torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.precision == "bfloat16"):
                return cast(Network, module)(image, layers)

        return evaluate


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()  # the device `meta` has no values to give back
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise DeviceError(f"The device {name!r} is not there: {reason}.", "Use --device cpu, or auto.") from None
    return name
