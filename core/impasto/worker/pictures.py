"""Samples to pictures and back, and small pictures of the work so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ImageError
from ..painting.scene import Style, fitted, stretched
from ..pictures import bundled_styles, codecs, colour_transfer
from ..pictures.colour_spaces import Lattice
from ..pictures.picture import Picture, Pixels, read
from ..pictures.samples import Samples
from ..storage.files import check_input
from . import requests
from .requests import BadRequest, Form, Unsupported

if TYPE_CHECKING:
    from ..painting.step import Step

Parts = Mapping[str, bytes]
PAPER = 0.9
"""Grey that transparent pixels of a preview or thumbnail lie on."""


def samples(form: Form, parts: Parts) -> Samples:
    """The samples that `form` describes. Raises `BadRequest` or `ImageError`."""
    icc = _part(form.icc, parts) if form.icc else None
    data = _part(form.part, parts)
    return Samples.from_bytes(data, form.width, form.height, form.channels, form.kind, form.linear, icc)


def picture(found: Samples) -> Picture:
    """`found` as it is painted on: in [0, 1]. Raises `ImageError` where it is too small or too narrow."""
    codecs.check_shape("The picture that was sent", *found.size)
    return replace(Picture.of(found), samples=None)  # the result is put together from `found` itself


def mask(form: Form | None, parts: Parts) -> Pixels | None:
    """(H, W) in [0, 1], or None if there is none."""
    return None if form is None else np.ascontiguousarray(samples(form, parts).encoded()[..., 0]).clip(0, 1)


def space(asked: requests.Space | None, parts: Parts) -> Lattice | None:
    """The colour space that the content's numbers are of, or None for sRGB. Raises `BadRequest`."""
    return None if asked is None else Lattice(*(_nodes(form, parts) for form in (asked.from_srgb, asked.to_srgb)))


def _nodes(form: Form, parts: Parts) -> Pixels:
    side = form.width
    if side < 2 or form.height != side**2:
        seen = f"The colours of a space are {side}x{form.height} pixels"
        raise BadRequest(f"{seen}; expected n columns and n x n rows.", "See docs/worker.md.")
    return samples(form, parts).encoded().reshape(side, side, side, 3)


def style(asked: requests.StyleRequest, weight: float, parts: Parts, own: Lattice | None = None) -> Style:
    """The painting that is asked for, in the numbers of `own`. Raises `ImageError` for files that cannot be read."""
    found = _painting(asked, parts)
    if own and asked.picture is None:  # one that is sent is in these numbers already
        found = replace(found, pixels=own.encoded(found.pixels).clip(0, 1), samples=None)
    return Style(found, weight, mask(asked.mask, parts), mask(asked.region, parts))


def thumbnail(asked: requests.Thumbnail, parts: Parts) -> Samples:
    """RGB, u8; what is transparent lies on light grey. Raises as `style`."""
    found = _painting(asked.style, parts)
    small = fitted(found, min(asked.longest, max(found.size)))
    return _on_paper(small.pixels, small.alpha)


def result(content: Samples, step: Step, where: Pixels | None, mode: str | None = None) -> Samples:
    """The picture so far, in the form and the size of `content`, which stays bit for bit where `where` is 0.

    `mode` is one of the knob `colour`, if other colours are wanted than those painted with.
    """
    scene = step.scene
    pixels = scene.canvas.pixels.copy()
    pixels[scene.box] = scene.coloured(_painted(step).pixels, mode)
    width, height = content.size
    weight = None if where is None else stretched(where, width, height)
    return content.painted(Picture(pixels, scene.canvas.alpha).resized(width, height).pixels, weight)


def described(found: Samples, part: str) -> dict[str, Any]:
    """What `Form` says of these samples."""
    (width, height), channels = found.size, found.array.shape[2]
    form = {"part": part, "width": width, "height": height, "channels": channels}
    return form | {"kind": found.kind, "linear": found.linear}


class Previews:
    """Pictures of the work so far, of this longest side, out of the numbers of `own`; a step costs its own size."""

    def __init__(self, longest: int, own: Lattice | None = None) -> None:
        self.longest, self.own = longest, own
        self._canvas: Picture | None = None
        self._mask: Pixels | None = None

    def of(self, step: Step) -> Samples:
        """RGB, u8; what is transparent lies on light grey."""
        scene = step.scene
        if self._canvas is None:
            size = scene.canvas.fit(min(self.longest, max(scene.canvas.size)))
            self._canvas = _thinned(scene.canvas, 2 * self.longest).resized(*size)
        width, height = self._canvas.size
        down, across = (
            _scaled(*spans) for spans in zip(scene.box, scene.canvas.size[::-1], (height, width), strict=True)
        )
        painted = _painted(step).resized(across.stop - across.start, down.stop - down.start).pixels
        pixels = self._canvas.pixels.copy()
        if scene.mode == "keep":
            painted = colour_transfer.keep(painted, pixels[down, across])
        if scene.mask is not None:
            weight = stretched(scene.mask, across.stop - across.start, down.stop - down.start)[..., None]
            painted = pixels[down, across] * (1 - weight) + painted * weight
        pixels[down, across] = painted
        if self.own:
            pixels = self.own.decoded(pixels)
        return _on_paper(pixels, self._canvas.alpha)


def _on_paper(pixels: Pixels, alpha: Pixels | None) -> Samples:
    if alpha is not None:
        pixels = pixels * alpha[..., None] + PAPER * (1 - alpha[..., None])
    return Samples.of(pixels)


def _part(name: str, parts: Parts) -> bytes:
    if name not in parts:
        raise BadRequest(f"There is no part {name[:40]!r} in the payload.", "See docs/worker.md.")
    return parts[name]


def _painting(asked: requests.StyleRequest, parts: Parts) -> Picture:
    if asked.picture is not None:
        return picture(samples(asked.picture, parts))
    if asked.file is None:
        if asked.name not in bundled_styles.SUMMARIES:
            raise Unsupported(f"There is no bundled style {asked.name!r}.", "Choose a style picture.")
        return bundled_styles.style(asked.name)
    try:
        path = Path(asked.file)
        check_input(path)
    except ValueError:  # a null byte, or half a surrogate pair
        raise ImageError(f"{asked.file!a} is no name of a file.", "Choose a style picture.") from None
    return read(path)


def _painted(step: Step) -> Picture:
    return Picture(np.array(step.image[0].permute(1, 2, 0).float().cpu().numpy(), order="C"))


def _thinned(whole: Picture, longest: int) -> Picture:
    """Every second pixel or fewer of a picture that is more than this: all of a large one take a second to resize."""
    every = max(1, max(whole.size) // longest)
    alpha = None if whole.alpha is None else whole.alpha[::every, ::every]
    return whole if every == 1 else Picture(whole.pixels[::every, ::every], alpha)


def _scaled(span: slice, side: int, to: int) -> slice:
    """`span` of `side` pixels, as a span of `to`, at least one long."""
    first, last = span.start or 0, side if span.stop is None else span.stop
    begin = min(round(first * to / side), to - 1)
    return slice(begin, max(begin + 1, round(last * to / side)))
