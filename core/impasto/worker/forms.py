"""Raw samples and back, for colour spaces that are sRGB or linear light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from ..images import Pixels

KINDS: dict[str, type[np.generic]] = {"u8": np.uint8, "u16": np.uint16, "half": np.float16, "float": np.float32}
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of grey (ITU-R BT.709)."""


@dataclass(frozen=True, eq=False)
class Samples:
    """`array` (H, W, C): C 1 to 4, grey or RGB, then alpha if even. Integers span [0, 1]."""

    array: NDArray[np.generic]
    linear: bool = False

    @classmethod
    def from_bytes(
        cls, data: bytes, width: int, height: int, channels: int, kind: str, linear: bool, icc: bytes | None = None
    ) -> Samples:
        """Samples row by row, little-endian. `ImageError` where they do not fit."""
        form = np.dtype(KINDS[kind])
        expected = width * height * channels * form.itemsize
        if len(data) != expected:
            seen = f"There are {len(data)} bytes of samples"
            raise ImageError(f"{seen}; {width}x{height} pixels of {channels} channels, {kind}, are {expected}.")
        array = np.frombuffer(data, form.newbyteorder("<")).astype(form, copy=False)
        return cls(array.reshape(height, width, channels), linear)

    @classmethod
    def of(
        cls, pixels: Pixels, alpha: Pixels | None = None, kind: str = "u8", grey: bool = False, linear: bool = False
    ) -> Samples:
        """Samples of that form from sRGB-encoded `pixels` (H, W, 3) and `alpha` (H, W)."""
        if linear:
            pixels = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels.clip(0) + 0.055) / 1.055) ** 2.4)
        colours = (pixels @ LUMA)[..., None] if grey else pixels
        planes = colours if alpha is None else np.concatenate([colours, alpha[..., None]], axis=2)
        form = np.dtype(KINDS[kind])
        if form.kind == "u":
            planes = (planes.clip(0, 1) * np.iinfo(form).max).round()
        return cls(planes.astype(form), linear)

    @property
    def kind(self) -> str:
        """u8, u16, half or float."""
        return next(kind for kind, form in KINDS.items() if self.array.dtype == form)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.array.shape[1], self.array.shape[0]

    @property
    def alpha(self) -> Pixels | None:
        """(H, W) in [0, 1], or None if there is none."""
        return None if self.array.shape[2] % 2 else np.nan_to_num(self._floats()[..., -1]).clip(0, 1)

    def encoded(self) -> Pixels:
        """The colours sRGB-encoded, float32 (H, W, 3), finite."""
        channels = self.array.shape[2]
        colours = np.nan_to_num(self._floats()[..., : 1 if channels < 3 else 3])
        colours = np.repeat(colours, 3, axis=2) if channels < 3 else colours
        if not self.linear:
            return colours
        encoded = 1.055 * colours.clip(0) ** (1 / 2.4) - 0.055
        return np.where(colours <= 0.0031308, colours * 12.92, encoded).astype(np.float32)

    def painted(self, pixels: Pixels, weight: Pixels | None = None) -> Samples:
        """These samples with `pixels` over them, by `weight` (H, W); where that or the alpha is 0 they stay."""
        alpha = self.alpha
        share = np.ones(self.array.shape[:2], np.float32) if weight is None else weight
        share = (share if alpha is None else np.where(alpha > 0, share, 0))[..., None]
        mixed = pixels if weight is None else self.encoded() * (1 - share) + pixels * share
        made = Samples.of(mixed, alpha, self.kind, self.array.shape[2] < 3, self.linear)
        array = np.where(share > 0, made.array, self.array)
        if alpha is not None:
            array[..., -1] = self.array[..., -1]
        return replace(self, array=array)

    def tobytes(self) -> bytes:
        """Row by row, little-endian."""
        return self.array.astype(self.array.dtype.newbyteorder("<"), copy=False).tobytes()

    def _floats(self) -> Pixels:
        floats = self.array.astype(np.float32)
        return floats / np.float32({"u8": 255, "u16": 65535}.get(self.kind, 1))
