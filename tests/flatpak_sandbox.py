"""A sandbox shaped as Flatpak's, by bubblewrap, and the service outside that `flatpak-spawn` asks; without D-Bus.

The sandbox's /usr is that of the Debian root filesystem with the editors, as that of a runtime is not the machine's.
The home folder and /opt are there, as for programs with `--filesystem=host`. `flatpak-spawn` is a stand-in, which hands
its file descriptors over as the real one does, through a socket in the home folder instead of the session's bus.
"""

from __future__ import annotations

import array
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT

EDITORS = ROOT / "tests" / "editors"
SPAWN = """#!/usr/bin/python3
import array, json, os, socket, sys
words = sys.argv[1:]
options = [words.pop(0) for word in list(words) if word.startswith("--") and words[0] == word]
assert options == ["--host", "--watch-bus", "--directory=/"], options
bus = socket.socket(socket.AF_UNIX)
try:
    bus.connect(os.path.join(os.environ["HOME"], "bus"))
except OSError:
    sys.exit("Portal call failed: The name org.freedesktop.Flatpak was not provided by any .service files")
fds = array.array("i", [0, 1, 2]).tobytes()
bus.sendmsg([json.dumps(words).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
sys.exit(int(bus.recv(16) or 1))
"""


@dataclass(frozen=True)
class Sandbox:
    """One program of Flatpak's: its home folder, the root filesystem of its runtime, its name."""

    home: Path
    runtime: Path
    name: str = "org.gimp.GIMP"

    def enter(self, *command: object, **variables: str) -> list[str]:
        """The command line that runs `command` inside."""
        own = self.home / ".var" / "app" / self.name
        given = {"HOME": self.home, "PATH": "/app/bin:/usr/bin", "LANG": "C.UTF-8", "FLATPAK_ID": self.name}
        given |= {f"XDG_{kind.upper()}_HOME": own / kind for kind in ("data", "config", "cache")}
        shell = ["bwrap", "--unshare-pid", "--unshare-net", "--die-with-parent", "--clearenv", "--dev", "/dev"]
        shell += ["--proc", "/proc", "--tmpfs", "/tmp", "--ro-bind", self.runtime / "usr", "/usr"]
        for name in ("bin", "lib", "lib64"):
            shell += ["--symlink", f"usr/{name}", f"/{name}"]
        shell += ["--ro-bind", self.runtime / "opt", "/opt", "--ro-bind", self.home / "app", "/app/bin"]
        shell += ["--ro-bind", self.home / "app" / "info", "/.flatpak-info", "--ro-bind", ROOT, "/checkout"]
        shell += ["--bind", self.home, self.home, "--bind", self.home, "/scratch"]
        for variable, value in {**given, **variables}.items():
            shell += ["--setenv", variable, value]
        return [str(word) for word in (*shell, *command)]


def sandbox(home: Path, runtime: Path) -> Sandbox:
    """Puts into `home` what the sandbox needs besides: the stand-in, and what tells that one is in it."""
    (home / "app").mkdir(parents=True)
    (home / "app" / "info").write_text("[Application]\nname=org.gimp.GIMP\n")
    (home / "app" / "flatpak-spawn").write_text(SPAWN)
    (home / "app" / "flatpak-spawn").chmod(0o755)
    return Sandbox(home, runtime)


@contextmanager
def portal(home: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The service outside, for those with `--talk-name=org.freedesktop.Flatpak`: gives the processes it has started."""
    started: list[subprocess.Popen[bytes]] = []
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(home / "bus"))
        bus.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = bus.accept()
                    threading.Thread(target=run, args=(caller,), daemon=True).start()

        def run(caller: socket.socket) -> None:
            words, [(_, _, sent)], *_ = caller.recvmsg(2**16, socket.CMSG_SPACE(12))
            fds = array.array("i", sent)
            command, streams = json.loads(words), dict(zip(("stdin", "stdout", "stderr"), fds, strict=True))
            with caller, suppress(OSError):
                process = subprocess.Popen(command, cwd="/", **streams)
                started.append(process)
                for fd in fds:
                    os.close(fd)
                while process.poll() is None:
                    if select.select([caller], [], [], 0.02)[0]:  # nothing comes but the end of the caller
                        process.kill()
                        process.wait()
                caller.send(str(process.returncode).encode())

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield started
        finally:
            bus.shutdown(socket.SHUT_RDWR)
            for process in started:
                process.kill()
                process.wait()
            (home / "bus").unlink()


def runtime() -> tuple[Path | None, str]:
    """The root filesystem, or None and why there is no sandbox here."""
    there = subprocess.run([EDITORS / "rootfs.sh", "check"], capture_output=True, text=True, check=False)
    if there.returncode:
        return None, there.stdout.strip()
    try:
        able = subprocess.run(
            ["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "true"], capture_output=True, check=False
        )
    except FileNotFoundError:
        return None, "bubblewrap is not installed"
    if able.returncode:
        return None, f"bubblewrap makes no namespaces here: {able.stderr.decode().strip()}"
    return Path(there.stdout.split()[-1]), ""


HERE = (sys.executable, "-m", "impasto", "worker")
"""The worker of the environment that runs the tests: outside of the sandbox."""
