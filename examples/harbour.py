"""A photograph, rendered: a harbour at dusk, with a town, mountains, boats and their reflections."""

from __future__ import annotations

import numpy as np
from canvas import H, Plane, W, blend, noise, ramp
from PIL import Image, ImageDraw, ImageFilter

HORIZON = int(H * 0.60)
SUN = (0.30 * W, 0.545 * H)


def sky() -> Plane:
    """Dusk with lit clouds, (HORIZON, W, 3)."""
    y, x = np.mgrid[:HORIZON, :W].astype(float)
    colours = ramp(
        y / HORIZON,
        [
            (0.0, (0.13, 0.20, 0.38)),
            (0.35, (0.34, 0.38, 0.55)),
            (0.62, (0.74, 0.55, 0.52)),
            (0.82, (0.97, 0.68, 0.42)),
            (1.0, (1.0, 0.80, 0.52)),
        ],
    )
    distance = np.hypot(x - SUN[0], (y - SUN[1]) * 1.5) / W
    colours = blend(colours, (1.0, 0.90, 0.66), np.exp(-((distance / 0.16) ** 2)) * 0.75)
    cloud = noise(W, HORIZON, 7, seed=4, stretch=4.5, coarsest=3) + 0.25 * noise(W, HORIZON, 5, seed=8, stretch=9)
    cover = np.clip((cloud - 0.02 - 0.10 * (y / HORIZON)) * 4.5, 0, 1) ** 1.2
    lit = np.clip((cloud - np.roll(cloud, -26, axis=0)) * 5 + 0.35, 0, 1)
    dark, bright = (
        ramp(y / HORIZON, [(0, (0.20, 0.22, 0.36)), (1, (0.60, 0.38, 0.40))]),
        ramp(y / HORIZON, [(0, (0.80, 0.60, 0.56)), (0.6, (1.0, 0.72, 0.48)), (1, (1.0, 0.86, 0.60))]),
    )
    clouds = dark * (1 - lit[..., None]) + bright * lit[..., None]
    return blend(colours, clouds, cover * (0.85 - 0.35 * y / HORIZON))


def ridge(level: float, height: float, seed: int, roughness: int = 6) -> Plane:
    """The y of a mountain's skyline for each x."""
    line = noise(W, 2, roughness, seed, coarsest=3)[0]
    return HORIZON - H * (level + height * line)


def mountains(picture: Plane) -> Plane:
    """Three ranges, hazier with distance."""
    y = np.arange(picture.shape[0])[:, None]
    ranges = [
        (0.155, 0.105, 11, (0.52, 0.45, 0.56)),
        (0.085, 0.070, 23, (0.36, 0.33, 0.45)),
        (0.035, 0.045, 37, (0.20, 0.22, 0.30)),
    ]
    texture = noise(W, picture.shape[0], 7, seed=51, coarsest=12)
    for level, height, seed, colour in ranges:
        top = ridge(level, height, seed)
        inside = np.clip(y - top, 0, 1.5) / 1.5
        haze = np.clip((y - top) / (H * 0.2), 0, 1)[..., None] * np.array([0.36, 0.20, 0.08])
        picture = blend(picture, np.asarray(colour) + haze + 0.06 * texture[..., None], inside)
    return picture


WALLS = ["#d9a860", "#c8744a", "#e3c99a", "#b55d45", "#d8b8a0", "#a9a49a", "#e0b070", "#cf8f6a", "#8f9aa6", "#efe0c0"]
ROOFS = ["#7d3b2c", "#93472f", "#6a3a34", "#84503c", "#5c4444"]


def shade(colour: str, light: float) -> tuple[int, int, int]:
    """A colour lighter (above 1) or darker than it is."""
    return tuple(int(min(255, int(colour[i : i + 2], 16) * light)) for i in (1, 3, 5))  # type: ignore[return-value]


