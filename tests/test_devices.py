"""A step makes no tensor on another device than the picture's: on a graphics card each one would wait for the CPU.

No card is needed: the picture, the targets and the network lie on torch's device `meta`, where tensors have shapes and
no values. Whatever asks for a value there gets 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from conftest import drawing
from impasto import Picture, Recipe
from impasto.painting.loading import Choice, Loaded
from impasto.painting.paint import _Painting
from impasto.painting.scene import Scene, Style
from impasto.recipe.schedule import Stage
from impasto_vgg.architecture import VGG16
from impasto_vgg.network import VGG
from impasto_wavelet.network import Wavelet
from random_vgg import random_weights


class Elsewhere(TorchDispatchMode):
    """Keeps what is called with tensors of the CPU, or makes some there; gives 1 for each value of `meta`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        here = [each.device.type for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        if func is torch.ops.aten._local_scalar_dense.default and here == ["meta"]:
            return 1.0
        if func is torch.ops.aten._to_copy.default and here == ["meta"] and str(kwargs.get("device")) == "cpu":
            return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        result = func(*args, **kwargs)
        made = [each.device.type for each in tree_leaves(result) if isinstance(each, torch.Tensor)]
        if "cpu" in here + made:
            self.calls.append(str(func))
        return result


def test_it_notices() -> None:
    with Elsewhere() as elsewhere:
        image = torch.ones(2, 2, device="meta")
        assert float(image.sum()) == 1
        assert not elsewhere.calls
        torch.zeros(2)
        image + torch.tensor(1.0).to(image)
    assert {"aten.zeros.default", "aten._to_copy.default"} <= set(elsewhere.calls)
    assert "aten.add.Tensor" not in elsewhere.calls


def painting(name: str) -> _Painting:
    picture, style = (Picture(drawing(96, 64, seed) / np.float32(255)) for seed in (1, 2))
    network = Wavelet() if name == "wavelet" else VGG(random_weights(1, 4, VGG16), VGG16)
    placed = network.to("meta")

    def load(_: Choice) -> Loaded:
        return Loaded(placed, "meta", "float32", placed, placed)

    recipe = Recipe.of(size=96, init="content", scales=1, network=name)

    return _Painting(Scene(picture, [Style(style)], 96), recipe, load)


@pytest.mark.parametrize("name", ["wavelet", "vgg16"])
def test_a_step_makes_nothing_on_the_cpu(name: str) -> None:
    painted, stage, elsewhere = painting(name), Stage(96, 3), Elsewhere()
    with elsewhere:
        objective, image, strips = painted._entered(stage, None, painted.noise.get_state())
        optimiser = painted._optimiser(stage, objective, image, None, strips)
        for number in range(4):  # from the third on, constants are there: each was copied once
            elsewhere.calls.clear()
            image, losses = painted._step(image, objective, optimiser, strips)
            assert image.device.type == "meta" and len(losses) > 5
            assert elsewhere.calls == [] or number < 2
