"""Draw the styles that impasto brings along: one picture for each technique, the same every time.

    python examples/styles.py core/impasto/pictures/styles            # all of them, in some minutes
    python examples/styles.py core/impasto/pictures/styles oil mosaic

What counts in them is what a style is taken from: marks of one kind and size everywhere, all tones from dark to light,
a palette, and nothing that one would look at for its own sake.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from brush import Brush, Canvas
from canvas import Colour, H, Plane, W, blend, noise, ramp
from numpy.typing import NDArray
from PIL import Image, ImageDraw

LONGEST, QUALITY = 560, 75
MARGIN = 0.03
"""Cut off on each side, where marks end for want of canvas."""
Y, X = np.mgrid[:H, :W].astype(float)
Stops = Sequence[tuple[float, Colour]]


def even(plane: Plane) -> Plane:
    """The ranks of the values, 0 to 1: every tone as often as any other."""
    ranks = np.empty(plane.size)
    ranks[np.argsort(plane, axis=None, kind="stable")] = np.linspace(0, 1, plane.size)
    return ranks.reshape(plane.shape)


def folds(seed: int, coarsest: int = 7, octaves: int = 3) -> Plane:
    """Noise pulled about by other noise, as cloth or hills are, 0 to 1 evenly."""
    across, down = (noise(W, H, 2, seed + part, coarsest=3) * 160 for part in (1, 2))
    plain = noise(W, H, octaves, seed, coarsest=coarsest)
    rows = np.clip(Y + down, 0, H - 1).astype(int)
    return even(plain[rows, np.clip(X + across, 0, W - 1).astype(int)])


def flow(seed: int) -> Plane:
    """Directions along the contours of smooth hills, in radians."""
    down, right = np.gradient(noise(W, H, 1, seed, coarsest=5))
    return np.arctan2(right, -down)


def painted(tone: Plane, hue: Plane, *palettes: Stops) -> Plane:
    """Colours by `tone` within a palette, which `hue` chooses, (H, W, 3)."""
    ramps = [ramp(tone, list(palette)) for palette in palettes]
    place = np.clip((hue * len(ramps) - np.arange(1, len(ramps))[:, None, None]) * 5, 0, 1)
    colours = ramps[0]
    for share, other in zip(place, ramps[1:], strict=True):
        colours = blend(colours, other, share)
    return colours


def oil() -> Plane:
    """Thick paint laid on with a flat brush, wet in wet, on a warm ground: slate, olive and ochre, mixed with white."""
    tone, hue = folds(11), folds(14, coarsest=4, octaves=2)
    model = painted(
        tone,
        hue,
        [(0, (0.09, 0.10, 0.15)), (0.3, (0.20, 0.28, 0.39)), (0.7, (0.52, 0.60, 0.66)), (1, (0.92, 0.90, 0.82))],
        [(0, (0.09, 0.09, 0.07)), (0.35, (0.28, 0.29, 0.19)), (0.7, (0.63, 0.58, 0.38)), (1, (0.95, 0.90, 0.72))],
        [(0, (0.13, 0.07, 0.06)), (0.3, (0.42, 0.22, 0.13)), (0.65, (0.77, 0.51, 0.27)), (1, (0.98, 0.88, 0.67))],
    )
    angle = flow(18)
    canvas = Canvas((120, 74, 44), seed=1)
    canvas.cover(model, angle, Brush(70, 240, 1500, 12, 0.02, 0.25))
    canvas.cover(model, angle, Brush(48, 200, 2600, 10, 0.025, 0.30))
    canvas.cover(model, angle, Brush(32, 150, 2200, 7, 0.03, 0.35))
    return canvas.lit(1.7)


def pointillism() -> Plane:
    """Dots of unmixed colour side by side, each with some of its complement around."""
    tone, hue = folds(21), folds(24, coarsest=3, octaves=2)
    model = painted(
        tone,
        hue,
        [(0, (0.10, 0.08, 0.38)), (0.4, (0.16, 0.36, 0.78)), (0.8, (0.56, 0.80, 0.92)), (1, (0.96, 0.96, 0.90))],
        [(0, (0.06, 0.20, 0.20)), (0.4, (0.14, 0.52, 0.26)), (0.75, (0.66, 0.82, 0.26)), (1, (1.0, 0.97, 0.66))],
        [(0, (0.34, 0.06, 0.22)), (0.4, (0.86, 0.26, 0.16)), (0.75, (1.0, 0.70, 0.20)), (1, (1.0, 0.95, 0.72))],
    )
    rng, paper = np.random.default_rng(2), Image.new("RGB", (W, H), (244, 238, 222))
    pen = ImageDraw.Draw(paper)
    for x, y in rng.random((21000, 2)) * (W, H):
        colour = model[int(y), int(x)]
        grey, chance = colour.mean(), rng.random()
        if chance < 0.16:  # the complement, at the same lightness
            colour = 2 * grey - colour
        elif chance < 0.40:  # a neighbour on the wheel
            colour = grey + (np.roll(colour, 1 if chance < 0.28 else -1) - grey) * 0.5 + (colour - grey) * 0.5
        radius = rng.uniform(10, 14)
        vivid = grey + (colour - grey) * 1.25 + rng.normal() * 0.06
        fill = tuple(int(255 * part) for part in np.clip(vivid, 0, 1))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill)
    return np.asarray(paper) / 255


def strokes(theta: Plane | float, spacing: float, length: float, seed: int, wave: float) -> tuple[Plane, Plane, Plane]:
    """Parallel lines broken into strokes: for each pixel how far it is from the middle of its line, 0 to 1, and from
    the middle of its stroke, 0 to 1, and a random number of that stroke's own."""
    rng = np.random.default_rng(seed)
    bent = wave * noise(W, H, 3, seed, coarsest=4)
    line = (X * np.cos(theta) + Y * np.sin(theta) + bent) / spacing
    number = np.floor(line).astype(int)
    shift = rng.random(4096)[number % 4096]
    place = (Y * np.cos(theta) - X * np.sin(theta)) / length + shift * 7
    own = rng.random(4096)[(number * 31 + np.floor(place).astype(int) * 17) % 4096]
    return np.abs(2 * (line % 1) - 1), np.abs(2 * (place % 1) - 1), own


