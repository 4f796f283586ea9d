"""Two paintings, rendered stroke by stroke: a swirling night over hills, and a summer field in the evening."""

from __future__ import annotations

import numpy as np
from brush import Brush, Canvas
from canvas import H, Plane, W, blend, noise, ramp

Y, X = np.mgrid[:H, :W].astype(float)


def night() -> Plane:
    """Wind and stars in blues and yellows over dark hills, in long strokes."""
    model, angle = _night_sky()
    hills = H * (0.735 + 0.05 * np.sin(X / W * 5.0 + 0.6) + 0.035 * np.sin(X / W * 11 + 2))
    model, angle = _night_land(model, angle, hills)
    tree = _poplar(0.145 * W, 0.16 * H, 1.02 * H, 0.066 * W)
    flame = np.pi / 2 * 3 + 0.55 * np.sin(Y / 46 + X / 30)
    model = blend(model, ramp(np.sin(X / 15 + Y / 70), [(-1, (0.05, 0.10, 0.10)), (1, (0.16, 0.26, 0.16))]), tree)
    angle = np.where(tree > 0.5, flame, angle)
    canvas = Canvas((30, 44, 84), seed=3)
    canvas.cover(model, angle, Brush(30, 170, 4200, 7, 0.035))
    canvas.cover(model, angle, Brush(17, 150, 9000, 5, 0.055))
    canvas.cover(model, angle, Brush(11, 105, 9500, 4, 0.07))
    bright = np.clip(model.mean(axis=2) * 1.7 - 0.55, 0.05, 1)
    canvas.cover(model * 1.10, angle, Brush(9, 80, 7000, 3, 0.08), bright)
    return canvas.lit(0.9)


STARS = [
    (0.30, 0.42, 30),
    (0.57, 0.13, 34),
    (0.70, 0.27, 26),
    (0.38, 0.09, 24),
    (0.05, 0.30, 28),
    (0.78, 0.10, 22),
    (0.055, 0.60, 22),
    (0.80, 0.60, 18),
]
"""Across, down and size, the first two as shares of the picture's."""


def _night_sky() -> tuple[Plane, Plane]:
    """Colours and directions of a sky of whirls, stars and a moon."""
    u, v = np.ones((H, W)), 0.35 * np.cos(X / W * 7.5 + 0.4) + 0.15 * np.sin(Y / H * 9)
    bands = Y / H * 13 + 1.2 * np.sin(X / W * 6)
    for cx, cy, radius, spin in (
        (0.46, 0.36, 0.150, 1),
        (0.66, 0.50, 0.095, -1),
        (0.27, 0.17, 0.07, 1),
        (0.90, 0.42, 0.07, 1),
    ):
        dx, dy = X - cx * W, Y - cy * H
        distance = np.hypot(dx, dy) + 1e-6
        weight = 3.2 * np.exp(-((distance / (radius * W)) ** 2))
        u += weight * (-spin * dy - 0.22 * dx) / distance
        v += weight * (spin * dx - 0.22 * dy) / distance
        share = np.exp(-((distance / (radius * W * 0.9)) ** 2))
        bands = bands * (1 - share) + share * (distance / (radius * W) * 10 + spin * np.arctan2(dy, dx))
    wave = np.sin(bands) + 0.35 * noise(W, H, 5, seed=2)
    blues = [
        (-1.2, (0.07, 0.13, 0.36)),
        (-0.4, (0.12, 0.25, 0.55)),
        (0.25, (0.27, 0.47, 0.72)),
        (0.8, (0.58, 0.74, 0.80)),
        (1.3, (0.88, 0.90, 0.74)),
    ]
    model, angle = ramp(wave, blues), np.arctan2(v, u)
    dark = ramp(wave, [(-1, (0.06, 0.09, 0.26)), (1, (0.20, 0.34, 0.62))])
    model = blend(model, dark, np.clip(1 - Y / (0.24 * H), 0, 1) * 0.7)
    for cx, cy, size in (*STARS, (0.895, 0.165, 62)):
        model, angle = _star(model, angle, cx * W, cy * H, float(size))
    return model, angle


