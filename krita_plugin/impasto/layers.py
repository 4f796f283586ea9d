"""Krita's layers to samples, and samples to a new layer: in strips, a turn of the event loop for each.

What reads or writes is a generator that yields between strips; meanwhile the painter may do anything, so everything is
looked at again. Only a detached node is ever written to, and adding it is the one step of undo.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Generator, NamedTuple

from krita import Krita

from . import pixels
from .client import MOST, Pixels
from .qt import QByteArray, QRect, Qt, QUuid, RefusedError
from .words import _

Turns = Generator[None, None, Any]


class Space(NamedTuple):
    """A colour space as Krita names it."""

    model: str
    depth: str
    profile: str

    @classmethod
    def of(cls, node):
        """That of a node."""
        return cls(node.colorModel(), node.colorDepth(), node.colorProfile())


THROUGH = Space("RGBA", "U16", "sRGB-elle-V2-srgbtrc.icc")
"""What Krita converts to, and back from, where the worker does not know a colour model."""


COVERING = ("paintlayer", "grouplayer", "filelayer", "filllayer", "vectorlayer", "clonelayer")
"""Types of layers that may hide what lies below."""


def numbers(space: Space) -> Space:
    """What the numbers that are sent of a layer mean, in 16 bits; sRGB where it is not known better."""
    own = space.model == "RGBA" and space[:2] in pixels.LAYOUTS and not pixels.srgb(space.profile)
    return Space(*THROUGH[:2], space.profile) if own else THROUGH


def resolve(document):
    """The layer that is meant by what is active: a mask means its layer."""
    node = document.activeNode() if document else None
    while node is not None and node.type().endswith("mask"):
        node = node.parentNode()
    if node is None or node.parentNode() is None or not is_open(document):  # by now: see `Painter._turn`
        raise RefusedError(_("Choose a layer first: it is what gets painted."))
    return node


def origin(document, node):
    """The layer that a result of ours was painted from; None of any other layer, or if that is not there any more."""
    note = _note(node)
    if note not in document.annotationTypes():
        return None
    source = json.loads(document.annotation(note).data()).get("source")
    return document.nodeByUniqueID(QUuid(source)) if source else None


def _note(node) -> str:
    """The annotation with the recipe of a result."""
    return f"impasto {node.uniqueId().toString()}"


def is_open(document) -> bool:
    """Whether the document is still open, which may change at any turn: Krita crashes where a closed one is used."""
    return document in Krita.instance().documents() and document.rootNode() is not None


def check_open(document, refusal: str) -> None:
    """Raise `RefusedError(refusal)` where the document was closed: `Painter` then gives the job up and adds nothing."""
    if not is_open(document):
        raise RefusedError(refusal)


def found(document, identity, closed: str, gone: str):
    """The node with this unique id. Raises `RefusedError` where its document was `closed`, or it is `gone`."""
    check_open(document, closed)
    node = document.nodeByUniqueID(identity)
    if node is None:
        raise RefusedError(gone)
    return node


def of_style(style):
    """The layer that is a style. Raises `RefusedError`."""
    closed = _("The style {style} cannot be used: its document was closed.").format(style=style.title)
    gone = _("The style {style} cannot be used: its layer is not there any more.").format(style=style.title)
    return found(style.document, style.value, closed, gone)


def area(document, node) -> QRect:
    """What of a layer is painted: a paint layer's pixels, on the canvas or not; of others what is on the canvas."""
    bounds = node.bounds()
    if node.type() != "paintlayer":
        bounds = bounds & document.bounds()
    if bounds.isEmpty():
        raise RefusedError(_('The layer "{layer}" is empty: there is nothing to look at.').format(layer=node.name()))
    return bounds


def thumbnail(node, side: int):
    """A layer in its shape, its longer side of `side` pixels."""
    size = node.bounds().size().scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
    return node.thumbnail(max(1, size.width()), max(1, size.height()))


def notices(document, node, trial) -> str:
    """What one may not expect of painting this layer, in sentences. `trial` is the layer that trying again replaces."""
    found, cover, profile = [], _cover(node, trial), numbers(Space.of(node)).profile
    if node.animated():
        found.append(_("Only this frame is painted, and the new layer covers all frames."))
    if cover:
        found.append(_('The layer "{layer}" hides what will be painted.').format(layer=cover))
    if document.selection():
        found.append(_("Only what is selected is painted."))
    if profile != THROUGH.profile:
        found.append(_("The colours of styles are converted into {profile}.").format(profile=profile))
    return " ".join(found)


