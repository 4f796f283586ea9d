"""Pictures with transparent parts: what nobody sees there shows nowhere in what is painted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run, cut_out
from impasto.pictures.picture import Picture
from impasto.pictures.samples import Samples

HIDDEN = {"magenta": (255, 0, 255), "green": (0, 160, 60)}


@pytest.fixture
def cut_outs(tmp_path: Path) -> list[Path]:
    """The same cut-out twice, with other hidden colours."""
    paths = [tmp_path / f"{name}.png" for name in HIDDEN]
    for path, hidden in zip(paths, HIDDEN.values(), strict=True):
        Image.fromarray(cut_out(hidden)).save(path)
    return paths


@pytest.mark.parametrize("role", ["content", "style", "init"])
@pytest.mark.parametrize("size", [160, 96])
def test_hidden_colours_show_nowhere_in_the_result(
    impasto: Run, tmp_path: Path, content: Path, style: Path, cut_outs: list[Path], role: str, size: int
) -> None:
    results = []
    for path in cut_outs:
        out = tmp_path / f"out-{path.name}"
        used = {"content": content, "style": style, "init": "content", role: path}
        words = ("--init", used["init"], "--size", size, "--scales", 1, "--steps", 2, "-q")
        done = impasto(used["content"], used["style"], "-o", out, "--preview", tmp_path / "preview.png", *words)
        assert done.exit_code == 0, done.stderr
        results.append([np.asarray(Image.open(each).convert("RGBA")) for each in (out, tmp_path / "preview.png")])
    for one, other in zip(*results, strict=True):
        shown = one[..., 3] > 0
        assert np.array_equal(one[..., 3], other[..., 3])
        assert np.array_equal(one[shown], other[shown])


@pytest.mark.parametrize("kind", ["u8", "u16", "half", "float"])
@pytest.mark.parametrize("size", [(96, 72), (333, 250)])
def test_hidden_colours_do_not_bleed_into_what_shows_ever_so_faintly(kind: str, size: tuple[int, int]) -> None:
    """Pixels are those of a picture with other hidden colours bit for bit; a flat one stays flat at its faint edge."""
    pixels, alpha = np.full((120, 160, 3), 0.25, np.float32), np.zeros((120, 160), np.float32)
    alpha[20:90, 30:100] = 1
    alpha[90:100] = 5e-4  # below what 8 bits can show
    found = []
    for hidden in HIDDEN.values():
        seen = np.where(alpha[..., None] > 0, pixels, np.array(hidden, np.float32) / 255)
        samples = Samples.of(seen, alpha, kind)
        small = Picture.of(samples).resized(*size)
        assert small.alpha is not None and small.samples is not None
        shown = small.alpha > 1e-4
        assert np.abs(small.pixels[shown] - 0.25).max() < 0.01
        found.append((small.pixels[shown], small.samples.array[small.samples.array[..., -1] > 0]))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)
