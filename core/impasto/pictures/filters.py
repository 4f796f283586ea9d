"""Pictures and maps resized and blurred, as tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def resized(image: Tensor, height: int, width: int) -> Tensor:
    """`image`, (1, C, H, W), at another size by the bicubic filter, not kept in [0, 1]."""
    smaller = height < image.shape[-2]
    return F.interpolate(image, size=(height, width), mode="bicubic", antialias=smaller)


COARSE = 3.0
"""Pixels of a Gaussian above which half the size does as well."""


def blurred(maps: Tensor, deviation: float) -> Tensor:
    """`maps`, (1, C, H, W), by a Gaussian of so many pixels, the border repeated."""
    height, width = maps.shape[-2:]
    if deviation > COARSE and min(height, width) >= 8:
        half = F.interpolate(maps, size=(height // 2, width // 2), mode="area")
        smooth = blurred(half, deviation / 2)
        return F.interpolate(smooth, size=(height, width), mode="bilinear", align_corners=False)
    reach = max(1, round(3 * deviation))
    place = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    window = torch.exp(-0.5 * (place / deviation) ** 2)
    kernel = (window / window.sum()).expand(maps.shape[1], 1, 1, -1)
    wide = F.conv2d(F.pad(maps, (reach, reach, 0, 0), mode="replicate"), kernel, groups=maps.shape[1])
    tall = F.pad(wide, (0, 0, reach, reach), mode="replicate")
    return F.conv2d(tall, kernel.transpose(2, 3), groups=maps.shape[1])
