"""Samples: the numbers of a picture as they came, so that a result can go back in the same form.

Work is done on sRGB-encoded float32 copies. What is painted returns to the depth, the colour space and the channels of
the original, and what is not painted returns bit for bit, values above 1 included. What is painted has the colours of
sRGB: lights above 1, and colours that only a wider space holds, are clipped where a brush goes over them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageError
from . import colour_axes
from .colour_spaces import Floats, Space, space, srgb_decoded, srgb_encoded

KINDS: dict[str, type[np.generic]] = {"u8": np.uint8, "u16": np.uint16, "half": np.float16, "float": np.float32}
LARGEST = {1: np.float32(255), 2: np.float32(65535)}
"""Of whole numbers, by their bytes."""
LUMA = np.array(colour_axes.LUMA, np.float32)
"""Weights of luma (ITU-R BT.601), as in YIQ and YCbCr."""
MOST = 65504.0
"""The largest finite half; stands for all that is larger where one has to compute with it."""
FAR = 1e15
"""As far as colours go that are divided by their alpha: float32 still holds the gamma of any display of it."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Raw samples: `array` (H, W, C) of uint8, uint16, float16 or float32; C 1 to 4: grey or RGB, then alpha if even.

    Integers span [0, 1]. `icc` is the profile of their colour space; without one (or one that is of no use) they are
    sRGB-encoded, or linear light with the primaries of sRGB. Alpha is straight unless `associated`.
    `ImageError` for arrays of another shape or type.
    """

    array: NDArray[np.generic]
    linear: bool = False
    icc: bytes | None = None
    associated: bool = False

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from its cause."""
        shape, dtype = self.array.shape, self.array.dtype
        if dtype.type not in KINDS.values() or len(shape) != 3 or not 1 <= shape[2] <= 4 or 0 in shape:
            seen = f"The array of samples is {dtype} {shape}"
            raise ImageError(f"{seen}; expected uint8, uint16, float16 or float32 (H, W, 1 to 4).")

    @classmethod
    def from_bytes(
        cls, data: bytes, width: int, height: int, channels: int, kind: str, linear: bool, icc: bytes | None = None
    ) -> Samples:
        """Samples row by row, little-endian; `kind` is u8, u16, half or float. `ImageError` where they do not fit."""
        if kind not in KINDS:
            raise ImageError(f"The kind of samples is {kind!r}; expected one of {', '.join(KINDS)}.")
        if not 1 <= channels <= 4:
            raise ImageError(f"There are {channels} channels; expected 1 to 4: grey or RGB, with or without alpha.")
        if width < 1 or height < 1:
            raise ImageError(f"The picture is {width}x{height} pixels; expected at least one each way.")
        form = np.dtype(KINDS[kind])
        expected = width * height * channels * form.itemsize
        if len(data) != expected:
            seen = f"There are {len(data)} bytes of samples"
            raise ImageError(f"{seen}; {width}x{height} pixels of {channels} channels, {kind}, are {expected}.")
        array = np.frombuffer(data, form.newbyteorder("<")).astype(form, copy=False)
        usable = icc if icc and space(icc, channels < 3) else None
        return cls(array.reshape(height, width, channels), linear and not usable, usable)

    @classmethod
    def of(
        cls,
        pixels: Floats,
        alpha: Floats | None = None,
        kind: str = "u8",
        grey: bool = False,
        linear: bool = False,
        icc: bytes | None = None,
        associated: bool = False,
    ) -> Samples:
        """Samples of that form from sRGB-encoded `pixels` (H, W, 3) and straight `alpha` (H, W); grey is their luma."""
        if grey:
            pixels = np.repeat((pixels @ LUMA)[..., None], 3, axis=2)
        if known := _space(icc, grey):
            pixels = known.encoded(pixels)
        elif linear:
            pixels = srgb_decoded(pixels)
        colours = pixels[..., :1] if grey else pixels
        if alpha is not None:
            colours = colours * alpha[..., None] if associated else colours
            colours = np.concatenate([colours, alpha[..., None]], axis=2)
        return cls(_stored(colours, kind), linear, icc, associated)

    @property
    def kind(self) -> str:
        """u8, u16, half or float."""
        return next(kind for kind, form in KINDS.items() if self.array.dtype == form)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.array.shape[1], self.array.shape[0]

    @property
    def grey(self) -> bool:
        """Whether there is but one colour channel."""
        return len(self.array[0, 0]) < 3

    @property
    def alpha(self) -> Floats | None:
        """(H, W) in [0, 1], or None if there is none."""
        return None if self.array.shape[2] % 2 else _finite(self.array[..., -1]).clip(0, 1)

    def encoded(self) -> Floats:
        """The colours sRGB-encoded, float32 (H, W, 3), finite and not clipped."""
        colours = _finite(self.array[..., :1] if self.grey else self.array[..., :3])
        alpha = self.alpha
        if self.associated and alpha is not None:
            with np.errstate(over="ignore"):  # of next to no alpha
                colours = (colours / divisor(alpha)[..., None]).clip(-FAR, FAR)
        colours = np.repeat(colours, 3, axis=2) if self.grey else colours
        if known := _space(self.icc, self.grey):
            return known.decoded(colours)
        return srgb_encoded(colours) if self.linear else colours

    def painted(self, pixels: Floats, weight: Floats | None = None) -> Samples:
        """These samples with `pixels` painted over them: sRGB-encoded float32 (H, W, 3) in [0, 1], of this size.

        `weight` (H, W) in [0, 1] says how much; between 0 and 1 the two are mixed as sRGB-encoded numbers, as layers
        mostly are. Where it is 0, or the own alpha is, the samples stay as they are bit for bit.
        """
        if weight is None:
            return replace(self, array=self._over(pixels, np.ones(self.array.shape[:2], np.float32)))
        rows = np.flatnonzero(weight.any(axis=1))
        if not rows.size:
            return self
        part, array = slice(rows[0], rows[-1] + 1), self.array.copy()
        array[part] = replace(self, array=array[part])._over(pixels[part], weight[part])
        return replace(self, array=array)

    def _over(self, pixels: Floats, weight: Floats) -> NDArray[np.generic]:
        alpha = self.alpha
        share = (weight if alpha is None else np.where(alpha > 0, weight, 0))[..., None]
        if share.min() < 1:
            pixels = np.where(share == 1, pixels, self.encoded() * (1 - share) + pixels * share)
        made = Samples.of(pixels, alpha, self.kind, self.grey, self.linear, self.icc, self.associated)
        array = np.where(share > 0, made.array, self.array)
        if alpha is not None:
            array[..., -1] = self.array[..., -1]
        return array

    def converted(
        self, kind: str, grey: bool, linear: bool = False, icc: bytes | None = None, associated: bool = False
    ) -> Samples:
        """The same picture in another form; the same samples if it is their own."""
        associated = associated and self.alpha is not None
        if (kind, grey, linear, icc, associated) == (self.kind, self.grey, self.linear, self.icc, self.associated):
            return self
        return Samples.of(self.encoded(), self.alpha, kind, grey, linear, icc, associated)

    def resized(self, width: int, height: int) -> Samples:
        """Lanczos-resampled, in the same form and range; colours are weighted by alpha."""
        values, alpha = _finite(self.array), None if self.associated else self.alpha
        if alpha is not None:
            values[..., :-1] = without_hidden(values[..., :-1], alpha)
        low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
        if alpha is not None:
            values[..., :-1] *= values[..., -1:]
        resized = lanczos(values, width, height)
        if alpha is not None:
            resized[..., :-1] /= divisor(resized[..., -1:])
        return replace(self, array=_stored(resized.clip(low, high), self.kind))

    def tobytes(self) -> bytes:
        """Row by row, little-endian, as `from_bytes` takes them."""
        return self.array.astype(self.array.dtype.newbyteorder("<"), copy=False).tobytes()


