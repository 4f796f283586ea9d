"""Networks on a torch device."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Collection, Sequence
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
    """`network` on a device of `device_type`, in bfloat16 if `short`; goes on from a checkpoint if the network does."""

    network: Network
    device_type: str
    short: bool

    @property
    def capabilities(self) -> Capabilities:
        """Those of the network."""
        return Capabilities.of(self.network)

    def __call__(self, image: Tensor, layers: Collection[str], **more: Any) -> dict[str, Tensor]:
        """See `impasto.plugin.Evaluator`; `more` is what the network takes besides."""
        with torch.autocast(self.device_type, torch.bfloat16, enabled=self.short):
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
        return _fastest(tuple(cards))
    try:
        torch.zeros(1, device=name).item()  # the device `meta` has no values to give back
        if name.startswith("cuda") and (problem := _unfit(name)):
            raise DeviceError(problem, CARDS)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        known = name.partition(":")[0] in DEVICES  # of others torch lists all that there are anywhere
        seen = f"The device {name!r} is not there{f' ({reason})' if known else ''}"
        raise DeviceError(f"{seen}; expected one of {', '.join(['auto', 'cpu', *cards])}.", CARDS) from None
    return name


@functools.cache
def _fastest(cards: tuple[str, ...]) -> str:
    """The first of `cards` that this build of torch has kernels for, else the CPU; said once where one is left out."""
    if cards[:1] == ("cuda",) and (problem := _unfit("cuda")):
        logging.getLogger("impasto").warning("impasto: %s It is left out.", problem)
        cards = cards[1:]
    return (cards or ("cpu",))[0]


def _unfit(card: str) -> str:
    """Why this build of torch cannot use a CUDA `card`, in a sentence; empty if it can."""
    capability, built = torch.cuda.get_device_capability(card), torch.cuda.get_arch_list()
    if has_kernels(capability, built):
        return ""
    seen = f"{torch.cuda.get_device_name(card)} has compute capability {'.'.join(map(str, capability))}"
    return f"{seen}, for which PyTorch {torch.__version__} has no kernels (it has {' '.join(built)})."


def has_kernels(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Whether a card of this compute capability runs what was built for architectures as sm_86 and compute_90.

    Machine code (sm) runs on the same major and the same or a later minor version, PTX (compute) on every later one.
    With an `a` behind it either runs on that version alone, with an `f` within the major one. Source: CUDA C++
    programming guide, "Compute capability" and "Application compatibility". Lists that have none of these, as those of
    ROCm, are not judged.
    """
    known = [match for match in (re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch) for arch in built) if match]
    for kind, major, minor, suffix in (match.groups() for match in known):
        version = int(major), int(minor)
        family = version[0] == capability[0] and version <= capability
        later = kind == "compute" and not suffix and version <= capability
        if capability == version or later or (family and suffix != "a"):
            return True
    return not known
