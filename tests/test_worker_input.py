"""Anything at all on the standard input of a worker: it is answered, or the worker ends; it never hangs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from types import FrameType

from impasto.client import Malformed, encode
from impasto.recipe.recipe import Recipe
from impasto.worker.server import Server
from impasto.worker.streams import Log

HANGS = 300
"""Seconds after which a process counts as hanging."""
COMMAND = (sys.executable, "-m", "impasto", "worker")
SAMPLES = bytes(96 * 64 * 3)


def request(**fields: object) -> bytes:
    form = {"part": "content", "width": 96, "height": 64, "channels": 3, "kind": "u8"}
    whole = {"type": "paint", "id": "a", "content": form, "styles": [{"picture": form | {"part": "style"}}]}
    return b"".join(encode(whole | fields, {"content": SAMPLES, "style": SAMPLES}))


REQUESTS = [
    request(recipe={"steps": 1}, mask={"part": "mask", "width": 1, "height": 1, "channels": 1, "kind": "u8"}),
    request(id="b", preview=0),
    *(
        b"".join(encode(fields))
        for fields in (
            {"type": "hello"},
            {"type": "describe", "id": "c"},
            {"type": "estimate", "id": "d", "width": 100, "height": 100, "recipe": {"size": 64}},
            {"type": "cancel", "id": "a"},
            {"type": "finish", "id": "b"},
            {"type": "recolour", "id": "e", "colour": "keep"},
        )
    ),
]
PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\n",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"true",
    b"9" * 30,
    b"\xff",
    b"\0",
    b"\\ud800",
]
PIECES += [b'"payload"', b'"parts"', b'"bytes"', b'"id"', b'"type":"paint"', b"[" * 5000, b"{}\n", b"x" * 2**20]


def mutated(rng: random.Random) -> bytes:
    """A few requests with some bytes changed, dropped, doubled or put in; mostly in the lines of JSON."""
    stream = bytearray(b"".join(rng.choices(REQUESTS, k=rng.randint(1, 4))))
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(min(len(stream), rng.choice([150, 500, 10**6])) or 1)
        match rng.randrange(5):
            case 0:
                stream[at : at + 1] = rng.randbytes(1)
            case 1:
                del stream[at : at + rng.choice([1, 3, 100])]
            case 2:
                stream[at:at] = rng.choice(PIECES)
            case 3:
                stream[at:at] = stream[at : at + rng.choice([1, 10, 100])]
            case 4:
                del stream[at:]
    return bytes(stream)


class Sink:
    """Events kept in a list; whether each can be sent is tried."""

    behind = False

    def __init__(self) -> None:
        self.types: list[str] = []
        self.codes: set[str] = set()

    def drain(self, seconds: float) -> None:
        pass

    def __call__(self, kind: str, parts: object = None, **fields: object) -> None:
        assert encode({"type": kind, **fields})[0].endswith(b"\n")
        self.types.append(kind)
        self.codes.add(str(fields.get("code")))


def test_ten_thousand_mutated_streams_are_answered_or_refused() -> None:
    """The parser and all that is decided before painting, in this process; the next test takes the whole of it."""
    codes: set[str] = set()
    rng, malformed, queued = random.Random(0), 0, 0
    log = Log.__new__(Log)
    log.path = None
    for _ in range(10_000):
        sink = Sink()
        server, stream = Server(sink, log), mutated(rng)
        cut = rng.randrange(len(stream) + 1)
        try:
            for piece in (stream[:cut], stream[cut:]):
                server.feed(piece)
        except Malformed:
            malformed += 1
        codes |= sink.codes
        queued += sink.types.count("queued")
    assert codes == {"None", "bad_request", "image_error", "recipe_error", "unknown_job"}
    assert malformed > 1000
    assert queued > 1000


def test_a_recipe_is_built_once() -> None:
    sink, log, built = Sink(), Log.__new__(Log), []
    log.path = None
    server = Server(sink, log)

    def calls(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is Recipe.of.__func__.__code__:  # type: ignore[attr-defined]
            built.append(frame)

    sys.setprofile(calls)
    try:
        server.feed(request(recipe={"steps": 1, "init": "content", "network": "wavelet"}))
        server.run(server._waiting.get_nowait())
    finally:
        sys.setprofile(None)
    assert sink.types[-1] == "done"
    assert len(built) == 1


def test_mutated_streams_end_the_process_or_are_answered(tmp_path: Path) -> None:
    rng, env = random.Random(1), os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    for _ in range(30):
        process = subprocess.Popen(COMMAND, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out, _ = process.communicate(mutated(rng), timeout=HANGS)
        assert process.returncode in (0, 2)
        assert out.startswith(b'{"type":"hello"') or not out
        if process.returncode == 2:
            assert b'"code":"malformed"' in out
