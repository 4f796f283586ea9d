"""How wide the strokes of a painting are, so that a size in pixels can be asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .picture import Picture
from .samples import LUMA

LONGEST = 512
"""Longest side, in pixels, at which strokes are measured: finer ones are taken for grain."""
SHAPES = 24
"""Shapes that repeat less often than this along the longest side are what is painted, not how."""
FLAT = 1e-8
"""Variance of luma below which there is nothing to see."""
ALIKE = 0.1
"""Correlation below which two places no longer lie on one stroke."""


def stroke_width(picture: Picture) -> float:
    """Width of a typical stroke in pixels of `picture`: twice the distance at which its luma stops being alike.

    That is the autocorrelation of luma without its large shapes, averaged over directions. The measure follows the
    scale of the picture: half the size, half the width, within about a seventh.
    """
    scale = min(1.0, LONGEST / max(picture.size))
    small = picture.resized(*(max(1, round(side * scale)) for side in picture.size))
    correlation = _autocorrelation(small.pixels @ LUMA)
    below = np.flatnonzero(correlation < ALIKE)
    if not below.size or not below[0]:
        return 2 / scale  # nothing but grain, or nothing at all
    last = int(below[0]) - 1
    inside, outside = correlation[last : last + 2]
    return float(2 * (last + (inside - ALIKE) / (inside - outside)) / scale)


def _autocorrelation(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """By distance in whole pixels, 1 at distance 0; all 0 for a picture of one colour."""
    height, width = luma.shape
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    shapes = np.exp(-((frequency * max(height, width) / SHAPES) ** 2))
    window = np.hanning(height)[:, None] * np.hanning(width)
    spectrum = np.abs(np.fft.fft2((luma - luma.mean()) * window) * (1 - shapes)) ** 2
    rows = np.fft.ifft2(spectrum).real / luma.size
    distance = np.hypot(np.fft.fftfreq(height, 1 / height)[:, None], np.fft.fftfreq(width, 1 / width)[None])
    near = np.rint(distance).astype(int).ravel()
    mean: NDArray[np.float64] = np.bincount(near, rows.ravel()) / np.bincount(near)
    return mean / mean[0] if mean[0] > FLAT else np.zeros_like(mean)
