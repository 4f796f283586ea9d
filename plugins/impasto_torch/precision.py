"""The arithmetic in which a device is quick: measured in some milliseconds, once on each machine, and remembered.

Matrix units that multiply bfloat16 make VGG-19 several times quicker; without them it is slower than in float32.
"""

from __future__ import annotations

import functools
import hashlib
import platform
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.storage.cache import MEASURED, code

GAIN = 1.5
"""How much quicker bfloat16 has to be: matrix units gain more, and noise less."""
TIMES = 5


def quicker(device: str) -> str:
    """The name of the type in which convolutions on `device` take less time: "bfloat16" or "float32"."""
    key = hashlib.sha256(repr(_depends(device)).encode()).hexdigest()
    if known := MEASURED.get(key):
        return known.decode()
    found = _timed(device)
    if found:
        MEASURED.put(key, found.encode())
    return found or "float32"


def shortened(network: torch.nn.Module) -> torch.nn.Module:
    """`network` with its convolutions in bfloat16, so that autocast need not shorten their weights at every step."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.to(torch.bfloat16)
    return network


@functools.cache
@torch.no_grad()
def _timed(device: str) -> str:
    """The same, measured: in turn, and the least time of each, so that others who use the device slow down neither.

    Empty where that cannot be told.
    """
    channels, side = (128, 32) if device == "cpu" else (512, 128)
    maps, kernels = torch.ones(1, channels, side, side), torch.ones(channels, channels, 3, 3)
    try:
        exact = [each.to(device, memory_format=torch.channels_last) for each in (maps, kernels)]
        short = [each.to(torch.bfloat16) for each in exact]
        times = [(_seconds(*exact), _seconds(*short)) for _ in range(1 + TIMES)]
    except (RuntimeError, TypeError):  # not every device has bfloat16, or memory now
        return ""
    usual, other = (min(each) for each in zip(*times[1:], strict=True))
    return "bfloat16" if usual > GAIN * other else "float32"


def _seconds(maps: Tensor, kernels: Tensor) -> float:
    begin = time.perf_counter()
    float(F.conv2d(maps, kernels, padding=1)[0, 0, 0, 0])  # waits for the device
    return time.perf_counter() - begin


def _depends(device: str) -> list[object]:
    """All that the answer depends on."""
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    processor = platform.node(), platform.machine(), torch.backends.cpu.get_cpu_capability(), torch.get_num_threads()
    return [code(__name__), torch.__version__, card, *processor]
