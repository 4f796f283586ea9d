"""Watches a painting for what is no picture, so that it is said rather than kept."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from ..errors import DivergedError
from ..pictures.filters import resized
from ..pictures.picture import Pixels
from ..pictures.samples import LUMA
from ..recipe.recipe import Recipe
from .checks import one_colour
from .scene import Scene, stretched

FLAT = 1 / 512
"""Deviation of a channel below which 8 bits show one colour."""
MOVED = 1e-6
"""Share of its loss that a stage must change to have done anything."""
NOTHING = 1e-9
"""A loss, or a deviation, that is none but for rounding."""
LEFT, SMALL = 0.15, 64
"""Correlation of luma below which nothing of the content is left in a result, and the longest side at which."""
FLAT_CONTENT = (
    "What is to be painted is one flat colour, so strokes follow nothing in it; `impasto texture` makes a texture of a "
    "style alone."
)
NOTHING_LEFT = (
    "Next to nothing of the photograph is left in the result (correlation of luma {:.2f}): lower --strength, or take "
    "another style."
)


class DivergenceCheck:
    """Checks the steps of one stage, and raises `DivergedError` for

    - a loss that is no number, at once;
    - a picture of one flat colour, black say, at the end, unless a picture that went in is flat;
    - a loss that two or more steps have left as it was, at the end, unless there is none.
    """

    def __init__(self, scene: Scene, recipe: Recipe) -> None:
        self.scene, self.strength = scene, recipe.strength
        self.first: float | None = None
        self.steps = 0

    def see(self, image: Tensor, losses: Mapping[str, float], last: bool) -> None:
        """A step that led to `image`, (1, 3, H, W), from where the losses were these."""
        total = math.fsum(losses.values()) if all(map(math.isfinite, losses.values())) else math.nan
        if math.isnan(total):
            worst = next(name for name, value in losses.items() if not math.isfinite(value))
            raise DivergedError(f"The loss {worst!r} is {losses[worst]}.", "Lower the weights or the learning rate.")
        self.first = total if self.first is None else self.first
        self.steps += 1
        if last:
            self._end(image, total)

    def _end(self, image: Tensor, total: float) -> None:
        if float(image.flatten(2).std(dim=2).max()) < FLAT and self._varied():
            level = float(image.mean())
            seen = f"The picture has become one flat colour (mean {level:.2f}, where 0 is black and 1 white)."
            raise DivergedError(seen, "Lower the weights of the regularisers, or raise those of content and style.")
        first = self.first or 0.0
        if self.steps > 1 and first > NOTHING and abs(total - first) <= MOVED * first:
            seen = f"The loss stayed at {first:.4g} for {self.steps} steps."
            raise DivergedError(seen, "Raise the learning rate, or the weights of layers that this picture reaches.")

    def _varied(self) -> bool:
        """Whether no picture that went in is flat: at 100 only the styles count, and at 0 only the content."""
        going_in = [self.scene.crop] if self.strength < 100 else []
        going_in += [painting for painting, _ in self.scene.paintings] if self.strength else []
        return min(_deviation(picture.pixels) for picture in going_in) > FLAT


class ContentCheck:
    """Tells, in sentences, where a painting has no content: none to begin with, or none that is left at the end."""

    def __init__(self, scene: Scene, strength: float) -> None:
        self.scene, self.counts, self.begun = scene, 0 < strength < 100, False
        self.flat = one_colour(scene.crop.pixels)

    def notice(self, image: Tensor, last: bool) -> str:
        """What to tell about a step that led to `image`, (1, 3, H, W), or nothing.

        At the first that the content is flat; at the `last` that next to nothing of it is left.
        """
        first, self.begun = not self.begun, True
        if self.counts and self.flat:
            return FLAT_CONTENT if first else ""
        if not (self.counts and last):
            return ""
        common = self._common(image)
        return NOTHING_LEFT.format(common) if common < LEFT else ""

    def _common(self, image: Tensor) -> float:
        """The absolute correlation of luma of the content and of `image`, where that is painted, at a small size."""
        width, height = self.scene.crop.fit(SMALL)
        small = resized(image.float(), height, width)[0].permute(1, 2, 0).cpu().numpy()
        planes = [pixels @ LUMA for pixels in (self.scene.crop.resized(width, height).pixels, small)]
        mask = self.scene.mask
        where = np.ones((height, width), bool) if mask is None else stretched(mask, width, height) > 0
        rows = [plane[where] - plane[where].mean() for plane in planes]
        lengths = [max(float(np.linalg.norm(row)), NOTHING) for row in rows]
        return abs(float(rows[0] @ rows[1])) / math.prod(lengths)


def _deviation(pixels: Pixels) -> float:
    return float(pixels.reshape(-1, 3).std(axis=0).max())
