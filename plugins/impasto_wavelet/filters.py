"""Designed filters: oriented, rectified wavelets."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Luma, yellow-blue and red-green, rows of unit length.
OPPONENT = torch.nn.functional.normalize(
    torch.tensor([[0.299, 0.587, 0.114], [0.5, 0.5, -1.0], [1.0, -1.0, 0.0]]), dim=1
)


def gabor(orientations: int, size: int, cycles: float, sigma: float, aspect: float, phases: int = 4) -> Tensor:
    """Zero-mean oriented kernels of unit L1 norm, (orientations * phases, size, size).

    `cycles` per pixel across the stroke; the Gaussian envelope has width `sigma` across and `sigma / aspect` along.
    Rectified copies in four phases keep the sign that a single rectified filter loses.
    """
    r = torch.arange(size) - size // 2
    y, x = torch.meshgrid(r, r, indexing="ij")
    kernels = []
    for angle in (math.pi * o / orientations for o in range(orientations)):
        u = x * math.cos(angle) + y * math.sin(angle)
        v = y * math.cos(angle) - x * math.sin(angle)
        envelope = torch.exp(-(u**2 + (aspect * v) ** 2) / (2 * sigma**2))
        for phase in range(phases):
            k = envelope * torch.cos(2 * math.pi * (cycles * u + phase / phases))
            k = k - envelope * (k.sum() / envelope.sum())
            kernels.append(k / k.abs().sum())
    return torch.stack(kernels)
