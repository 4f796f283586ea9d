"""Weight normalisation as in the paper: every filter's mean activation over images and positions becomes one.

Source: Gatys, Ecker and Bethge (CVPR 2016), section 2: "We normalized the network by scaling the weights such that the
mean activation of each convolutional filter over images and positions is equal to one. Such re-scaling can be done for
the VGG network without changing its output, because it contains only rectifying linear activation functions and no
normalization or pooling over feature maps." They took the images from ImageNet's validation set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from impasto.errors import ImageError

from .network import VGG


def normalised(network: VGG, pictures: Iterable[Tensor]) -> VGG:
    """`network` with filters scaled so that each one's mean activation over `pictures` is one, or below if it is rare.

    pictures: (1, 3, H, W), sRGB in [0, 1], sizes may differ. The result's map of layer l is the old one divided,
    channel by channel, by `divisors(mean_activations(network, pictures), least)[l]`, where `least` is that of its kind
    of weights. Raises `ImageError` for a picture that is too small to reach the last convolution.
    """
    least = network.architecture.kinds[network.kind].least
    weights = rescaled(network.weights, divisors(mean_activations(network, pictures), least))
    options = network.kind, network.pooling, network.padding, network.scale
    return VGG(weights, network.architecture, *options).to(network.mean)


@torch.no_grad()
def mean_activations(network: VGG, pictures: Iterable[Tensor]) -> dict[str, Tensor]:
    """Convolution -> (N_l,) float64, the mean of each map over all positions of all pictures."""
    sums: dict[str, Tensor] = {}
    convolutions = network.architecture.convolutions
    positions = dict.fromkeys(convolutions, 0)
    for picture in pictures:
        maps = network(picture, convolutions)
        if len(maps) < len(convolutions):
            seen = f"A picture of {'x'.join(str(side) for side in reversed(picture.shape[-2:]))} pixels"
            raise ImageError(f"{seen} does not reach {convolutions[-1]}.", "Use pictures of at least 16x16.")
        for name, features in maps.items():
            sums[name] = sums.get(name, 0) + features.double().sum((0, 2, 3))
            positions[name] += features[0, 0].numel()
    if not sums:
        raise ImageError("There is no picture to normalise the weights with.", "Give at least one.")
    return {name: total / positions[name] for name, total in sums.items()}


def divisors(means: Mapping[str, Tensor], least: float) -> dict[str, Tensor]:
    """What to divide each filter by, so that a mean activation of `means` becomes one: itself, if that is not too low.

    Where it is below `least` times the mean of its layer, that takes its place; a layer that never answers is left
    alone. Ours: over ImageNet every filter of the authors' network answers. Over few pictures some hardly do; made as
    loud as the others, by a factor of a million, they would be all that a Gram matrix sees.
    """
    return {
        name: mean.clamp(min=float(least * mean.mean())) if mean.any() else torch.ones_like(mean)
        for name, mean in means.items()
    }


def rescaled(weights: Mapping[str, Tensor], by: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`weights` with each filter divided by its number, and each input multiplied by the one it was divided by.

    by: convolution -> (N_l,), in the order of the convolutions, as `divisors` gives them.

    Exact for any positive numbers, because ReLU, average and max pooling commute with a positive factor per channel.
    """
    result: dict[str, Tensor] = {}
    before: Tensor | None = None
    for name in by:  # from the first convolution to the last
        weight, mean = weights[f"{name}.weight"], by[name]
        scale = 1 / mean[:, None] if before is None else before[None, :] / mean[:, None]
        result[f"{name}.weight"] = (weight.double() * scale[:, :, None, None]).to(weight.dtype)
        result[f"{name}.bias"] = (weights[f"{name}.bias"].double() / mean).to(weight.dtype)
        before = mean
    return result
