"""Colour spaces: between the numbers of an ICC profile and sRGB-encoded ones, in floating point.

LittleCMS, as Pillow offers it, works in 8 bits, which would show as bands in deeper pictures. Profiles of three curves
and a matrix, or of one grey curve, are therefore computed here (ICC.1:2022, 8.3, 10.6 and 10.18); those are the spaces
that people paint in. Profiles of other kinds go through LittleCMS.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Floats = NDArray[np.float32]

SRGB = np.array([[0.4360, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
"""Linear sRGB to XYZ of D50, the connection space of profiles (IEC 61966-2-1, adapted by Bradford)."""
PARAMETERS = {0: "g", 1: "gab", 2: "gabe", 3: "gabcd", 4: "gabcdef"}
"""Of the function types of a parametric curve, in the order of the file (ICC.1:2022, table 68)."""


def srgb_encoded(linear: Floats) -> Floats:
    """The exact curve of sRGB, which goes on above 1, and below 0 by its mirror image."""
    size = np.abs(linear)
    return np.copysign(np.where(size <= 0.0031308, 12.92 * size, 1.055 * size ** (1 / 2.4) - 0.055), linear)


def srgb_decoded(encoded: Floats) -> Floats:
    """The inverse of `srgb_encoded`."""
    size = np.abs(encoded)
    return np.copysign(np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4), encoded)


class Space(Protocol):
    """A colour space: (H, W, 3) numbers of it to sRGB-encoded ones and back, neither clipped."""

    def decoded(self, colours: Floats) -> Floats:
        """To sRGB-encoded numbers."""

    def encoded(self, colours: Floats) -> Floats:
        """From sRGB-encoded numbers."""


@dataclass(frozen=True)
class Parametric:
    """(a x + b)^g + e from d upwards, c x + f below it."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0
    e: float = 0.0
    f: float = 0.0

    @classmethod
    def read(cls, kind: int, numbers: tuple[float, ...]) -> Parametric:
        """Of a function type; where that has no d, the curve begins where a x + b is 0."""
        named = dict(zip(PARAMETERS[kind], numbers, strict=False))
        if kind in (1, 2):
            named |= {"d": -named["b"] / named["a"], "f": named.get("e", 0.0)}
        return cls(**named)

    def __call__(self, x: Floats) -> Floats:
        """Light from numbers."""
        return np.where(x >= self.d, np.maximum(self.a * x + self.b, 0) ** self.g + self.e, self.c * x + self.f)

    def inverse(self, y: Floats) -> Floats:
        """Numbers from light."""
        above = (np.maximum(y - self.e, 0) ** (1 / self.g) - self.b) / self.a
        below = (y - self.f) / self.c if self.c else np.full_like(y, self.d)
        return np.where(y >= (self.a * self.d + self.b) ** self.g + self.e, above, below)


@dataclass(frozen=True)
class Table:
    """A curve through numbers at equal distances."""

    values: Floats

    def __call__(self, x: Floats) -> Floats:
        """Light from numbers."""
        return np.interp(x, np.linspace(0, 1, self.values.size), self.values).astype(np.float32)

    def inverse(self, y: Floats) -> Floats:
        """Numbers from light."""
        rising = np.maximum.accumulate(self.values)
        return np.interp(y, rising, np.linspace(0, 1, rising.size)).astype(np.float32)


@dataclass(frozen=True)
class Matrix:
    """Three curves, then a matrix from the space's linear light to that of sRGB."""

    curves: tuple[Parametric | Table, ...]
    matrix: Floats

    def decoded(self, colours: Floats) -> Floats:
        """To sRGB-encoded numbers."""
        light = np.stack([curve(colours[..., i]) for i, curve in enumerate(self.curves)], axis=2)
        return srgb_encoded(light @ self.matrix.T)

    def encoded(self, colours: Floats) -> Floats:
        """From sRGB-encoded numbers."""
        light = srgb_decoded(colours) @ np.linalg.inv(self.matrix).T
        return np.stack([curve.inverse(light[..., i]) for i, curve in enumerate(self.curves)], axis=2)


@dataclass(frozen=True)
class Other:
    """By LittleCMS in 8 bits, mixed for each colour from the eight around it, and clipped to [0, 1]."""

    there: ImageCms.ImageCmsTransform
    back: ImageCms.ImageCmsTransform

    def decoded(self, colours: Floats) -> Floats:
        """To sRGB-encoded numbers."""
        return _moved(colours, self.there)

    def encoded(self, colours: Floats) -> Floats:
        """From sRGB-encoded numbers."""
        return _moved(colours, self.back)


@dataclass(frozen=True)
class Lattice:
    """By what the colours at (n, n, n) equal distances become, red first, in [0, 1]; mixed between, as `Other`."""

    from_srgb: Floats
    to_srgb: Floats

    def decoded(self, colours: Floats) -> Floats:
        """To sRGB-encoded numbers."""
        return _looked_up(colours, self.to_srgb)

    def encoded(self, colours: Floats) -> Floats:
        """From sRGB-encoded numbers."""
        return _looked_up(colours, self.from_srgb)


