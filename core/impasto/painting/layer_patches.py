"""What a unit looks for: the patches of pictures that excite one channel of a layer most.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks (ECCV 2014), figure 2, without their
deconvolution: the patches themselves. Nothing is assumed of a network: a unit sees where the gradient of its value
with respect to the picture is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..errors import ImageError, RecipeError
from ..pictures.picture import Picture
from ..plugin.network import own_layer
from ..plugin.registry import AUTO, registry
from ..recipe.recipe import Recipe
from .scene import fitted

TRIES = 30
"""Units asked where they look, for each patch that is wanted: not every layer's grid tells which are neighbours."""
GREY = 0.5


@dataclass(frozen=True, eq=False)
class Patch:
    """What one unit sees."""

    image: int
    """Number of the picture, from 0."""
    left: int
    top: int
    """Of the patch, in pixels of the picture as evaluated; below 0 where the receptive field crosses the border."""
    value: float
    """How excited the unit is, an element of F^l."""
    picture: Picture
    """As large as the receptive field, as far as a square of the size at work shows it; grey beyond the border."""


class Box(NamedTuple):
    """The receptive field of a unit in pixels, as half-open intervals."""

    top: int
    bottom: int
    left: int
    right: int


def strongest_patches(
    pictures: Sequence[Picture],
    layer: str,
    channels: Sequence[int],
    *,
    count: int = 9,
    size: int = 512,
    network: str = AUTO,
    network_options: Mapping[str, str] | None = None,
    device: str = "auto",
) -> dict[int, list[Patch]]:
    """Channel -> the `count` patches that excite it most, strongest first; fewer where no others excite it.

    `pictures` are evaluated with a longest side of `size` pixels. Patches of one picture lie at least half a receptive
    field apart, and none gives more than twice its share of them, or than three. Raises `PluginError`, `WeightsError`,
    `RecipeError` for a layer or channel that there is none of or that answers to nothing here, and `ImageError` for a
    picture that does not reach the layer.
    """
    settled = registry().settled(Recipe.of(network=network, init="content"))
    evaluated = _Layer(layer, size, settled.network, network_options or {}, device)
    most = count if len(pictures) == 1 else max(3, -(-2 * count // len(pictures)))
    found: dict[int, list[Patch]] = {channel: [] for channel in channels}
    for number, picture in enumerate(pictures):
        shown = fitted(picture, size)
        image, maps = evaluated.maps(shown)
        _check_channels(layer, channels, maps.shape[1])
        for channel in channels:
            units = maps[0, channel]
            patches = [
                Patch(number, *corner, value, _cut(shown, *corner, *evaluated.field))
                for corner, value in _strongest(image, units, evaluated.field, most)
            ]
            found[channel] = sorted([*found[channel], *patches], key=lambda patch: -patch.value)[:count]
    for channel, patches in found.items():
        if not patches:
            raise RecipeError(f"Channel {channel} of {layer} answers to nothing in these pictures.", "Choose another.")
    return found


class _Layer:
    """A layer of a network on a device, and `field`, the receptive field of its units: (width, height) in pixels."""

    def __init__(self, layer: str, size: int, name: str, options: Mapping[str, str], device: str) -> None:
        info, backend = registry().network(name), registry().backend("torch").build(device, "float32")
        network = info.build(**info.chosen(options))
        own_layer(network, layer, name)
        self.layer, self.device, self.evaluate = layer, backend.device, backend.load(network)
        self.field = self._field(size)

    def maps(self, picture: Picture) -> tuple[Tensor, Tensor]:
        """(1, 3, H, W) and the maps F^l of it, (1, N, h, w), which know their gradient."""
        pixels = torch.from_numpy(picture.pixels).permute(2, 0, 1)[None]
        image = pixels.contiguous().to(self.device).requires_grad_()
        maps = self.evaluate(image, [self.layer])
        if self.layer not in maps:
            seen = f"A picture of {picture.size[0]}x{picture.size[1]} pixels does not reach the layer {self.layer}."
            raise ImageError(seen, "Use a larger --size, or a picture that is less narrow.")
        return image, maps[self.layer]

    def _field(self, size: int) -> tuple[int, int]:
        """(width, height) of a unit's receptive field, in pixels, as far as a picture of this size shows it.

        In noise, and of all channels together: in a picture, a rectifier that is silent hides what is behind it.
        """
        noise = np.random.default_rng(0).random((size, size, 3), np.float32)
        image, maps = self.maps(Picture(noise))
        units = maps[0].sum(0)
        middle = units.shape[1] // 2
        # Three, because a layer that is no grid of rows and columns may have its middle at the border.
        places = [int(share * units.numel()) + middle for share in (0.37, 0.43, 0.51)]
        boxes = [box for place in places if (box := _seen(units.flatten()[place % units.numel()], image))]
        if not boxes:
            raise RecipeError(f"The layer {self.layer} does not depend on the picture.", "Choose another.")
        return max(box.right - box.left for box in boxes), max(box.bottom - box.top for box in boxes)


def _check_channels(layer: str, channels: Sequence[int], count: int) -> None:
    for channel in channels:
        if not 0 <= channel < count:
            raise RecipeError(f"There is no channel {channel} of {layer}.", f"It has 0 to {count - 1}.")


def _strongest(image: Tensor, units: Tensor, field: tuple[int, int], most: int) -> list[tuple[tuple[int, int], float]]:
    """((left, top), value) of the units (h, w) that are excited most and whose receptive fields lie apart."""
    (height, width), (rows, columns) = image.shape[-2:], units.shape
    across, down = _reach(field[0], columns, width), _reach(field[1], rows, height)
    left_over, lowest = units.detach().clone(), float(units.detach().min())
    found: list[tuple[tuple[int, int], float]] = []
    for _ in range(TRIES * most):
        row, column = divmod(int(left_over.argmax()), columns)
        value = float(left_over[row, column])
        if len(found) == most or value <= lowest:
            break
        left_over[max(row - down, 0) : row + down + 1, max(column - across, 0) : column + across + 1] = -torch.inf
        if box := _seen(units[row, column], image):
            corner = _start(box.left, box.right, field[0], width), _start(box.top, box.bottom, field[1], height)
            if all(2 * abs(corner[0] - x) >= field[0] or 2 * abs(corner[1] - y) >= field[1] for (x, y), _ in found):
                found.append((corner, value))
    return found


def _reach(field: int, cells: int, side: int) -> int:
    """Units within half a field of each other; 0 where there are more than pixels, which then is no grid of places."""
    return int(field / 2 * cells / side) if cells <= side else 0


def _seen(unit: Tensor, image: Tensor) -> Box | None:
    """Where `unit`, a scalar, looks; None where it looks nowhere."""
    (gradient,) = torch.autograd.grad(unit, image, retain_graph=True)
    seen = gradient[0].abs().sum(0) > 0
    rows, columns = seen.any(1).nonzero(), seen.any(0).nonzero()
    if not len(rows):
        return None
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def _start(low: int, high: int, length: int, side: int) -> int:
    """Where a field of `length` starts of which `low` .. `high` was seen: what is missing lies beyond the border."""
    if low == 0 and high < side:
        return high - length
    return low if high == side else (low + high - length) // 2


def _cut(picture: Picture, left: int, top: int, width: int, height: int) -> Picture:
    """The pixels from (left, top) on, grey where there are none."""
    patch = np.full((height, width, 3), GREY, np.float32)
    inside = picture.pixels[max(top, 0) : top + height, max(left, 0) : left + width]
    y, x = max(-top, 0), max(-left, 0)
    patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return Picture(patch)
