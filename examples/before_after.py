"""Put a photograph, a painting and what impasto made of them side by side.

    python examples/before_after.py examples/harbour.jpg examples/summer.jpg painted.png docs/before_after.jpg

The photograph stands left with the painting in its corner, the result right.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageOps

HEIGHT, GAP, INSET = 480, 12, 0.34


def compose(content: Image.Image, style: Image.Image, painted: Image.Image) -> Image.Image:
    """One picture of the three, on white."""
    left, right = (ImageOps.contain(image, (10 * HEIGHT, HEIGHT)) for image in (content, painted))
    small = ImageOps.contain(style, (round(left.width * INSET), round(HEIGHT * INSET)))
    small = ImageOps.expand(small, GAP // 3, "white")
    sheet = Image.new("RGB", (left.width + GAP + right.width, HEIGHT), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(small, (left.width - small.width - GAP, HEIGHT - small.height - GAP))
    sheet.paste(right, (left.width + GAP, 0))
    return sheet


def main() -> None:
    """Read three pictures, write the sheet."""
    *sources, target = map(Path, sys.argv[1:])
    if len(sources) != 3:
        sys.exit(__doc__)
    compose(*(Image.open(path).convert("RGB") for path in sources)).save(target, quality=90, optimize=True)


if __name__ == "__main__":
    main()
