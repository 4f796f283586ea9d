"""The losses as curves on a logarithmic scale, drawn by hand: a plotting library would weigh more than all of impasto.

Content layers are red and broad, style layers go from violet to yellow with their depth, the others are grey, the total
is black. The legend has the order in which the curves end.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from .record import Curves, Row

WIDTH, HEIGHT = 1000, 620
LEFT, TOP, RIGHT, BOTTOM = 64, 44, 700, 570
TEXT, ROW, PER_COLUMN = 13, 18, 29
FAINT, DARK = "#dddddd", "#333333"
VIRIDIS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#d8c219")
REDS = ("#7f0000", "#d7301f", "#fc8d59")
GREYS = ("#777777", "#aaaaaa")
Point = tuple[float, float]


class Vector:
    """A sheet that becomes an SVG file; coordinates in units of `WIDTH` by `HEIGHT`, y downwards."""

    def __init__(self) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
            f' font-size="{TEXT}" fill="none" stroke-linejoin="round"><rect width="100%" height="100%" fill="white"/>'
        ]

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        """A line through `points`."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" stroke="{colour}" stroke-width="{width}"/>')

    def text(self, x: float, y: float, words: str, anchor: str) -> None:
        """`words` beside (x, y), vertically centred; `anchor` is "l", "m" or "r"."""
        where = f'x="{x:.1f}" y="{y + TEXT / 3:.1f}"'
        towards = {"l": "start", "m": "middle", "r": "end"}[anchor]
        self.parts.append(f'<text {where} text-anchor="{towards}" fill="{DARK}">{escape(words)}</text>')

    def finish(self) -> bytes:
        """The file."""
        return "\n".join([*self.parts, "</svg>\n"]).encode()


class Raster:
    """The same for a PNG file, drawn large and made smaller, because Pillow's lines have hard edges."""

    FINE, SCALE = 4, 2

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH * self.FINE, HEIGHT * self.FINE), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(TEXT * self.FINE)

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        """See `Vector`."""
        fine = [(x * self.FINE, y * self.FINE) for x, y in points]
        self.draw.line(fine, fill=colour, width=round(width * self.FINE), joint="curve")

    def text(self, x: float, y: float, words: str, anchor: str) -> None:
        """See `Vector`."""
        self.draw.text((x * self.FINE, y * self.FINE), words, fill=DARK, font=self.font, anchor=f"{anchor}m")

    def finish(self) -> bytes:
        """See `Vector`."""
        stream = io.BytesIO()
        small = self.image.resize((WIDTH * self.SCALE, HEIGHT * self.SCALE), Image.Resampling.LANCZOS)
        small.save(stream, "PNG")
        return stream.getvalue()


Paper = Vector | Raster


def plot(curves: Curves, paper: Paper) -> bytes:
    """Every loss of `curves`, and their total, over the steps; where a stage begins, its size."""
    rows = [row._replace(losses={"total": sum(row.losses.values()), **row.losses}) for row in curves.rows]
    values = [value for row in rows for value in row.losses.values() if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.floor(math.log10(max(values))) + 1

    def place(row: Row, value: float) -> Point:
        across, up = row.taken / max(len(rows), 1), (math.log10(value) - low) / (high - low)
        return LEFT + across * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)

    _axes(paper, len(rows), low, high)
    for row in rows:
        if row.step == 1:
            x = LEFT + (row.taken - 1) / len(rows) * (RIGHT - LEFT)
            paper.line([(x, TOP), (x, BOTTOM)], "#999999", 1)
            paper.text(x + 4, TOP - 10, f"{row.size} px", "l")
    colours = _colours(curves.names)
    for name, (colour, width) in reversed(colours.items()):
        for points in _pieces(rows, name, place):
            paper.line(points if len(points) > 1 else [points[0], (points[0][0] + 2, points[0][1])], colour, width)
    _legend(paper, rows, colours)
    return paper.finish()


def _axes(paper: Paper, steps: int, low: int, high: int) -> None:
    """Ten or fewer round numbers on each side."""
    for power in range(low, high + 1, -(-(high - low) // 10)):
        y = BOTTOM - (power - low) / (high - low) * (BOTTOM - TOP)
        paper.line([(LEFT, y), (RIGHT, y)], FAINT, 1)
        paper.text(LEFT - 8, y, f"1e{power}" if abs(power) > 3 else f"{10.0**power:g}", "r")
    apart = next(k * 10**e for e in range(9) for k in (1, 2, 5) if k * 10**e * 10 >= steps)
    for taken in range(0, steps + 1, apart):
        x = LEFT + taken / max(steps, 1) * (RIGHT - LEFT)
        paper.line([(x, BOTTOM), (x, BOTTOM + 5)], DARK, 1)
        paper.text(x, BOTTOM + 16, str(taken), "m")
    paper.line([(LEFT, BOTTOM), (RIGHT, BOTTOM)], DARK, 1)
    paper.text((LEFT + RIGHT) / 2, BOTTOM + 36, "steps", "m")
    paper.text(LEFT - 8, TOP - 26, "loss", "r")


def _pieces(rows: Sequence[Row], name: str, place: Callable[[Row, float], Point]) -> Iterator[list[Point]]:
    """The curve of `name`, broken where a stage ends and where a loss of 0 has no logarithm."""
    points: list[Point] = []
    for row in rows:
        value = row.losses.get(name, 0.0)
        if points and (row.step == 1 or value <= 0):
            yield points
            points = []
        if value > 0:
            points.append(place(row, value))
    if points:
        yield points


def _colours(names: Sequence[str]) -> dict[str, tuple[str, float]]:
    """Loss -> (colour, width), the most important first."""
    found: dict[str, tuple[str, float]] = {"total": ("#000000", 2)}
    kinds = {"content ": (REDS, 2.5), "style ": (VIRIDIS, 1.3), "": (GREYS, 1.3)}
    for kind, (ramp, width) in kinds.items():
        own = [name for name in names if name.startswith(kind) and name not in found]
        for number, name in enumerate(own):
            found[name] = _between(ramp, number / max(len(own) - 1, 1)), width
    return found


def _between(ramp: Sequence[str], share: float) -> str:
    """The colour at `share`, 0 to 1, of the way along `ramp`."""
    place = share * (len(ramp) - 1)
    start = min(int(place), len(ramp) - 2)
    one, other = (bytes.fromhex(colour[1:]) for colour in ramp[start : start + 2])
    mixed = (round(a + (b - a) * (place - start)) for a, b in zip(one, other, strict=True))
    return f"#{bytes(mixed).hex()}"


def _legend(paper: Paper, rows: Sequence[Row], colours: dict[str, tuple[str, float]]) -> None:
    last = {name: value for row in rows for name, value in row.losses.items()}
    for number, name in enumerate(sorted(last, key=lambda name: -last[name])):
        colour, width = colours[name]
        column, row = divmod(number, PER_COLUMN)
        x, y = RIGHT + 16 + 148 * column, TOP + ROW * (row + 0.5)
        paper.line([(x, y), (x + 18, y)], colour, width + 1)
        paper.text(x + 24, y, name, "l")
