"""Files that viewers open although a decoder balks: a PNG with very long texts, and a JPEG that lacks its end."""

from __future__ import annotations

import io
import os
import zlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

LONGEST_TEXT = 2**20
"""Bytes of text from which Pillow takes a compressed one for an attack."""
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
MOST_LOST = 0.01
"""Share of the pixels that a JPEG may lack; a last row of blocks that nobody misses, not a grey lower half."""
END = b"\xff\xd9"


def without_long_texts(png: BinaryIO) -> BinaryIO:
    """`png`, or a copy of it without texts of `LONGEST_TEXT` or more, which are no part of the picture."""
    size, place, long = png.seek(0, os.SEEK_END), 8, []
    while place + 12 <= size:
        png.seek(place)
        head = png.read(8)
        end = place + 12 + int.from_bytes(head[:4], "big")
        if head[4:] in TEXTS and _is_long(head[4:], png, end - place - 12):
            long.append((place, end))
        place = end
    png.seek(0)
    if not long:
        return png
    data = png.read()
    starts, ends = [0, *(end for _, end in long)], [*(start for start, _ in long), size]
    return io.BytesIO(b"".join(data[start:end] for start, end in zip(starts, ends, strict=True)))


def _is_long(kind: bytes, png: BinaryIO, length: int) -> bool:
    """Whether the text that comes next in `png`, unpacked, is long; it is unpacked no further than that."""
    if length >= LONGEST_TEXT:
        return True
    _, _, rest = png.read(length).partition(b"\0")
    if kind == b"iTXt":
        packed = rest[2:].split(b"\0", 2)[-1] if rest[:1] == b"\1" else b""
    else:
        packed = rest[1:] if kind == b"zTXt" else b""
    try:
        return len(zlib.decompressobj().decompress(packed, LONGEST_TEXT)) == LONGEST_TEXT
    except zlib.error:
        return False


def completed(jpeg: bytes) -> tuple[BinaryIO, float]:
    """`jpeg`, of which the end is missing, with an end, and the share of its pixels that is made up.

    Those are the pixels that depend on what stands in place of what is missing. `OSError` where it cannot be decoded.
    """
    data = jpeg.rstrip(b"\xff")
    one, other = (_decoded(data + filling + END) for filling in (b"", b"\x55\xaa" * len(data)))
    return io.BytesIO(data + END), float((one != other).any(axis=2).mean())


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    with JpegImageFile(io.BytesIO(jpeg)) as file:
        array: NDArray[np.uint8] = np.asarray(file).reshape(file.height, file.width, -1)
        return array
