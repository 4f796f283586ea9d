"""One painting: the request from the settings, the worker that does it, and the new layer from its answer.

Everything happens in GLib's main loop, for GIMP wants to be called from there. Nobody waits without an end: the client
reports a worker that dies or falls silent.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
import client
from gi.repository import Gimp, GLib
from locate import worker_command

import layers
import style_requests
from words import _, said

Hear = Callable[[client.Message], None]
WATCH = 250
"""Milliseconds between looks whether GIMP still lives, and the image."""
PLAIN = ("strength", "colour", "quality", "seed")
OPTIONAL = ("size", "stroke-size", "network", "style-weights")
"""Settings whose 0 or "" leaves the choice to the worker."""
PREVIEW, THUMBNAIL = 512, 96


class CancelledError(Exception):
    """The painter wanted no picture after all."""


class FailedError(Exception):
    """The worker could not paint; the text is for the painter."""


class MissingError(FailedError):
    """There is no worker to start."""


def _ignore(_event: client.Message) -> None:
    pass


class Painter:
    """A worker in the making, at work or gone. `hear` gets its events, in the main loop."""

    def __init__(self) -> None:
        self.hear: Hear = _ignore
        self.knobs: list[dict[str, Any]] | None = None
        """Those that this worker knows; None until it has said so."""
        self.broken: client.Message | None = None
        """Why there is no worker any more."""
        self.job = ""
        self.whole = 0
        """The longest side that is painted at last, as the last estimate tells."""
        self.parent = os.getppid()
        self._start()

    def _start(self) -> None:
        self.worker = client.Worker(_command()).start()
        # A bell for events, and a look now and then: at a worker that fell silent, and at GIMP.
        self.sources = [
            GLib.io_add_watch(self.worker.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN, self._poll),
            GLib.timeout_add(WATCH, self._look),
        ]
        self.worker.request("describe")

    def again(self) -> None:
        """Another worker in the place of one that is broken."""
        self.close()
        self.sources = []
        self._start()
        self.knobs, self.broken, self.job = None, None, ""

    def _poll(self, *_: Any) -> bool:
        for event in self.worker.poll():
            if event.type == "description":
                self.knobs = event["knobs"]
            elif event.type == "estimate":
                self.whole = event["size"]
            elif event.fields.get("code") in client.LOST:
                self.broken = event
            self.hear(event)
        return bool(GLib.SOURCE_CONTINUE)

    def _look(self) -> bool:
        """GIMP killed takes nobody along: its plug-in has to notice, and the worker notices that."""
        if os.getppid() != self.parent:
            os._exit(1)
        return self._poll()

    def estimate(self, layer: Gimp.Layer, config: Gimp.ProcedureConfig) -> str:
        """Ask what painting `layer` would cost; the answer goes to `hear`, with the id that this gives back."""
        if self.knobs is None or self.broken:
            return ""
        size = {"width": layer.get_width(), "height": layer.get_height()}
        return self.worker.request("estimate", recipe=recipe(config, self.knobs), **size)

    def left(self, event: client.Message) -> str:
        """What of the picture is being painted, and how long all of it will take."""
        early, late = 2 * event["size"] < self.whole, event["stage"] == event["stages"] and event["size"] >= self.whole
        part = _("Rough shapes") if early else _("Fine strokes") if late else _("Details")
        if event["remaining"] is None:
            return part
        return _("{part}, {time} left").format(part=part, time=clock(event["remaining"]))

    def thumbnail(self, name: str) -> str:
        """Ask what a style of impasto's own looks like; the answer goes to `hear`, with the id that this gives back."""
        return self.worker.request("thumbnail", style={"name": name}, longest=THUMBNAIL)

    def finish(self) -> None:
        """Stop, and keep the picture so far."""
        self.worker.finish(self.job)

    def cancel(self) -> None:
        """Keep nothing, and wait for nothing: the worker ends the step that it is in, and `close` ends the worker."""
        self.hear(client.Message({"type": "cancelled", "id": self.job}, {}))

    def drop(self) -> None:
        """Have the worker leave the job, unless it has ended."""
        if self.job in self.worker.jobs:
            self.worker.cancel(self.job)
        self.job = ""

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        for source in self.sources:
            GLib.source_remove(source)
        self.worker.close()


def alone(config: Gimp.ProcedureConfig, image: Gimp.Image, layer: Gimp.Layer, active: Gimp.Layer) -> Gimp.Layer:
    """Paint without a window."""
    painter = Painter()
    try:
        return paint(painter, config, image, layer, active)
    finally:
        painter.close()


def paint(
    painter: Painter,
    config: Gimp.ProcedureConfig,
    image: Gimp.Image,
    layer: Gimp.Layer,
    active: Gimp.Layer,
    hear: Hear = _ignore,
    before: Gimp.Layer | None = None,
) -> Gimp.Layer:
    """Paint `layer`, telling `hear` of every event and GIMP's status bar, and return the new layer above it.

    `active` is the layer that is selected: where that is a result of `layer`, the new one lies above it. It takes the
    place of `before`, if that is there. Where it cannot lie there any more, GIMP says where it is. Raises
    `layers.RefusedError`, `FailedError` or `CancelledError`; nothing is changed then.
    """
    layers.check(image, layer)
    colours = layers.Colours.of(layer)
    name, styles = style_requests.read(config, lambda chosen: layers.pixels(chosen, colours))
    source = layers.Source(image, layer, active)
    Gimp.progress_init(_("Neural style"))
    try:
        done = _Work(painter, config, source, styles, hear).run()
    finally:
        Gimp.progress_end()  # with its button, which would end a dialog that stays
    made = {"style": name, "recipe": done["recipe"], "stopped": done["stopped"]}
    new, place = source.above(f"{name} {config.get_property('strength'):g} %", done.picture(), made, before)
    if place:
        Gimp.message(_("The new layer is {name}.").format(name=new.get_name()) + f" {place}")
    return new


