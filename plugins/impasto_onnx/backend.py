"""Networks in ONNX Runtime. Float32 whatever the precision asked for: only targets are computed, and once."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Collection
from importlib.metadata import version
from typing import cast

import onnx
import onnxruntime
import torch
from torch import Tensor

from impasto.errors import DeviceError
from impasto.plugin import Capabilities, Evaluator, Network
from impasto.storage.cache import NETWORKS, code

from .export import IMAGE, cut, exported, plain, reached
from .providers import CPU, Provider, candidates

SILENT = 4
"""ONNX Runtime's level of logging at which only what ends the process is said; failures are raised all the same."""


class OnnxBackend:
    """Evaluates on the best provider there is, without gradients."""

    precision = "float32"

    def __init__(self, device: str) -> None:
        self.providers = candidates(device, onnxruntime.get_available_providers())
        self.device = self.providers[0].device
        self.identity = f"onnxruntime {onnxruntime.__version__} {onnxruntime.get_available_providers()}"

    def load(self, network: Network) -> Evaluator:
        """`network`, exported when it is first evaluated."""
        return _Model(network, self.providers)


class _Model:
    """A network's exported model, and a session for each set of layers it was asked for."""

    def __init__(self, network: Network, providers: list[Provider]) -> None:
        self.network, self.providers = cast(Network, plain(network)), providers
        self.whole: onnx.ModelProto | None = None
        self.sessions: dict[tuple[str, ...], onnxruntime.InferenceSession] = {}

    def __call__(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        """See `impasto.plugin.Evaluator`; the maps are where the image is."""
        aliases = Capabilities.of(self.network).aliases
        present = reached(self.network, [aliases.get(name, name) for name in layers], *image.shape[-2:])
        if not present:
            return {}
        session = self._session(tuple(dict.fromkeys(present)))
        values = session.run(list(present), {IMAGE: image.detach().float().cpu().numpy()})
        maps = {name: torch.from_numpy(value).to(image.device) for name, value in zip(present, values, strict=True)}
        return {name: maps[own] for name in layers if (own := aliases.get(name, name)) in maps}

    def _session(self, layers: tuple[str, ...]) -> onnxruntime.InferenceSession:
        if layers not in self.sessions:
            self.whole = self.whole or model_of(self.network)
            self.sessions[layers] = started(cut(self.whole, layers).SerializeToString(), self.providers)
        return self.sessions[layers]


def model_of(network: Network) -> onnx.ModelProto:
    """All layers of `network`, which must be plain: exported now, or when somebody did before."""
    key = _key(network)
    if key and (data := NETWORKS.get(key)):
        return onnx.load_from_string(data)
    model = exported(network)
    if key:
        NETWORKS.put(key, model.SerializeToString())
    return model


def started(model: bytes, providers: list[Provider]) -> onnxruntime.InferenceSession:
    """A session on the first of `providers` that works. `DeviceError` if none does."""
    onnxruntime.set_default_logger_severity(SILENT)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    for provider in providers:
        wanted = [(provider.name, provider.options)] + [(CPU, {})] * (provider.name != CPU)
        try:
            session = onnxruntime.InferenceSession(model, options, wanted, enable_fallback=0)
        except Exception as error:  # of many kinds, and not documented
            failure = error
            continue
        if provider.name in session.get_providers():
            return session
        failure = RuntimeError(f"{provider.name} was left out")
    raise DeviceError(f"ONNX Runtime does not start: {failure}.", "Use --device cpu, or --targets torch.")


def _key(network: Network) -> str:
    """A hash of what the exported model follows from: the network with all it holds, its code, and who exports it.

    Empty where that cannot be told, as of a class without a module.
    """
    versions = [version(package) for package in ("torch", "onnx", "onnxscript")]
    held = io.BytesIO()
    held.write(repr([code(__name__), code(type(network).__module__), versions]).encode())
    try:
        _Pickler(held).dump(network)
    except Exception:  # of many kinds
        return ""
    return hashlib.blake2b(held.getvalue(), digest_size=32).hexdigest()


class _Pickler(pickle.Pickler):
    """Tensors by a hash of their values: pickled, they would carry their place in memory too."""

    def persistent_id(self, obj: object) -> object:
        """What stands for `obj`, if it is a tensor."""
        if not isinstance(obj, Tensor):
            return None
        values = obj.detach().contiguous().numpy().tobytes()
        return tuple(obj.shape), hashlib.blake2b(values, digest_size=32).digest()
