"""Krita's samples and the worker's, in both directions: bytes and standard library only, a strip at a time."""

from __future__ import annotations

import struct
from typing import Iterator, NamedTuple

STRIP = 2**20
"""Bytes that are worked on at once: some milliseconds."""


class Layout(NamedTuple):
    """How the worker calls samples of `size` bytes, whether blue comes first in Krita, and their code in `struct`."""

    channels: int
    kind: str
    size: int
    code: str
    swapped: bool

    @property
    def pixel(self) -> int:
        """Bytes of a pixel."""
        return self.channels * self.size


LAYOUTS = {
    ("RGBA", "U8"): Layout(4, "u8", 1, "B", True),
    ("RGBA", "U16"): Layout(4, "u16", 2, "H", True),
    ("RGBA", "F16"): Layout(4, "half", 2, "e", False),
    ("RGBA", "F32"): Layout(4, "float", 4, "f", False),
    ("GRAYA", "U8"): Layout(2, "u8", 1, "B", False),
    ("GRAYA", "U16"): Layout(2, "u16", 2, "H", False),
    ("GRAYA", "F16"): Layout(2, "half", 2, "e", False),
    ("GRAYA", "F32"): Layout(2, "float", 4, "f", False),
}
"""By colour model and depth, as Krita names them; others go through RGBA U16."""
SRGB = {f"{kind}-elle-V2-{curve}.icc" for kind in ("sRGB", "Gray-D50") for curve in ("srgbtrc", "g10")}
"""Krita's own profiles of sRGB's colours, encoded and linear."""
NODES = 33
"""Colours of a lattice along each axis."""
_WHOLE = {1: "B", 2: "H", 4: "I"}


def linear(profile: str) -> bool:
    """Whether samples with a profile of this name are linear light: all that Krita tells of a profile is its name."""
    return "-g10" in profile or "linear" in profile.lower()


def srgb(profile: str) -> bool:
    """Whether samples with this profile have the colours of sRGB, as far as its name tells."""
    return profile in SRGB


def lattice(decoded: bool = False) -> bytes:
    """RGBA U16 of Krita: `NODES` x NODES x NODES colours at equal distances, red first; as linear light, if wanted."""
    numbers = [step / (NODES - 1) for step in range(NODES)]
    if decoded:
        numbers = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in numbers]
    steps = [round(65535 * number) for number in numbers]
    return b"".join(struct.pack("<4H", blue, green, red, 65535) for red in steps for green in steps for blue in steps)


def strips(height: int, row: int) -> Iterator[tuple[int, int]]:
    """First row and number of rows of each strip, for rows of so many bytes."""
    rows = max(1, STRIP // max(1, row))
    for top in range(0, height, rows):
        yield top, min(rows, height - top)


def ordered(data: bytes, layout: Layout) -> bytes:
    """Krita's order of channels to red first, or back: it is the same exchange."""
    if not layout.swapped:
        return data
    result = bytearray(data)
    before, after = (memoryview(each).cast(_WHOLE[layout.size]) for each in (data, result))
    after[0::4], after[2::4] = before[2::4], before[0::4]
    return bytes(result)


def cropped(data: memoryview, row: int, left: int, width: int, top: int, rows: int) -> bytes:
    """Bytes [left, left + width) of `rows` rows of `row` bytes each, from row `top` on."""
    if width == row:
        return bytes(data[top * row : (top + rows) * row])
    starts = range(top * row + left, (top + rows) * row, row)
    return b"".join(data[start : start + width] for start in starts)


def baked(data: bytes, selection: bytes, layout: Layout) -> bytes:
    """`data` with its alpha times the selection, of one byte for each pixel."""
    if selection.count(255) == len(selection):
        return data
    result = bytearray(data)
    alpha = memoryview(result).cast(_WHOLE[layout.size])[layout.channels - 1 :: layout.channels]
    form = f"<{len(selection)}{layout.code}"
    pairs = zip(struct.unpack(form, alpha.tobytes()), selection)
    if layout.code in "ef":
        values = [value * share / 255 for value, share in pairs]
    else:
        values = [(value * share + 127) // 255 for value, share in pairs]
    alpha[:] = memoryview(struct.pack(form, *values)).cast(_WHOLE[layout.size])
    return bytes(result)
