"""What stays of the frames that were painted before: Ruder, Dosovitskiy and Brox (GCPR 2016), section 4.3."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from ..painting.scene import Earlier
from ..pictures.picture import Picture, Pixels
from .flow import flow, trusted, warped

BACK = (1, 2, 4)
"""How many frames back is looked, the nearest first."""
CUT = 0.3
"""Share of the last frame that must be trusted, or it is another shot."""
SEAM = 1.0
"""Deviation in pixels of the Gaussian by which the edge of what stays is blurred."""


class Shot:
    """The last frames of one shot: as they were filmed, and as they were painted, all (H, W, 3) of one size."""

    def __init__(self) -> None:
        self.frames: deque[tuple[Pixels, Pixels]] = deque(maxlen=max(BACK))

    def add(self, filmed: Pixels, painted: Pixels) -> None:
        """Take in one more frame."""
        self.frames.append((filmed, painted))

    def earlier(self, filmed: Pixels) -> Earlier | None:
        """What stays for the next frame; None for the first of a shot, where all that was before is forgotten.

        A farther frame counts where nearer ones do not: c_long = max(c - sum of the nearer c, 0).
        """
        total = np.zeros(filmed.shape[:2], np.float32)
        stays = np.zeros_like(filmed)
        for back in BACK:
            if back > len(self.frames):
                break
            there, painted = self.frames[-back]
            moves, share = _moves(filmed, there)
            seen = warped(painted, moves).clip(0, 1)
            if back == 1:
                stays = seen
                if share.mean() < CUT:
                    self.frames.clear()
                    return None
            share = np.maximum(share - total, 0)
            stays = np.where(share[..., None] > 0, seen, stays)
            total += share
        return Earlier(Picture(stays), _soft(total)) if self.frames else None


def is_cut(filmed: Pixels, last: Pixels) -> bool:
    """Whether a frame, (H, W, 3), begins another shot than the `last` one is of."""
    return bool(_moves(filmed, last)[1].mean() < CUT)


def _moves(here: Pixels, there: Pixels) -> tuple[Pixels, Pixels]:
    """Where each pixel of `here` is in `there`, and how far that is trusted."""
    moves = flow(here, there)
    return moves, trusted(here, there, moves, flow(there, here))


def _soft(share: Pixels) -> Pixels:
    """`share`, 0 and 1, with its edge moved inwards and blurred, so that there is no seam."""
    inner = cv2.erode(share, np.ones((3, 3), np.uint8), borderValue=1)
    soft = np.minimum(cv2.GaussianBlur(inner, (0, 0), SEAM), share)
    return np.asarray(soft, np.float32)
