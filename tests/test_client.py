"""The client alone: bytes to events in any pieces, and every way in which a process is not a worker."""

from __future__ import annotations

import ast
import os
import select
import sys
from pathlib import Path
from types import ModuleType

import pytest

from impasto import client, installer, locate, translation
from impasto.client import MOST, PROTOCOL, Framing, Malformed, Message, Pixels, Session, Worker, encode

HELLO = b"".join(encode({"type": "hello", "protocol": PROTOCOL}))
HANGS = 120


def ended(worker: Worker) -> list[Message]:
    """All events, the last of which tells of the end."""
    events = list(worker.events())
    assert worker.ended
    assert worker.poll() == []
    return events


def python(code: str) -> list[str]:
    return [sys.executable, "-c", f"import os, sys, time\n{code}"]


# Without a process


def test_messages_survive_being_cut_anywhere() -> None:
    messages = [
        Message({"type": "a", "text": "grün\n", "none": None}, {}),
        Message({"type": "b"}, {"one": b"\n{}\n", "": b"", "two": bytes(range(256))}),
        Message({"type": "c"}, {}),
    ]
    stream = b"".join(piece for message in messages for piece in encode(message.fields, message.parts))
    for size in (1, 2, 7, 100, len(stream)):
        framing = Framing()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [message for piece in pieces for message in framing.feed(piece)] == messages


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello\n", "line of JSON"),
        (b"\n", "line of JSON"),
        (b"[]\n", "line of JSON"),
        (b'{"type": 1}\n', "line of JSON"),
        (b'{"type": "a", "x": NaN}\n', "line of JSON"),
        (b'{"type": "\xff"}\n', "line of JSON"),
        (b"[" * 100_000 + b"\n", "line of JSON"),
        (b" " * (2**20), "longer than 1 MiB"),
        (b'{"type": "a", "payload": 1}\n', "add up"),
        (b'{"type": "a", "payload": -1, "parts": [{"name": "a", "bytes": -1}]}\n', "add up"),
        (b'{"type": "a", "payload": true, "parts": [{"name": "a", "bytes": true}]}\n', "add up"),
        (b'{"type": "a", "payload": 2, "parts": [{"name": "a", "bytes": 1}, {"name": "a", "bytes": 2}]}\n', "add up"),
        (b'{"type": "a", "parts": 7}\n', "not understood"),
        (b'{"type": "a", "parts": [{"name": 1, "bytes": 0}]}\n', "not understood"),
        (encode({"type": "a", "payload": MOST + 1, "parts": [{"name": "a", "bytes": MOST + 1}]})[0], "accepted"),
    ],
)
def test_what_is_no_message_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        list(Framing().feed(line))


def test_a_session_needs_no_process() -> None:
    sent: list[bytes] = []
    session = Session(sent.append)
    assert [event.type for event in session.feed(HELLO)] == ["hello"]
    dot = Pixels(1, 1, 1, "u8", b"\x07", icc=b"profile")
    job = session.paint(dot, [{"picture": dot, "weight": 2, "mask": dot}], {"size": 64}, mask=dot)
    (request,) = Framing().feed(b"".join(sent))
    assert request.type == "paint"
    form = {"width": 1, "height": 1, "channels": 1, "kind": "u8", "linear": False}
    assert request["content"] == form | {"part": "content", "icc": "content-icc"}
    assert request.parts[request["content"]["icc"]] == b"profile"
    assert request.parts[request["styles"][0]["mask"]["part"]] == b"\x07"
    assert request["styles"][0]["weight"] == 2
    assert request["recipe"] == {"size": 64}
    assert session.jobs == {job}
    session.feed(b"".join(encode({"type": "cancelled", "id": job})))
    assert session.jobs == set()
    (failed,) = session.feed(b"Segmentation fault\n")
    assert (failed.type, failed["code"], failed.id) == ("failed", "garbled", None)


@pytest.mark.parametrize("module", [client, installer, locate, translation])
def test_it_is_one_file_that_older_pythons_read(module: ModuleType) -> None:
    source = Path(str(module.__file__)).read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= sys.stdlib_module_names | {"__future__"}


