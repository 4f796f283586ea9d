"""Style transfer as most programs do it, to measure against: the losses of jcjohnson/neural-style on VGG-19, in torch.

float32, channels first, one size, the start from the content, L-BFGS with a history of 100 and without a line search.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

CONTENT, STYLE = "conv4_2", ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3
MEAN = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
"""Of ImageNet, red first, where white is 255."""
BLOCKS = (2, 2, 4, 4, 1)


class VGG(nn.Sequential):
    """VGG-19 up to conv5_1."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for block, depth in enumerate(BLOCKS, 1):
            for number in range(1, depth + 1):
                name = f"conv{block}_{number}"
                weight = weights[f"{name}.weight"]
                convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                convolution.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
                self.add_module(f"{name}_", convolution)
                self.add_module(name, nn.ReLU())
            if block < len(BLOCKS):
                self.add_module(f"pool{block}", nn.MaxPool2d(2))
        self.requires_grad_(False)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        x, found = 256 * image - MEAN, {}
        for name, module in self.named_children():
            x = module(x)
            if name in (CONTENT, *STYLE):
                found[name] = x
        return found


def gram(maps: Tensor) -> Tensor:
    rows = maps[0].flatten(1)
    return rows @ rows.T / rows.numel()


def iterations(content: Tensor, style: Tensor, weights: Mapping[str, Tensor], count: int) -> Iterator[dict[str, float]]:
    """Paint `content` like `style`, both (1, 3, H, W) in [0, 1]; of each evaluation its number, seconds and loss."""
    begin, network = time.perf_counter(), VGG(weights)
    with torch.no_grad():
        wanted = network.features(content)[CONTENT]
        grams = {name: gram(maps) for name, maps in network.features(style).items() if name in STYLE}
    image, found = content.clone().requires_grad_(), []
    optimiser = torch.optim.LBFGS([image], max_iter=20, history_size=100, tolerance_change=0, tolerance_grad=0)

    def closure() -> Tensor:
        optimiser.zero_grad()
        maps = network.features(image)
        loss = CONTENT_WEIGHT * (maps[CONTENT] - wanted).square().mean()
        for name, target in grams.items():
            loss = loss + STYLE_WEIGHT * (gram(maps[name]) - target).square().mean()
        dx, dy = 256 * image.diff(dim=3)[..., :-1, :], 256 * image.diff(dim=2)[..., :-1]
        loss = loss + TV_WEIGHT * (dx.square() + dy.square()).sum() / 2
        loss.backward()
        found.append({"number": len(found), "seconds": time.perf_counter() - begin, "loss": float(loss.detach())})
        return loss

    told = 0
    while told < count:
        optimiser.step(closure)
        yield from found[told:count]
        told = len(found)
