"""Which way strokes go: in a painting as they lie there, in a photograph along its edges.

A direction is that of the structure tensor, as a vector of twice its angle, so that opposite directions are one (Bigun
and Granlund, "Optimal orientation detection of linear symmetry", ICCV 1987). Strokes along the edges that are nearest,
also where there are none: Litwinowicz, "Processing images and video for an impressionist effect" (SIGGRAPH 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pictures.filters import blurred

STROKE = 2.0
"""Pixels of the Gaussian over which a stroke is seen."""
REACH = 0.01
"""Deviation of the Gaussian by which edges lead strokes beside them, beside the longest side."""
FAINT = 0.1
"""Share of the mean square gradient of light at which an edge leads half as much as a strong one."""
FLAT = 1e-3
"""Square gradient of light at which a painting has a direction half as much as a strong stroke has."""


@dataclass(frozen=True)
class Flow:
    """Where strokes are to go, at each place of a content."""

    direction: Tensor
    """(1, 2, h, w), of length 1 or, where there is no edge, 0."""
    sure: Tensor
    """(1, 1, h, w), 0 to 1: how much it is to count."""


def strokes(light: Tensor) -> Tensor:
    """The directions of strokes in a painting of this light, (1, 1, H, W) -> (1, 2, H, W), shorter where none is."""
    double, energy = _tensor(light, STROKE)
    return double / (energy + FLAT)


def along_edges(light: Tensor) -> Flow:
    """The directions in which the edges of a content of this light, (1, 1, H, W), lead."""
    double, energy = _tensor(light, max(light.shape[-2:]) * REACH)
    length = double.norm(dim=1, keepdim=True)
    return Flow(double / length.clamp_min(1e-9), length / (energy + FAINT * energy.mean() + 1e-6))


def _tensor(light: Tensor, around: float) -> tuple[Tensor, Tensor]:
    """The structure tensor over a Gaussian: direction times energy, (1, 2, H, W), and energy, (1, 1, H, W)."""
    framed = F.pad(light, (1, 1, 1, 1), mode="replicate")
    across = framed[..., 1:-1, 2:] - framed[..., 1:-1, :-2]
    down = framed[..., 2:, 1:-1] - framed[..., :-2, 1:-1]
    double = torch.cat([across.square() - down.square(), 2 * across * down], 1)
    return blurred(double, around), blurred(across.square() + down.square(), around)