def _star(model: Plane, angle: Plane, x: float, y: float, size: float) -> tuple[Plane, Plane]:
    """A light with rings around it, and strokes that go round it."""
    dx, dy = X - x, Y - y
    distance = np.hypot(dx, dy) / size
    halo = np.exp(-((distance / 2.3) ** 2))
    rings = ramp(np.sin(distance * 4.5) * 0.5 + 0.5, [(0, (0.78, 0.74, 0.36)), (1, (0.97, 0.93, 0.62))])
    model = blend(model, rings, np.clip(halo * 1.15, 0, 0.95))
    core = ramp(distance, [(0, (1.0, 0.97, 0.80)), (0.9, (0.99, 0.76, 0.22))])
    model = blend(model, core, np.clip(1.25 - distance, 0, 1))
    return model, np.where(distance < 3.4, np.arctan2(dx, -dy), angle)


def _night_land(model: Plane, angle: Plane, hills: Plane) -> tuple[Plane, Plane]:
    """Rolling hills with a lit village in the valley."""
    below = Y - hills
    land = np.clip(below, 0, 4) / 4
    folds = np.sin(below / 21 + 2.2 * np.sin(X / W * 9) + X / 190)
    greens = ramp(
        folds,
        [(-1, (0.06, 0.13, 0.22)), (-0.2, (0.10, 0.24, 0.30)), (0.5, (0.22, 0.40, 0.34)), (1, (0.55, 0.58, 0.32))],
    )
    slope = np.arctan2(np.gradient(hills, axis=1), 1) + 0.35 * np.sin(X / 130 + Y / 60)
    model, angle = blend(model, greens, land), np.where(land > 0.5, slope, angle)
    for x, y, wide in (
        (0.40, 0.83, 46),
        (0.45, 0.80, 38),
        (0.50, 0.835, 52),
        (0.555, 0.80, 36),
        (0.60, 0.83, 48),
        (0.655, 0.81, 40),
        (0.35, 0.815, 36),
    ):
        left, top = x * W, y * H
        wall = (np.abs(X - left) < wide) & (np.abs(Y - top) < wide * 0.5)
        roof = (top - wide * 0.5 > Y) & (top - wide * 1.3 + np.abs(X - left) * 0.6 < Y)
        window = (np.abs(X - left + wide * 0.3) < wide * 0.2) & (np.abs(Y - top) < wide * 0.28)
        model = blend(model, (0.28, 0.36, 0.52), wall * 1.0)
        model = blend(model, (0.42, 0.22, 0.20), roof * 1.0)
        model = blend(model, (1.0, 0.80, 0.30), window * 1.0)
    return model, angle


def _poplar(x: float, top: float, bottom: float, wide: float) -> Plane:
    """A flame-shaped tree, 1 inside."""
    share = np.clip((Y - top) / (bottom - top), 0, 1)
    edge = wide * share**0.8 * (1 + 0.22 * np.sin(Y / 33)) + 10 * np.sin(Y / 24)
    return ((np.abs(X - x + 14 * np.sin(Y / 60)) < edge) & (top < Y)).astype(float)


def summer() -> Plane:
    """A low sun over a field and trees, in short thick strokes of warm colours against violet."""
    model, angle = _evening()
    canvas = Canvas((150, 84, 50), seed=8)
    canvas.cover(model, angle, Brush(30, 120, 6000, 8, 0.04, 0.18))
    canvas.cover(model, angle, Brush(18, 92, 9500, 6, 0.055, 0.20))
    canvas.cover(model, angle, Brush(12, 70, 9500, 4, 0.07, 0.25))
    light = np.clip(model[..., 0] * 1.6 - 0.75, 0.02, 1)
    canvas.cover(model * 1.08, angle, Brush(10, 56, 5000, 4, 0.08, 0.28), light)
    return canvas.lit(1.25)


