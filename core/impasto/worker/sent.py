"""The pictures of a request, read; and what tells whether the next live request may start from what they became."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from ..pictures.frames import chosen_frames
from ..recipe.recipe import Recipe
from . import pictures
from .requests import Paint

if TYPE_CHECKING:
    from ..painting.live import Live
    from ..painting.scene import Style
    from ..pictures.colour_spaces import Lattice
    from ..pictures.picture import Picture, Pixels
    from ..pictures.samples import Samples

SLIDERS = {"strength", "colour", "style_scale", "stroke_size", "style_weights"}
"""Knobs that a live request may have other values of than the one before."""


@dataclass(frozen=True, eq=False)
class Sent:
    """The pictures of a request, read."""

    content: Samples
    picture: Picture
    styles: Sequence[Style]
    mask: Pixels | None
    own: Lattice | None
    notice: str

    @classmethod
    def of(cls, request: Paint, parts: Mapping[str, bytes], weights: Sequence[float]) -> Sent:
        """Raises `BadRequest` or `ImageError`."""
        content, own = pictures.samples(request.content, parts), pictures.space(request.space, parts)
        styles = [pictures.style(*pair, parts, own) for pair in zip(request.styles, weights, strict=True)]
        mask = pictures.mask(request.mask, parts)
        notice = " ".join(chosen_frames(Path(style.file) for style in request.styles if style.file))
        return cls(content, pictures.picture(content), styles, mask, own, notice)

    def weighed(self, weights: Sequence[float]) -> Sent:
        """The same with other weights of the styles, and nothing more to say."""
        pairs = zip(self.styles, weights, strict=True)
        return replace(self, styles=[replace(style, weight=weight) for style, weight in pairs], notice="")


@dataclass(frozen=True, eq=False)
class Kept:
    """The pictures of the last live request, its `live_key`, and what its painting left."""

    key: bytes
    sent: Sent
    live: Live


def live_key(request: Paint, parts: Mapping[str, bytes], recipe: Recipe, weights: Sequence[float]) -> bytes:
    """A hash of all that has to be the same for a live request to start from what the last one left."""
    asked = (
        request.model_dump(include={"content", "space", "mask"}),
        [style.model_dump(exclude={"weight"}) for style in request.styles],
    )
    files = [_stamp(style.file) for style in request.styles if style.file]
    counting = recipe.strength > 0, [weight > 0 for weight in weights]
    digest = xxhash.xxh3_128(repr((asked, files, counting, recipe.model_dump(exclude=SLIDERS))).encode())
    for name, data in sorted(parts.items()):
        digest.update(f"{name} {len(data)} ".encode())
        digest.update(data)
    return digest.digest()


def _stamp(file: str) -> tuple[int, int] | None:
    """What changes when a file does; None where there is none, which is said when it is read."""
    try:
        found = Path(file).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size
