"""Where each pixel of a frame was in an earlier one, and how far that can be trusted.

Flow: Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse search" (ECCV 2016), by OpenCV. Trust:
Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos" (GCPR 2016), section 4.2, after Sundaram, Brox and
Keutzer (ECCV 2010). Ours is that the photographs must agree too, since flow follows itself into what is hidden.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..pictures.picture import Pixels

AGREE, DRIFT = 0.01, 0.5
"""|w + w'|^2 of flow w and the flow back w' that is trusted: so much of |w|^2 + |w'|^2, and so many square pixels."""
BORDER, STEEP = 0.01, 0.002
"""|grad w|^2 that is trusted: so much of |w|^2, and so much more."""
ALIKE = 0.1
"""Difference of the photographs, blurred by a pixel, from which on flow is wrong."""
LEAST = 12
"""Shortest side of a picture that flow is computed of."""

cv2.setNumThreads(1)  # the stripes that threads work on change the flow


def flow(here: Pixels, there: Pixels) -> Pixels:
    """For each pixel of `here`, (H, W, 3) in [0, 1], where it is in `there`: (H, W, 2), moves across and down."""
    if min(here.shape[:2]) < LEAST:
        return np.zeros((*here.shape[:2], 2), np.float32)
    grey, other = (cv2.cvtColor(np.rint(each * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for each in (here, there))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)  # a third of the error of the preset, which stops at half the size and refines there
    dis.setVariationalRefinementIterations(0)
    return np.asarray(dis.calc(grey, other, np.zeros((*grey.shape, 2), np.float32)), np.float32)


def warped(picture: Pixels, moves: Pixels, sharp: bool = True) -> Pixels:
    """`picture`, (H, W, C), read where `moves`, (H, W, 2), lead; by Lanczos' filter if `sharp`, else bilinear."""
    down, across = np.mgrid[: moves.shape[0], : moves.shape[1]].astype(np.float32)
    how = cv2.INTER_LANCZOS4 if sharp else cv2.INTER_LINEAR
    found = cv2.remap(picture, across + moves[..., 0], down + moves[..., 1], how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def trusted(here: Pixels, there: Pixels, moves: Pixels, back: Pixels) -> Pixels:
    """c: 1 where `moves` from `here` to `there` can be trusted, else 0; (H, W). `back` is the flow the other way."""
    returned, squares = warped(back, moves, sharp=False), _squares(moves)
    agree = _squares(moves + returned) <= AGREE * (squares + _squares(returned)) + DRIFT
    slopes = [np.asarray(np.gradient(moves, axis=axis), np.float32) for axis in (0, 1)]
    inner = sum(map(_squares, slopes)) <= BORDER * squares + STEEP
    height, width = moves.shape[:2]
    rows, columns = np.mgrid[:height, :width] + moves.transpose(2, 0, 1)[::-1]
    inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
    difference = cv2.GaussianBlur(warped(there, moves, sharp=False) - here, (0, 0), 1)
    same = np.abs(difference).max(axis=2) <= ALIKE
    found: Pixels = (agree & inner & inside & same).astype(np.float32)
    return found


def _squares(vectors: Pixels) -> Pixels:
    found: Pixels = np.square(vectors).sum(axis=2)
    return found
