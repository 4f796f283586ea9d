"""The worker's protocol (docs/worker.md) for editor plug-ins: one file of standard library, Python 3.8 or newer.

    with Worker(["impasto", "worker"]) as worker:
        worker.paint(Pixels(width, height, 4, "u8", data), [{"file": "painting.jpg"}], {"strength": 60})
        for event in worker.events():
            ...

`Worker` runs the process; `Session` alone turns bytes into events and requests into bytes, for whoever has a process
of another kind. What goes wrong with the process comes as an event too: `failed`, with no id, and nothing after it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

PROTOCOL = 1
MOST, MOST_LINE, CHUNK, TAIL = 2**31, 2**20, 2**16, 40
"""Bytes of a payload, of a line, and of what is read or written at once; lines of the log that go with a failure."""
ENDS, LOST = ("done", "failed", "cancelled"), ("not_started", "garbled", "crashed")
"""Events after which nothing more comes about a job, and codes of failures after which nothing more comes at all."""
HARMFUL = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH")  # set by editors for their own Python


class Malformed(Exception):  # noqa: N818
    """What came is not this protocol."""


class Pixels(NamedTuple):
    """Samples row by row, and their form: `kind` is u8, u16, half or float; `icc` is the profile, if there is one."""

    width: int
    height: int
    channels: int
    kind: str
    data: bytes
    linear: bool = False
    icc: bytes = b""


@dataclass(frozen=True)
class Message:
    """A message in either direction: `fields` is the line of JSON, `parts` the payload, by name."""

    fields: dict[str, Any]
    parts: dict[str, bytes]

    @property
    def type(self) -> str:
        """What it is: "done", "progress", ..."""
        return str(self.fields.get("type"))

    @property
    def id(self) -> str | None:
        """Which request it is about."""
        return self.fields.get("id")

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]

    def picture(self) -> Pixels:
        """The picture of a `preview` or `done`."""
        form = self.fields["picture"]
        data = self.parts[form["part"]]
        return Pixels(form["width"], form["height"], form["channels"], form["kind"], data, form["linear"])


def encode(fields: Mapping[str, Any], parts: Mapping[str, bytes] | None = None) -> list[bytes]:
    """The bytes of a message, in pieces, so that large ones need not be copied."""
    fields = dict(fields)
    if parts:
        fields["payload"] = sum(map(len, parts.values()))
        fields["parts"] = [{"name": name, "bytes": len(data)} for name, data in parts.items()]
    return [json.dumps(fields, separators=(",", ":")).encode() + b"\n", *(parts or {}).values()]


class Framing:
    """Bytes, in pieces of any size, to messages. After `Malformed` nothing more can be told apart."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: dict[str, Any] | None = None
        self._sizes: dict[str, int] = {}

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with `data`; to be pulled to the end."""
        self._buffer += data
        while self._head is not None or self._take_line():
            if len(self._buffer) < sum(self._sizes.values()):
                return
            parts = {}
            for name, size in self._sizes.items():
                parts[name] = bytes(memoryview(self._buffer)[:size])
                del self._buffer[:size]
            message, self._head = Message(self._head or {}, parts), None
            yield message

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MOST_LINE)
        if end < 0 and len(self._buffer) >= MOST_LINE:
            raise Malformed("a line is longer than 1 MiB")
        if end >= 0:
            self._head = _parsed(bytes(self._buffer[:end]))
            self._sizes = _sizes(self._head)
            del self._buffer[: end + 1]
        return end >= 0


def _parsed(line: bytes) -> dict[str, Any]:
    fields = None
    with suppress(ValueError, RecursionError):
        fields = json.loads(line.decode(), parse_constant=int)  # which refuses NaN and its like
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise Malformed(f"expected a line of JSON with a type, saw {line[:60]!r}")
    return fields


def _sizes(fields: dict[str, Any]) -> dict[str, int]:
    """Bytes of each part by its name; `Malformed` where they do not add up."""
    payload, parts = fields.pop("payload", 0), fields.pop("parts", [])
    try:
        sizes = {part["name"] + "": part["bytes"] for part in parts}
    except (TypeError, KeyError):
        raise Malformed("its parts are not understood") from None
    whole = all(type(size) is int and size >= 0 for size in (payload, *sizes.values()))
    if not whole or len(sizes) != len(parts) or sum(sizes.values()) != payload:
        raise Malformed("its parts do not add up to its payload")
    if payload > MOST:
        raise Malformed(f"{payload} bytes are more than the {MOST} that are accepted")
    return sizes


class Session:
    """One side of a talk with a worker: requests go out through `write`, piece by piece; what comes in is fed.

    `hello` is that event, once it has come; `jobs` are the ids of those that have not ended yet. `moved` is when a byte
    last came in, or was asked for, by `time.monotonic`; who has the process sets it when bytes have gone out.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.hello: Message | None = None
        self.jobs: set[str] = set()
        self._write, self._framing, self._count, self.moved = write, Framing(), 0, time.monotonic()

    def feed(self, data: bytes) -> list[Message]:
        """The events that are whole with `data`."""
        self.moved = time.monotonic()
        events: list[Message] = []
        try:
            for message in self._framing.feed(data):
                self._note(message)
                events.append(message)
        except Malformed as error:
            events.append(failure("garbled", f"impasto does not answer as it should: {error}.", CHECK))
        return events

    def died(self, code: int, tail: Iterable[str] = ()) -> Message:
        """The last event where the process ended by itself with this exit code, below 0 for a signal."""
        name = WINDOWS.get(code) or next((known.name for known in signal.Signals if known == -code), "")
        what = f"has ended unexpectedly (exit code {code}{name and ', ' + name})"
        return self.lost(what, MEANINGS.get(name, "Start it again."), tail)

    def lost(self, what: str, hint: str, tail: Iterable[str] = ()) -> Message:
        """The last event, with the end of what was said and, if it lies on this machine, of the log."""
        lines = list(tail)
        if self.hello is None:
            what += ": " + (lines[-1].rstrip(".") if lines else "it said nothing")
            return failure("not_started", f"impasto {what}.", CHECK, "\n".join(lines))
        with suppress(OSError, ValueError):
            log = Path(str(self.hello.fields.get("log"))).read_bytes()[-9000:]
            lines += log.decode(errors="replace").splitlines()[-TAIL:]
        return failure("crashed", f"impasto {what}.", hint, "\n".join(lines))

    def _note(self, message: Message) -> None:
        if message.type == "hello" and message.fields.get("protocol") == PROTOCOL:
            self.hello = message
        elif self.hello is None:
            raise Malformed(f"expected hello in protocol {PROTOCOL}, saw {str(message.fields)[:60]}")
        elif message.type in ENDS:
            self.jobs.discard(str(message.id))

    def request(self, kind: str, parts: Mapping[str, bytes] | None = None, **fields: Any) -> str:
        """Send any request of docs/worker.md; its id, a new one unless it is given."""
        self.moved = time.monotonic()  # before there is a job: a worker without one may have been silent for long
        self._count += "id" not in fields
        fields.setdefault("id", str(self._count))
        if kind in ("paint", "recolour"):
            self.jobs.add(fields["id"])
        for piece in encode({"type": kind, **fields}, parts):
            self._write(piece)
        return str(fields["id"])

    def paint(
        self,
        content: Pixels,
        styles: Sequence[Mapping[str, Any]],
        recipe: Mapping[str, Any] | None = None,
        mask: Pixels | None = None,
        preview: int = 512,
        **more: Any,
    ) -> str:
        """Paint. A style is a dict of `picture` (Pixels), `file` or `name`, and maybe `weight`, `mask` and `region`."""
        parts: dict[str, bytes] = {}
        fields = {name: _placed(value, name, parts) for name, value in dict(more, content=content, mask=mask).items()}
        fields["styles"] = [_placed(style, f"style-{number}", parts) for number, style in enumerate(styles, 1)]
        return self.request("paint", parts, preview=preview, recipe=dict(recipe or {}), **fields)

    def cancel(self, job: str) -> None:
        """Give a job up: `cancelled`."""
        self.request("cancel", id=job)

    def finish(self, job: str) -> None:
        """Keep the picture so far: `done`."""
        self.request("finish", id=job)


