"""The directories of a TIFF file: what Pillow and OpenImageIO do not tell before they decode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

SUBFILE, REDUCED, DNG_VERSION = 0x00FE, 1, 0xC612
WIDTH, HEIGHT, BITS, PHOTOMETRIC = 0x0100, 0x0101, 0x0102, 0x0106


def largest(sizes: Sequence[tuple[int, int]]) -> int:
    """The number of the largest (width, height), the first of these; 0 where there is none."""
    return max(range(len(sizes)), key=lambda number: math.prod(sizes[number]), default=0)


def pages(tiff: BinaryIO) -> list[ImageFileDirectory_v2]:
    """The directories of a TIFF or BigTIFF file, up to one that cannot be read."""
    found: dict[int, ImageFileDirectory_v2] = {}
    place = tags_at(tiff).next
    while place and place not in found:
        tags = tags_at(tiff, place)
        if found and 0 in size(tags):
            break
        found[place], place = tags, tags.next
    if not found:
        raise ValueError("no page")
    return list(found.values())


def tags_at(tiff: BinaryIO, place: int = 0) -> ImageFileDirectory_v2:
    """The directory at `place` of a TIFF or BigTIFF file, or for 0 none but where the first is; the file is rewound."""
    tiff.seek(0)
    head = tiff.read(8)
    tags = ImageFileDirectory_v2(head + tiff.read(8) if head[2] == 43 or head[3] == 43 else head)
    if place:
        tiff.seek(place)
        tags.load(tiff)
    tiff.seek(0)
    return tags


def largest_page(pages: Sequence[ImageFileDirectory_v2]) -> int:
    """The number of the largest."""
    return largest([size(tags) for tags in pages])


def size(tags: ImageFileDirectory_v2) -> tuple[int, int]:
    """Its (width, height) in pixels."""
    return int(tags.get(WIDTH, 0)), int(tags.get(HEIGHT, 0))


def is_raw(pages: Sequence[ImageFileDirectory_v2]) -> bool:
    """Whether even the largest page is but a preview of what a camera saw: DNG, and NEF or ARW."""
    return DNG_VERSION in pages[0] or bool(pages[largest_page(pages)].get(SUBFILE, 0) & REDUCED)


def is_deep(tags: ImageFileDirectory_v2) -> bool:
    """Whether it has more than 8 bits. `ValueError` for more of something else than grey or RGB."""
    if max(tags.get(BITS, (1,))) <= 8:
        return False
    if tags.get(PHOTOMETRIC) not in (0, 1, 2):
        raise ValueError("more than 8 bits of something else than grey or RGB")
    return True
