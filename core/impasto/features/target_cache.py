"""Targets that are computed once: the next picture with the same style does not evaluate it again.

A target is kept under a hash of the pixels it was computed from, the layers, and everything that takes part: the
network with its weights and options, the backend, the device, and the code of all of them. So what is found is what
would be computed, to the last bit, and nothing has to be declared stale.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
import xxhash
from torch import Tensor

from ..plugin.backend import Backend, Evaluator
from ..plugin.network import Capabilities, Network, NetworkInfo
from ..storage.cache import Shelf, capacity, code
from ..weights.store import metadata

Maps = dict[str, Tensor]


@dataclass(frozen=True)
class Remembering:
    """An evaluator that says what it is, so that what it computed can be found again."""

    evaluate: Evaluator
    identity: str
    """All that its maps depend on besides the image."""

    @property
    def capabilities(self) -> Capabilities:
        """Those of `evaluate`."""
        return Capabilities.of(self.evaluate)

    def __call__(self, image: Tensor, layers: Collection[str], **more: Any) -> Maps:
        """See `Evaluator`; on the device of `image`, wherever they were computed."""
        return {name: maps.to(image.device) for name, maps in self.evaluate(image, layers, **more).items()}


def remembering(
    evaluate: Evaluator, info: NetworkInfo, options: Mapping[str, str], network: Network, backend: Backend
) -> Remembering:
    """`evaluate`, which is `network` of `info`, built with `options`, on `backend`. `RecipeError` as `capacity`."""
    capacity()
    parts = [
        info.name,
        sorted(options.items()),
        weights_digest(info, network),
        *(code(module) for module in (__name__, info.build.__module__, type(network).__module__)),
        *(code(type(backend).__module__), backend.device, backend.precision, backend.identity),
        # Sums are split differently between threads and vector units.
        *(torch.__version__, torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()),
    ]
    return Remembering(evaluate, repr(parts))


def recalled(
    shelf: Shelf,
    evaluate: Evaluator,
    layers: Collection[str],
    seen: Sequence[Tensor | None],
    compute: Callable[[], Maps],
) -> Maps:
    """What `compute` gives for `layers` of the images and masks `seen`, in their order: from `shelf` if it is there."""
    if not isinstance(evaluate, Remembering) or not layers:
        return compute()
    key = _key(shelf, evaluate.identity, list(layers), seen) if shelf.folder else ""
    if key and (data := shelf.get(key)):
        return _ordered(_loaded(data), layers, seen)
    found = {name: _packed(maps) for name, maps in compute().items()}
    if key and shelf.takes(sum(maps.nbytes for maps in found.values())):
        shelf.put(key, _dumped(found))
    return _ordered(found, layers, seen)


def weights_digest(info: NetworkInfo, network: Network) -> str:
    """A hash of the parameters and buffers of `network`; of stored weights, the hashes that their files have."""
    if info.weights:
        return repr([(path.name, sorted(metadata(path).items())) for path in info.weights.files])
    module, digest = cast(torch.nn.Module, network), xxhash.xxh3_128()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        digest.update(f"{name} ".encode())
        _feed(digest, tensor)
    return digest.hexdigest()


def _key(shelf: Shelf, identity: str, layers: list[str], seen: Sequence[Tensor | None]) -> str:
    digest = xxhash.xxh3_128(repr((shelf.name, identity, layers)).encode())
    for tensor in seen:
        if tensor is None:
            digest.update(b"None ")
        else:
            _feed(digest, tensor)
    return digest.hexdigest()


def _feed(digest: xxhash.xxh3_128, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
    flat = tensor.detach().cpu().contiguous().flatten()
    digest.update(flat.view(torch.uint8).numpy().data)


# Maps lie channels last in memory, as the painting's do: sums run in the order of memory, and another order would
# round otherwise. A file keeps no such order, so it is put into the shape.


def _packed(maps: Tensor) -> Tensor:
    return maps.contiguous(memory_format=torch.channels_last) if maps.dim() == 4 else maps.contiguous()


def _dumped(found: Maps) -> bytes:
    import safetensors.torch

    plain = {name: maps.permute(0, 2, 3, 1) if maps.dim() == 4 else maps for name, maps in found.items()}
    return safetensors.torch.save({name: maps.cpu().contiguous() for name, maps in plain.items()})


def _loaded(data: bytes) -> Maps:
    import safetensors.torch

    plain = safetensors.torch.load(data)
    return {name: maps.permute(0, 3, 1, 2) if maps.dim() == 4 else maps for name, maps in plain.items()}


def _ordered(found: Maps, layers: Collection[str], seen: Sequence[Tensor | None]) -> Maps:
    """`found` in the order of `layers`, which a file does not keep either, where the images are."""
    (device, *_) = [tensor.device for tensor in seen if tensor is not None]
    return {name: found[name].to(device) for name in layers if name in found}
