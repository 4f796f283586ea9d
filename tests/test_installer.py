"""impasto into a folder of the user's, as the plug-ins install it: by uv and by pip, from an index on this machine."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import local_index
from conftest import HANGS
from impasto import client, installer, locate
from impasto._version import __version__
from impasto.installer import Installer

WANTED = f"impasto=={__version__}"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="programs are linked, and signals sent"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder of wheels, and its address."""
    folder = tmp_path_factory.mktemp("index")
    local_index.build(folder)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(params=["uv", "pip"])
def means(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Commands are uv and Python, or Python alone; the home is empty."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    if request.param == "uv":
        found = shutil.which("uv") or skip()
        (programs / "uv").symlink_to(found)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "only-system")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "home").mkdir()
    return str(request.param)


def skip() -> str:
    pytest.skip("uv is not installed")


def take_from(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, f"{address}simple/")


def done(work: Installer) -> list[str]:
    """Everything that it said; at its end."""
    said, end = [], time.monotonic() + HANGS
    work.start()
    while not work.ended:
        assert time.monotonic() < end, said
        said += work.poll()
        time.sleep(0.05)
    return said + work.poll()


def paints(command: list[str]) -> bool:
    ramp = client.Pixels(16, 16, 3, "u8", bytes(range(256)) * 3)
    with client.Worker(command) as worker:
        worker.paint(ramp, [{"name": "oil"}], {"size": 16, "steps": 1})
        last = next(event for event in worker.events() if event.type in client.ENDS)
    assert last.type == "done", last.fields
    return True


def test_from_nothing_to_a_worker_that_paints(
    means: str, index: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version that the plug-in is of; and the plug-in finds it, also when it was not told."""
    take_from(monkeypatch, index[1])
    plugin = tmp_path / "plug-in"
    plugin.mkdir()
    (plugin / locate.SETTINGS).write_text(f'{{"version": "{__version__}"}}')
    assert locate.wanted(plugin) == WANTED
    with pytest.raises(LookupError, match="impasto is neither on the PATH nor in"):
        locate.worker_command(plugin)
    place = locate.own_place()
    assert place == tmp_path / "home/.local/share/impasto/worker"
    work = Installer(place, locate.wanted(plugin))
    assert f"is not here yet. {means} would put it into ~/.local/share/impasto/worker, with PyTorch" in work.offer()
    assert work.typed().count(" && ") == 1 and str(place) in work.typed()
    said = done(work)
    assert not work.failed and any("impasto" in line for line in said), (work.failed, said)
    assert locate.worker_command(plugin) == [str(place / "bin" / "impasto"), "worker"]
    locate.remember(plugin, installer.command(place))
    assert locate.worker_command(plugin) == installer.command(place) and locate.wanted(plugin) == WANTED
    assert paints(installer.command(place))
    again = Installer(place, WANTED)
    done(again)
    assert not again.failed and installer.python(place).exists()


def test_a_wheel_beside_the_plugin_is_taken(
    means: str, index: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_from(monkeypatch, index[1])
    assert locate.wanted(tmp_path) == "impasto"
    shutil.copy(next(index[0].glob("impasto-*.whl")), tmp_path)
    work = Installer(tmp_path / "worker", locate.wanted(tmp_path))
    assert work.wanted.endswith("-py3-none-any.whl")
    done(work)
    assert not work.failed
    locate.remember(tmp_path, installer.command(work.place))


def test_what_is_not_there_is_told_and_nothing_stays(
    means: str, index: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_from(monkeypatch, index[1])
    work = Installer(tmp_path / "worker", "impasto==99")
    done(work)
    assert re.match(f"{means} could not install it: error.*impasto==99", work.failed, re.I), work.failed
    assert not work.place.exists()


def test_it_is_cancelled_while_it_downloads(
    means: str, index: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything that the installer has started; from a server that never ends its answer."""
    reached = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.set()
            self.send_response(200)
            self.end_headers()
            time.sleep(60)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        take_from(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        work = Installer(tmp_path / "worker", WANTED)
        work.start()
        assert reached.wait(HANGS)
        began = time.monotonic()
        work.cancel()
        while not work.ended:
            time.sleep(0.02)
        server.shutdown()
    assert time.monotonic() - began < 5 and work.failed == "Stopped: nothing was kept." and not work.place.exists()
    assert work._process is not None and work._process.poll() is not None


def test_nothing_stays_of_a_last_step_that_is_stopped_as_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it started still speaks then, but it has ended well by itself."""
    work = Installer(tmp_path / "worker", WANTED)
    step = ["sh", "-c", 'mkdir "$0"; sleep 60 & echo begun', str(work.place)]
    monkeypatch.setattr(work, "steps", lambda: [step])
    work.start()
    while "begun" not in work.poll():
        time.sleep(0.02)
    time.sleep(0.5)  # until the shell has ended
    work.cancel()
    while not work.ended:
        time.sleep(0.02)
    assert work._process is not None and work._process.returncode == 0
    assert work.failed == "Stopped: nothing was kept." and not work.place.exists()


def test_without_uv_and_python_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    work = Installer(tmp_path / "worker", WANTED)
    done(work)
    assert "Neither uv nor Python 3.11 or newer" in work.failed


def test_it_asks_for_room_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "SMALL", (1e6, 1e6))
    monkeypatch.setattr(installer, "LARGE", (1e6, 1e6))
    work = Installer(tmp_path / "worker", WANTED)
    done(work)
    assert "2000000.0 are needed. Make room" in work.failed and not work.place.exists()


def test_pytorch_is_the_build_for_the_processor_where_there_is_no_card(
    means: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv finds out by itself; and who has an index of their own gets everything from there."""
    if sys.platform != "linux" or installer.card():
        pytest.skip("it is for Linux without a card")
    words = Installer(tmp_path / "worker", WANTED).steps()[-1]
    assert ("--torch-backend" if means == "uv" else installer.CPU) in words
    monkeypatch.setenv("PIP_INDEX_URL", "https://example.org/simple")
    assert len(Installer(tmp_path / "worker", WANTED).steps()[-1]) == len(words) - 2
