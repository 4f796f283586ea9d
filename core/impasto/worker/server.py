"""Who is asked, in which order, and what is answered."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
from queue import SimpleQueue
from typing import Any

from ..client import Framing, Malformed, Message
from ..errors import ImpastoError, PluginError
from ..memory import system
from ..memory.plan import Estimates
from ..memory.process import torch_failure
from ..plugin.registry import registry
from ..recipe.recipe import Recipe
from . import pictures, records
from .painting import Job, Painter, Send, whole_recipe
from .requests import About, BadRequest, Estimate, Hello, Paint, Recolour, Thumbnail, UnknownJob, known_id, parsed
from .streams import Log

ALIVE = 1.0
"""Seconds between heartbeats."""
MOST_JOBS = 16
READ = 2**20
MALFORMED = 2
"""Exit code where the requests could not be told apart any more."""


class Server:
    """Takes messages in one thread, and paints in another."""

    def __init__(self, send: Send, log: Log) -> None:
        self.send, self.log = send, log
        self._estimates = Estimates()
        self._painter = Painter(send, self._estimates)
        self._framing = Framing()
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        """Those that wait and the one in work."""
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        self._now: Job | None = None
        self._devices: list[str] | None = None
        self._unloadable: PluginError | None = None

    # The thread that reads

    def read(self, source: int) -> None:
        """Take requests from this file descriptor until there are no more, then end the process."""
        code = 0
        try:
            for data in iter(lambda: os.read(source, READ), b""):
                self.feed(data)
        except Malformed as error:
            code = MALFORMED
            hint = "The program that asks and impasto may be of different versions."
            self.send("failed", id=None, code="malformed", message=f"A request is malformed: {error}.", hint=hint)
            self.send.drain(1.0)
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            os._exit(code)  # in the middle of a step too: there is nothing on disk to tidy up

    def feed(self, data: bytes) -> None:
        """Answer what is whole with `data`. Raises `Malformed`."""
        for message in self._framing.feed(data):
            self.answer(message)

    def answer(self, message: Message) -> None:
        """Do what `message` asks, or send `failed`."""
        try:
            match parsed(message):
                case Hello():
                    self.send("hello", **records.hello(self.log, self._devices))
                case About(id=id_) if message.type == "describe":
                    self.send("description", id=id_, **records.description())
                case About(id=id_):
                    self._wish(id_, message.type)
                case Estimate() as request:
                    self._estimate(request)
                case Thumbnail() as request:
                    self._show(request, message.parts)
                case Paint() as request:
                    self._enqueue(Job(request, message.parts, whole_recipe(request)))
                case Recolour() as request:
                    self._enqueue(Job(request, {}))
        except Exception as error:  # whatever it is, the next request deserves an answer
            self.send("failed", id=known_id(message), **self._told(error))

    def _enqueue(self, job: Job) -> None:
        with self._lock:
            if job.id in self._jobs:
                raise BadRequest(f"There is a job {job.id!r} already.", "Choose another id.")
            if len(self._jobs) >= MOST_JOBS:
                raise BadRequest(f"{MOST_JOBS} jobs wait already.", "Cancel some.")
            earlier = [other for other in self._jobs.values() if job.live and other.live]
            dropped = [other.id for other in earlier if self._give_up(other)]
            ahead = len(self._jobs)
            self._jobs[job.id] = job
        for id_ in dropped:
            self.send("cancelled", id=id_)
        self.send("queued", id=job.id, ahead=ahead)
        self._waiting.put(job)

    def _wish(self, id_: str, wish: str) -> None:
        with self._lock:
            job = self._jobs.get(id_)
            if job is None:
                raise UnknownJob(f"There is no job {id_!r} (any more).")
            if wish == "finish":
                job.wish = "finish"
            dropped = wish == "cancel" and self._give_up(job)
        if dropped:
            self.send("cancelled", id=id_)

    def _give_up(self, job: Job) -> bool:
        """Cancel `job`, while the lock is held: whether it ends at once, and is not in work."""
        job.wish = "cancel"
        return job is not self._now and bool(self._jobs.pop(job.id))

    def _estimate(self, request: Estimate) -> None:
        recipe = registry().settled(Recipe.of(**{"size": max(request.width, request.height)} | request.recipe))
        registry().check(recipe)
        self.send("estimate", id=request.id, **self._estimates.estimate(request.width, request.height, recipe))

    def _show(self, request: Thumbnail, parts: pictures.Parts) -> None:
        small = pictures.thumbnail(request, parts)
        form = pictures.described(small, "thumbnail")
        self.send("thumbnail", {"thumbnail": small.tobytes()}, id=request.id, picture=form)

    # The thread that paints

    def work(self) -> None:
        """Get ready, then paint job after job, for ever."""
        try:
            self._painter.warm_up()
            self._devices = records.devices()
            self.send("ready", devices=self._devices)
        except Exception as error:
            traceback.print_exc()  # the first job will say it
            self._unloadable = torch_failure(error)
        while True:
            job = self._waiting.get()
            with self._lock:
                if job.id not in self._jobs:
                    continue
                self._now = job
            self.run(job)
            self.log.rotate()

    def run(self, job: Job) -> None:
        """Paint `job` and tell how it went, whatever happens."""
        job.moved = time.monotonic()
        try:
            if self._unloadable:
                raise self._unloadable  # to import torch once more gives another error, which says nothing
            kind, parts, fields = self._painter.do(job)
        except (Exception, SystemExit) as error:  # plug-ins may raise anything, or try to leave
            kind, parts, fields = "failed", {}, self._told(error)
        with self._lock:
            self._now = None
            del self._jobs[job.id]
        self.send(kind, parts, id=job.id, **fields)

    # Both

    def beat(self) -> None:
        """A thread of its own: tell that we are alive, and for how long the job in work has not moved."""
        while True:
            time.sleep(ALIVE)
            job = self._now
            if job is not None and not self.send.behind:
                self.send("heartbeat", id=job.id, idle=round(time.monotonic() - job.moved, 3))

    def _told(self, error: BaseException) -> dict[str, Any]:
        """What to tell of `error` to the one who paints."""
        error = torch_failure(error) or error
        if isinstance(error, ImpastoError):
            code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()
            return {"code": code, "message": error.args[0], "hint": error.hint}
        if system.exhausted(error):
            message = "There is not enough memory for this."
            return {"code": "out_of_memory", "message": message, "hint": "Set a smaller size."}
        sys.stderr.write("".join(traceback.format_exception(error)))
        sys.stderr.flush()
        message = f"Something went wrong inside: {type(error).__name__}: {error}"
        hint = "If a plug-in did it, tell its author; if not, tell us, with the log."
        return {"code": "internal", "message": message, "hint": hint, "log": self.log.tail()}
