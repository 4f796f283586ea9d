"""Of several pictures in one file, frames, pages or parts: which is taken, and of what size it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from . import openimageio, tiff
from .codecs import DECODERS, check_shape, opened


def chosen(path: Path) -> str:
    """Which of several pictures in a file `decode` takes, as "the first of 4 frames"; "" where there is but one.

    Raises as `decode`, but reads the header only.
    """
    word, page, sizes = _inside(path)
    if len(sizes) < 2:
        return ""
    why = "the main one" if word == "frame" else "the largest"
    return f"{word} {page + 1} of {len(sizes)}, {why}" if page else f"the first of {len(sizes)} {word}s"


def stored_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels of the picture that `decode` takes, before it is put upright.

    Raises as `decode`, but reads the header only.
    """
    _, page, sizes = _inside(path)
    check_shape(path, *sizes[page])
    return sizes[page]


def _inside(path: Path) -> tuple[str, int, list[tuple[int, int]]]:
    """What the pictures in a file are called, which of them `decode` takes, and (width, height) of each."""
    with opened(path) as (form, stream):
        if form not in ("EXR", "TIFF"):
            with DECODERS[form](stream) as file:
                return "frame", file.tell(), [file.size] * getattr(file, "n_frames", 1)
        if form == "EXR":
            with openimageio.opened(path, form, stream) as exr:
                word, sizes = "part", openimageio.sizes(exr)
        else:
            word, sizes = "page", [tiff.size(tags) for tags in tiff.pages(stream)]
        return word, tiff.largest(sizes), sizes


def chosen_frames(paths: Iterable[Path]) -> Iterator[str]:
    """A line for each picture file that holds several, of which one is taken."""
    for path in dict.fromkeys(paths):
        if found := chosen(path):
            yield f"{path}: {found}."
