"""One painting at a time, from the layer to the new layer above it, whichever windows look on."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, NamedTuple

from krita import Krita

from . import layers
from .client import LOST
from .events import clock, image, on_paper, painted_size, progress, sentence
from .installer import Installer
from .process import Process
from .qt import QImage, QObject, QTimer, RefusedError, guarded, pyqtSignal, unexpected
from .settings import Settings, StyleChoice
from .words import _

PREVIEW, THUMBNAIL = 512, 96
STOPPED = _("Stopped: nothing was kept.")
LATER = 20
"""Milliseconds to the next try at a turn that came within another one."""


class State(Enum):
    """What the painter is doing: nothing, reading the layer, waiting for the worker to paint it, adding the new one."""

    IDLE = auto()
    READING = auto()
    PAINTING = auto()
    ADDING = auto()


class Layer(NamedTuple):
    """One of a document, by its unique id."""

    document: Any
    identity: Any

    def node(self):
        """The layer itself; None if it is not there, or not in the document in front."""
        there = self.document == Krita.instance().activeDocument()
        return self.document.nodeByUniqueID(self.identity) if there else None


class Result(NamedTuple):
    """Something painted in this sitting."""

    title: str
    settings: Settings
    image: QImage
    layer: Layer


class Painter(QObject):
    """The worker and the painting in work. Signals go to as many dockers as there are windows."""

    heard = pyqtSignal(object)
    """An event of the worker."""
    said = pyqtSignal(str)
    """A sentence for the one who paints."""
    changed = pyqtSignal()
    """`state` or `results` have."""

    def __init__(self) -> None:
        super().__init__(Krita.instance())  # dockers are gone before Krita tells that it ends
        self.settings = Settings.load()
        self.state = State.IDLE
        self.results: list[Result] = []
        self.last: Layer | None = None
        """The last result, until it is kept, discarded or tried again."""
        self._picked: Layer | None = None
        self._active = None
        self.knobs: list[dict] = []
        self.hello = None
        self.image = QImage()
        """The last preview; the layer itself until there is one."""
        self.before, self._size = QImage(), 0
        """The layer, and the longest side that it is painted at last."""
        self.process = Process(self)
        self.process.heard.connect(self._hear)
        self.installer: Installer | None = None
        """At work, where there was no worker."""
        self.wrong: list[str] = []
        """What was wrong with the styles that were chosen last."""
        self._doubted: dict[tuple[str, str], list[StyleChoice]] = {}
        self.thumbnails: dict[tuple[str, str], QImage] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        self._job = ""
        self._end = None
        self._turns = None
        self._within = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._turn)

    @property
    def busy(self) -> bool:
        """Whether a picture is in work."""
        return self.state is not State.IDLE

    def say(self, text: str) -> None:
        """Tell the one who paints."""
        self.said.emit(text)

    def progress(self, event) -> str:
        """How far the painting is, in words."""
        return progress(event, self._size)

    def painted_size(self, bounds) -> int:
        """The longest side at which the worker paints a layer of these bounds at last."""
        knobs = self.settings.knobs
        return painted_size(knobs["quality"], str(knobs.get("size") or ""), max(bounds.width(), bounds.height()))

    def warm(self) -> None:
        """Have the worker ready, and know its knobs."""
        if self.process.session is None:
            self.hello = None
            self.process.start().request("describe")

    def doubt(self, style: StyleChoice, before: list[StyleChoice]) -> None:
        """Have `before` back, should the worker find that this style is no picture."""
        if self.thumbnails.get(style.key, QImage()).isNull():
            sure = [each for each in before if each.key not in self._doubted]
            earlier = [self._doubted[each.key] for each in before if each.key in self._doubted]
            self._doubted[style.key] = sure or (earlier or [[]])[0]

    def refuse(self, why: str) -> None:
        """Tell what is wrong with a style, below what is wrong with others."""
        self.wrong.append(why)
        self.say("\n".join(self.wrong))

    def thumbnail(self, style: StyleChoice) -> QImage:
        """What a style looks like; a null image as long as the worker has not told."""
        session = self.process.session
        if style.key not in self.thumbnails and session and session.hello:
            self.thumbnails[style.key] = QImage()
            asked = session.request("thumbnail", style=style.request(), longest=THUMBNAIL)
            self._asked[asked] = style.key
        return self.thumbnails.get(style.key, QImage())

    def source(self):
        """The document in front, and what to paint of it. Raises `RefusedError`.

        That is the layer that was picked, until another one becomes active that is no result of ours. Without one it is
        the active layer; of a result, the layer that it was painted from: who tries again does not paint a painting.
        """
        document = Krita.instance().activeDocument()
        if document is None:
            raise RefusedError(_("Open a picture first."))
        active = layers.resolve(document)
        origin = layers.origin(document, active)
        if origin is None and active.uniqueId() != self._active:
            self._picked = None
        self._active = active.uniqueId()
        return document, (self._picked and self._picked.node()) or origin or active

    def pick(self, document, node) -> None:
        """Paint this layer from now on."""
        self._picked, self._active = Layer(document, node.uniqueId()), layers.resolve(document).uniqueId()

    def trial(self):
        """The last result, if it is of what would be painted now; else None."""
        node = self.last and self.last.node()
        return node if node and layers.origin(self.last.document, node) == self.source()[1] else None

    @guarded
    def again(self) -> None:
        """Paint with the settings there are."""
        self.run()

    @guarded
    def retry(self) -> None:
        """Paint it once more, in place of the last result."""
        self.run(self.last)

    @guarded
    def keep(self) -> None:
        """The last result stays."""
        self.last = None
        self.changed.emit()

    @guarded
    def discard(self) -> None:
        """Take the last result away."""
        node = self.last and self.last.node()
        if node and not self.busy:
            self.last = None
            node.remove()
        self.changed.emit()

    def run(self, instead: Layer | None = None) -> None:
        """Paint `source()`, and take the layer `instead` away then. Raises `RefusedError`."""
        document, node = self.source()
        if self.busy:  # perhaps since: see `_turn`
            raise RefusedError(_("A picture is in work: wait for it, or stop it."))
        if not self.settings.styles:
            raise RefusedError(_("Choose a style first: a picture, a layer, or one of those included."))
        source = layers.Source(document, node)
        self.image = self.before = on_paper(layers.thumbnail(node, PREVIEW // 2))
        self._size, self._end, self._job = self.painted_size(source.bounds), None, ""
        self._turns = self._paint(source, self.settings.copy(), instead)
        self._enter(State.READING)
        self._timer.start(0)
        self.settings.save()

    @guarded
    def cancel(self) -> None:
        """Give it up, at once."""
        if self.busy and not self._within:
            self._turns.close()
            self._finish(STOPPED)

    @guarded
    def finish(self) -> None:
        """Keep the picture so far."""
        if self.state is State.PAINTING and self.process.session and self._job in self.process.session.jobs:
            self.process.session.finish(self._job)
            self.say(_("Stopping..."))

    @guarded
    def close(self) -> None:
        """Krita ends."""
        self.blockSignals(True)
        self._timer.stop()
        self.process.close()
        if self.installer:
            self.installer.cancel()

    def _paint(self, source, settings: Settings, instead: Layer | None):
        """The whole of it. Yields whether to wait for the worker."""
        content, mask = yield from source.read()
        styles = []
        for style in settings.styles:
            asked = style.request()
            if style.kind == "layer":
                asked = {"picture": (yield from self._layer(style, layers.numbers(source.space)))}
            styles.append({**asked, "weight": style.weight})
        space = source.lattice()
        self.warm()
        self._job = self.process.session.paint(content, styles, settings.recipe(), mask, PREVIEW, space=space)
        del content, mask, styles, asked
        self._enter(State.PAINTING)
        while self._end is None:
            layers.check_open(source.document, _("Painting has stopped: the document was closed."))
            yield True
        event, self._end = self._end, None
        if event.type != "done":
            raise RefusedError(sentence(event) if event.type == "failed" else STOPPED)
        self._enter(State.ADDING)
        made = {"styles": [style.title for style in settings.styles], "recipe": event["recipe"]}
        name = settings.title()
        place = yield from source.add(name, event.picture(), made)
        self.last = Layer(source.document, source.made)
        if instead and layers.is_open(instead.document):
            old = instead.document.nodeByUniqueID(instead.identity)
            if old is not None:
                old.remove()
        self.results.insert(0, Result(name, settings, self.image, self.last))
        done = _("Done in {time}: the new layer is {name}.").format(time=clock(event["seconds"]), name=name)
        return f"{done} {place}".strip()

    def _layer(self, style, into):
        node = layers.of_style(style)
        return (yield from layers.read(style.document, node, layers.area(style.document, node), into))

    def _turn(self) -> None:
        if self._within:  # adding a layer runs an event loop, and in Krita 6 so does asking for the active one
            self._timer.start(LATER)
        if self._within or self._turns is None:
            return
        self._within = True
        try:
            waits = next(self._turns)
        except StopIteration as end:
            self._finish(end.value)
        except RefusedError as error:
            self._finish(str(error))
        except Exception as error:
            self._finish(unexpected(error))
        else:
            if not waits or self._end is not None:
                self._timer.start(0)
        finally:
            self._within = False

    @guarded
    def _hear(self, event) -> None:
        kind = event.type
        lost = kind == "failed" and event.fields.get("code") in LOST
        if kind == "hello":
            self.hello, self._asked = event, {}
            self.thumbnails = {key: small for key, small in self.thumbnails.items() if not small.isNull()}
            self.settings.know([style["name"] for style in event["styles"]])
        elif event.id in self._asked:
            self._shown(event)
        elif kind == "description":
            self.knobs = event["knobs"]
        elif kind == "preview" and event.id == self._job:
            self.image = image(event)
            self._timer.start(0)
        if self._job and (event.id == self._job or lost) and kind in ("done", "failed", "cancelled"):
            self._end = event
            self._timer.start(0)
        elif lost:
            self.say(sentence(event))
        if event.id in (None, self._job) or kind == "description":
            self.heard.emit(event)

    def _shown(self, event) -> None:
        key = self._asked.pop(event.id)
        before = self._doubted.pop(key, None)
        if event.type == "thumbnail":
            self.thumbnails[key] = image(event)
        else:
            self.refuse(sentence(event))
            if before is not None:
                del self.thumbnails[key]  # it may be whole the next time
                others = [each for each in self.settings.styles if each.key != key]
                self.settings.styles = others or before
                self.settings.save()
        self.changed.emit()

    def _enter(self, state: State) -> None:
        self.state = state
        self.changed.emit()

    def _finish(self, text: str) -> None:
        self.process.cancel(self._job)  # unless it has ended
        self._turns, self._job = None, ""
        self.say(text)
        self._enter(State.IDLE)
