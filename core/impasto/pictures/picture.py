"""Pictures: sRGB-encoded float32 inside, whatever the file held.

Reading applies EXIF orientation, converts the colour space that the file names to sRGB, and keeps alpha; grey, palette
and CMYK become RGB. The samples of the file stay with the picture, and what is painted over it is written in their
depth, colour space and channels, or the nearest that the format can hold. Of several frames or pages the largest is
taken. Writing embeds the profile of the colours, and gives the same bytes for the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import ImageError, OutputError
from ..storage import files
from . import codecs
from .colour_spaces import Floats
from .metadata import NO_METADATA, Metadata
from .samples import LUMA, Samples, divisor, lanczos, resample, without_hidden

Pixels = Floats
TINT = 0.1
"""Difference between channels from which on a mask has colours: profiles and JPEG give grey a little."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture: `pixels` float32 (H, W, 3), sRGB-encoded, [0, 1]; `alpha` float32 (H, W), straight, or None.

    `samples` are what it was made of, of the same size, if it came from a file; they are what is written, with
    `metadata`.
    `ImageError` for arrays of another shape or type.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    samples: Samples | None = None
    metadata: Metadata = NO_METADATA

    def __post_init__(self) -> None:
        """Refuse what would fail later, far from its cause."""
        _expect(self.pixels, "pixels", (*self.pixels.shape[:2], 3))
        if self.alpha is not None:
            _expect(self.alpha, "alpha", self.pixels.shape[:2])

    @classmethod
    def of(cls, samples: Samples) -> Picture:
        """The working copy of `samples`: sRGB-encoded, clipped to [0, 1], its alpha None if all is opaque.

        What is transparent has the mean colour of the rest.
        """
        pixels, alpha = samples.encoded().clip(0, 1), samples.alpha
        if alpha is None or alpha.min() == 1:
            return cls(pixels, samples=samples)
        return cls(without_hidden(pixels, alpha), alpha, samples)

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
        samples = self.samples and self.samples.resized(width, height)
        plain = resample(self.pixels, width, height)
        if self.alpha is None:
            return Picture(plain, samples=samples, metadata=self.metadata)
        alpha = lanczos(self.alpha[..., None], width, height)
        colour = lanczos(self.pixels * self.alpha[..., None], width, height) / divisor(alpha)
        pixels = np.where(alpha > 0, colour.clip(0, 1), plain)
        return Picture(pixels, alpha[..., 0].clip(0, 1), samples, self.metadata)

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

    def with_painted(self, pixels: Pixels, weight: Pixels | None = None) -> Picture:
        """With `pixels`, of the same size, painted over it as far as `weight` (H, W) in [0, 1] says.

        Alpha stays as it is, and so does all that is transparent or of weight 0, in `samples` bit for bit. A grey
        original stays grey.
        """
        share = np.ones(self.pixels.shape[:2], np.float32) if weight is None else weight
        share = (share if self.alpha is None else np.where(self.alpha > 0, share, 0))[..., None]
        if self.samples and self.samples.grey:
            pixels = np.repeat((pixels @ LUMA)[..., None], 3, axis=2)
        mixed = np.where(share == 1, pixels, self.pixels * (1 - share) + pixels * share)
        return replace(self, pixels=mixed, samples=self.samples and self.samples.painted(pixels, weight))


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


def read(path: str | Path) -> Picture:
    """The picture in a file, of the formats in `formats.READ`; `ImageError` says why it cannot be used.

    `ImageWarning` says where a JPEG that is used lacks its end, and where a colour space that is named is left aside.
    """
    samples, metadata = codecs.decode(Path(path))
    return replace(Picture.of(samples), metadata=metadata)


def read_mask(path: str | Path) -> Pixels:
    """The mask in a file, float32 (H, W): white is 1, black and transparent are 0.

    `ImageError` as for `read`, and for a mask that is not grey.
    """
    picture = read(path)
    tint = np.ptp(picture.pixels, axis=2) * (1 if picture.alpha is None else picture.alpha)
    if tint.max() > TINT:
        expected = "white where it is to count, black where not, and grey between"
        raise ImageError(f"{path}: this mask has colours; expected {expected}.", "Convert it to grey.")
    red, green, blue = np.moveaxis(picture.pixels, 2, 0)
    luma = green + LUMA[0] * (red - green) + LUMA[2] * (blue - green)  # exact for grey
    seen: Pixels = luma if picture.alpha is None else luma * picture.alpha
    return seen.clip(0, 1)


def read_comment(path: str | Path) -> str:
    """The text that `write` left in a file, or "" if there is none; `ImageError` as for `read`."""
    return codecs.read_comment(Path(path))


def write(path: str | Path, picture: Picture, comment: str = "") -> None:
    """Write `picture` in the format of the suffix, with its profile and metadata embedded, and `comment` (ASCII).

    In the form of its samples, or the nearest that the format can hold; 8 bits of sRGB if it has none. Atomic: a reader
    sees the old file or the whole new one. JPEG has no alpha; what is transparent becomes white.
    Raises `OutputError`, leaving nothing behind.
    """
    path = files.check_output(path, longest=max(picture.size))
    try:
        data = encoded(picture, path.suffix, comment)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).", "Free some space.") from None
    files.replace(path, data)


def encoded(picture: Picture, suffix: str, comment: str = "") -> bytes:
    """What `write` puts into a file of that suffix."""
    samples = picture.samples or Samples.of(picture.pixels, picture.alpha)
    return codecs.encode(samples, files.FORMATS[suffix.lower()], comment, picture.metadata)
