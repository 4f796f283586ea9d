"""The arithmetic in which a device is quick: measured in some milliseconds, once on each machine, and remembered.

Matrix units that multiply bfloat16 make VGG-19 several times quicker; without them it is slower than in float32.
"""

from __future__ import annotations

import hashlib
import platform
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.cache import MEASURED

GAIN = 1.5
"""How much quicker bfloat16 has to be: matrix units gain more, and noise less."""
TIMES = 5


def quick(device: str) -> str:
    """The name of the type in which convolutions on `device` take less time: "bfloat16" or "float32"."""
    key = hashlib.sha256(repr(_depends(device)).encode()).hexdigest()
    if known := MEASURED.get(key):
        return known.decode()
    found = _measured(device)
    MEASURED.put(key, found.encode())
    return found


def shortened(network: torch.nn.Module) -> torch.nn.Module:
    """`network` with its parameters in bfloat16, so that autocast need not shorten them at every step."""
    for parameter in network.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    return network


@torch.no_grad()
def _measured(device: str) -> str:
    """One after the other in turn, and the least of each, so that others who use the device slow down neither."""
    channels, side = (128, 32) if device == "cpu" else (512, 128)
    maps, kernels = torch.rand(1, channels, side, side), torch.rand(channels, channels, 3, 3)
    exact = [each.to(device, memory_format=torch.channels_last) for each in (maps, kernels)]
    try:
        short = [each.to(torch.bfloat16) for each in exact]
        times = [(_seconds(*exact), _seconds(*short)) for _ in range(1 + TIMES)]
    except RuntimeError:  # not every device has bfloat16
        return "float32"
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
    return [torch.__version__, card, *processor]