def house(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, base: float, wide: float, light: float
) -> None:
    """A gabled house with its lit side to the left, shutters, some lamps on, and a chimney."""
    wide, tall = wide * rng.uniform(0.85, 1.15), wide * rng.uniform(1.1, 2.1)
    wall, roof, top = WALLS[rng.integers(len(WALLS))], ROOFS[rng.integers(len(ROOFS))], base - tall
    draw.rectangle((x, top, x + wide, base), fill=shade(wall, 0.80 * light))
    draw.rectangle((x, top, x + wide * 0.12, base), fill=shade(wall, 0.98 * light))
    draw.rectangle((x + wide * 0.86, top, x + wide, base), fill=shade(wall, 0.60 * light))
    peak, eaves = top - wide * rng.uniform(0.35, 0.75), wide * 0.06
    chimney = x + wide * rng.uniform(0.62, 0.75)
    draw.rectangle((chimney, peak, chimney + wide * 0.1, top), fill=shade(roof, 0.7 * light))
    if rng.random() < 0.55:
        gable, middle = [(x - eaves, top), (x + wide / 2, peak), (x + wide + eaves, top)], x + wide / 2
        draw.polygon(gable, fill=shade(roof, 0.85 * light))
        inset = [(x + wide * 0.1, top), (middle, peak + wide * 0.1), (x + wide * 0.9, top)]
        draw.polygon(inset, fill=shade(wall, 0.85 * light))
    else:
        slope = [(x - eaves, top), (x + wide * 0.14, peak), (x + wide * 0.86, peak), (x + wide + eaves, top)]
        draw.polygon(slope, fill=shade(roof, 1.0 * light))
        for share in np.linspace(0.15, 0.9, 6):
            y = peak + (top - peak) * share
            draw.line(
                (x + wide * 0.14 * (1 - share), y, x + wide * (0.86 + 0.14 * share), y), fill=shade(roof, 0.82 * light)
            )
    windows(draw, rng, (x, top, wide, tall), light)


def windows(draw: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[float, ...], light: float) -> None:
    """Rows of windows with shutters; a third of them lit."""
    x, top, wide, tall = box
    columns, rows = max(2, round(wide / 26)), max(2, round(tall / 40))
    w, h = wide / columns * 0.34, tall / rows * 0.46
    shutter = ("#3f5f57", "#5a4636", "#405070", "#704038")[rng.integers(4)]
    for row in range(rows):
        for column in range(columns):
            left, up = x + wide * (column + 0.33) / columns, top + tall * (row + 0.22) / rows
            lit = rng.random() < 0.34
            pane = shade("#ffd884", rng.uniform(0.85, 1.1)) if lit else shade("#39424f", light * rng.uniform(0.8, 1.3))
            draw.rectangle((left - w * 0.42, up, left + w * 1.42, up + h), fill=shade(shutter, light))
            draw.rectangle((left, up, left + w, up + h), fill=pane)
            draw.line((left + w / 2, up, left + w / 2, up + h), fill=shade("#40352c", light))
            draw.line((left, up + h * 0.45, left + w, up + h * 0.45), fill=shade("#40352c", light))


def tree(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, base: float, size: float, light: float) -> None:
    """A crown of many leaves, lighter towards the sun at the upper left."""
    draw.line((x, base, x, base - size * 0.5), fill=shade("#3a2c24", light), width=max(2, int(size * 0.08)))
    for _ in range(260):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.random())
        u, v = np.cos(angle) * reach, np.sin(angle) * reach
        bright = (0.75 - 0.35 * u - 0.45 * v + rng.normal() * 0.18) * light
        cx, cy, r = x + u * size * 0.52, base - size * 0.85 + v * size * 0.6, size * rng.uniform(0.04, 0.09)
        draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=shade("#5a6840", max(0.35, bright)))


def tower(draw: ImageDraw.ImageDraw, x: float, base: float, light: float) -> None:
    """The church: a nave, a belfry and a slate spire."""
    draw.polygon(
        [(x + 50, base - 130), (x + 70, base - 185), (x + 190, base - 185), (x + 215, base - 130)],
        fill=shade(ROOFS[0], light),
    )
    draw.rectangle((x + 52, base - 130, x + 212, base), fill=shade("#cbb391", 0.75 * light))
    draw.rectangle((x, base - 290, x + 62, base), fill=shade("#d8c19c", 0.80 * light))
    draw.rectangle((x, base - 290, x + 12, base), fill=shade("#efd9b0", light))
    draw.polygon([(x - 8, base - 290), (x + 31, base - 450), (x + 70, base - 290)], fill=shade("#4c5562", light))
    draw.polygon([(x - 8, base - 290), (x + 31, base - 450), (x + 26, base - 290)], fill=shade("#77808c", light))
    for up in (265, 190):
        draw.ellipse((x + 20, base - up, x + 42, base - up + 22), fill=shade("#3a3430", light))
        draw.rectangle((x + 20, base - up + 11, x + 42, base - up + 38), fill=shade("#3a3430", light))