def _evening() -> tuple[Plane, Plane]:
    """Colours and directions: rings around the sun, far hills, trees, and a field of wheat and poppies."""
    sun = 0.66 * W, 0.30 * H
    dx, dy = X - sun[0], Y - sun[1]
    distance = np.hypot(dx, dy) / W
    rings = distance + 0.02 * np.sin(distance * 90) + 0.05 * noise(W, H, 4, seed=12)
    model = ramp(
        rings,
        [
            (0.0, (1.0, 0.98, 0.78)),
            (0.055, (1.0, 0.90, 0.45)),
            (0.07, (0.98, 0.72, 0.20)),
            (0.2, (0.97, 0.58, 0.20)),
            (0.36, (0.90, 0.46, 0.36)),
            (0.55, (0.62, 0.42, 0.60)),
            (0.8, (0.36, 0.36, 0.66)),
        ],
    )
    angle = np.arctan2(dx, -dy)
    for level, wave, colours in (
        (0.50, 0.035, [(-1.0, (0.36, 0.30, 0.58)), (1.0, (0.58, 0.42, 0.66))]),
        (0.56, 0.025, [(-1.0, (0.20, 0.30, 0.42)), (1.0, (0.40, 0.46, 0.42))]),
    ):
        top = H * (level + wave * np.sin(X / W * 7 + level * 40))
        inside = np.clip(Y - top, 0, 6) / 6
        model = blend(model, ramp(np.sin(X / 40 + Y / 18), colours), inside)
        angle = np.where(inside > 0.5, 0.25 * np.sin(X / 120), angle)
    return _trees(*_field(model, angle))


def _field(model: Plane, angle: Plane) -> tuple[Plane, Plane]:
    """Wheat in rows towards the horizon, with poppies and violet shadows between."""
    top = H * (0.615 + 0.01 * np.sin(X / W * 9))
    near = np.clip((Y - top) / (H - top), 0, 1)
    inside = (top < Y) * 1.0
    away = (X - 0.62 * W) / (0.08 + near)
    rows = np.sin(away / 58) + 0.7 * noise(W, H, 5, seed=14)
    wheat = ramp(
        rows,
        [(-1.3, (0.42, 0.24, 0.40)), (-0.5, (0.74, 0.40, 0.18)), (0.2, (0.93, 0.66, 0.20)), (1.0, (1.0, 0.86, 0.42))],
    )
    poppies = np.clip(noise(W, H, 5, seed=15, coarsest=22) * 7 - 2.6, 0, 1) * np.clip(near * 3, 0, 1)
    wheat = blend(wheat, (0.84, 0.16, 0.12), poppies)
    lean = -np.pi / 2 + 0.9 * (X / W - 0.62) + 0.35 * noise(W, H, 4, seed=16)
    return blend(model, wheat, inside), np.where(inside > 0, lean, angle)


def _trees(model: Plane, angle: Plane) -> tuple[Plane, Plane]:
    """Round crowns with a lit side, blue in the shade, and their shadows on the field."""
    for x, y, size in ((0.10, 0.46, 150), (0.25, 0.50, 110), (0.36, 0.55, 70), (0.93, 0.50, 120), (0.83, 0.555, 64)):
        dx, dy = (X - x * W) / size, (Y - y * H) / (size * 1.05)
        shadow = np.exp(-(((X - x * W + size * 0.5) / size) ** 2 + ((Y - (y * H + size * 1.45)) / (size * 0.22)) ** 2))
        model = blend(model, (0.34, 0.24, 0.46), np.clip(shadow * 1.1, 0, 0.85))
        trunk = (np.abs(dx) < 0.09) & (dy > 0) & (dy < 1.45)
        model = blend(model, (0.26, 0.16, 0.22), trunk * 1.0)
        crown = np.hypot(dx, dy) + 0.22 * noise(W, H, 4, seed=int(size), coarsest=9)
        towards = np.sign(0.66 - x) * dx * 0.8 - dy * 0.6 + 0.3 * np.sin(X / 17 + Y / 13)
        leaves = ramp(
            towards,
            [
                (-0.9, (0.13, 0.20, 0.36)),
                (-0.2, (0.22, 0.36, 0.26)),
                (0.3, (0.60, 0.52, 0.16)),
                (0.9, (0.98, 0.74, 0.26)),
            ],
        )
        model = blend(model, leaves, (crown < 1) * 1.0)
        angle = np.where(crown < 1, np.arctan2(dx, -dy) + 0.4, angle)
        angle = np.where(trunk, np.pi / 2, angle)
    return model, angle