# With a process


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["/no/such/impasto", "worker"], "not_started", ["cannot be started", "/no/such/impasto"]),
        (python("sys.exit('no torch here')"), "not_started", ["has ended", "exit code 1", "no torch here"]),
        (python("pass"), "not_started", ["exit code 0", "said nothing"]),
        (python("print('Welcome to box', flush=True); time.sleep(600)"), "garbled", ["Welcome to box"]),
        (python(f"os.write(1, {HELLO.replace(b':1}', b':99}')!r}); time.sleep(600)"), "garbled", ["protocol 1"]),
        (python("os.write(1, b'x' * 2**21); time.sleep(600)"), "garbled", ["1 MiB"]),
    ],
)
def test_what_is_no_worker_is_told_in_a_sentence(command: list[str], code: str, words: list[str]) -> None:
    with Worker(command) as worker:
        (failed,) = ended(worker)
        assert (failed.type, failed["code"], failed.id) == ("failed", code, None)
        assert all(word in failed["message"] for word in words), failed
        assert failed["hint"]


def test_a_worker_that_dies_is_told_of_with_what_it_said() -> None:
    said: list[str] = []
    die = f"os.write(1, {HELLO!r}); sys.stderr.write('one\\ntwo\\n'); sys.stderr.flush(); os.kill(os.getpid(), 9)"
    with Worker(python(die), log=said.append) as worker:
        hello, failed = ended(worker)
    assert hello.type == "hello"
    assert failed["code"] == "crashed"
    assert "exit code -9" in failed["message"]
    assert "smaller" in failed["hint"]
    assert failed["log"].splitlines()[:2] == said == ["one", "two"]


def test_a_worker_that_falls_silent_is_given_up() -> None:
    with Worker(python("time.sleep(600)"), start_within=0.2) as worker:
        (failed,) = ended(worker)
        assert (failed["code"], "silent" in failed["message"]) == ("not_started", True)
    with Worker(python(f"os.write(1, {HELLO!r}); time.sleep(600)"), silent_for=0.2) as worker:
        assert worker.wait(HANGS) == worker.hello
        assert worker.wait(1) is None  # nothing is asked of it, so it may be silent
        worker.paint(Pixels(1, 1, 1, "u8", b"\0"), [])
        (failed,) = ended(worker)
        assert (failed["code"], "silent" in failed["message"]) == ("crashed", True)


def test_a_large_picture_may_take_long_to_send_to_a_worker_that_was_idle() -> None:
    slow = f"""os.write(1, {HELLO!r})
sys.stdin.buffer.raw.read(4)
size = 4 * 2**20
while size > 0:
    size -= len(os.read(0, 2**18))
    time.sleep(0.03)
os.write(1, b'{{"type": "cancelled", "id": "1"}}\\n')
sys.stdin.read()"""
    with Worker(python(slow), silent_for=0.8) as worker:
        assert worker.wait(HANGS) == worker.hello
        assert worker.wait(1.2) is None
        worker.paint(Pixels(1024, 1024, 4, "u8", bytes(4 * 2**20)), [])
        assert worker.poll() == [], "given up as soon as it was asked"
        event = worker.wait(HANGS)
        assert event is not None and event.type == "cancelled", event


def test_closing_leaves_no_process_though_it_reads_nothing_and_heeds_nothing() -> None:
    worker = Worker(python(f"os.write(1, {HELLO!r}); time.sleep(600)")).start()
    assert worker.wait(HANGS) == worker.hello
    large = Pixels(4000, 1000, 4, "u8", bytes(4000 * 1000 * 4))
    worker.paint(large, [{"picture": large}])
    process = worker.process
    assert process is not None
    worker.close(0.1)
    assert process.poll() == -9
    assert worker.poll() == []
    worker.close()


def test_the_bell_rings_for_events_and_falls_silent() -> None:
    code = f"os.write(1, {HELLO!r} * 5); sys.stdin.buffer.readline(); os.write(1, {HELLO!r}); sys.stdin.read()"
    with Worker(python(code), env=dict(os.environ)) as worker:
        seen = 0
        while seen < 5:
            assert select.select([worker.fileno()], [], [], HANGS)[0]
            seen += len(worker.poll())
        falls_silent(worker)
        worker.request("hello")
        assert select.select([worker.fileno()], [], [], HANGS)[0]
        assert [event.type for event in worker.poll()] == ["hello"]


def falls_silent(worker: Worker) -> None:
    """At the latest after one ring for an event that was taken before it rang."""
    rings = [bool(select.select([worker.fileno()], [], [], 0.1)[0]) and worker.poll() == [] for _ in range(3)]
    assert rings in ([False] * 3, [True, False, False])


def test_the_bell_falls_silent_after_events_that_were_taken_before_it_rang() -> None:
    code = f"sys.stdin.buffer.readline()\nfor _ in range(60_000): os.write(1, {HELLO!r})\nsys.stdin.read()"
    with Worker(python(code), env=dict(os.environ)) as worker:
        worker.request("hello")
        seen = 0
        while seen < 60_000:
            seen += len(worker.poll())
        falls_silent(worker)
