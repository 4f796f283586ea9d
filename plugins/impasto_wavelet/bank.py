"""Banks of rectified filters: the arithmetic that all layers are made of.

Every bank has a constant channel, a bias without a kernel, so that a Gram matrix of its output holds the means too.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LANES = 16
"""Channels come in multiples of this: vector units are that wide, and odd widths halve the speed of matrix products."""


def _padded(count: int) -> int:
    return -(-count // LANES) * LANES


def bank(kernels: Tensor, constant: float) -> Bank:
    """A bank of `kernels` (K, c, size, size), size even, and a channel K that is `constant` everywhere."""
    count = len(kernels)
    extra = _padded(count + 1) - count
    bias = torch.zeros(count + extra)
    bias[count] = constant
    return Bank(torch.cat([kernels, torch.zeros(extra, *kernels.shape[1:])]), bias)


class Bank(torch.nn.Module):
    """relu(kernels * x + bias) on a grid of half the density.

    Filters that pass a band well below the grid's frequency lose nothing at half the density, and cost a quarter.
    Stride two over c channels is computed as stride one over 4 c channels of a picture folded 2 x 2
    (`pixel_unshuffle`), which keeps vector units full.
    """

    kernels: Tensor
    bias: Tensor

    def __init__(self, kernels: Tensor, bias: Tensor) -> None:
        """`kernels` (K, c, size, size), size even; `bias` (K,). See `bank` for the usual way to make one."""
        super().__init__()
        self.size = kernels.shape[-1]
        self.register_buffer("kernels", F.pixel_unshuffle(kernels, 2))
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """(1, c, h, w) -> (1, K + 1 padded with zeros, ceil(h / 2), ceil(w / 2)), channels last; edges reflected."""
        edge = self.size // 2 - 1
        height, width = x.shape[-2:]
        x = F.pad(x, (edge, edge + width % 2, edge, edge + height % 2), mode="reflect")
        folded = F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last)
        return F.relu_(F.conv2d(folded, self.kernels, self.bias))

    def fits(self, x: Tensor) -> bool:
        """Whether `x` is large enough to reflect its edges."""
        return min(x.shape[-2:]) > self.size // 2


class DenseBank(Bank):
    """A bank evaluated at every position, for the band that half the density would not catch.

    The four positions of each 2 x 2 fold are four shifted copies of the kernels. In memory they lie beside each other,
    and stay there: a grid of half the rows and twice the columns, each position within two pixels of its place.
    """

    def __init__(self, kernels: Tensor, constant: float) -> None:
        """`kernels` (K, c, size, size), size odd; `constant` as for `Bank`."""
        count, channels, size, _ = kernels.shape
        width = _padded(count + 1)
        shifted = torch.zeros(2, 2, width, channels, size + 1, size + 1)
        bias = torch.zeros(4, width)
        bias[:, count] = constant
        for dy in range(2):
            for dx in range(2):
                shifted[dy, dx, :count, :, dy : dy + size, dx : dx + size] = kernels
        super().__init__(shifted.flatten(0, 2), bias.flatten())
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(1, c, h, w) -> (1, K + 1 padded with zeros, ceil(h / 2), 4 ceil(w / 2))."""
        folds = super().forward(x).permute(0, 2, 3, 1)
        return folds.reshape(1, folds.shape[1], -1, self.width).permute(0, 3, 1, 2)