class _Work:
    """A painting in work; `run` gives its event `done`. Other events go to whoever heard the worker before."""

    def __init__(
        self,
        painter: Painter,
        config: Gimp.ProcedureConfig,
        source: layers.Source,
        styles: style_requests.StyleRequests,
        hear: Hear,
    ) -> None:
        self.painter, self.config, self.source, self.styles, self.hear = painter, config, source, styles, hear
        self.loop, self.space = GLib.MainLoop(), source.colours.lattice()
        self.how: Any = None
        """How it has ended."""
        self.others = painter.hear

    def run(self) -> client.Message:
        """Run the main loop until the worker is done with the painting, one way or another."""
        painter = self.painter
        if painter.broken:
            raise FailedError(sentence(painter.broken))
        painter.hear, painter.job = self._got, ""
        if painter.knobs is not None:
            GLib.idle_add(self._send)
        watch = _watch(self.source.image, self._end)
        self.loop.run()
        GLib.source_remove(watch)
        painter.drop()
        painter.hear = self.others
        return _ended(self.how)

    def _end(self, how: client.Message | Exception) -> None:
        self.how = self.how or how
        self.loop.quit()

    def _send(self) -> None:
        if self.how:
            return
        painter, content = self.painter, self.source.pixels
        try:
            wanted = recipe(self.config, painter.knobs or [])
        except layers.RefusedError as error:  # the main loop would swallow it, and wait on
            self._end(error)
        else:
            painter.whole = painter.whole or max(content.width, content.height)
            painter.estimate(self.source.layer, self.config)  # which tells it better
            mask = self.source.mask
            painter.job = painter.worker.paint(content, self.styles, wanted, mask, PREVIEW, space=self.space)

    def _got(self, event: client.Message) -> None:
        if event.type == "description":
            self._send()
        if event.type == "hello" or event.id not in (self.painter.job, None):  # as of a draft that has not ended yet
            self.others(event)
            return
        if event.type in client.ENDS:
            self._end(event)
        elif event.type == "progress":
            _show(event["fraction"], self.painter.left(event))
        self.hear(event)


def _show(fraction: float, said: str) -> None:
    """How far it is, in GIMP's own bar."""
    Gimp.progress_set_text(said)
    Gimp.progress_update(fraction)


def _watch(image: Gimp.Image, end: Callable[[Exception], None]) -> int:
    """Tell `end` when the image is closed. The number of the source in the main loop, to be removed."""

    def look() -> bool:
        if not image.is_valid():
            end(layers.RefusedError(_("Painting has stopped: the image was closed.")))
        return bool(GLib.SOURCE_CONTINUE)

    return int(GLib.timeout_add(WATCH, look))


def _ended(how: client.Message | Exception) -> client.Message:
    """The event `done`; any other end is raised."""
    if isinstance(how, Exception):
        raise how
    if how.type == "cancelled":
        raise CancelledError
    if how.type == "failed":
        raise FailedError(sentence(how))
    return how


def recipe(config: Gimp.ProcedureConfig, known: list[dict[str, Any]]) -> dict[str, Any]:
    """The recipe: the settings that this worker knows, and those given as text."""
    names = [knob["name"] for knob in known]
    wanted = {name: config.get_property(name) for name in (*PLAIN, *OPTIONAL)}
    chosen = {name.replace("-", "_"): value for name, value in wanted.items() if value or name in PLAIN}
    chosen = {name: value for name, value in chosen.items() if name in names}
    try:
        given = shlex.split(config.get_property("knobs") or "")  # None from a script that gives none
    except ValueError:
        raise layers.RefusedError(_('The field "More knobs" has an open quotation mark.')) from None
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            message = _('"{item}" is no knob with a value. Write it as: steps=50')
            raise layers.RefusedError(message.format(item=item))
        chosen[name] = value
    return chosen


def cost(event: client.Message) -> str:
    """What an estimate says."""
    about = _("At {size} pixels about {time} and {memory} GB of memory.")
    guess = _("At {size} pixels about {time} and {memory} GB of memory (a first guess).")
    time, memory = clock(event["seconds"]), f"{event['bytes'] / 1e9:.1f}"
    return (about if event["measured"] else guess).format(size=event["size"], time=time, memory=memory)


def sentence(event: client.Message) -> str:
    """What went wrong and what to do."""
    return said(f"{event['message']} {event.fields.get('hint') or ''}".strip())


def clock(seconds: float) -> str:
    """How long, in words."""
    if seconds < 90:
        return _("{number} s").format(number=max(1, round(seconds)))
    if seconds < 5400:
        return _("{number} min").format(number=round(seconds / 60))
    return _("{number} h").format(number=f"{seconds / 3600:.1f}")


def _command() -> list[str]:
    try:
        return worker_command(Path(__file__).resolve().parent)
    except LookupError as error:
        raise MissingError(said(str(error))) from None
