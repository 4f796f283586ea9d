"""Axes of colour: how light a pixel is, and its two opponent colours, in sRGB-encoded numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue: Y' of ITU-R BT.601."""
YELLOW_BLUE = (0.5, 0.5, -1.0)
RED_GREEN = (1.0, -1.0, 0.0)
OPPONENT = (LUMA, YELLOW_BLUE, RED_GREEN)


def opponent_axes() -> Tensor:
    """`OPPONENT` as rows of unit length, float32 (3, 3), so that a distance weighs them alike."""
    import torch

    return torch.nn.functional.normalize(torch.tensor(OPPONENT), dim=1)
