"""The worker's events in a painter's words and pictures."""

from __future__ import annotations

from contextlib import suppress

from .qt import QColor, QImage, QPainter
from .words import _, said

DRAFT, PAPER = 512, QColor(230, 230, 230)
"""Pixels of a draft at most; and what transparent pixels lie on in small pictures, as in the worker's."""
ROUGH = _("Rough shapes"), _("Rough shapes, {time} left")
DETAILS = _("Details"), _("Details, {time} left")
FINE = _("Fine strokes"), _("Fine strokes, {time} left")
"""What comes into being, without and with the time that it takes yet."""


def image(event) -> QImage:
    """The small picture of an event, which owns its pixels; what is transparent lies on light grey."""
    found = event.picture()
    form = QImage.Format.Format_RGB888 if found.channels == 3 else QImage.Format.Format_RGBA8888
    return on_paper(QImage(found.data, found.width, found.height, found.width * found.channels, form).copy())


def on_paper(picture: QImage) -> QImage:
    """`picture` without transparency."""
    if not picture.hasAlphaChannel():
        return picture
    paper = QImage(picture.size(), QImage.Format.Format_RGB32)
    paper.fill(PAPER)
    brush = QPainter(paper)
    brush.drawImage(0, 0, picture)
    brush.end()
    return paper


def sentence(event) -> str:
    """What went wrong and what to do."""
    return f"{said(event['message'])} {said(event.fields.get('hint') or '')}".strip()


def clock(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return _("{seconds} s").format(seconds=max(1, round(seconds)))
    if seconds < 5400:
        return _("{minutes} min").format(minutes=round(seconds / 60))
    return _("{hours} h").format(hours=f"{seconds / 3600:.1f}")


def painted_size(quality: str, asked: str, longest: int) -> int:
    """The longest side at which a layer of `longest` pixels is painted at last, where the knob `size` is `asked`."""
    size = float(longest)
    with suppress(ValueError):
        size = size * float(asked[:-1]) / 100 if asked.endswith("%") else float(asked)
    if quality == "draft":
        size /= 2
        while size > DRAFT:
            size /= 2
    return round(size)


def progress(event, size: int) -> str:
    """How far a painting is that ends at a longest side of `size` pixels: what comes into being, and the time left."""
    if 2 * event["size"] < size:
        alone, timed = ROUGH
    else:
        last = event["stage"] == event["stages"] and event["size"] >= size
        alone, timed = FINE if last else DETAILS
    left = event["remaining"]
    return alone if left is None else timed.format(time=clock(left))