def _cover(node, trial) -> str:
    """The name of a layer but `trial` that lies opaque over the whole of this one, as far as nine places tell."""
    x, y, width, height = node.bounds().getRect()
    places = [(x + width * i // 6, y + height * j // 6) for i in (1, 3, 5) for j in (1, 3, 5)]
    while node.parentNode() is not None:
        siblings = node.parentNode().childNodes()
        for each in siblings[siblings.index(node) + 1 :]:
            plain = each != trial and each.visible() and each.opacity() == 255 and each.blendingMode() == "normal"
            if plain and each.type() in COVERING and all(_opaque(each, *place) for place in places):
                return each.name()
        node = node.parentNode()
    return ""


def _opaque(node, x: int, y: int) -> bool:
    code, most = {"U8": ("B", 255), "U16": ("H", 65535), "F16": ("e", 1)}.get(node.colorDepth(), ("f", 1))
    alpha = node.projectionPixelData(x, y, 1, 1).data()[-struct.calcsize(code) :]
    return bool(alpha) and struct.unpack(f"<{code}", alpha)[0] >= most


def read(document, node, bounds: QRect, into: Space | None = None) -> Turns:
    """The layer as it is shown, without its own opacity and blending; in the colours of `into`, if given."""
    own = Space.of(node)
    layout = pixels.LAYOUTS.get(own[:2])
    if into and own.profile != into.profile and not (pixels.srgb(own.profile) and pixels.srgb(into.profile)):
        layout = None
    space = own if layout else into or THROUGH
    sent = layout or pixels.LAYOUTS[space[:2]]
    x, y, width, height = bounds.getRect()
    if width * height * sent.pixel >= MOST:
        much = _("{width} x {height} pixels are more than can be sent: at most 2 GiB.")
        raise RefusedError(much.format(width=width, height=height))
    parts = []
    for top, rows in pixels.strips(height, width * sent.pixel):
        check_open(document, _("The document was closed."))
        data = node.projectionPixelData(x, y + top, width, rows).data()
        if layout is None:
            data = _converted(document, data, width, rows, own, space)
        if len(data) != width * rows * sent.pixel:
            none = _('The layer "{layer}" gives no pixels: merge it into a paint layer first.')
            raise RefusedError(none.format(layer=node.name()))
        parts.append(pixels.ordered(data, sent))
        yield
    return Pixels(width, height, sent.channels, sent.kind, b"".join(parts), pixels.linear(space.profile))


def _converted(document, data, width, rows, source: Space, to: Space) -> bytes:
    """The pixels of a strip in another colour space, by Krita."""
    node = _node(document, "impasto", source)
    node.setPixelData(QByteArray(data), 0, 0, width, rows)
    node.setColorSpace(*to)
    if Space.of(node)[:2] != to[:2]:
        kept = _("Krita does not convert {model} {depth}: convert the image to RGBA.")
        raise RefusedError(kept.format(model=source.model, depth=source.depth))
    return node.pixelData(0, 0, width, rows).data()


def _node(document, name: str, space: Space):
    """A paint layer that is in no document yet."""
    node = document.createNode(name, "paintlayer")
    if Space.of(node) != space:
        node.setColorSpace(*space)
    return node


class Source:
    """The layer that is painted, and where, as it was when painting began."""

    def __init__(self, document, node) -> None:
        self.document, self.identity, self.space = document, node.uniqueId(), Space.of(node)
        self.made = None
        self.resolution, self.whole, self.anew = float(document.resolution()), node.bounds(), False
        self.bounds = area(document, node)
        self.selection = document.selection()
        self.where = self.bounds
        if self.selection:
            self.selection = self.selection.duplicate()
            chosen = self.selection
            self.where = self.bounds & QRect(chosen.x(), chosen.y(), chosen.width(), chosen.height())
            if self.where.isEmpty():
                raise RefusedError(_("The selection does not touch the layer: select a part of it, or nothing."))
        _unlocked(node)

    def lattice(self):
        """Krita's conversion between sRGB and `colours`, for the worker; None if they are sRGB."""
        colours = numbers(self.space)
        if colours == THROUGH:
            return None
        light = pixels.linear(self.space.profile)
        side, form = pixels.NODES, pixels.LAYOUTS[THROUGH[:2]]
        found = {}
        for key, start, end, nodes in (
            ("from_srgb", THROUGH, colours, pixels.lattice()),
            ("to_srgb", colours, THROUGH, pixels.lattice(light)),
        ):
            data = pixels.ordered(_converted(self.document, nodes, side, side**2, start, end), form)
            found[key] = Pixels(side, side**2, form.channels, form.kind, data, light and end != THROUGH)
        return found

    def read(self) -> Turns:
        """The pixels, and the mask where something is selected."""
        closed = _("Painting has stopped: its document was closed.")
        gone = _("Painting has stopped: its layer is not there any more.")
        node = found(self.document, self.identity, closed, gone)
        content = yield from read(self.document, node, self.bounds)
        if not self.selection:
            return content, None
        x, y, width, height = self.bounds.getRect()
        parts = []
        for top, rows in pixels.strips(height, width):
            parts.append(self.selection.pixelData(x, y + top, width, rows).data())
            yield
        return content, Pixels(width, height, 1, "u8", b"".join(parts))

    def add(self, name: str, painted: Pixels, recipe: dict[str, Any]) -> Turns:
        """A new layer above, or as near to that as it can be by now. Returns what is to be said of its place."""
        layout = pixels.LAYOUTS.get(self.space[:2], pixels.LAYOUTS[THROUGH[:2]])
        form = (self.bounds.width(), self.bounds.height(), layout.channels, layout.kind)
        if painted[:4] != form or len(painted.data) != form[0] * form[1] * layout.pixel:
            raise RefusedError(_("The worker sent a picture of another form than it was given."))
        node = None
        while node is None:
            if not is_open(self.document):
                self.document = self._document(name)
            node = yield from self._written(name, painted.data, layout)
        parent, source, place = self._place(node)
        made = json.dumps({**recipe, "source": self.identity.toString()}).encode()
        self.made = node.uniqueId()
        # This runs an event loop of its own: afterwards even the document may be gone.
        parent.addChildNode(node, source)
        if is_open(self.document):
            about = f"impasto: recipe of {name}"
            self.document.setAnnotation(_note(node), about, QByteArray(made))
        return place

    def _written(self, name: str, data: bytes, layout) -> Turns:
        """A node with what was painted, there where it was read; None if the document is closed meanwhile."""
        node = _node(self.document, name, self.space)
        x, y, width, height = self.where.getRect()
        left, above = (x - self.bounds.x()) * layout.pixel, y - self.bounds.y()
        whole, row = memoryview(data), self.bounds.width() * layout.pixel
        for top, rows in pixels.strips(height, width * layout.pixel):
            strip = pixels.cropped(whole, row, left, width * layout.pixel, above + top, rows)
            if self.selection:
                strip = pixels.baked(strip, self.selection.pixelData(x, y + top, width, rows).data(), layout)
            strip = pixels.ordered(strip, layout)
            if self.space[:2] not in pixels.LAYOUTS:
                strip = _converted(self.document, strip, width, rows, THROUGH, self.space)
            node.setPixelData(QByteArray(strip), x, y + top, width, rows)
            yield
            if not is_open(self.document):
                return None
        return node

    def _place(self, node):
        """Parent, the layer below and a sentence, for `node`, which is moved as the source was meanwhile."""
        source = self.document.nodeByUniqueID(self.identity)
        place = _("Its source was removed: it lies on top of all.")
        if source is not None:
            moved, place = source.bounds(), ""
            if moved.size() != self.whole.size():
                moved, place = self.whole, _("Its source was changed meanwhile: it lies where that was.")
            node.move(moved.x() - self.whole.x(), moved.y() - self.whole.y())
        elif self.anew:
            node.move(-self.where.x(), -self.where.y())
            place = _("Its document was closed: it is in a new one.")
        return source.parentNode() if source else self.document.rootNode(), source, place

    def _document(self, name: str):
        """A new one, as large as what was painted."""
        krita, size = Krita.instance(), self.where.size()
        document = krita.createDocument(size.width(), size.height(), name, *self.space, self.resolution)
        krita.activeWindow().addView(document)
        self.anew = True
        return document


def _unlocked(node) -> None:
    parent = node.parentNode()
    while parent is not None:
        if parent.locked():
            locked = _('The group "{group}" is locked: unlock it, for the new layer goes into it.')
            raise RefusedError(locked.format(group=parent.name()))
        parent = parent.parentNode()
