"""Mutated requests on the standard input of a worker: each is answered, or the worker ends; it never hangs.

A worker is a process with pipes of its own: for `worker` started as editors do, for `streams` forked from one that has
loaded the libraries already, which takes a hundredth of the time.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

import impasto.painting.loading
import impasto.painting.paint  # noqa: F401  # before the first is forked
from impasto import worker
from impasto.client import ENDS, MOST, Framing, Malformed, Message, encode
from impasto.pictures.colour_spaces import srgb_profile

from .child import MOST_BYTES, OURS, Case
from .mutation import mutated, mutated_value

HANGS, STARTS = 9.0, 100.0
"""Seconds; a little less than `watch` waits, so that we tell what hung. Imports on a busy machine may take longer."""
ALIVE = b"".join(encode({"type": "describe", "id": "alive"}))
QUICK = {"steps": 1, "init": "content"}
FORM = {"part": "content", "width": 24, "height": 20, "channels": 3, "kind": "u8"}
DEEP = FORM | {"part": "deep", "channels": 4, "kind": "half", "linear": True, "icc": "icc"}
MASK = FORM | {"part": "mask", "channels": 1}
PARTS = {"content": bytes(range(240)) * 6, "deep": b"\0\x38" * 1920, "mask": b"\xff" * 480, "icc": srgb_profile()}
Open = tuple[int, int, int]
"""A worker: its process, the descriptor of what it reads, and of what it writes."""
PIECES = [b"{", b"}", b"[", b"]", b'"', b"\n", b"null", b"-1", b"1e999", b"NaN", b"true", b"9" * 5000, b"\xff", b"\0"]
PIECES += [b"\\ud800", b'"payload"', b'"parts"', b'"bytes"', b'"id"', b'"type":"paint"', b"[" * 5000, b"{}\n", ALIVE]
PIECES += [b"x" * 2**20, b'{"type":"paint","payload":%d,"parts":[{"name":"a","bytes":%d}]}\n' % (MOST, MOST)]


def prepared(target: str, top: Path) -> Case:
    """Sends streams to one worker each."""
    Image.new("RGB", (20, 20), "red").save(top / "style.png")
    start: Callable[[Path], Open] = _started if target == "worker" else _forked
    os.environ["IMPASTO_CACHE"] = "off"

    def case(rng: random.Random, folder: Path) -> str:
        stream = _stream(rng)
        asks = rng.random() < 0.7
        if asks:
            stream += ALIVE
        os.environ["XDG_STATE_HOME"] = str(folder)
        talk = _Talk(*start(folder), stream, rng)
        try:
            return talk.hold(asks)
        finally:
            talk.end()
            log = folder / "impasto" / "worker.log"
            said = log.read_text("utf-8", "replace") if log.exists() else ""
            assert not OURS.search(said), said

    return case


def _requests() -> list[tuple[dict[str, Any], dict[str, bytes]]]:
    """Every kind of request, and the parts that go with it."""
    paint = {"type": "paint", "id": "a", "content": FORM, "styles": [{"picture": FORM, "weight": 1.0}]}
    masked = {"mask": MASK, "styles": [{"picture": DEEP, "mask": MASK, "region": MASK}, {"name": "oil"}]}
    return [
        (paint | {"recipe": QUICK}, PARTS),
        (paint | {"id": "b", "content": DEEP, "preview": 0, **masked, "recipe": QUICK | {"colour": "keep"}}, PARTS),
        (paint | {"id": "c", "styles": [{"file": "../style.png"}], "recipe": QUICK}, PARTS),
        ({"type": "thumbnail", "id": "t", "style": {"picture": DEEP}, "longest": 40}, PARTS),
        ({"type": "thumbnail", "id": "u", "style": {"file": "."}}, {}),
        ({"type": "hello"}, {}),
        ({"type": "describe", "id": "d"}, {}),
        ({"type": "estimate", "id": "e", "width": 100, "height": 100, "recipe": {"size": 64}}, {}),
        ({"type": "cancel", "id": "a"}, {}),
        ({"type": "finish", "id": "b"}, {}),
        ({"type": "recolour", "id": "r", "colour": "keep"}, {}),
    ]


def _stream(rng: random.Random) -> bytes:
    """A few requests, one of them wrong in what it says; then the bytes of all are mutated, or not."""
    pieces = []
    for fields, parts in rng.choices(_requests(), k=rng.randint(1, 5)):
        wrong = mutated_value(rng, fields) if rng.random() < 0.25 else fields
        pieces += encode(wrong if isinstance(wrong, dict) else fields, parts if rng.random() < 0.95 else {})
    if rng.random() < 0.1:
        rng.shuffle(pieces)  # as of two programs that write at once
    stream = b"".join(pieces)
    return mutated(rng, stream, PIECES) if rng.random() < 0.35 else stream


class _Talk:
    """What is said to a worker and what it answers, until both are done."""

    def __init__(self, process: int, requests: int, events: int, stream: bytes, rng: random.Random) -> None:
        self.process, self.requests, self.events = process, requests, events
        self.left, self.piece = memoryview(stream), rng.choice([7, 1000, 2**16])
        if len(stream) > 10**5:
            self.piece = 2**16
        self.framing, self.heard, self.until = Framing(), list[Message](), time.monotonic() + STARTS
        self.messages, self.malformed = _told_apart(stream)
        os.set_blocking(requests, False)

    def hold(self, asks: bool) -> str:
        """How it ended."""
        answers = asks and bool(self.messages) and self.messages[-1].fields.get("id") == "alive" and not self.malformed
        while self.left and self._go_on():
            pass
        while answers and not self._answered() and self._go_on():
            pass
        self._close()
        while self._go_on():
            pass
        _, status, usage = os.wait4(self.process, 0)
        self.process = 0
        code = os.waitstatus_to_exitcode(status)
        assert code == (2 if self.malformed else 0), f"it ended with exit code {code}; malformed: {self.malformed}"
        assert usage.ru_maxrss * 1024 < MOST_BYTES, f"it took {usage.ru_maxrss / 1e6:.1f} GB of memory"
        codes = {event.fields.get("code") for event in self.heard}
        assert "internal" not in codes, self._said()
        assert not self.malformed or "malformed" in codes
        assert not answers or self._answered(), self._said()
        return (
            "malformed"
            if self.malformed
            else "painted"
            if any(event.type == "done" for event in self.heard)
            else "answered"
        )

    def end(self) -> None:
        """Leave nothing open."""
        self._close()
        os.close(self.events)
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)

    def _said(self) -> str:
        """Both sides of the talk, for whoever looks for what is wrong."""
        asked = [message.fields for message in self.messages]
        heard = [event.fields for event in self.heard if event.type not in ("hello", "description", "heartbeat")]
        return f"asked: {asked}\nheard: {heard}"

    def _answered(self) -> bool:
        """Whether the last request is, and all jobs have ended, unless a painting among them may be long."""
        if not any(event.id == "alive" for event in self.heard if event.type in ("description", "failed")):
            return False
        if not all(_is_quick(message.fields) for message in self.messages):
            return True
        jobs = [event.id for event in self.heard if event.type == "queued"]
        ends = [event.id for event in self.heard if event.type in ENDS]
        return all(ends.count(job) >= jobs.count(job) for job in jobs)

    def _go_on(self) -> bool:
        """Write or read something; False once there is nothing more to read. `AssertionError` where nothing happens."""
        wanted = [self.requests] if self.left else []
        readable, writable, _ = select.select([self.events], wanted, [], self.until - time.monotonic())
        assert readable or writable, f"it hangs; {self._said()}"
        assert time.monotonic() < self.until, f"it goes on; {self._said()}"
        if writable:
            try:
                self.left = self.left[os.write(self.requests, self.left[: self.piece]) :]
            except BrokenPipeError:
                self.left = memoryview(b"")
        if readable:
            data = os.read(self.events, 2**16)
            heard = list(self.framing.feed(data))
            self.heard += heard
            if any(event.type == "ready" for event in heard):
                self.until = time.monotonic() + HANGS
            return bool(data)
        return True

    def _close(self) -> None:
        if self.requests >= 0:
            os.close(self.requests)
        self.requests, self.left = -1, memoryview(b"")  # a worker that has ended reads no more


def _is_quick(fields: dict[str, Any]) -> bool:
    """Whether a request, if it is a painting at all, takes no time."""
    recipe = fields.get("recipe", {})
    known = isinstance(recipe, dict) and recipe.keys() <= {"steps", "init", "colour"}
    return fields["type"] != "paint" or (known and QUICK.items() <= recipe.items())


def _told_apart(stream: bytes) -> tuple[list[Message], bool]:
    """The messages of a stream, and whether what follows them is malformed."""
    found: list[Message] = []
    with suppress(Malformed):
        for message in Framing().feed(stream):
            found.append(message)  # noqa: PERF402
        return found, False
    return found, True


def _started(folder: Path) -> Open:
    command = [sys.executable, "-m", "impasto", "worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
    requests, events = os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())
    process.stdin.close()
    process.stdout.close()
    process.returncode = 0  # we wait for it, and no one else
    return process.pid, requests, events


def _forked(folder: Path) -> Open:
    (reads, requests), (events, writes) = os.pipe(), os.pipe()
    process = os.fork()
    if process:
        os.close(reads)
        os.close(writes)
        return process, requests, events
    try:
        os.chdir(folder)
        os.dup2(reads, 0)
        os.dup2(writes, 1)
        os.closerange(3, 100)
        worker.serve()
    finally:
        os._exit(70)
