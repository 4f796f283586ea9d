"""A gallery: pictures made small, row after row, with a caption below each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..pictures.contact_sheet import Contact, Label, flat
from ..pictures.picture import Picture, write

CELL, FULL = (320, 240), 200
"""(width, height) of a picture at most, and how many have so much; where there are more, all are smaller."""


class Gallery:
    """A gallery before its pictures are there."""

    def __init__(self, captions: Sequence[str], columns: int) -> None:
        """captions: of every picture, in their order; columns: pictures in a row."""
        share = min(1, math.sqrt(FULL / len(captions)))
        self.cell = round(share * CELL[0]), round(share * CELL[1])
        self.places = [divmod(number, columns) for number in range(len(captions))]
        rows = [Label()] * math.ceil(len(captions) / columns)
        self.contact = Contact(
            self.cell, rows, [Label()] * columns, captions=dict(zip(self.places, captions, strict=True))
        )

    @property
    def longest(self) -> int:
        """Pixels that no side of it exceeds."""
        return max(self.contact.size)

    def write(self, output: Path, pictures: Iterable[Picture | None]) -> None:
        """Write it with these pictures, grey in place of None; `OutputError` where that fails."""
        small = {
            where: flat(picture.resized(*self._within(*picture.size)))
            for where, picture in zip(self.places, pictures, strict=True)
            if picture
        }
        drawn = self.contact.draw(small)
        drawn = drawn.crop((self.contact.corner(0, 0)[0], 0, *drawn.size))  # there is nothing beside the rows
        write(output, Picture(np.asarray(drawn, np.float32) / np.float32(255)))

    def _within(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) of the same shape that fit into a cell; nothing is enlarged."""
        scale = min(1, self.cell[0] / width, self.cell[1] / height)
        return max(1, round(width * scale)), max(1, round(height * scale))