def _looked_up(colours: Floats, nodes: Floats) -> Floats:
    def known(at: NDArray[np.intp]) -> Floats:
        return nodes[at[..., 0], at[..., 1], at[..., 2]]

    # Some rows at a time: the eight corners of a large picture take much memory.
    strips = (colours[row : row + 64] for row in range(0, len(colours), 64))
    return np.concatenate([_mixed(strip, len(nodes) - 1, known, 1) for strip in strips])


def _moved(colours: Floats, transform: ImageCms.ImageCmsTransform) -> Floats:
    def known(at: NDArray[np.intp]) -> Floats:
        return np.asarray(transform.apply(Image.fromarray(at.astype(np.uint8))), np.float32)

    return _mixed(colours, 255, known, 255)


def _mixed(colours: Floats, most: int, known: Callable[[NDArray[np.intp]], Floats], scale: int) -> Floats:
    """Trilinear: `known` has the values, in [0, scale], at whole places in [0, most]."""
    places = colours.clip(0, 1) * np.float32(most)
    low = np.floor(places).clip(0, most - 1)
    mixed, share = np.zeros_like(colours), places - low
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, share, 1 - share).prod(axis=2, keepdims=True)
        mixed += weight * known((low + np.array(corner)).astype(np.intp)) / scale
    return mixed


@lru_cache(maxsize=8)
def space(profile: bytes, grey: bool) -> Space | None:
    """The colour space of a profile for grey or for RGB pictures; None where it is of no use for these."""
    try:
        model = profile[16:20]
        if model == b"GRAY" and grey:
            return Matrix((_curve(_tags(profile)[b"kTRC"]),) * 3, np.eye(3, dtype=np.float32))
        if model != b"RGB ":
            return None
        tags = _tags(profile)
        if profile[20:24] == b"XYZ " and {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"} <= tags.keys():
            return _matrix(tags)
        return Other(*(_transform(profile, back) for back in (False, True)))
    except (ImageCms.PyCMSError, np.linalg.LinAlgError, struct.error, ValueError, KeyError, OSError, ArithmeticError):
        return None  # viewers show such a file by its plain numbers, and so do we


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = min(struct.unpack_from(">I", profile, 128)[0], 100)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(count)]
    return {name: profile[start : start + size] for name, start, size in entries}


def _matrix(tags: dict[bytes, bytes]) -> Matrix:
    columns = [[number / 65536 for number in struct.unpack_from(">3i", tags[name], 8)] for name in _named(b"XYZ")]
    matrix = np.linalg.inv(SRGB) @ np.array(columns).T
    if np.linalg.cond(matrix) > 1e4:
        raise ValueError("colours that cannot be told apart")
    return Matrix(tuple(_curve(tags[name]) for name in _named(b"TRC")), matrix.astype(np.float32))


def _named(kind: bytes) -> list[bytes]:
    return [axis + kind for axis in (b"r", b"g", b"b")]


def _curve(tag: bytes) -> Parametric | Table:
    if tag[:4] == b"para":
        kind = struct.unpack_from(">H", tag, 8)[0]
        numbers = struct.unpack_from(f">{len(PARAMETERS[kind])}i", tag, 12)
        return _sound(Parametric.read(kind, tuple(number / 65536 for number in numbers)))
    if tag[:4] != b"curv":
        raise ValueError("no curve")
    count = struct.unpack_from(">I", tag, 8)[0]
    if count < 2:
        return _sound(Parametric(struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0))
    return _sound(Table(np.frombuffer(tag, ">u2", count, 12).astype(np.float32) / np.float32(65535)))


def _sound(curve: Parametric | Table) -> Parametric | Table:
    with np.errstate(all="ignore"):
        light = curve(np.linspace(0, 1, 64, dtype=np.float32))
        rises = abs(light[0]) < 0.1 and 0.5 < light[-1] < 2 and (np.diff(light) >= 0).all()
    if not rises:
        raise ValueError("a curve that does not rise from black to white")
    if isinstance(curve, Parametric) and not (0.1 <= curve.g <= 10 and 0.01 <= curve.a <= 10):
        raise ValueError("a curve that cannot be gone back on")
    return curve


def _transform(profile: bytes, back: bool) -> ImageCms.ImageCmsTransform:
    own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    source, target = (srgb, own) if back else (own, srgb)
    # Without its optimiser, which gets some spaces wrong that are far from RGB.
    return ImageCms.buildTransform(
        source, target, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=ImageCms.Flags.NOOPTIMIZE
    )


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB, without the time of day that LittleCMS writes into it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 1 January 2000
    return bytes(profile)
