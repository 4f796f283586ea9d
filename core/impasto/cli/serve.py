"""`impasto serve`: a process that has torch loaded, and forks for each command (the other side: `warm.py`).

A fork is the same command as one that starts from nothing, but for what takes longest. It has one thread, and waits for
others for ever, so torch is to start none here: its libgomp does not know that it was forked.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from ..errors import ImpastoError
from ..memory.process import freeze_gc_after_torch
from . import warm

STOP = b"\0"
"""What asks the process to end, in place of a newline and three files."""
PATIENCE = 10
"""Seconds in which a request has to be there."""
COMMAND = (sys.executable, "-m", "impasto", "serve", "--stay")


class ServeError(ImpastoError):
    """There can be no process that serves."""


@click.command()
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    help="Gone after so many without a command.",
)
@click.option("--stop", is_flag=True, help="End it now.")
@click.option("--stay", is_flag=True, help="Serve in this process, which then does not return.")
def serve(minutes: float, stop: bool, stay: bool) -> None:
    """Keep torch loaded in a process of its own, so that the commands that follow begin a second or two sooner.

    It listens at a socket that only you can reach, and at no port. What is painted is the same.
    """
    path = warm.address()
    if path is None:
        raise ServeError("Commands cannot be handed over here (Windows, or IMPASTO_SERVE=off).", "Use impasto without.")
    there = _greeted(path, STOP if stop else b"")
    if stop:
        click.echo("It has ended." if there else "There was none.")
    elif there:
        click.echo("It is there already.")
    elif stay:
        _Server(path, 60 * minutes).run()
    else:
        _start(minutes)


def _greeted(path: Path, word: bytes) -> bool:
    """Whether a process serves at this address; it is sent this `word`."""
    with socket.socket(socket.AF_UNIX) as one:
        try:
            one.connect(os.fspath(path))
            one.sendall(word)
        except OSError:
            return False
    return True


def _start(minutes: float) -> None:
    """In the background, until it says that it is ready, or why not."""
    nothing, said, command = subprocess.DEVNULL, subprocess.PIPE, [*COMMAND, "--minutes", str(minutes)]
    started = subprocess.Popen(command, stdin=nothing, stdout=said, cwd="/", start_new_session=True)  # noqa: S603
    line = started.stdout.readline() if started.stdout else b""
    if not line:
        sys.exit(started.wait())  # it has said why
    click.echo(line.decode().strip())


class _Server:
    """Forks for each command; `idle`: seconds without one after which it ends."""

    def __init__(self, path: Path, idle: float) -> None:
        self.path, self.idle, self.since = path, idle, time.monotonic()
        self.alike = warm.surroundings(os.environ)
        self.commands: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Listen until asked to stop, idle for too long, or no longer what is installed."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.parent.chmod(0o700)
        self.path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, _ended_children() as ended:
            listener.bind(os.fspath(self.path))
            self.threads = _load()
            self.installed = _installed()
            listener.listen()
            self.selector.register(listener, selectors.EVENT_READ)
            self.selector.register(ended, selectors.EVENT_READ)
            print("Ready: commands begin sooner now.", flush=True)  # noqa: T201
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            try:
                while self._waited(listener, ended):
                    pass
            finally:
                self.path.unlink(missing_ok=True)

    def _waited(self, listener: socket.socket, ended: socket.socket) -> bool:
        """Whether to go on, after whatever comes next."""
        left = None if self.commands else self.since + self.idle - time.monotonic()
        if left is not None and left <= 0:
            return False
        for key, _ in self.selector.select(left):
            if key.fileobj is ended:
                ended.recv(1024)
                self._reap()
            elif key.fileobj is listener:
                if not self._taken(listener.accept()[0]):
                    return False
            else:
                self._left(key.data)
        return True

    def _taken(self, client: socket.socket) -> bool:
        """Fork for the command that a client sends, if it can be run here; whether to go on."""
        client.settimeout(PATIENCE)
        try:
            word, files, _, _ = socket.recv_fds(client, 1, 3)
            asked = json.loads(client.makefile("rb").readline()) if files else None
        except (OSError, ValueError):
            asked, word, files = None, b"", []
        current = _installed() == self.installed
        if asked and current and asked["surroundings"] == self.alike:
            process = os.fork()
            if not process:
                self.selector.close()
                for one in (client, *self.commands.values()):
                    one.close()  # who waits for another command is not to wait for this one as well
                _run(asked, files, self.threads)
            client.sendall(b"%d\n" % process)
            self.commands[process] = client
            self.selector.register(client, selectors.EVENT_READ, process)
        else:
            client.close()
        for file in files:
            os.close(file)
        self.since = time.monotonic()
        return word != STOP and current

    def _left(self, process: int) -> None:
        """Stop a command that nobody waits for, as when a terminal is closed."""
        self.selector.unregister(self.commands[process])
        os.kill(process, signal.SIGTERM)

    def _reap(self) -> None:
        """Send the exit codes of commands that have ended."""
        for process, client in list(self.commands.items()):
            found, status = os.waitpid(process, os.WNOHANG)
            if not found:
                continue
            code = os.waitstatus_to_exitcode(status)
            del self.commands[process]
            with suppress(KeyError):  # of one that nobody waited for
                self.selector.unregister(client)
            with client, suppress(OSError):
                client.sendall(b"%d\n" % (code if code >= 0 else 128 - code))
            self.since = time.monotonic()


@contextmanager
def _ended_children() -> Iterator[socket.socket]:
    """While entered, it can be read from when a child has ended."""
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writing.fileno())
        yield reading


def _load() -> int:
    """Import what takes long and most commands need; returns the number of threads that torch would use."""
    with freeze_gc_after_torch():
        import torch
    threads: int = torch.get_num_threads()
    torch.set_num_threads(1)
    from ..painting import paint  # noqa: F401
    from . import job, painting  # noqa: F401

    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    return threads


def _installed() -> list[tuple[str, float]]:
    """What this program is made of, and of which age: our modules, and the folders where others are installed."""
    ours = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "impasto"]
    paths = sorted({*filter(None, (getattr(module, "__file__", None) for module in ours)), *sys.path})
    return [(path, os.stat(path).st_mtime if os.path.exists(path) else 0) for path in paths]  # noqa: PTH110, PTH116


def _run(asked: Mapping[str, Any], files: list[int], threads: int) -> NoReturn:
    """In the fork: become the process that asked, and run its command."""
    import torch

    os.setsid()
    signal.set_wakeup_fd(-1)
    for name in (*warm.SIGNALS, "SIGCHLD"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in asked["ignored"]:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for number, (file, (encoding, errors)) in enumerate(zip(files, asked["texts"], strict=True)):
        os.dup2(file, number)
        kind, buffered = ("w" if number else "r"), (1 if number == 2 or os.isatty(number) else -1)
        stream = open(number, kind, buffered, encoding, errors, closefd=False)  # noqa: SIM115
        setattr(sys, ("stdin", "stdout", "stderr")[number], stream)
    os.chdir(asked["folder"])
    os.umask(asked["umask"])
    os.nice(max(0, asked["nice"] - os.nice(0)))
    os.environ.clear()
    os.environ.update(asked["environment"])
    torch.set_num_threads(threads)
    sys.argv = ["impasto", *asked["arguments"]]
    code = 1
    try:
        from .commands import impasto

        impasto.main(args=asked["arguments"], prog_name="impasto")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
