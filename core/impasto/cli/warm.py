"""Hand a command over to the process that `impasto serve` keeps warm, if there is one and nothing would differ.

That has torch loaded, and forks: what runs is the same command, in the same folder, at the same terminal.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from .._version import __version__
from ..memory.process import ENVIRONMENT
from ..storage import folders

HERE = ("-h", "--help", "--version", "serve", "worker", "install")
"""What begins a command that is never handed over: it needs no torch, or is there to stay."""
STAYS = {"--help", "--ranks"}
"""Options of commands that are not handed over either: torchrun started this process to be one of several."""
READ_ONCE = (
    *("ATEN_", "CUDA_", "DNNL_", "DYLD_", "GLIBC_", "GOMP_", "HIP_", "HSA_", "KMP_", "LANG", "LC_", "LD_", "MALLOC_"),
    *("MKL_", "NCCL_", "NVIDIA_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "PYTORCH_", "ROCR_", "THP_", "TORCH_"),
)
"""How variables begin that Python, torch and what these are built on read when they are loaded."""
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
LONGEST = 100
"""Bytes that the address of a socket may have on every system."""


def address() -> Path | None:
    """Where the socket is, in a folder of the user's; None on systems without, and with IMPASTO_SERVE=off."""
    if os.environ.get("IMPASTO_SERVE") == folders.OFF or not (hasattr(os, "fork") and hasattr(socket, "send_fds")):
        return None
    given = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    path = (given / "impasto" if given.is_absolute() else folders.state()) / "serve.sock"
    return path if len(os.fsencode(path)) <= LONGEST else None


def surroundings(environment: Mapping[str, str]) -> dict[str, Any]:
    """What has to be alike in both processes, as it cannot be changed once torch is loaded."""
    import resource

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    limits = [list(resource.getrlimit(kind)) for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    read = {name: value for name, value in (ENVIRONMENT | {**environment}).items() if name.startswith(READ_ONCE)}
    return {"version": __version__, "python": sys.executable, "read": read, "cores": cores, "limits": limits}


def handed_over(arguments: Sequence[str]) -> int | None:
    """The exit code of the command, run by the process that serves; None if there is none, or it would differ there."""
    path = address()
    here = not arguments or arguments[0] in HERE or not STAYS.isdisjoint(arguments)
    if here or path is None or not is_ours(path):
        return None
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(os.fspath(path))
            socket.send_fds(server, [b"\n"], [0, 1, 2])
            server.sendall(_request(arguments))
            answers = server.makefile("rb")
            process = json.loads(answers.readline() or b"0")
        except OSError:  # it has just gone, or one of the three is closed
            return None
        if not process:
            return None
        with _passed_on(process):
            return int(answers.readline() or 1)


def is_ours(path: Path) -> bool:
    """Whether a socket is there, in a folder that belongs to this user alone."""
    try:
        folder, there = path.parent.stat(), path.lstat()
    except OSError:
        return False
    return folder.st_uid == there.st_uid == os.getuid() and not folder.st_mode & 0o077


def _request(arguments: Sequence[str]) -> bytes:
    umask = os.umask(0)
    os.umask(umask)
    said = {
        "arguments": list(arguments),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "umask": umask,
        "nice": os.nice(0),
        "ignored": [name for name in SIGNALS if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN],
        "texts": [(stream.encoding, stream.errors) for stream in (sys.stdin, sys.stdout, sys.stderr)],
        "surroundings": surroundings(os.environ),
    }
    return json.dumps(said).encode() + b"\n"


@contextmanager
def _passed_on(process: int) -> Iterator[None]:
    """While entered, what would stop this process goes to the one that works in its place."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        os.kill(process, number)

    before = {number: signal.getsignal(number) for name in SIGNALS for number in [getattr(signal, name)]}
    heard = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    for number in heard:
        signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
