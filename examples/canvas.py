"""What all the example pictures are made of: noise, blending, and colours along a line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float64]
Colour = tuple[float, float, float]

SCALE = 2
"""Pictures are rendered at twice their size and scaled down, which is what makes their edges soft."""
W, H = 768 * SCALE, 576 * SCALE


def noise(width: int, height: int, octaves: int, seed: int, stretch: float = 1.0, coarsest: int = 4) -> Plane:
    """Fractal noise in about [-1, 1], (height, width); `stretch` above 1 makes it lie flat."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width))
    for octave in range(octaves):
        cells = coarsest * 2**octave
        grid = rng.normal(size=(max(2, int(cells * stretch * height / width)), cells)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return total / np.abs(total).max()


def blend(below: Plane, above: Plane | Colour, share: Plane | float) -> Plane:
    """`above` over `below`; `share` is (height, width) or a number, 0 to 1."""
    share = np.asarray(share)
    return below * (1 - share[..., None]) + np.asarray(above) * share[..., None]


def ramp(x: Plane, stops: list[tuple[float, Colour]]) -> Plane:
    """Colours along `x`, piecewise linear between the stops."""
    places = [place for place, _ in stops]
    return np.stack([np.interp(x, places, [colour[i] for _, colour in stops]) for i in range(3)], axis=-1)
