"""Networks on a torch device."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from impasto.errors import DeviceError
from impasto.plugin import Capabilities, Evaluator, Network

from . import DEVICES
from .precision import quicker, shortened

CARDS = "Use --device auto for the fastest; a graphics card is called cuda (NVIDIA or AMD) or mps (Apple)."


@dataclass(frozen=True)
class _Placed:
    """`network` on a kind of device; goes on from a checkpoint if the network does."""

    network: Network
    kind: str
    short: bool

    @property
    def capabilities(self) -> Capabilities:
        """Those of the network."""
        return Capabilities.of(self.network)

    def __call__(self, image: Tensor, layers: Collection[str], **more: Any) -> dict[str, Tensor]:
        """See `impasto.plugin.Evaluator`; `more` is what the network takes besides."""
        with torch.autocast(self.kind, torch.bfloat16, enabled=self.short):
            return self.network(image, layers, **more)


class TorchBackend:
    """Differentiable evaluation on `device`; `precision` "bfloat16" runs the network under autocast.

    "auto" takes the fastest device there is, and the quicker precision of that.
    """

    identity = ""

    def __init__(self, device: str, precision: str) -> None:
        self.device = _device(device)
        self.precision = quicker(self.device) if precision == "auto" else precision

    def load(self, network: Network) -> Evaluator:
        """`network` on this device, channels last, its arithmetic in this backend's precision."""
        module = cast(torch.nn.Module, network).to(self.device).to(memory_format=torch.channels_last)
        short = self.precision == "bfloat16"
        return _Placed(cast(Network, shortened(module) if short else module), self.device.partition(":")[0], short)


def _device(name: str) -> str:
    cards = [kind for kind, there in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if there.is_available()]
    if name == "auto":
        return (cards or ["cpu"])[0]
    try:
        torch.zeros(1, device=name).item()  # the device `meta` has no values to give back
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        known = name.partition(":")[0] in DEVICES  # of others torch lists all that there are anywhere
        seen = f"The device {name!r} is not there{f' ({reason})' if known else ''}"
        raise DeviceError(f"{seen}; expected one of {', '.join(['auto', 'cpu', *cards])}.", CARDS) from None
    return name
