"""A draft that follows the controls: the source, small, as it would be painted. It makes no layer of it."""

from __future__ import annotations

import hashlib

from . import layers
from .client import ENDS, LOST, Pixels
from .events import image, on_paper, sentence
from .painter import State
from .qt import QImage, QObject, QSize, QTimer, RefusedError, guarded, pyqtSignal

LONGEST, CALM = 384, 250
"""Pixels of a draft at most, and milliseconds without a change before one begins."""
WATCHED = 128
"""Pixels by which a change of the layer is noticed."""


class Draft(QObject):
    """Looks when a docker that is seen tells it to, and works for no other. What it says is the painter's to say."""

    changed = pyqtSignal()
    """`image` has."""

    def __init__(self, painter) -> None:
        super().__init__(painter)
        self.painter, self.say = painter, painter.say
        self.image, self.before = QImage(), QImage()
        """The last draft, null if something else is to be shown; and the source of it."""
        self._wanted: tuple | None = None
        self._read: tuple | None = None
        self._source: tuple[Pixels, Pixels | None] | None = None
        self._job, self._failed, self._state = "", False, painter.state
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.timeout.connect(self._begin)
        painter.process.heard.connect(self._hear)
        painter.changed.connect(self._changed)

    @guarded
    def look(self) -> None:
        """Have another draft soon, if what it would be of has changed."""
        if self.painter.busy:
            return
        wanted = self._what()
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if wanted is None:
            self.give_way()
        else:
            self._calm.start(CALM)

    @guarded
    def rest(self) -> None:
        """Nobody looks: begin no draft, and end the one in work, which is made again when somebody does."""
        if self._job or self._calm.isActive():
            self._wanted = None
        self._calm.stop()
        session, job, self._job = self.painter.process.session, self._job, ""
        if session and job in session.jobs:
            session.cancel(job)

    def give_way(self) -> None:
        """Something else is to be shown: a painting, or nothing."""
        wanted = self._wanted
        self.rest()
        self._wanted, self.image = wanted, QImage()
        self.changed.emit()

    def _what(self) -> tuple | None:
        """What the draft depends on: the source, the styles, the recipe. None where there can be no draft."""
        settings, session = self.painter.settings, self.painter.process.session
        styles = settings.styles
        if not settings.preview or not session or not session.hello or not styles:
            return None
        if any(self.painter.thumbnail(style).isNull() for style in styles):
            return None  # it may be no picture, which the painter will tell
        try:
            document, node = self.painter.source()
        except RefusedError:
            return None
        if node.bounds().isEmpty():
            return None
        chosen = document.selection()
        where = chosen and (chosen.x(), chosen.y(), chosen.width(), chosen.height())
        seen = hashlib.sha1(_bytes(layers.thumbnail(node, WATCHED)), usedforsecurity=False).digest()
        source = node.uniqueId().toString(), node.bounds().getRect(), where, seen
        return source, [(style.key, style.weight) for style in styles], settings.recipe()

    @guarded
    def _begin(self) -> None:
        session = self.painter.process.session
        if not session or self.painter.busy or self._wanted is None:
            return
        document, node = self.painter.source()
        if self._read != self._wanted[0]:
            self._source, self._read = self._sent(document, node), self._wanted[0]
        content, mask = self._source
        styles = [{**self._style(style), "weight": style.weight} for style in self.painter.settings.styles]
        recipe = _recipe(self.painter.settings, max(node.bounds().width(), node.bounds().height()))
        self._job = session.paint(content, styles, recipe, mask, LONGEST, live=True)

    def _sent(self, document, node) -> tuple[Pixels, Pixels | None]:
        small = _shrunk(node)
        self.before = on_paper(small)
        chosen = document.selection()
        return _pixels(small), chosen and _mask(chosen, node.bounds(), small.size())

    def _style(self, style) -> dict:
        if style.kind != "layer":
            return style.request()
        return {"picture": _pixels(_shrunk(layers.of_style(style)))}

    @guarded
    def _hear(self, event) -> None:
        mine = self._job and event.id == self._job
        if mine and event.type in ("preview", "done"):
            self.image = image(event)
            if self._failed:
                self.say("")
            self._failed = False
            self.changed.emit()
        elif mine and event.type == "failed":
            self._failed = True
            self.say(sentence(event))
        if (mine and event.type in ENDS) or event.fields.get("code") in LOST:
            self._job = ""

    @guarded
    def _changed(self) -> None:
        """A painting goes first. Its result is shown until something changes; if there is none, a draft again."""
        before, self._state = self._state, self.painter.state
        if self._state is State.READING:
            self._failed = False
            self.give_way()
        elif self._state is State.IDLE and before in (State.READING, State.PAINTING):
            self._wanted = None


def _recipe(settings, longest: int) -> dict:
    """The recipe for a layer of `longest` pixels, for as many as a draft has."""
    recipe = {**settings.recipe(), "quality": "draft"}
    recipe.pop("steps", None)  # those of a painting that is to be good
    small = min(LONGEST, longest)
    if recipe.get("stroke_size"):
        recipe["stroke_size"] = max(1, recipe["stroke_size"] * small / longest)
    asked = str(recipe.get("size", ""))
    return {**recipe, "size": min(small, int(asked)) if asked.isdecimal() else small}


def _shrunk(node) -> QImage:
    """A layer at the size of a draft: of single pixels, which is soon read, and a draft is painted at half of it."""
    size = node.bounds().size()
    return layers.thumbnail(node, min(LONGEST, max(size.width(), size.height())))


def _mask(chosen, bounds, size: QSize) -> Pixels:
    """What is selected of a layer, at the size of its draft."""
    width, height = bounds.width(), bounds.height()
    data = chosen.pixelData(*bounds.getRect()).data()
    small = QImage(data, width, height, width, QImage.Format.Format_Grayscale8).scaled(size)
    return Pixels(size.width(), size.height(), 1, "u8", _bytes(small)[::4])


def _pixels(picture: QImage) -> Pixels:
    return Pixels(picture.width(), picture.height(), 4, "u8", _bytes(picture))


def _bytes(picture: QImage) -> bytes:
    """The samples, RGBA."""
    whole = picture.convertToFormat(QImage.Format.Format_RGBA8888)
    bits = whole.constBits()
    bits.setsize(whole.sizeInBytes())
    return bytes(bits)
