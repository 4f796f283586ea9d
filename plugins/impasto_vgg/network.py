"""The networks `vgg16` and `vgg19`: 13 or 16 convolutions and 5 poolings.

Gatys, Ecker and Bethge (CVPR 2016, section 2) use the latter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import RecipeError
from impasto.plugin import Capabilities

from .architecture import OPTIONS, Architecture, Padding, Pooling, Scale


class VGG(torch.nn.Module):
    """A VGG up to pool5. Layers conv1_1, conv1_2 .. are taken after the ReLU; relu1_1 .. are other names of them.

    weights: convI_J.weight (out, in, 3, 3) and convI_J.bias (out,), the first filters red first; any width will do.
    architecture: `VGG16` or `VGG19`, that of the weights.
    kind: where they came from, one of the architecture's; it decides the input normalisation, part of the network.
    pooling: "average" as the paper ("slightly more appealing results", section 2), or "max" as VGG was trained.
    padding: "zeros" as VGG was trained; "replicate", the border repeated, in every convolution; "replicate-first", in
    conv1_1 only, as crowsonkb/style-transfer-pytorch.
    scale: "trained", the preprocessing the weights were trained with; "255", white is 255 and only the mean is
    subtracted, as Caffe does and gordicaleksa also on torchvision's weights; "256", white is 256, as jcjohnson.

    Pooling rounds odd sizes down, as torchvision does; Caffe rounds up. Raises `RecipeError` for any other option.
    """

    layers: tuple[str, ...]
    content_layers: Mapping[str, float]
    style_layers: Mapping[str, float]
    mean: Tensor
    std: Tensor
    conv1_1: torch.nn.Conv2d

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        architecture: Architecture,
        kind: str = "torchvision",
        pooling: Pooling = "average",
        padding: Padding = "zeros",
        scale: Scale = "trained",
    ) -> None:
        super().__init__()
        _check(architecture, "kind", kind, architecture.kinds)
        for option, value in (("pooling", pooling), ("padding", padding), ("scale", scale)):
            _check(architecture, option, value, OPTIONS[option])
        self.architecture = architecture
        self.kind, self.pooling, self.padding, self.scale = kind, pooling, padding, scale
        self.layers = layers = architecture.layers
        self.capabilities = Capabilities(
            aliases=architecture.aliases,
            levels=[(f"conv{block}_2", [f"conv{block}_1"]) for block in range(1, 6)],  # the paper's figure 1
            checkpoints={pool: layers[layers.index(pool) + 1 :] for pool in ("pool2", "pool3", "pool4")},
            valid=True,
        )
        self.content_layers = {"conv4_2": 1.0}
        self.style_layers = {f"conv{block}_1": 1 / 5 for block in range(1, 6)}
        mean, std = architecture.kinds[kind].preparation(scale)
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        for name in architecture.convolutions:
            replicate = padding == "replicate" or (padding == "replicate-first" and name == "conv1_1")
            self.add_module(name, _convolution(weights, name, replicate))

    @property
    def weights(self) -> dict[str, Tensor]:
        """What this network was built from."""
        return {name: weight.detach() for name, weight in self.named_parameters()}

    def forward(
        self, image: Tensor, layers: Collection[str], after: str = "", pad: tuple[bool, bool] = (True, True)
    ) -> dict[str, Tensor]:
        """The layers asked for, by the names they were asked for: (1, 3, H, W) sRGB in [0, 1] -> (1, N_l, h_l, w_l).

        With `after`, a layer, `image` is its maps, and the layers are deeper ones. Where `pad`, (down, across), is
        False nothing is added at the borders, and each convolution takes away a row or column on either side.
        One pass, which ends at the deepest of them. Block b has h_l = H / 2^(b-1), rounded down at each pooling; what
        a pooling of fewer than two rows or columns would feed is left out. Raises `RecipeError` for an unknown layer.
        """
        known, aliases = self.layers, self.architecture.aliases
        wanted = {aliases.get(name, name) for name in layers}
        self._check_layers(wanted)
        maps: dict[str, Tensor] = {}
        x = (image if after else (image - self.mean) / self.std).to(self.conv1_1.weight.dtype)
        begin, end = (known.index(after) + 1 if after else 0), max(map(known.index, wanted), default=-1) + 1
        for layer in known[begin:end]:
            convolves = layer in self.architecture.convolutions
            least = [1 if padded else 3 for padded in pad] if convolves else [2, 2]
            if any(length < few for length, few in zip(x.shape[-2:], least, strict=True)):
                break
            if convolves:
                x = _convolved(cast(torch.nn.Conv2d, self.get_submodule(layer)), x, pad).relu_()
            else:
                x = F.avg_pool2d(x, 2) if self.pooling == "average" else F.max_pool2d(x, 2)
            if layer in wanted:
                maps[layer] = x
        return {name: maps[found] for name in layers if (found := aliases.get(name, name)) in maps}

    def _check_layers(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self.layers:
                raise RecipeError(
                    f"{self.architecture.name} has no layer {name!r}.",
                    f"Its layers: {', '.join(self.layers)}; relu1_1 is conv1_1.",
                )


def _convolved(convolution: torch.nn.Conv2d, x: Tensor, pad: tuple[bool, bool]) -> Tensor:
    if all(pad):
        maps: Tensor = convolution(x)
        return maps
    down, across = map(int, pad)
    if convolution.padding_mode == "replicate":
        x, down, across = F.pad(x, (across, across, down, down), mode="replicate"), 0, 0
    return F.conv2d(x, convolution.weight, convolution.bias, padding=(down, across))


def _convolution(weights: Mapping[str, Tensor], name: str, replicate: bool) -> torch.nn.Conv2d:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    mode: Literal["replicate", "zeros"] = "replicate" if replicate else "zeros"
    # On the meta device no memory is filled with random numbers that the weights then replace.
    convolution = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, padding_mode=mode, device="meta")
    convolution.weight = torch.nn.Parameter(weight, requires_grad=False)
    convolution.bias = torch.nn.Parameter(bias, requires_grad=False)
    return convolution


def _check(architecture: Architecture, option: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise RecipeError(f"{option} is {value!r}.", f"{architecture.name} knows {', '.join(known)}.")
