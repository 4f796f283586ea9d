"""Pictures: sRGB-encoded float32 inside, whatever the file held.

Reading applies EXIF orientation, converts an ICC profile to sRGB, and keeps alpha; grey, palette and CMYK become RGB.
Sixteen-bit grey keeps its depth; sixteen-bit colour is read to eight bits, which is also what is written. Of several
frames or pages the first is taken. Writing embeds an sRGB profile, and gives the same bytes for the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from . import codecs, files
from .errors import ImageError

Pixels = codecs.Floats
FAINTEST = 1e-3
"""Alpha below which a resampled pixel has no colour of its own: 8 bits cannot show it."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: `pixels` float32 (H, W, 3), sRGB-encoded, [0, 1]; `alpha` float32 (H, W), straight, or None.

    `ImageError` for arrays of another shape or type.
    """

    pixels: Pixels
    alpha: Pixels | None = None

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from its cause."""
        _expect(self.pixels, "pixels", (*self.pixels.shape[:2], 3))
        if self.alpha is not None:
            _expect(self.alpha, "alpha", self.pixels.shape[:2])

    @classmethod
    def blank(cls, width: int, height: int) -> Picture:
        """Middle grey, for a content that only gives the size."""
        return cls(np.full((height, width, 3), 0.5, np.float32))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def fit(self, longest: float) -> tuple[int, int]:
        """(width, height) of the same shape with this longest side; no side is 0."""
        scale = longest / max(self.size)
        return max(1, round(self.size[0] * scale)), max(1, round(self.size[1] * scale))

    def resized(self, width: int, height: int) -> Picture:
        """Lanczos-resampled; colours are weighted by alpha, so that what is transparent does not bleed."""
        if (width, height) == self.size:
            return self
        plain = resample(self.pixels, width, height)
        if self.alpha is None:
            return Picture(plain)
        alpha = resample(self.alpha[..., None], width, height)
        colour = resample(self.pixels * self.alpha[..., None], width, height) / np.maximum(alpha, FAINTEST)
        return Picture(np.where(alpha > FAINTEST, colour.clip(0, 1), plain).astype(np.float32), alpha[..., 0])

    def cropped(self, part: tuple[float, float, float, float] | None) -> Picture:
        """The part at (left, top, width, height), each a share of this picture; all of it for None.

        `ImageError` where that is too small to be looked at.
        """
        if part is None:
            return self
        rows, columns = shares(part, *self.size)
        size = columns.stop - columns.start, rows.stop - rows.start
        codecs.check_shape(f"the part {','.join(f'{share:g}' for share in part)} of the style", *size)
        pixels = np.ascontiguousarray(self.pixels[rows, columns])
        return Picture(pixels, None if self.alpha is None else np.ascontiguousarray(self.alpha[rows, columns]))

    def behind(self, painted: Picture) -> Picture:
        """`painted`, of this size, with the alpha of this picture, whose transparent pixels stay as they are here."""
        if self.alpha is None:
            return painted
        return Picture(np.where(self.alpha[..., None] > 0, painted.pixels, self.pixels), self.alpha)


def shares(part: tuple[float, float, float, float], width: int, height: int) -> tuple[slice, slice]:
    """The (rows, columns) of a picture that a part of it, as for `Picture.cropped`, is nearest to."""
    left, top, across, down = part
    rows = slice(round(top * height), round((top + down) * height))
    return rows, slice(round(left * width), round((left + across) * width))


def _expect(array: Pixels, name: str, shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32 or array.shape != shape or 0 in shape:
        expected = "(H, W, 3)" if name == "pixels" else str(shape)
        seen = f"The array of {name} is {array.dtype} {array.shape}"
        raise ImageError(f"{seen}; expected float32 {expected}.", "Values are sRGB-encoded, 0 to 1.")


def resample(array: Pixels, width: int, height: int) -> Pixels:
    """Lanczos (a = 3), antialiased, each channel of a float32 (H, W, C) array in [0, 1] on its own."""
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(array, 2, 0)]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.stack(resized, axis=2).clip(0, 1)


def read(path: str | Path) -> Picture:
    """The picture in a PNG, JPEG, TIFF or WebP file; `ImageError` says why it cannot be used."""
    return Picture(*codecs.decode(Path(path)))


def read_mask(path: str | Path) -> Pixels:
    """The mask in a file, float32 (H, W): white is 1, black and transparent are 0; `ImageError` as for `read`."""
    picture = read(path)
    red, green, blue = np.moveaxis(picture.pixels, 2, 0)
    luma = green + np.float32(0.299) * (red - green) + np.float32(0.114) * (blue - green)  # exact for grey
    seen: Pixels = luma if picture.alpha is None else luma * picture.alpha
    return seen.clip(0, 1)


def read_comment(path: str | Path) -> str:
    """The text that `write` left in a file, or "" if there is none; `ImageError` as for `read`."""
    return codecs.read_comment(Path(path))


def write(path: str | Path, picture: Picture, comment: str = "") -> None:
    """Write `picture` in the format of the suffix, 8 bits, sRGB profile embedded, `comment` (ASCII) as metadata.

    Atomic: a reader sees the old file or the whole new one. JPEG has no alpha; what is transparent becomes white.
    Raises `OutputError`, leaving nothing behind.
    """
    path = files.check_output(path, longest=max(picture.size))
    alpha = None if picture.alpha is None else _eight_bits(picture.alpha)
    form = files.FORMATS[path.suffix.lower()]
    files.replace(path, codecs.encode(_eight_bits(picture.pixels), alpha, form, comment))


def _eight_bits(array: Pixels) -> codecs.Bytes:
    return (array.clip(0, 1) * 255).round().astype(np.uint8)