def patches(seed: int, angles: Sequence[float], coarsest: int = 5) -> Plane:
    """One of `angles` for each pixel, the same within a patch."""
    place = folds(seed, coarsest=coarsest, octaves=1) * len(angles) * 2
    return np.array(angles)[place.astype(int) % len(angles)]


def hatching() -> Plane:
    """Pen and ink: strokes side by side, crossed where it is dark, on cream paper."""
    dark, theta = folds(31, coarsest=12), patches(34, (0.65, 1.0, 0.3), coarsest=4)
    ink = np.zeros((H, W))
    for layer, (threshold, turn) in enumerate(((0.16, 0), (0.46, 1.3), (0.66, 0.65), (0.84, -0.65))):
        across, end, own = strokes(theta + turn, 24, 180, 35 + layer, 14)
        pressure = np.clip((dark - threshold + 0.16 * (own - 0.5)) * 3, 0, 1)
        width = (0.16 + 0.22 * pressure) * (pressure > 0) * np.clip((1 - end) * 5, 0, 1) ** 0.5
        ink = np.maximum(ink, np.clip((width - across) * 8 + 0.5, 0, 1) * (pressure > 0))
    grain = 0.5 + 0.5 * noise(W, H, 3, 39, coarsest=300)
    paper = blend(np.full((H, W, 3), (0.96, 0.93, 0.84)), (0.86, 0.80, 0.68), grain * 0.5)
    return blend(paper, (0.10, 0.08, 0.09), ink * (0.88 + 0.12 * grain))


