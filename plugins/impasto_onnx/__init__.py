"""The backend `onnx`: ONNX Runtime, which evaluates and gives no gradients. Registered without importing torch.

providers.py  which of ONNX Runtime's execution providers to run on
export.py     a network as an ONNX model, for pictures of any size
backend.py    the backend: exports once, keeps the model, runs it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import cast

from impasto.errors import PluginError
from impasto.plugin import Backend, BackendInfo, Network, hookimpl

PACKAGES = ("onnxruntime", "onnx", "onnxscript")


def missing() -> str:
    """The packages that are not installed, and the command that gets them; empty when all are."""
    absent = [package for package in PACKAGES if find_spec(package) is None]
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed. Run `pip install 'impasto[onnx]'`, or 'impasto[onnx-gpu]' for CUDA."


def _build(device: str, precision: str) -> Backend:
    if need := missing():
        raise PluginError(f"onnx is not ready: {need}")
    from .backend import OnnxBackend

    return OnnxBackend(device)


def _export(network: Network, layers: Sequence[str]) -> tuple[bytes, str]:
    from .backend import model_of
    from .export import OPSET, cut, plain

    model = cut(model_of(cast("Network", plain(network))), layers)
    return model.SerializeToString(), f"ONNX opset {OPSET}"


@hookimpl
def impasto_backends() -> Iterable[BackendInfo]:
    """The backend `onnx`."""
    summary = "ONNX Runtime; computes targets, gives no gradients"
    devices = ("cpu", "cuda", "mps") if any(distributions(name="onnxruntime-gpu")) else ("cpu", "mps")
    return [BackendInfo("onnx", summary, False, _build, missing, devices, {".onnx": _export})]
