"""What a picture lacks when it is enlarged: some of the content's detail, and grain as strong as that of the style.

A Gram matrix is a square: where a picture has nothing at all, its gradient is nothing too, and fine strokes take many
steps to begin. From grain they are found in half as many.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..pictures.colour_axes import LUMA
from ..pictures.filters import blurred, resized
from ..ranks import WHOLE, Strips

WHITE = 0.75
"""Share of the power of white noise that lies in the finest octave: three quarters of all frequencies."""
EPSILON = 1e-8
"""Added to variances, and their least, so that there is something to divide by."""
LIGHT, HUE = 4.0, 6.0
"""Pixels of the Gaussians below which neither changes; see `calmed`."""


def enlarged(image: Tensor, height: int, width: int, strips: Strips = WHOLE) -> Tensor:
    """`image`, (1, C, h, w), at this size; of `strips`, this rank's, in the memory of one channel."""
    if not strips.shared:
        return resized(image, height, width)
    return torch.cat([strips.own(resized(plane, height, width)) for plane in torch.split(image, 1, dim=1)], dim=1)


def covariance(image: Tensor, weight: Tensor | None = None, strips: Strips = WHOLE) -> Tensor:
    """Of the three colours in the finest octave of `image`, (1, 3, H, W): what is lost at half the size, (3, 3).

    `weight`, (1, 1, H, W), is how much each pixel counts. Of `strips`, `image` is this rank's, without a weight.
    """
    height, width = strips.size(image)
    coarse = strips.reduced(image, lambda whole: resized(whole, max(1, height // 2), max(1, width // 2)))
    fine = (image - enlarged(coarse, height, width, strips)).flatten(2)[0]
    counted = fine if weight is None else fine * weight.flatten()
    count = height * width if weight is None else max(float(weight.sum()), EPSILON)
    (product,) = strips.ranks.total([counted @ fine.T])
    return product / count


def detailed(image: Tensor, content: Tensor, smaller: tuple[int, int], detail: float, strips: Strips = WHOLE) -> Tensor:
    """`image` with `detail`, 0 to 1, of what `content`, of its size, loses at the size `smaller`, (h, w).

    Of `strips`, `image` is this rank's, and `content` the whole.
    """
    height, width = content.shape[-2:]
    coarse = resized(content, *smaller)
    return torch.add(image, strips.own(content) - enlarged(coarse, height, width, strips), alpha=detail)


def calmed(image: Tensor, start: Tensor) -> Tensor:
    """`start` with what `image` changed of it, both (1, 3, H, W), in large forms only: no grain, no coloured fringes.

    Fine strokes stay those of the start. Hues change in larger forms than light does, as in paint.
    """
    change = image - start
    light = torch.einsum("c,bchw->bhw", change.new_tensor(LUMA), change)[:, None]
    calm = start + blurred(light, LIGHT)
    for channel in range(3):  # one by one, for the memory of large pictures
        calm[:, channel : channel + 1] += blurred(change[:, channel : channel + 1] - light, HUE)
    return calm.clamp_(0, 1)


def grainy(image: Tensor, wanted: Tensor, noise: Tensor, strips: Strips = WHOLE) -> Tensor:
    """`image` with as much of `noise`, white and of its shape, as it lacks of the covariance `wanted`, (3, 3).

    Of `strips`, both are this rank's.
    """
    lack = 1 - float(covariance(image, strips=strips).trace()) / max(float(wanted.trace()), EPSILON)
    if lack <= 0:
        return image
    tint = torch.linalg.cholesky(wanted + EPSILON * torch.eye(3).to(wanted)) * (lack / WHITE) ** 0.5
    grain: Tensor = (tint @ noise.flatten(2)[0]).view_as(image)
    return image + grain
