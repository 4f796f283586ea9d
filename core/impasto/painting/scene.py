"""What is painted: the part of the content that a mask leaves, the styles and where each belongs, at any size.

Pixels that a mask, or a picture's own transparency, leaves out are never seen: inside the rectangle around what counts,
they are filled with the colours of what is beside them. So nothing outside can show through in a stroke at the edge,
and a small selection costs what it covers, not what the canvas does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageError
from ..pictures import colour_transfer
from ..pictures.picture import Picture, Pixels, shares
from ..pictures.samples import resample
from ..pictures.stroke_width import stroke_width
from ..recipe.schedule import Reached
from .checks import check_mask, check_style, check_weights

Box = tuple[slice, slice]
NARROWEST = 64
"""Pixels that a network needs to see to tell a stroke from a dot."""

SHORTEST, MOST = 16, 8
REGION = "part of the style to take"


@dataclass(frozen=True, eq=False)
class Style:
    """A painting, how much it counts beside others, and the parts of both pictures that belong together.

    `mask` is where on the content it applies, `region` the part of the painting to take: float32 (H, W) in [0, 1],
    of any size, in the shape of their picture; None for all of it. Where several masks overlap, styles share a pixel by
    weight. `ImageError` for a region of another shape.
    """

    picture: Picture
    weight: float = 1.0
    mask: Pixels | None = None
    region: Pixels | None = None

    def __post_init__(self) -> None:
        """Refuse a region that would be distorted."""
        check_mask(self.region, self.picture.size, REGION)

    def cropped(self, part: tuple[float, float, float, float] | None) -> Style:
        """The same as if its painting were only that part of it; see `Picture.cropped`."""
        if part is None:
            return self
        region = self.region
        if region is not None:
            region = np.ascontiguousarray(stretched(region, *self.picture.size)[shares(part, *self.picture.size)])
        return replace(self, picture=self.picture.cropped(part), region=region)


@dataclass(frozen=True, eq=False)
class Begun:
    """A picture to go on from, in the shape of the content and of any size, and how far it has come."""

    picture: Picture
    reached: Reached


@dataclass(frozen=True, eq=False)
class Earlier:
    """What was painted of the frames of a film before, warped to this one, in the shape of the content.

    `trust`, float32 (H, W) in [0, 1], of any size, is how much of each pixel stays: c of Ruder et al.
    """

    picture: Picture
    trust: Pixels


class Scene:
    """The content on its canvas, the part of it to paint, and the styles.

    `canvas` is the whole content at the size of the result, `crop` the rectangle of it to paint, `mask` float32 (h, w)
    how much each pixel of the crop is painted, or None for all of them fully; `shares` the same for each style. `mode`
    is the knob `colour`. Raises `ImageError` for masks that leave nothing or have another shape than their picture, and
    `RecipeError` where no style counts.
    """

    def __init__(
        self, content: Picture, styles: Sequence[Style], longest: int, mask: Pixels | None = None, mode: str = "style"
    ) -> None:
        check_mask(mask, content.size, "mask")
        for number, style in enumerate(styles, 1):
            check_mask(style.mask, content.size, f"mask of style {number}")
        self.canvas = fitted(content, longest)
        whole = _weight(self.canvas, mask, "mask", "picture to paint")
        self.box = _box(whole) if whole is not None else (slice(None), slice(None))
        self.mask = None if whole is None else whole[self.box]
        self.crop = _filled(self.canvas.pixels[self.box], self.mask)
        self.styles, self.shares = _shared(styles, self.canvas.size, self.box, self.mask)
        self.paintings, self.mode = [_painting(style) for style in self.styles], mode
        if mode == "match":
            pairs = zip(self.paintings, self.shares, strict=True)
            self.paintings = [(Picture(self._matched(*painting, share)), painting[1]) for painting, share in pairs]

    def check_styles(self) -> None:
        """Raise `ImageError` where nothing is to be seen in a style."""
        for style in self.styles:
            check_style(_painting(style)[0].pixels)

    def scales(self, style_scale: float, stroke_size: float | None) -> list[float]:
        """Pixels of the result for each pixel of a painting.

        By `style_scale`, the longest side of the painting beside that of the canvas, or by `stroke_size`, the width of
        its strokes in the result; no side of it becomes shorter than `SHORTEST`, or longer than `MOST` canvases.
        """
        longest = max(self.canvas.size)
        wished = [
            style_scale * longest / max(style.picture.size) if stroke_size is None else stroke_size / stroke_width(seen)
            for style, (seen, _) in zip(self.styles, self.paintings, strict=True)
        ]
        sizes = [seen.size for seen, _ in self.paintings]
        return [
            min(max(scale, SHORTEST / min(size)), MOST * longest / max(size))
            for scale, size in zip(wished, sizes, strict=True)
        ]

    def painting(self, number: int, scale: float) -> tuple[Picture, Pixels | None]:
        """Style `number` at this scale, and how much each of its pixels counts."""
        picture, weight = self.paintings[number]
        width, height = (max(1, round(side * scale)) for side in picture.size)
        return picture.resized(width, height), None if weight is None else stretched(weight, width, height)

    def _matched(self, picture: Picture, weight: Pixels | None, share: Pixels | None) -> Pixels:
        return colour_transfer.match(picture.pixels, self.crop.pixels, weight, _both(self.mask, share))

    def palette(self) -> Pixels:
        """The crop in the colours of the styles, each where it applies, all alike where they are not told apart."""
        mixed, content = np.zeros_like(self.crop.pixels), self.crop.pixels
        total = sum(style.weight for style in self.styles)
        for style, (picture, weight), share in zip(self.styles, self.paintings, self.shares, strict=True):
            part = np.float32(style.weight / total) if share is None else share[..., None]
            mixed += part * colour_transfer.palette(content, picture.pixels, _both(self.mask, share), weight)
        return mixed

    def coloured(self, painted: Pixels, mode: str | None = None) -> Pixels:
        """`painted`, (h, w, 3) of any size, at that of the crop, in the colours of `mode` or its own."""
        pixels = Picture(painted).resized(*self.crop.size).pixels
        wanted = mode or self.mode
        if wanted == "palette" != self.mode:
            return self.palette()
        if wanted == "keep" or wanted != self.mode:
            return colour_transfer.recolour(pixels, self.crop.pixels, wanted, self.mask)
        return pixels

    def composed(self, painted: Pixels, mode: str | None = None) -> Picture:
        """The canvas with `painted`, as for `coloured`, in its place."""
        pixels = self.coloured(painted, mode)
        if self.mask is None:
            return self.canvas.with_painted(pixels)
        whole, weight = self.canvas.pixels.copy(), np.zeros(self.canvas.pixels.shape[:2], np.float32)
        whole[self.box], weight[self.box] = pixels, self.mask
        return self.canvas.with_painted(whole, weight)


def _both(mask: Pixels | None, share: Pixels | None) -> Pixels | None:
    """How much a pixel counts by both; None where all count alike."""
    if mask is None or share is None:
        return share if mask is None else mask
    return mask * share


def fitted(picture: Picture, longest: float) -> Picture:
    """`picture` with this longest side."""
    return picture.resized(*picture.fit(longest))


def stretched(mask: Pixels, width: int, height: int) -> Pixels:
    """`mask`, (H, W), at another size, by a filter that leaves 0 and 1 alone where they are all around."""
    if mask.shape == (height, width):
        return mask
    return np.array(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR))


def _weight(picture: Picture, mask: Pixels | None, name: str, whose: str) -> Pixels | None:
    """How much each pixel counts by `mask` and the picture's own alpha; None where all of them count fully."""
    if mask is not None:
        mask = stretched(mask, *picture.size).clip(0, 1)
        if not mask.any():
            raise ImageError(
                f"The {name} is black all over; expected white where it is to count.", "Paint white, or select, a part."
            )
    if picture.alpha is not None:
        seen = (picture.alpha > 0).astype(np.float32)  # what shows faintly is painted as the rest, and shows faintly
        if not seen.any():
            raise ImageError(f"The {whose} is transparent all over.", "Use a picture of which something shows.")
        mask = seen if mask is None else mask * seen
    if mask is None or mask.min() == 1:
        return None
    if not mask.any():
        hidden = f"The {name} is white only where the {whose} is transparent."
        raise ImageError(hidden, "Paint white, or select, something that shows.")
    return mask


