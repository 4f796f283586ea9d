"""A brush: curved strokes along a field of directions, with bristles, and paint so thick that it catches the light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from canvas import H, Plane, W
from PIL import Image, ImageDraw, ImageFilter


@dataclass(frozen=True)
class Brush:
    """One size of brush: `width` and `length` of its strokes in pixels, `count` of them over the canvas."""

    width: float
    length: float
    count: int
    bristles: int
    jitter: float
    """How much a stroke's colour differs from what it paints."""
    wander: float = 0.12
    """How much its direction does, in radians."""


class Canvas:
    """Paint on a ground, and how thick it lies."""

    def __init__(self, ground: tuple[int, int, int], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.image = Image.new("RGB", (W, H), ground)
        self.height = Image.new("L", (W, H), 110)
        self._paint, self._thickness = ImageDraw.Draw(self.image), ImageDraw.Draw(self.height)

    def cover(self, model: Plane, angle: Plane, brush: Brush, where: Plane | None = None) -> None:
        """Strokes all over (or `where` it is above a random number), in the colours of `model`, along `angle`."""
        places = self.rng.random((brush.count, 2)) * (W, H)
        for x, y in places:
            column, row = int(x), int(y)
            if where is not None and self.rng.random() > where[row, column]:
                continue
            value, tint = self.rng.normal(size=1) * brush.jitter, self.rng.normal(size=3) * brush.jitter * 0.5
            self.stroke(x, y, model[row, column] + value + tint, angle, brush)

    def stroke(self, x: float, y: float, colour: Plane, angle: Plane, brush: Brush) -> None:
        """One stroke from (x, y): a body, then bristles lighter and darker beside each other."""
        path = self._path(x, y, angle, brush)
        if len(path) < 3:
            return
        along = np.gradient(path, axis=0)
        across = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-6)[:, None]
        self._line(path, colour, brush.width * 0.86, 100)
        for offset in np.linspace(-0.5, 0.5, brush.bristles):
            streak = self.rng.normal() * brush.jitter * 0.8
            first, last = self.rng.integers(0, 2), len(path) - self.rng.integers(0, max(2, len(path) // 3))
            bristle = (path + across * offset * brush.width)[first:last]
            thickness = 120 + 90 * (1 - abs(2 * offset)) + self.rng.normal() * 36
            self._line(bristle, colour + streak, max(1.6, 1.25 * brush.width / brush.bristles), thickness)

    def _path(self, x: float, y: float, angle: Plane, brush: Brush) -> Plane:
        stride = max(4.0, brush.length / 14)
        turn, points = self.rng.normal() * brush.wander, []
        for _ in range(int(brush.length * self.rng.uniform(0.6, 1.25) / stride)):
            if not (0 <= x < W and 0 <= y < H):
                break
            points.append((x, y))
            direction = angle[int(y), int(x)] + turn
            x, y = x + np.cos(direction) * stride, y + np.sin(direction) * stride
        return np.array(points).reshape(-1, 2)

    def _line(self, path: Plane, colour: Plane, width: float, thickness: float) -> None:
        points = [tuple(point) for point in path]
        if len(points) > 1:
            fill = tuple(int(255 * part) for part in np.clip(colour, 0, 1))
            self._paint.line(points, fill=fill, width=round(width), joint="curve")
            self._thickness.line(points, fill=int(np.clip(thickness, 0, 255)), width=round(width), joint="curve")

    def lit(self, strength: float) -> Plane:
        """The painting with light from the upper left on its relief, (H, W, 3)."""
        relief = np.asarray(self.height.filter(ImageFilter.GaussianBlur(1.1)), float) / 255
        down, right = np.gradient(relief)
        light = 1 + strength * (down + right)
        gloss = np.clip(strength * (down + right) - 0.18, 0, 1) * 0.5
        return np.asarray(self.image) / 255 * light[..., None] + gloss[..., None]