def woodcut() -> Plane:
    """Gouged out of a block: black ink, and light cut into it with tapering strokes."""
    light, theta = folds(41) * 1.1 - 0.06, patches(44, (0.2, 0.95, 1.7, 2.5), coarsest=4)
    across, end, own = strokes(theta, 30, 260, 45, 110)
    taper = np.clip((1 - end) * 2.2, 0, 1) ** 0.7
    width = np.clip(light * 1.25 + 0.3 * (own - 0.5), 0, 1.1) * taper
    cut = np.clip((width - across) * 9 + 0.5, 0, 1) * (light > 0.04)
    ink = np.clip(1 - cut, 0, 1)
    worn = np.clip((noise(W, H, 3, 47, coarsest=160) - 0.42) * 8, 0, 1)
    paper = blend(np.full((H, W, 3), (0.94, 0.88, 0.74)), (0.85, 0.76, 0.60), 0.5 + 0.5 * noise(W, H, 4, 48))
    return blend(paper, (0.07, 0.06, 0.07), ink * (1 - 0.6 * worn))


def cells(
    seeds: Plane, angle: Plane, stretch: float = 1.0, square: bool = False
) -> tuple[NDArray[np.intp], Plane, Plane]:
    """For each pixel the nearest of `seeds`, (N, 2) in x and y, its distance, and how much farther the next one is.

    Distance is longer across `angle` by `stretch`, and for `square` that of a chessboard king: tiles, not pebbles.
    """
    nearest, first, second = np.zeros((H, W), int), np.full((H, W), 1e9), np.full((H, W), 1e9)
    reach = int(3.2 * np.sqrt(H * W / len(seeds)) * np.sqrt(stretch))
    for number, (x, y) in enumerate(seeds):
        rows = slice(max(0, int(y) - reach), min(H, int(y) + reach))
        columns = slice(max(0, int(x) - reach), min(W, int(x) + reach))
        turn = angle[min(H - 1, max(0, int(y))), min(W - 1, max(0, int(x)))]
        dx, dy = X[rows, columns] - x, Y[rows, columns] - y
        u, v = dx * np.cos(turn) + dy * np.sin(turn), (dy * np.cos(turn) - dx * np.sin(turn)) * stretch
        distance = np.maximum(np.abs(u), np.abs(v)) if square else np.hypot(u, v)
        one, two = first[rows, columns], second[rows, columns]
        closer = distance < one
        second[rows, columns] = np.where(closer, one, np.minimum(two, distance))
        nearest[rows, columns] = np.where(closer, number, nearest[rows, columns])
        first[rows, columns] = np.minimum(one, distance)
    return nearest, first, second - first


def settled(count: int, seed: int, angle: Plane, turns: int, **metric: float) -> Plane:
    """That many seeds, each moved to the middle of its cell so many times (Hausner 2001, for mosaics)."""
    seeds = np.random.default_rng(seed).random((count, 2)) * (W, H)
    for _ in range(turns):
        nearest = cells(seeds, angle, **metric)[0].ravel()
        sizes = np.maximum(np.bincount(nearest, minlength=count), 1)
        middles = [np.bincount(nearest, weights=axis.ravel(), minlength=count) / sizes for axis in (X, Y)]
        seeds = np.stack(middles, axis=1)
    return seeds


def _own(seeds: Plane, model: Plane) -> Plane:
    """The colour of `model` at each seed, (N, 3)."""
    columns, rows = np.clip(seeds, 0, (W - 1, H - 1)).astype(int).T
    return model[rows, columns]


def mosaic() -> Plane:
    """Small square stones in rows, with grout between."""
    angle = flow(51)
    tone, hue = folds(54), folds(57, coarsest=4, octaves=2)
    model = painted(
        tone,
        hue,
        [(0, (0.05, 0.08, 0.16)), (0.4, (0.09, 0.27, 0.48)), (0.75, (0.34, 0.62, 0.68)), (1, (0.90, 0.94, 0.88))],
        [(0, (0.10, 0.08, 0.07)), (0.4, (0.45, 0.40, 0.30)), (0.75, (0.84, 0.75, 0.55)), (1, (0.98, 0.95, 0.86))],
        [(0, (0.20, 0.05, 0.05)), (0.4, (0.63, 0.22, 0.12)), (0.75, (0.90, 0.62, 0.22)), (1, (1.0, 0.90, 0.60))],
    )
    seeds = settled(2000, 5, angle, 9, square=True)
    rng = np.random.default_rng(6)
    own = _own(seeds, model) + rng.normal(size=(len(seeds), 1)) * 0.09 + rng.normal(size=(len(seeds), 3)) * 0.03
    nearest, _, edge = cells(seeds, angle, square=True)
    slope = rng.normal(size=(len(seeds), 2)) * 0.005
    stone = (
        own[nearest]
        + ((X - seeds[nearest, 0]) * slope[nearest, 0] + (Y - seeds[nearest, 1]) * slope[nearest, 1])[..., None]
    )
    stone += 0.05 * noise(W, H, 3, 58, coarsest=90)[..., None]
    grout = np.full((H, W, 3), (0.42, 0.39, 0.36)) + 0.08 * noise(W, H, 3, 59, coarsest=200)[..., None]
    return blend(grout, stone, np.clip((edge - 5) / 4, 0, 1))


