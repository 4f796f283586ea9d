"""Render the example pictures: a photograph of a harbour at dusk, and two paintings to paint it after.

    python examples/make_examples.py

Needs numpy and Pillow only, and draws the same pictures every time, in a few minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from canvas import SCALE, Plane
from harbour import harbour
from paintings import night, summer
from PIL import Image

HERE = Path(__file__).parent


def save(colours: Plane, name: str, quality: int) -> None:
    """Scale down and write (height, width, 3) colours in 0..1."""
    image = Image.fromarray((colours.clip(0, 1) * 255).astype(np.uint8))
    image = image.resize((image.width // SCALE, image.height // SCALE), Image.Resampling.LANCZOS)
    image.save(HERE / name, quality=quality, optimize=True)


def main() -> None:
    """Write the three pictures beside this script."""
    save(harbour(), "harbour.jpg", quality=90)
    save(night(), "night.jpg", quality=82)
    save(summer(), "summer.jpg", quality=76)


if __name__ == "__main__":
    main()