def _space(icc: bytes | None, grey: bool) -> Space | None:
    return space(icc, grey) if icc else None


def _finite(array: NDArray[np.generic]) -> Floats:
    """A float32 copy, integers as shares of their largest, what is not finite or beyond `MOST` within it."""
    if array.dtype.kind == "u":
        return array.astype(np.float32) / LARGEST[array.dtype.itemsize]
    return np.nan_to_num(array.astype(np.float32)).clip(-MOST, MOST)


def _stored(values: Floats, kind: str) -> NDArray[np.generic]:
    form = np.dtype(KINDS[kind])
    if form.kind == "f":
        return values.clip(-MOST, MOST).astype(form) if kind == "half" else values.astype(form, copy=False)
    return (values.clip(0, 1) * LARGEST[form.itemsize]).round().astype(form)


def without_hidden(colours: Floats, alpha: Floats) -> Floats:
    """`colours` (H, W, C), where `alpha` (H, W) is 0 the mean of all others: what nobody sees must not count."""
    shown = alpha > 0
    if shown.all() or not shown.any():
        return colours
    return np.where(shown[..., None], colours, colours[shown].mean(axis=0, dtype=np.float64).astype(np.float32))


def divisor(alpha: Floats) -> Floats:
    """What turns colours weighted by `alpha` into straight ones; 1 where nothing is left of them."""
    return np.where(alpha > 0, alpha, np.float32(1))


def lanczos(array: Floats, width: int, height: int) -> Floats:
    """Lanczos (a = 3), antialiased, each channel of a float32 (H, W, C) array on its own; overshoots at edges."""
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(array, 2, 0)]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.stack(resized, axis=2)


def resample(array: Floats, width: int, height: int) -> Floats:
    """The same, in [0, 1]."""
    return lanczos(array, width, height).clip(0, 1)