def stained_glass() -> Plane:
    """Pieces of coloured glass with the light behind them, held in lead."""
    angle = flow(61)
    rng, seeds = np.random.default_rng(7), settled(330, 8, angle, 3, stretch=1.7)
    glass = np.array(
        [
            (0.04, 0.10, 0.52),
            (0.10, 0.34, 0.80),
            (0.42, 0.72, 0.92),
            (0.62, 0.03, 0.08),
            (0.90, 0.12, 0.08),
            (0.98, 0.62, 0.06),
            (1.0, 0.86, 0.28),
            (0.03, 0.36, 0.20),
            (0.30, 0.64, 0.22),
            (0.40, 0.10, 0.46),
            (0.98, 0.95, 0.80),
            (0.86, 0.93, 0.96),
        ]
    )
    place = _own(seeds, np.dstack([folds(64, coarsest=3, octaves=2)] * 3))[:, 0]
    chosen = (place * len(glass) + rng.normal(size=len(seeds)) * 1.6).astype(int) % len(glass)
    own = glass[chosen] * rng.uniform(0.75, 1.12, (len(seeds), 1)) + rng.normal(size=(len(seeds), 3)) * 0.025
    nearest, distance, edge = cells(seeds, angle, stretch=1.7)
    streaks = noise(W, H, 4, 65, stretch=4, coarsest=10) * 0.22 + noise(W, H, 3, 66, coarsest=60) * 0.12
    lit = 1.12 - 0.42 * (distance / 60) ** 2 + streaks
    panes = own[nearest] * np.clip(lit, 0.25, 1.5)[..., None]
    lead = np.clip(1 - edge / 4, 0, 1)[..., None] * 0.16 + np.array([0.05, 0.05, 0.06])
    return blend(lead, panes, np.clip((edge - 6) / 4, 0, 1))


def watercolour() -> Plane:
    """Thin washes one over the other, with hard edges where they dried, blooms, and the grain of the paper."""
    rng = np.random.default_rng(9)
    tooth = noise(W, H, 3, 71, coarsest=170)
    rough = noise(W, H, 5, 72, coarsest=16)
    light = np.full((H, W, 3), (0.98, 0.97, 0.93))
    pigments = np.array(
        [
            (0.20, 0.38, 0.72),
            (0.25, 0.62, 0.72),
            (0.46, 0.60, 0.24),
            (0.90, 0.62, 0.20),
            (0.82, 0.32, 0.30),
            (0.62, 0.36, 0.56),
            (0.28, 0.30, 0.46),
            (0.52, 0.36, 0.24),
        ]
    )
    angle = flow(73)
    hue = folds(75, coarsest=3, octaves=2)
    for size, count, depth in ((300, 18, 0.12), (150, 50, 0.28), (90, 90, 0.45), (52, 70, 0.9)):
        for x, y in rng.random((count, 2)) * (W, H):
            pigment = pigments[int(hue[int(y), int(x)] * 8 + rng.normal() * 1.1) % 8]
            _wash(light, (x, y), size * rng.uniform(0.7, 1.4), angle[int(y), int(x)], pigment, depth, rough, tooth, rng)
    down, right = np.gradient(tooth)
    return light * (1 + 0.35 * (down + right))[..., None]


