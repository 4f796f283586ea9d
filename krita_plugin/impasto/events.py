"""The worker's events in a painter's words and pictures."""

from __future__ import annotations

from contextlib import suppress

from .qt import QColor, QImage, QPainter

DRAFT, PAPER = 512, QColor(230, 230, 230)
"""Pixels of a draft at most; and what transparent pixels lie on in small pictures, as in the worker's."""


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
    return f"{event['message']} {event.fields.get('hint') or ''}".strip()


def clock(seconds: float) -> str:
    """A time in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
        what = "Rough shapes"
    else:
        what = "Fine strokes" if event["stage"] == event["stages"] and event["size"] >= size else "Details"
    left = event["remaining"]
    return what if left is None else f"{what}, {clock(left)} left"
