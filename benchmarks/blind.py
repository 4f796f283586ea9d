"""Sheets on which pictures have letters in place of names, and the count of votes on them, for `pictures.py`."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from statistics import mean
from string import ascii_uppercase as LETTERS

from PIL import Image, ImageDraw, ImageFont, ImageOps

WIDE, GAP, LABEL = 640, 14, 30
BRIEF = (
    "Each sheet shows a photograph and a painting above, and below pictures that try to paint that photograph in the "
    "manner of that painting. Rank them, best first, as a painter who would hang one on a wall: Is it painted in that "
    "hand (its strokes, their length and flow, its palette, light and dark)? Is the photograph's subject still clear, "
    "each thing of one piece? Is it free of faults (noise, blotches, bars, seams, frames, repeated patterns)? Look at "
    "the whole first, then at details. One line a sheet: its name, then all letters, best first, then a dash and why."
)
VOTE = re.compile(r"\s*(\w+?)(?:\.png)?[:\s]+([A-Za-z\s,>]+?)\s*(?:[-\u2013\u2014].*)?")
Cell = tuple[str, Image.Image]
Votes = dict[str, dict[str, list[float]]]
"""The points of each variant, by pair."""


def lay_out(out: Path, pair: str, files: tuple[Path, Path], pictures: dict[str, Path]) -> None:
    """Write the sheet of a pair, and its key where those who are given the sheets do not see it."""
    sheets, keys = out / "sheets", out / "keys"
    for folder in (sheets, keys):
        folder.mkdir(parents=True, exist_ok=True)
    (sheets / "BRIEF.txt").write_text(f"{BRIEF}\n")
    letters = drawn(keys / f"{pair}.json", pictures)
    above = zip(("photograph", "painting"), (fitted(file, WIDE // 2) for file in files), strict=True)
    below = ((letter, fitted(pictures[name], WIDE)) for letter, name in letters.items())
    page([*above, *below]).save(sheets / f"{pair}.png")


def drawn(key: Path, pictures: dict[str, Path]) -> dict[str, str]:
    """The name behind each letter; as before for the same pictures, so that votes on their sheet stay good."""
    found = {name: sha256(path.read_bytes()).hexdigest() for name, path in pictures.items()}
    before = json.loads(key.read_text()) if key.is_file() else {}
    if before.get("pictures") == found:
        return dict(before["letters"])
    letters = dict(zip(LETTERS, random.SystemRandom().sample(list(found), len(found)), strict=False))
    key.write_text(json.dumps({"letters": letters, "pictures": found}, indent=1))
    return letters


def fitted(path: Path, width: int) -> Image.Image:
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file).convert("RGB")
    return image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def page(cells: list[Cell]) -> Image.Image:
    """Labelled pictures in two columns."""
    rows = [cells[first : first + 2] for first in range(0, len(cells), 2)]
    heights = [LABEL + max(image.height for _, image in row) + GAP for row in rows]
    sheet = Image.new("RGB", (2 * WIDE + 3 * GAP, sum(heights) + GAP), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    for number, row in enumerate(rows):
        top = GAP + sum(heights[:number])
        for left, (label, image) in zip((GAP, WIDE + 2 * GAP), row, strict=False):
            draw.text((left, top), label, "black", font)
            sheet.paste(image, (left, top + LABEL))
    return sheet


def tally(out: Path, files: Iterable[Path]) -> Iterator[str]:
    """A table of mean points, 1 for the first of a sheet and 0 for the last; lines that cannot be read go to stderr."""
    votes: Votes = defaultdict(lambda: defaultdict(list))
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
            try:
                for pair, name, points in ballot(line, out / "keys") if line.strip() else ():
                    votes[name][pair].append(points)
            except ValueError as error:
                print(f"{file}:{number}: {error}", file=sys.stderr)
    yield from table(votes)


def ballot(line: str, keys: Path) -> list[tuple[str, str, float]]:
    """Pair, name and points of each picture that a line ranks."""
    if not (match := VOTE.fullmatch(line)):
        raise ValueError(f'"{line}" is no vote: expected the name of a sheet, its letters, best first, a dash and why.')
    pair, ranked = match[1], re.sub(r"[\s,>]", "", match[2]).upper()
    if not (key := keys / f"{pair}.json").is_file():
        raise ValueError(
            f"There is no sheet {pair}; expected {', '.join(sorted(path.stem for path in keys.glob('*.json')))}."
        )
    letters = json.loads(key.read_text())["letters"]
    if sorted(ranked) != sorted(letters):
        raise ValueError(f'{pair} is ranked "{match[2]}"; expected each of {"".join(letters)} once, a dash and why.')
    if len(ranked) < 2:
        raise ValueError(f"The sheet {pair} has one picture: there is nothing to rank.")
    return [(pair, letters[letter], 1 - place / (len(ranked) - 1)) for place, letter in enumerate(ranked)]


def table(votes: Votes) -> Iterator[str]:
    """Best first."""
    pairs = sorted({pair for points in votes.values() for pair in points})
    means = {name: mean(point for points in votes[name].values() for point in points) for name in votes}
    yield f"{'variant':<20}{'votes':>6}{'all':>6}" + "".join(f"{pair:>20}" for pair in pairs)
    for name in sorted(votes, key=means.__getitem__, reverse=True):
        found = votes[name]
        each = (f"{mean(found[pair]):.2f}" if pair in found else "-" for pair in pairs)
        yield f"{name:<20}{sum(map(len, found.values())):>6}{means[name]:>6.2f}" + "".join(
            f"{cell:>20}" for cell in each
        )
