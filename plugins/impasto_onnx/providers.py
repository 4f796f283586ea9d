"""Which of ONNX Runtime's execution providers to run on: the fastest that is installed and has its device here.

A provider that is asked for without its device prints an error in red before it gives up, so none is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from impasto.errors import DeviceError


@dataclass(frozen=True)
class Provider:
    """An execution provider, the device it serves in torch's words, and its options."""

    name: str
    device: str
    options: dict[str, str] = field(default_factory=dict)


CUDA, DIRECTML, COREML, OPENVINO, CPU = (
    f"{name}ExecutionProvider" for name in ("CUDA", "Dml", "CoreML", "OpenVINO", "CPU")
)


def candidates(device: str, installed: list[str]) -> list[Provider]:
    """What to try on `device` ("auto", "cpu", "cuda", "cuda:N" or "mps"), best first, of those `installed`.

    Raises `DeviceError` where an accelerator was asked for by name that torch or ONNX Runtime does not have.
    """
    found = [provider for provider in _present(device) if provider.name in installed]
    if not found:
        seen = f"The device {device!r} cannot be had: ONNX Runtime has {', '.join(installed)}"
        raise DeviceError(f"{seen}.", "Use --device auto; for CUDA, `pip install 'impasto[onnx-gpu]'`.")
    return found


def _present(device: str) -> Iterator[Provider]:
    kind, _, number = device.partition(":")
    if kind in ("auto", "cuda") and torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count():
        # Its TensorFloat-32 would keep 10 bits of each number.
        yield Provider(CUDA, "cuda", {"device_id": number or "0", "use_tf32": "0"})
    if kind == "auto":
        yield Provider(DIRECTML, "directml")
    if kind in ("auto", "mps") and torch.backends.mps.is_available():
        yield Provider(COREML, "coreml")
    if kind == "auto":
        yield Provider(OPENVINO, "openvino")
    if kind in ("auto", "cpu"):
        yield Provider(CPU, "cpu")
