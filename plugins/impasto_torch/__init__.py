"""The native backend: PyTorch autograd. Registered without importing torch."""

from __future__ import annotations

from collections.abc import Iterable

from impasto.plugin import Backend, BackendInfo, hookimpl

DEVICES = ("cpu", "cuda", "mps")


def _build(device: str, precision: str) -> Backend:
    from .backend import TorchBackend

    return TorchBackend(device, precision)


@hookimpl
def impasto_backends() -> Iterable[BackendInfo]:
    """The backend `torch`."""
    return [BackendInfo("torch", "PyTorch autograd", differentiable=True, build=_build, devices=DEVICES)]
