"""Style transfer as most programs do it, to measure against: the losses of jcjohnson/neural-style on a VGG, in torch.

float32, channels first, one size, the start from the content, L-BFGS with a history of 100 and without a line search.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

CONTENT, STYLE = "conv4_2", ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3
MEAN = (123.675, 116.28, 103.53)
"""Of ImageNet, red first, where white is 255."""


class VGG(nn.Sequential):
    """A VGG up to conv5_1, as deep as its weights are: VGG-16 or VGG-19."""

    def __init__(self, weights: Mapping[str, Tensor], mean: tuple[float, float, float]) -> None:
        super().__init__()
        self.mean = torch.tensor(mean)[:, None, None]
        for block in range(1, 6):
            numbers = [number for number in range(1, 5) if f"conv{block}_{number}.weight" in weights]
            for number in numbers if block < 5 else [1]:
                name = f"conv{block}_{number}"
                weight = weights[f"{name}.weight"]
                convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                convolution.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"]})
                self.add_module(f"{name}_", convolution)
                self.add_module(name, nn.ReLU())
            if block < 5:
                self.add_module(f"pool{block}", nn.MaxPool2d(2))
        self.requires_grad_(False)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        x, found = 256 * image - self.mean, {}
        for name, module in self.named_children():
            x = module(x)
            if name in (CONTENT, *STYLE):
                found[name] = x
        return found


def gram(maps: Tensor) -> Tensor:
    rows = maps[0].flatten(1)
    return rows @ rows.T / rows.numel()


class Losses:
    """Of pictures, (1, 3, H, W) in [0, 1], that are to be `content` painted like `style`; the weights red first."""

    def __init__(
        self,
        content: Tensor,
        style: Tensor,
        weights: Mapping[str, Tensor],
        mean: tuple[float, float, float] = MEAN,
        variation: float = TV_WEIGHT,
        content_weight: float = CONTENT_WEIGHT,
    ) -> None:
        self.network, self.variation, self.content_weight = VGG(weights, mean), variation, content_weight
        with torch.no_grad():
            self.wanted = self.network.features(content)[CONTENT]
            maps = self.network.features(style)
        self.grams = {name: gram(maps[name]) for name in STYLE}

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        maps = self.network.features(image)
        losses = {f"content {CONTENT}": self.content_weight * (maps[CONTENT] - self.wanted).square().mean()}
        for name, target in self.grams.items():
            losses[f"style {name}"] = STYLE_WEIGHT * (gram(maps[name]) - target).square().mean()
        if self.variation:
            dx, dy = 256 * image.diff(dim=3)[..., :-1, :], 256 * image.diff(dim=2)[..., :-1]
            losses["tv"] = self.variation * (dx.square() + dy.square()).sum() / 2
        return losses


def iterations(content: Tensor, style: Tensor, weights: Mapping[str, Tensor], count: int) -> Iterator[dict[str, float]]:
    """Paint `content` like `style`, both (1, 3, H, W) in [0, 1]; of each evaluation its number, seconds and loss."""
    begin = time.perf_counter()
    losses = Losses(content, style, weights)
    for number, loss in enumerate(descent(losses, content.clone().requires_grad_(), count)):
        yield {"number": number, "seconds": time.perf_counter() - begin, "loss": loss}


def descent(losses: Losses, image: Tensor, count: int, bounded: bool = False) -> Iterator[float]:
    """Change `image`, a leaf, so that its losses go down; the loss at each evaluation.

    `bounded` brings pixels back into [0, 1] before each, as PyTorch's own tutorial on style transfer does.
    """
    optimiser = torch.optim.LBFGS([image], max_iter=20, history_size=100, tolerance_change=0, tolerance_grad=0)
    found: list[float] = []

    def closure() -> Tensor:
        if bounded:
            with torch.no_grad():
                image.clamp_(0, 1)
        optimiser.zero_grad()
        loss = torch.stack(list(losses(image).values())).sum()
        loss.backward()
        found.append(float(loss.detach()))
        return loss

    told = 0
    while told < count:
        optimiser.step(closure)
        yield from found[told:count]
        told = len(found)
