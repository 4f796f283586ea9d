"""Colours of one picture on another: pure functions on sRGB-encoded float32 (H, W, 3) pixels in [0, 1].

Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016, arXiv 1606.05897), and section 5 of their
"Controlling Perceptual Factors in Neural Style Transfer" (CVPR 2017): luminance only, and linear matching of colours.
Statistics count pixels by optional weights, (H, W).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import colour_axes
from .colour_spaces import Floats
from .samples import LUMA

Doubles = NDArray[np.float64]

OPPONENT = np.array(colour_axes.OPPONENT)
"""Luma, yellow-blue and red-green, in rows."""
SOFTEST = 1e-4
"""Variance below which a picture is taken to have no contrast along an axis of colour: (1/100)^2."""
KNOTS, STEEPEST = 33, 2.0
"""Quantiles that a curve goes through, and its largest slope, above which noise would show as grain."""


def recolour(painted: Floats, content: Floats, mode: str, weight: Floats | None = None) -> Floats:
    """A finished painting of `content`, of the same size, in the colours of another mode: style, keep or match.

    What was painted with mode match cannot be had afterwards: here the painting itself gets the mean and the covariance
    of the content, both counted by `weight`.
    """
    if mode == "keep":
        return keep(painted, content)
    return match(painted, content, weight, weight) if mode == "match" else painted


def keep(painted: Floats, content: Floats) -> Floats:
    """The luma of `painted` with the chroma of `content`: its Cb and Cr, or I and Q, or any differences from luma.

    Where no colour in [0, 1] has both, luma is kept and chroma shrinks as little as it has to, in its own hue.
    """
    shifted: Floats = content + ((painted - content) @ LUMA)[..., None].astype(np.float32)
    return _shown(shifted)


def match(
    style: Floats, content: Floats, style_weight: Floats | None = None, content_weight: Floats | None = None
) -> Floats:
    """`style` with the mean and the covariance of the colours of `content`; to be painted with.

    Of the linear maps that do this, the one that moves colours least (Pitie and Kokaram, "The linear
    Monge-Kantorovitch linear colour mapping", 2007). Contrast that `style` has not is not made up, and colours out of
    range lose chroma before they are clipped, so statistics of the result can fall short.
    """
    return _shown(_moved(style, _moments(style, style_weight), _moments(content, content_weight)))


def palette(
    content: Floats, style: Floats, content_weight: Floats | None = None, style_weight: Floats | None = None
) -> Floats:
    """`content` in the colours of `style`, without its strokes.

    Mean and covariance first, then a curve for each opponent colour through matching quantiles. Few quantiles and a
    limit to the slope keep gradients smooth, where exact histograms would show bands and grain.
    """
    moved = _moved(content, _moments(content, content_weight), _moments(style, style_weight))
    rows, wished = moved @ OPPONENT.T.astype(np.float32), style @ OPPONENT.T.astype(np.float32)
    curves = [
        _curved(
            rows[..., axis], _quantiles(rows[..., axis], content_weight), _quantiles(wished[..., axis], style_weight)
        )
        for axis in range(3)
    ]
    return _shown(np.stack(curves, axis=2) @ np.linalg.inv(OPPONENT).T.astype(np.float32))


def _shown(pixels: Floats) -> Floats:
    """In [0, 1]: luma is kept as far as it is in range, and chroma shrinks towards it by one factor."""
    luma = (pixels @ LUMA).clip(0, 1)[..., None]
    chroma = pixels - (pixels @ LUMA)[..., None]
    room = np.where(chroma > 0, 1 - luma, luma) / np.maximum(np.abs(chroma), 1e-9)
    shown: Floats = (luma + chroma * np.minimum(room.min(axis=2, keepdims=True), 1)).clip(0, 1).astype(np.float32)
    return shown


def _moments(pixels: Floats, weight: Floats | None) -> tuple[Doubles, Doubles]:
    """Mean, (3,), and covariance, (3, 3)."""
    rows = pixels.reshape(-1, 3).astype(np.float64)
    shares = np.ones(len(rows)) if weight is None else weight.reshape(-1).astype(np.float64)
    shares = shares / shares.sum()
    mean = shares @ rows
    return mean, ((rows - mean) * shares[:, None]).T @ (rows - mean)


def _moved(pixels: Floats, own: tuple[Doubles, Doubles], other: tuple[Doubles, Doubles]) -> Floats:
    """`pixels`, whose moments are `own`, with the moments `other`; not clipped."""
    root, inverse = _power(own[1], 0.5), _power(own[1], -0.5)
    matrix = inverse @ _power(root @ other[1] @ root, 0.5, 0) @ inverse
    moved: Floats = ((pixels - own[0]) @ matrix.T + other[0]).astype(np.float32)
    return moved


def _power(covariance: Doubles, exponent: float, least: float = SOFTEST) -> Doubles:
    values, vectors = np.linalg.eigh(covariance)
    power: Doubles = (vectors * np.maximum(values, least) ** exponent) @ vectors.T
    return power


def _quantiles(values: Floats, weight: Floats | None) -> Doubles:
    """(KNOTS,) of them, from the least to the largest value that counts."""
    flat = values.reshape(-1)
    if weight is None:
        return np.quantile(flat, np.linspace(0, 1, KNOTS)).astype(np.float64)
    counting = weight.reshape(-1) > 0
    flat, shares = flat[counting], weight.reshape(-1)[counting].astype(np.float64)
    order = flat.argsort()
    ranks = shares[order].cumsum() - shares[order] / 2
    return np.interp(np.linspace(0, 1, KNOTS), ranks / shares.sum(), flat[order])


def _curved(values: Floats, own: Doubles, wished: Doubles) -> Floats:
    """`values` by the curve from their own quantiles to those wished, its middle kept, its slope limited."""
    steps = np.minimum(np.diff(wished), STEEPEST * np.diff(own))
    curve = np.concatenate([[0.0], steps.cumsum()])
    curve += wished[KNOTS // 2] - curve[KNOTS // 2]
    curved: Floats = np.interp(values, own, curve).astype(np.float32)
    return curved
