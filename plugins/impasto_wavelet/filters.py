"""Designed filters. Every function gives float32 kernels on a square grid whose centre lies between its pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from impasto.pictures.colour_axes import opponent_axes

PHASES = 3
"""Rectified copies a third of a period apart keep the sign and the place that a single rectified filter loses."""

# Luma, yellow-blue and red-green of an RGB pixel, rows of unit length.
OPPONENT = opponent_axes()


def _axes(size: int, angle: float) -> tuple[Tensor, Tensor]:
    """Coordinates across and along a stroke that is seen at `angle`, each (size, size), in pixels."""
    r = torch.arange(size) - (size - 1) / 2
    y, x = torch.meshgrid(r, r, indexing="ij")
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def wavelets(orientations: int, size: int, cycles: float, sigma: float, aspect: float) -> Tensor:
    """Gabor kernels, (orientations * PHASES, size, size), zero mean, L1 norm one.

    `cycles` per pixel across the stroke; the Gaussian envelope has deviation `sigma` across and `sigma / aspect` along.
    """
    kernels = []
    for angle in (math.pi * o / orientations for o in range(orientations)):
        across, along = _axes(size, angle)
        envelope = torch.exp(-(across**2 + (aspect * along) ** 2) / (2 * sigma**2))
        for phase in range(PHASES):
            wave = envelope * torch.cos(2 * math.pi * (cycles * across + phase / PHASES))
            wave -= envelope * (wave.sum() / envelope.sum())
            kernels.append(wave / wave.abs().sum())
    return torch.stack(kernels)


def streaks(angle: float, size: int, shapes: list[tuple[float, float]]) -> Tensor:
    """Elongated Gaussians at `angle`, (len(shapes), size, size), each of sum one.

    A shape is (deviation across, deviation along) in pixels.
    """
    across, along = _axes(size, angle)
    kernels = torch.stack([torch.exp(-(across**2) / (2 * a * a) - along**2 / (2 * b * b)) for a, b in shapes])
    return kernels / kernels.sum((1, 2), keepdim=True)


def blob(size: int, sigma: float) -> Tensor:
    """A round Gaussian of sum one, (size, size)."""
    return streaks(0.0, size, [(sigma, sigma)])[0]


def coloured(kernels: Tensor, axis: int) -> Tensor:
    """(K, size, size) -> (K, 3, size, size): kernels that filter one opponent axis of an RGB picture."""
    return OPPONENT[axis][:, None, None] * kernels[:, None]


def block_diagonal(kernels: list[Tensor]) -> Tensor:
    """Kernels for each of n channels, (K, size, size) apiece -> (n * K, n, size, size), each seeing its own channel."""
    n, (k, height, width) = len(kernels), kernels[0].shape
    blocks = torch.zeros(n, k, n, height, width)
    for channel, own in enumerate(kernels):
        blocks[channel, :, channel] = own
    return blocks.flatten(0, 1)
