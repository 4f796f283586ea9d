"""The bundled styles: pictures that come with impasto and can be named where a style file is expected.

They are drawn by examples/styles.py. A file of the same name goes before them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ImageError
from ..storage.files import is_there, refuse_address

if TYPE_CHECKING:
    from .picture import Picture

FOLDER = Path(__file__).parent / "styles"
SCHEME = "bundled:"
"""What stands before the name of a bundled style in a recipe, in place of a path."""
SUMMARIES = {
    "charcoal": "charcoal dragged over rough paper, with lights in white chalk",
    "hatching": "pen and ink: strokes side by side, crossed where it is dark",
    "mosaic": "small square stones in rows, with grout between",
    "oil": "thick paint, laid on with a flat brush",
    "pointillism": "dots of unmixed colour side by side",
    "stained-glass": "pieces of coloured glass, held in lead",
    "watercolour": "thin washes one over the other, with hard edges where they dried",
    "woodcut": "black ink, and light cut into it with a gouge",
}


def bundled() -> tuple[str, ...]:
    """The names of the bundled styles."""
    return tuple(SUMMARIES)


def style(name: str) -> Picture:
    """The bundled style of this name; `ImageError` lists the names there are."""
    from .picture import read

    return read(_file(name))


def found(path: Path) -> Path:
    """The file that `path` means as a style: itself if it is there, else the bundled style of that name.

    `ImageError` where there is neither.
    """
    return path if is_there(path) and not (path.is_dir() and str(path) in SUMMARIES) else _file(str(path))


def named(path: Path) -> str | None:
    """What a recipe calls a bundled style, "bundled:oil"; None for other files."""
    return f"{SCHEME}{path.stem}" if path.parent == FOLDER else None


def _file(name: str) -> Path:
    if (plain := name.removeprefix(SCHEME)) not in SUMMARIES:
        refuse_address(name)
        hint = f"Check the name, or use a bundled style: {', '.join(SUMMARIES)}."
        raise ImageError(f"{name}: there is no such file, and no such bundled style.", hint)
    return FOLDER / f"{plain}.webp"
