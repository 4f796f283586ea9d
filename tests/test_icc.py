"""Colour spaces of ICC profiles, against LittleCMS and by their definition."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from conftest import drawing
from icc_profiles import CURVES, LINEAR, adobe, fixed, profile
from impasto.pictures.colour_spaces import space, srgb_encoded
from impasto.pictures.picture import Picture, read, write
from impasto.pictures.samples import Samples


@pytest.mark.parametrize("curve", CURVES)
def test_colours_of_a_profile_are_those_of_littlecms(curve: str) -> None:
    icc = adobe(CURVES[curve])
    there = Image.fromarray(drawing())
    pair = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    expected = ImageCms.profileToProfile(there, *pair, outputMode="RGB")
    got = Picture.of(Samples(drawing(), icc=icc)).pixels
    assert np.abs(got * 255 - np.asarray(expected, np.float32)).max() < 1.01


def test_a_profile_of_tables_goes_through_littlecms() -> None:
    """A space whose three numbers are those of CIELAB."""
    even = bytes(range(256)) * 3
    corners = bytes(255 * (corner >> axis & 1) for corner in range(8) for axis in (2, 1, 0))
    table = b"mft1\0\0\0\0\3\3\2\0" + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + even + corners + even
    icc = bytearray(profile(b"RGB ", {b"A2B0": table, b"B2A0": table}))
    icc[20:24] = b"Lab "
    lightness = np.broadcast_to(np.linspace(0.2, 0.9, 4096, dtype=np.float32)[:, None], (4096, 16))
    deep = np.stack([lightness, np.full_like(lightness, 128 / 255), np.full_like(lightness, 128 / 255)], axis=2)
    samples = Samples((deep * 65535).round().astype(np.uint16), icc=bytes(icc))
    pixels = Picture.of(samples).pixels
    expected = srgb_encoded(((lightness * 100 + 16) / 116) ** 3)
    assert np.abs(pixels[..., 1] - expected)[lightness > 0.25].max() < 0.02
    assert len(np.unique(pixels[:, 0, 1])) > 2000
    back = samples.painted(pixels).array.astype(int) - samples.array
    assert np.abs(back).max() < 65535 * 3 / 255


def test_damaged_profiles_are_used_or_left_aside() -> None:
    colours = np.linspace(-1, 3, 768, dtype=np.float32).reshape(16, 16, 3)
    used = 0
    for seed in range(600):
        rng = np.random.default_rng(seed)
        damaged = bytearray(adobe(list(CURVES.values())[seed % 3]))
        for place in rng.integers(12, 600 if len(damaged) > 600 else len(damaged), 4):
            damaged[place] = rng.integers(256)
        known = space(bytes(damaged[: rng.integers(1, len(damaged))] if seed % 5 == 0 else damaged), grey=False)
        if known:
            used += 1
            assert np.isfinite(known.encoded(known.decoded(colours))).all()
    assert 100 < used < 500


def test_a_linear_profile_tells_the_colours(tmp_path: Path) -> None:
    path, grey = tmp_path / "p.tif", np.full((32, 32, 3), 0.2140, np.float32)
    write(path, Picture.of(Samples(grey, icc=LINEAR)))
    assert np.allclose(read(path).pixels, 0.5, atol=0.002)
