"""Activation memory of a network, measured: the bytes that it keeps for its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ..memory.plan import UNKNOWN
from ..plugin.backend import Evaluator
from ..plugin.network import Cost

SIDE = 128
"""Side, in pixels, of the picture on which a network without a record is measured."""
STEP_SHARE = 1.5
"""What a step takes beside what the network keeps for its backward pass."""


def measured_cost(evaluate: Evaluator, layers: Collection[str], device: str) -> Cost:
    """`UNKNOWN`, the cost of a network whose record says none, with the bytes measured that its `layers` take."""
    image = torch.rand(1, 3, SIDE, SIDE, device=device)
    step = STEP_SHARE * grad_bytes(lambda maps: evaluate(maps, layers), image)
    return replace(UNKNOWN, step=step, tile=step, far=step / 5)


def grad_bytes(evaluate: Callable[[Tensor], Mapping[str, Tensor]], maps: Tensor) -> float:
    """Bytes that `evaluate` keeps for its backward pass for each position of `maps`, (1, N, h, w), at least 1.

    Measured as what more positions add, so that weights do not count.
    """
    half = maps[..., : maps.shape[2] // 2, :]
    more = _retained_bytes(evaluate, maps) - _retained_bytes(evaluate, half)
    return max(1.0, more / (maps[0, 0].numel() - half[0, 0].numel()))


def _retained_bytes(evaluate: Callable[[Tensor], Mapping[str, Tensor]], maps: Tensor) -> int:
    sizes: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # a result that its own gradient keeps would never be freed

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        found = evaluate(maps.clone().requires_grad_())
    for layer in found.values():
        count(layer)
    return sum(sizes.values())
