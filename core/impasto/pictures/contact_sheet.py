"""A contact sheet: pictures in a grid, words and small pictures along its edges. Draws; knows of no recipes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from .picture import Picture

PAPER, INK, PENCIL, EMPTY = "white", "black", (110, 110, 110), (190, 190, 190)
GAP = 6
NARROWEST = 144
"""Pixels that the words beside the rows have at least."""


@dataclass(frozen=True)
class Label:
    """Words for a row, a column or an input: `name` in grey above `value`, below a small `picture` if there is one."""

    name: str = ""
    value: str = ""
    picture: Image.Image | None = None


@dataclass(frozen=True)
class Contact:
    """A sheet before its pictures are there: its size and places are known, so that they can be checked first."""

    cell: tuple[int, int]
    """(width, height) of the largest picture; smaller ones lie in the middle of their cell."""
    rows: Sequence[Label]
    columns: Sequence[Label]
    inputs: Sequence[Label] = ()
    """Shown in the corner, above the rows' labels."""
    captions: Mapping[tuple[int, int], str] | None = None
    """(row, column) -> a line below that cell."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the sheet in pixels."""
        return self._left + len(self.columns) * (self.cell[0] + GAP), self._top + len(self.rows) * self._pitch

    def corner(self, row: int, column: int) -> tuple[int, int]:
        """(x, y) of the upper left pixel of a cell."""
        spare = self._pitch - GAP - self._below - self.cell[1]  # labels may be higher than pictures
        return self._left + column * (self.cell[0] + GAP), self._top + row * self._pitch + spare // 2

    @cached_property
    def _pitch(self) -> int:
        return max(self.cell[1] + self._below, *(block.height for block in self._beside)) + GAP

    def draw(self, cells: Mapping[tuple[int, int], Image.Image]) -> Image.Image:
        """The sheet, RGB, with the pictures at (row, column); cells without one are grey."""
        sheet = Image.new("RGB", self.size, PAPER)
        _paste(sheet, self._corner, (0, 0, self._left, self._top))
        for column, block in enumerate(self._above):
            x, bottom = self.corner(0, column)[0], self._top - GAP // 2
            _paste(sheet, block, (x, bottom - block.height, x + self.cell[0], bottom))
        for row, block in enumerate(self._beside):
            y = self.corner(row, 0)[1]
            _paste(sheet, block, (0, y, self._left, y + self.cell[1]))
            for column in range(len(self.columns)):
                self._place(sheet, (row, column), cells.get((row, column)))
        return sheet

    def _place(self, sheet: Image.Image, where: tuple[int, int], picture: Image.Image | None) -> None:
        x, y = self.corner(*where)
        box = (x, y, x + self.cell[0], y + self.cell[1])
        if picture is None:
            sheet.paste(EMPTY, box)
        else:
            _paste(sheet, picture, box)
        if self._below:
            block = self._block(Label(value=(self.captions or {}).get(where, "")), self.cell[0])
            _paste(sheet, block, (x, box[3] + GAP // 2, box[2], box[3] + GAP // 2 + block.height))

    @cached_property
    def _font(self) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size=max(12, min(28, self.cell[0] // 14)))

    @cached_property
    def _above(self) -> list[Image.Image]:
        return [self._block(label, self.cell[0]) for label in self.columns]

    @cached_property
    def _beside(self) -> list[Image.Image]:
        return [self._block(label, self._left - 2 * GAP) for label in self.rows]

    @cached_property
    def _corner(self) -> Image.Image:
        """The inputs beside one another."""
        width = (self._left - 2 * GAP) // max(2, len(self.inputs))
        blocks = [self._block(label, width - GAP) for label in self.inputs]
        height = max((block.height for block in blocks), default=0) + GAP
        corner = Image.new("RGB", (width * len(blocks), height), PAPER)
        for number, block in enumerate(blocks):
            _paste(corner, block, (number * width, height - block.height, (number + 1) * width, height))
        return corner

    @property
    def _left(self) -> int:
        return max(NARROWEST, self.cell[0] * 3 // 4)

    @cached_property
    def _top(self) -> int:
        return max(self._corner.height, *(block.height + 2 * GAP for block in self._above))

    @cached_property
    def _below(self) -> int:
        lines = [self._block(Label(value=line), self.cell[0]).height for line in (self.captions or {}).values()]
        return max(lines, default=-GAP) + GAP

    def _block(self, label: Label, width: int) -> Image.Image:
        """A label of this width, as high as it needs to be."""
        words = [(line, PENCIL) for line in wrapped(label.name, width, self._font)]
        words += [(line, INK) for line in wrapped(label.value, width, self._font)]  # type: ignore[misc]
        small = ImageOps.contain(label.picture, (width, width * 3 // 4)) if label.picture else Image.new("RGB", (1, 0))
        line_height = round(self._font.getbbox("Ag")[3] * 1.25)
        block = Image.new("RGB", (width, small.height + line_height * len(words) + GAP // 2), PAPER)
        block.paste(small, ((width - small.width) // 2, 0))
        pen = ImageDraw.Draw(block)
        for number, (line, colour) in enumerate(words):
            place = ((width - self._font.getlength(line)) / 2, small.height + number * line_height)
            pen.text(place, line, colour, self._font)
        return block


def wrapped(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> Iterator[str]:
    """Lines of `text` of at most `width` pixels; breaks after spaces, commas and slashes, and anywhere if it must."""
    line = ""
    for word in re.findall(r"[^\s,/]*[\s,/]?", text):
        while font.getlength((line + word).rstrip()) > width:
            if not line:
                line = next(
                    word[:end] for end in range(len(word), 0, -1) if end == 1 or font.getlength(word[:end]) <= width
                )
                word = word[len(line) :]
            yield line.rstrip()
            line = ""
        line += word
    if line.strip():
        yield line.rstrip()


def flat(picture: Picture) -> Image.Image:
    """`picture` in 8 bits as `picture.write` writes it, on white where it is transparent."""
    image = Image.fromarray(_eight_bits(picture.pixels))
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(_eight_bits(picture.alpha)))
        image = Image.alpha_composite(Image.new("RGBA", image.size, PAPER), image).convert("RGB")
    return image


def _eight_bits(array: np.ndarray) -> np.ndarray:
    return (array.clip(0, 1) * 255).round().astype(np.uint8)


def _paste(sheet: Image.Image, picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Put `picture` in the middle of `box`, (left, top, right, bottom)."""
    x, y = (box[0] + box[2] - picture.width) // 2, (box[1] + box[3] - picture.height) // 2
    sheet.paste(picture, (x, y))
