"""Profiles: whose formulas and weights the objective takes. Implementations differ by factors that change the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .losses import direction_error, relative_error, total_variation

Formula = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Profile:
    """Loss formulas and default weights, and where they come from."""

    name: str
    source: str
    content: Formula
    """(F^l, P^l) -> content loss of a layer."""
    style: Formula
    """(G^l, A^l), Gram matrices per position -> style loss of a layer, E_l."""
    variation: Callable[[Tensor], Tensor]
    content_weight: float
    style_weight: float
    tv_weight: float = 0.0
    histogram_weight: float = 0.0
    noise: float = 0.0
    """Deviation of the noise added to the start."""
    recolour: bool = False
    """Whether a start from the content takes the style's colours first."""


IMPASTO = Profile(
    name="impasto",
    source="ours: each layer's error relative to its target, so that one strength means the same for every style",
    content=direction_error,
    style=relative_error,
    variation=total_variation,
    content_weight=0.8,
    style_weight=1.0,
    histogram_weight=50.0,
    noise=0.1,
    recolour=True,
)

PROFILES = {profile.name: profile for profile in (IMPASTO,)}
