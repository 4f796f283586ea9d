"""What a painting leaves for the next one of the same pictures, which starts from there instead of from nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..matching.hues import Hues
from ..matching.patches import HALF
from ..optim.optimiser import Optimiser


@dataclass(eq=False)
class Live:
    """What the last painting left. The next may have another strength, colour, stroke width and style weights.

    All else has to be the same: the content, the styles that count, masks, and the other knobs. What comes out depends
    on what was painted before, so no recipe makes it again.
    """

    image: Tensor | None = None
    """(1, 3, h, w), as the last stage ended; None as long as nothing is there to start from."""
    optimiser: Optimiser | None = None
    fields: Mapping[int, Sequence[Tensor]] = field(default_factory=dict)
    """Where patches were found in each painting, as `Grid.field`, by the longest side of the picture."""
    scales: Sequence[float] = ()
    """Those of the styles then."""
    hues: dict[bool, Sequence[Hues]] = field(default_factory=dict)
    """Those of the paintings, and, by True, of the paintings in the content's colours."""
    guides: Sequence[int] = ()
    """Sizes at which they were found."""

    def known(self, scales: Sequence[float]) -> dict[int, list[Tensor]]:
        """`fields` for paintings of these scales."""
        ratios = [now / then for now, then in zip(scales, self.scales, strict=True)]
        return {
            size: [_scaled(*pair) for pair in zip(fields, ratios, strict=True)] for size, fields in self.fields.items()
        }


def _scaled(corners: Tensor, ratio: float) -> Tensor:
    return ((corners + HALF) * ratio).round().long() - HALF
