"""Run the commands of the painter's guide, and keep the pictures that it shows.

    python examples/guide.py                   # all of them
    python examples/guide.py strength tile     # those that need no result of another

Reads docs/guide.md, writes docs/guide/*.jpg; takes some minutes. Stops at the first command that fails.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw, ImageFilter, ImageOps

HERE = Path(__file__).parent
GUIDE = HERE.parent / "docs" / "guide.md"
HORIZON, WIDEST, QUALITY = 0.52, 960, 80
"""The upper part ends at this share of the height; pictures on the page are at most so many pixels wide."""


def masks(folder: Path) -> None:
    """White above, with a soft edge, and the reverse of it."""
    width, height = 400, 300
    upper = Image.new("L", (width, height))
    ImageDraw.Draw(upper).rectangle((0, 0, width, height * HORIZON), fill=255)
    upper = upper.filter(ImageFilter.GaussianBlur(4))
    upper.save(folder / "upper.png")
    ImageOps.invert(upper).save(folder / "lower.png")


def photographs(folder: Path) -> None:
    """The harbour, and either half of it."""
    folder.mkdir()
    shutil.copy(HERE / "harbour.jpg", folder)
    with Image.open(HERE / "harbour.jpg") as harbour:
        middle = harbour.width // 2
        harbour.crop((0, 0, middle, harbour.height)).save(folder / "left.jpg", quality=95)
        harbour.crop((middle, 0, *harbour.size)).save(folder / "right.jpg", quality=95)


def pan(folder: Path, frames: int = 13, step: int = 12) -> None:
    """What a camera sees that turns along the harbour, frame by frame."""
    folder.mkdir()
    with Image.open(HERE / "harbour.jpg") as harbour:
        width, height = harbour.width - (frames - 1) * step, harbour.height
        for number in range(frames):
            seen = harbour.crop((number * step, 0, number * step + width, height))
            seen.save(folder / f"{number:02d}.jpg", quality=95)


def shown_as(made: Path) -> Image.Image:
    """A result as the page shows it: of frames the first, the middle one and the last, side by side."""
    if made.is_file():
        return Image.open(made).convert("RGB")
    paths = sorted(made.glob("*.png"))
    frames = [Image.open(paths[number]).convert("RGB") for number in (0, len(paths) // 2, -1)]
    sheet = Image.new("RGB", (sum(frame.width for frame in frames) + 16, frames[0].height), "white")
    for number, frame in enumerate(frames):
        sheet.paste(frame, (number * (frame.width + 8), 0))
    return sheet


def main() -> None:
    """Run every command in one folder, then copy what is shown."""
    text = GUIDE.read_text()
    commands = [line for block in re.findall(r"^```\n(.*?)^```$", text, re.M | re.S) for line in block.splitlines()]
    shown = re.findall(r"\]\(guide/([\w-]+)\.jpg\)", text)
    if wanted := sys.argv[1:]:
        commands = [
            command
            for command in commands
            if any(re.search(rf" (-o|--contact-sheet) {stem}\b", command) for stem in wanted)
        ]
        shown = wanted
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(HERE / "harbour.jpg", folder / "photo.jpg")
        masks(folder)
        photographs(folder / "photos")
        pan(folder / "pan")
        for command in commands:
            print(command, flush=True)
            words = [sys.executable, "-m", *shlex.split(command)]
            subprocess.run([*words, "-q"] if "styles" not in words else words, cwd=folder, check=True)
        GUIDE.with_suffix("").mkdir(exist_ok=True)
        for stem in shown:
            (made,) = (path for path in folder.iterdir() if path.stem == stem)
            image = shown_as(made)
            image.thumbnail((WIDEST, WIDEST))
            image.save(GUIDE.with_suffix("") / f"{stem}.jpg", quality=QUALITY, optimize=True)


if __name__ == "__main__":
    main()