def _box(mask: Pixels) -> Box:
    """The rectangle around what counts, no narrower than `NARROWEST` where the picture is not."""
    down, across = (
        _span(np.flatnonzero(mask.any(axis=axis)), side) for axis, side in ((1, len(mask)), (0, mask.shape[1]))
    )
    return down, across


def _span(counting: NDArray[np.intp], side: int) -> slice:
    first, last = int(counting[0]), int(counting[-1]) + 1
    lacking = max(0, min(NARROWEST, side) - (last - first))
    first = min(max(0, first - lacking // 2), side - min(NARROWEST, side))
    return slice(first, max(last, first + min(NARROWEST, side)))


def _filled(pixels: Pixels, mask: Pixels | None) -> Picture:
    """`pixels` with those of weight 0 replaced by their neighbours', smoothly: a pyramid of weighted means."""
    if mask is None or mask.all():
        return Picture(np.ascontiguousarray(pixels))
    known = (mask > 0)[..., None]
    return Picture(np.where(known, pixels, _spread(pixels * known, known.astype(np.float32))))


def _spread(sums: Pixels, weights: Pixels) -> Pixels:
    """Colours for all pixels from the sums of those known, (h, w, 3), and their number, (h, w, 1)."""
    height, width = weights.shape[:2]
    mean = (sums / np.maximum(weights, 1e-12)).astype(np.float32)
    if weights.all() or max(height, width) == 1:
        return mean
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    halves = (np.pad(each, odd) for each in (sums, weights))
    coarse = [each.reshape((each.shape[0] // 2, 2, each.shape[1] // 2, 2, -1)).sum(axis=(1, 3)) for each in halves]
    around = resample(_spread(*coarse), *(2 * side for side in coarse[1].shape[1::-1]))[:height, :width]
    return np.where(weights > 0, mean, around)


def _shared(
    styles: Sequence[Style], size: tuple[int, int], box: Box, mask: Pixels | None
) -> tuple[list[Style], list[Pixels | None]]:
    """The styles that count, and the part of each pixel of the crop that is theirs; None for equal parts everywhere.

    `mask` is that of the crop. Raises `RecipeError` where all weights are 0, `ImageError` where no style applies.
    """
    check_weights([style.weight for style in styles])
    counting = [style for style in styles if style.weight]
    if all(style.mask is None for style in counting):
        return counting, [None] * len(counting)
    masks = [_style_mask(style, size)[box] for style in counting]
    total = np.maximum(sum(style.weight * mask for style, mask in zip(counting, masks, strict=True)), 1e-6)
    shares = [(style.weight * mask / total).astype(np.float32) for style, mask in zip(counting, masks, strict=True)]
    kept = [number for number, share in enumerate(shares) if (share if mask is None else mask * share).any()]
    if not kept:
        seen = "No style applies anywhere in what is painted: the masks of the styles are black there."
        raise ImageError(seen, "Paint some of it white in the mask of a style, or leave out that mask.")
    return [counting[number] for number in kept], [shares[number] for number in kept]


def _style_mask(style: Style, size: tuple[int, int]) -> Pixels:
    width, height = size
    if style.mask is None:
        return np.ones((height, width), np.float32)
    return stretched(style.mask, width, height).clip(0, 1)


def _painting(style: Style) -> tuple[Picture, Pixels | None]:
    """The part of a painting to take, cut out and filled, and how much each of its pixels counts."""
    weight = _weight(style.picture, style.region, REGION, "style")
    if weight is None:
        return replace(style.picture, samples=None), None  # nothing is written of it
    box = _box(weight)
    cut = weight[box]
    return _filled(style.picture.pixels[box], cut), None if cut.min() == 1 else cut