CPU_BUILD = "pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cpu"
MEANINGS = {
    "SIGKILL": "Memory may have run out: paint at a smaller size.",
    "SIGILL": f"The processor may lack instructions of this PyTorch; in impasto's environment: {CPU_BUILD}",
    "SIGSEGV": f"A driver may not go with this PyTorch; in impasto's environment: {CPU_BUILD}",
}
WINDOWS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV"}
"""What it may mean that a process ended by a signal, and what to do; and what Windows has in place of signals."""
CHECK = "Check the command that starts impasto in the settings; in a terminal, `impasto worker` must print one line."


def failure(code: str, message: str, hint: str, log: str = "") -> Message:
    """The last event of a worker that is lost."""
    return Message({"type": "failed", "id": None, "code": code, "message": message, "hint": hint, "log": log}, {})


def _placed(value: Any, name: str, parts: dict[str, bytes]) -> Any:
    """`value` with the descriptions of `Pixels` for these, whose samples are put among `parts`."""
    if isinstance(value, Mapping):
        return {key: _placed(each, f"{name}-{key}", parts) for key, each in value.items()}
    if not isinstance(value, Pixels):
        return value
    form = dict(value._asdict(), part=name)
    parts[name], icc = form.pop("data"), form.pop("icc")
    if icc:
        parts[name + "-icc"], form["icc"] = icc, name + "-icc"
    return form