def _wash(
    light: Plane,
    place: tuple[float, float],
    size: float,
    turn: float,
    pigment: Plane,
    depth: float,
    rough: Plane,
    tooth: Plane,
    rng: np.random.Generator,
) -> None:
    """Take out of `light` what one dab of colour keeps back: more at its rim, and in the hollows of the paper."""
    (x, y), reach = place, int(size * 1.9)
    rows, columns = (slice(max(0, int(c) - reach), int(c) + reach) for c in (y, x))
    dx, dy = X[rows, columns] - x, Y[rows, columns] - y
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    reach_out = np.hypot(u / 1.5, v * 1.25) / size + 0.85 * np.roll(rough, int(rng.integers(0, W)), 1)[rows, columns]
    inside = np.clip((1 - reach_out) * size / 5, 0, 1)
    rim = np.exp(-(((1 - reach_out) * size / 7) ** 2))
    pooled = np.clip(0.55 + 0.5 * (u * np.cos(turn) + v) / size, 0.15, 1.2)
    layer = inside * depth * rng.uniform(0.35, 1.15) * (pooled + 1.1 * rim - 0.22 * tooth[rows, columns])
    light[rows, columns] *= np.clip(pigment, 0.03, 1) ** np.clip(layer, 0, 3)[..., None]


def charcoal() -> Plane:
    """Charcoal dragged over rough paper of a light middle tone, smudged, with some lights in white chalk."""
    tone, angle = folds(81), patches(86, (0.75, 0.95, 2.35), coarsest=5) + 0.25 * noise(W, H, 2, 84)
    tooth = even(noise(W, H, 2, 87, coarsest=330) + 0.6 * noise(W, H, 2, 88, coarsest=150))
    paper = blend(np.full((H, W, 3), (0.42, 0.39, 0.36)), (0.22, 0.21, 0.21), np.clip(0.72 - tone, 0, 1) * 0.9)
    paper += (0.12 * (tooth - 0.5))[..., None]
    dark, light = Canvas((0, 0, 0), seed=10), Canvas((0, 0, 0), seed=11)
    pressure, chalk = np.clip(0.95 - 1.15 * tone, 0, 0.9), np.clip(2.6 * tone - 1.9, 0, 0.8)
    for brush in (Brush(54, 210, 500, 12, 0.10, 0.15), Brush(15, 190, 3000, 3, 0.20, 0.12)):
        dark.cover(np.dstack([pressure] * 3), angle, brush, pressure)
        light.cover(np.dstack([chalk] * 3), angle, brush, chalk * 0.6)
    for canvas, colour in ((light, (0.98, 0.96, 0.92)), (dark, (0.06, 0.055, 0.06))):
        rubbed = np.asarray(canvas.image.convert("L"), float) / 255
        paper = blend(paper, colour, np.clip((rubbed * 1.5 - 0.15 - tooth) * 2.2, 0, 1) * (rubbed > 0) * 0.95)
    return paper


STYLES: dict[str, Callable[[], Plane]] = {
    "charcoal": charcoal,
    "hatching": hatching,
    "mosaic": mosaic,
    "oil": oil,
    "pointillism": pointillism,
    "stained-glass": stained_glass,
    "watercolour": watercolour,
    "woodcut": woodcut,
}


def drawn(name: str, longest: int = LONGEST) -> Image.Image:
    """The picture of that style, with this longest side."""
    image = Image.fromarray(np.uint8(STYLES[name]().clip(0, 1) * 255))
    box = (W * MARGIN, H * MARGIN, W * (1 - MARGIN), H * (1 - MARGIN))
    return image.resize((longest, round(longest * H / W)), Image.Resampling.LANCZOS, box)


def main() -> None:
    """Write the pictures asked for, or all of them."""
    if len(sys.argv) < 2 or (unknown := set(sys.argv[2:]) - STYLES.keys()):
        sys.exit(f"{__doc__}\nStyles: {', '.join(STYLES)}." + (f" Not {unknown}." if len(sys.argv) > 1 else ""))
    for name in sys.argv[2:] or STYLES:
        drawn(name).save(Path(sys.argv[1], f"{name}.webp"), quality=QUALITY, method=6)


if __name__ == "__main__":
    main()
