"""Optimisers of an image, written out: state is plain tensors that can be carried to another size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Adam:
    """Adam (Kingma and Ba, ICLR 2015) on an image, beta = (0.9, 0.99), with the image kept in [0, 1]."""

    def __init__(self, betas: tuple[float, float] = (0.9, 0.99), epsilon: float = 1e-8) -> None:
        self.betas, self.epsilon = betas, epsilon
        self.count = 0
        self.mean: Tensor | None = None
        self.square: Tensor | None = None

    @torch.no_grad()
    def step(self, image: Tensor, gradient: Tensor, rate: float) -> None:
        """Move `image`, (1, 3, H, W), in place by at most about `rate` per value."""
        if self.mean is None or self.square is None:
            self.mean, self.square = torch.zeros_like(image), torch.zeros_like(image)
        self.count += 1
        first, second = self.betas
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        scale = self.square.div(1 - second**self.count).sqrt_().add_(self.epsilon)
        image.addcdiv_(self.mean, scale, value=-rate / (1 - first**self.count)).clamp_(0, 1)

    def resize(self, height: int, width: int) -> None:
        """Carry the moments to another size of image."""
        for name in ("mean", "square"):
            state = getattr(self, name)
            setattr(self, name, F.interpolate(state, size=(height, width), mode="bilinear"))