def town(picture: Plane) -> Plane:
    """Houses in three rows up the hill to the right, trees between them, a church, and the quay."""
    rng = np.random.default_rng(5)
    image = Image.fromarray((picture.clip(0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for rise, wide, light, start in ((92, 46, 0.74, 0.56), (46, 62, 0.88, 0.45), (0, 84, 1.0, 0.36)):
        x = W * start
        while x < W + 40:
            climb = rise * np.clip((x / W - start) * 3.2, 0, 1) ** 0.8
            if rng.random() < 0.24:
                tree(draw, rng, x + wide * 0.3, HORIZON - climb, wide * rng.uniform(1.0, 1.5), light * 0.9)
                x += wide * 0.55
            else:
                house(draw, rng, x, HORIZON - climb + 4, wide, light)
                x += wide * rng.uniform(0.93, 1.12)
        if rise == 46:
            tower(draw, W * 0.66, HORIZON - 40, 0.95)
    for x in np.arange(W * 0.30, W * 0.37, 22):
        tree(draw, rng, x, HORIZON, rng.uniform(50, 95), 0.85)
    draw.rectangle((W * 0.335, HORIZON - 7, W, HORIZON + 12), fill=(104, 88, 80))
    draw.line((W * 0.335, HORIZON - 8, W, HORIZON - 8), fill=(190, 160, 130), width=3)
    return np.asarray(image) / 255


def glow(picture: Plane) -> Plane:
    """Lamps along the quay, and the light that windows and sun spill around them."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[: picture.shape[0], :W].astype(float)
    for place in np.arange(W * 0.36, W, W * 0.058):
        lamp = place + rng.normal() * 8, HORIZON - 46 + rng.normal() * 3
        distance = np.hypot(x - lamp[0], y - lamp[1])
        picture = blend(
            picture, (1.0, 0.83, 0.50), 0.95 * np.exp(-((distance / 6) ** 2)) + 0.30 * np.exp(-distance / 22)
        )
    bright = np.clip(picture - 0.72, 0, 1)
    soft = Image.fromarray((bright * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(14))
    return picture + np.asarray(soft) / 255 * 0.5


def water(shore: Plane) -> Plane:
    """The shore mirrored in ripples, which grow towards the viewer; (H - HORIZON, W, 3)."""
    rows, depth = np.mgrid[: H - HORIZON, :W][0].astype(float), H - HORIZON
    near = rows / depth
    waves = noise(W, depth, 7, seed=71, stretch=14, coarsest=5)
    fine = noise(W, depth, 6, seed=72, stretch=26, coarsest=10)
    perspective = 0.12 + near
    along = (waves * 26 + fine * 20) * perspective
    up = (waves * 60 + fine * 60) * perspective + rows * 0.94
    source_y = np.clip(HORIZON - 10 - up, 0, HORIZON - 1).astype(int)
    source_x = np.clip(np.arange(W) + along, 0, W - 1).astype(int)
    mirrored = shore[source_y, source_x]
    deep = ramp(near, [(0.0, (0.40, 0.34, 0.38)), (0.5, (0.17, 0.23, 0.33)), (1.0, (0.07, 0.13, 0.21))])
    surface = blend(mirrored * np.array([0.90, 0.90, 0.95]), deep, 0.18 + 0.42 * near)
    column = np.exp(-(((np.arange(W) - SUN[0]) / (W * (0.018 + 0.07 * near))) ** 2))
    sparkle = np.clip((fine + 0.5 * waves) * 4.2 - 0.35, 0, 1) * column
    surface = blend(surface, (1.0, 0.84, 0.55), 0.9 * sparkle)
    crests = np.clip(fine * 3.2 - 0.9, 0, 1) * (0.25 + near)
    return blend(surface, (0.62, 0.60, 0.68), 0.35 * crests)


def boats(picture: Plane) -> Plane:
    """Sailing boats at anchor, and a rowing boat near the viewer, each with its own reflection."""
    layer = Image.new("RGBA", (W, H))
    for x, base, size, hull in (
        (0.47, 0.655, 1.0, "#e9e2d2"),
        (0.60, 0.690, 1.35, "#39566f"),
        (0.80, 0.665, 1.1, "#a8483a"),
        (0.13, 0.675, 1.2, "#4d3b33"),
        (0.905, 0.72, 1.5, "#efe9da"),
    ):
        layer = Image.alpha_composite(layer, boat(x * W, base * H, size, hull))
    layer = Image.alpha_composite(layer, rowing_boat(0.30 * W, 0.86 * H))
    drawn = np.asarray(layer) / 255
    return blend(picture, drawn[..., :3], drawn[..., 3])


def boat(x: float, base: float, size: float, hull: str) -> Image.Image:
    """A sloop with furled sails."""
    layer = Image.new("RGBA", (W, H))
    draw = ImageDraw.Draw(layer)
    long, high = 74 * size, 17 * size
    draw.line((x, base - high, x, base - 165 * size), fill="#33291f", width=max(2, int(2.4 * size)))
    for end in (-long * 0.58, long * 0.62):
        draw.line((x, base - 162 * size, x + end, base - high), fill=(60, 52, 50, 150), width=1)
    draw.line((x, base - high * 1.9, x + long * 0.52, base - high * 1.7), fill="#c9b492", width=int(6 * size))
    draw.rectangle((x - long * 0.2, base - high * 1.45, x + long * 0.22, base - high * 0.9), fill="#b89a6c")
    shape = [(-0.66, -1.15), (0.60, -1.0), (0.52, 0.0), (-0.42, 0.0)]
    draw.polygon([(x + u * long, base + v * high) for u, v in shape], fill=shade(hull, 0.82))
    edge = [(-0.66, -1.15), (0.60, -1.0), (0.60, -0.78), (-0.62, -0.9)]
    draw.polygon([(x + u * long, base + v * high) for u, v in edge], fill=shade(hull, 1.05))
    return Image.alpha_composite(reflected(layer, base), layer)


def rowing_boat(x: float, base: float) -> Image.Image:
    """A wooden boat with thwarts and an oar."""
    layer = Image.new("RGBA", (W, H))
    draw = ImageDraw.Draw(layer)
    draw.polygon([(x - 120, base - 44), (x + 128, base - 38), (x + 92, base), (x - 78, base)], fill="#4a2f22")
    draw.polygon(
        [(x - 120, base - 44), (x + 128, base - 38), (x + 122, base - 30), (x - 113, base - 34)], fill="#b07a4a"
    )
    draw.polygon([(x - 108, base - 46), (x + 116, base - 41), (x + 80, base - 54), (x - 70, base - 58)], fill="#6e4a32")
    for offset in (-50, 10, 66):
        draw.line((x + offset, base - 55, x + offset + 12, base - 42), fill="#c08a58", width=7)
    draw.line((x - 20, base - 62, x + 176, base - 16), fill="#d8b07a", width=5)
    return Image.alpha_composite(reflected(layer, base), layer)


def reflected(layer: Image.Image, base: float) -> Image.Image:
    """`layer` mirrored at the water line, broken by ripples and half lost in the water."""
    array = np.asarray(layer)
    y, x = np.mgrid[:H, :W]
    below = np.clip(y - base, 0, None)
    wave = noise(W, H, 6, seed=73, stretch=20, coarsest=8)
    from_y = np.clip(base - below * 1.02 + wave * 16, 0, base - 1).astype(int)
    from_x = np.clip(x + wave * (6 + below * 0.20), 0, W - 1).astype(int)
    found = array[from_y, from_x].astype(float)
    found[..., :3] *= 0.62
    found[..., 3] *= np.where(y > base, 0.62 * np.exp(-below / 190), 0)
    return Image.fromarray(found.astype(np.uint8))


def harbour() -> Plane:
    """The whole photograph, with the grain and the falling off of light towards the corners of a real one."""
    shore = mountains(sky())
    shore = glow(town(np.concatenate([shore, np.zeros((20, W, 3))]))[:HORIZON])
    picture = boats(np.concatenate([shore, water(shore)]))
    y, x = np.mgrid[-1 : 1 : H * 1j, -1 : 1 : W * 1j]
    picture *= (1.04 - 0.16 * (x**2 + y**2))[..., None]
    return picture + np.random.default_rng(9).normal(scale=0.014, size=(H, W, 1))