class Worker(Session):
    """A worker as a process of ours. Threads read and write, so that no method but `wait` and `close` waits.

    `log` is told each line that the process says besides events; `env` replaces its environment. It counts as dead
    after `start_within` seconds without a first event, or `silent_for` with a job and no byte moved. `ended`: it is.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Callable[[str], object] | None = None,
        env: Mapping[str, str] | None = None,
        start_within: float = 120.0,
        silent_for: float = 60.0,
    ) -> None:
        self._outgoing: queue.Queue[bytes | None] = queue.Queue()
        super().__init__(self._outgoing.put)
        self.command, self.start_within, self.silent_for = list(command), start_within, silent_for
        self.ended, self._log = False, log or str
        self._env = {key: value for key, value in os.environ.items() if key not in HARMFUL} if env is None else env
        self._events: queue.Queue[Message] = queue.Queue()
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._closing = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)

    def start(self) -> Worker:
        """Start the process. How that went is told by the first event."""
        how: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        how.update(bufsize=0, env=dict(self._env), creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0))
        try:
            process = self.process = subprocess.Popen(self.command, **how)  # noqa: S603
        except (OSError, ValueError) as error:
            self._tell(failure("not_started", f"impasto cannot be started: {error}.", CHECK))
            return self
        self._begin(self._send, process.stdin)
        errors = self._begin(self._read_errors, process.stderr)
        self._begin(self._read, process.stdout, process, errors)
        return self

    def fileno(self) -> int:
        """For select, GLib or QSocketNotifier: readable when `poll` has something to give."""
        return self._ear.fileno()

    def poll(self) -> list[Message]:
        """The events so far, without waiting. Call it now and then though nothing rings: it notices silence."""
        with suppress(OSError):  # before the events are taken: what rings from here on may be for one that is missed
            self._ear.recv(CHUNK)
        return list(iter(self._next, None))

    def wait(self, timeout: float) -> Message | None:
        """The next event, or None if there is none for `timeout` seconds, or ever."""
        until, event = time.monotonic() + timeout, self._next()
        while event is None and not self.ended and time.monotonic() < until:
            event = self._next(min(0.25, timeout))
        return event

    def events(self) -> Iterator[Message]:
        """Event after event, until the worker has ended."""
        while not self.ended:
            yield from filter(None, [self.wait(60)])

    def close(self, timeout: float = 1.0) -> None:
        """End the process, with whatever it is doing; after `timeout` seconds by force."""
        self._closing.set()
        self._outgoing.put(None)
        process, self.process, self.ended = self.process, None, True
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
            process.kill()  # which does nothing to one that has ended
            process.wait()
            for thread in self._threads:  # a grandchild may hold a pipe open, and a thread with it
                thread.join(timeout)
        self._bell.close()
        self._ear.close()

    def __enter__(self) -> Worker:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    def _next(self, timeout: float = 0.0) -> Message | None:
        if self.ended:
            return None
        try:
            event = self._events.get(timeout > 0, timeout)
        except queue.Empty:
            self._check_silence()
            return None
        self.ended = event.fields.get("code") in LOST
        return event

    def _begin(self, work: Callable[..., None], *args: object) -> threading.Thread:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()
        return self._threads[-1]

    def _tell(self, event: Message) -> None:
        self._events.put(event)
        with suppress(OSError):
            self._bell.send(b".")

    def _check_silence(self) -> None:
        silent, most = time.monotonic() - self.moved, self.silent_for if self.hello else self.start_within
        if self.process and (self.jobs or not self.hello) and silent > most:
            self.moved, what = time.monotonic(), f"has been silent for {silent:.0f} seconds"
            self._tell(self.lost(what, "Start it again.", self._tail))
            self.process.kill()

    def _read(self, pipe: IO[bytes], process: subprocess.Popen[bytes], errors: threading.Thread) -> None:
        """Thread: bytes of the process to events, and its end to one more."""
        with pipe:
            for data in iter(lambda: os.read(pipe.fileno(), CHUNK), b""):
                for event in self.feed(data):
                    self._tell(event)
                    if event.fields.get("code") == "garbled":
                        return process.kill()
        code = process.wait()
        if not self._closing.is_set():
            errors.join(2.0)
            self._tell(self.died(code, self._tail))
        return None

    def _read_errors(self, pipe: IO[bytes]) -> None:
        """Thread: keeps the last lines of what the process says besides."""
        with pipe:
            for raw in pipe:
                self._tail.append(raw[:2000].decode(errors="replace").rstrip())
                self._log(self._tail[-1])

    def _send(self, pipe: IO[bytes]) -> None:
        """Thread: requests to the process, in pieces, so that closing need not wait for a large picture."""
        with suppress(OSError), pipe:  # if it has ended, the reading thread tells
            for data in iter(self._outgoing.get, None):
                view = memoryview(data)
                while len(view) and not self._closing.is_set():
                    view = view[os.write(pipe.fileno(), view[:CHUNK]) :]
                    self.moved = time.monotonic()
