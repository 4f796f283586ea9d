"""Which worker a plug-in starts: the one that it was told, one that it finds, and how out of a sandbox."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import HANGS
from flatpak_sandbox import EDITORS, HERE, Sandbox, portal, runtime, sandbox
from impasto import client, locate
from impasto.locate import worker_command


def told(folder: Path, *command: str) -> Path:
    """A plug-in's folder with what finds its worker, and the command that it is told."""
    folder.mkdir(exist_ok=True)
    shutil.copy(locate.__file__, folder)
    (folder / locate.SETTINGS).write_text(json.dumps({"worker": command} if command else {}))
    return folder / "locate.py"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def painted(command: list[str]) -> client.Message:
    """The first event of a worker that has painted a small picture."""
    ramp = client.Pixels(16, 16, 3, "u8", bytes(range(256)) * 3)
    with client.Worker(command) as worker:
        worker.paint(ramp, [{"name": "oil"}], {"size": 16, "steps": 1, "network": "wavelet"})
        last = next(event for event in worker.events() if event.type in client.ENDS)
        assert last.type == "done" and worker.hello, last.fields
    return worker.hello


def test_a_plugin_looks_for_its_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LookupError, match="impasto is neither on the PATH nor in"):
        worker_command(tmp_path)
    assert locate.known(tmp_path) == []
    command = program(tmp_path / ".local/bin/impasto", "#!/bin/sh")
    assert worker_command(tmp_path) == [str(command), "worker"]
    (tmp_path / "impasto.json").write_text('{"worker": ["ssh", "box"]}')
    assert worker_command(tmp_path) == locate.known(tmp_path) == ["ssh", "box"]


def test_snap_hides_folders_that_begin_with_a_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no Snap here, only its variable: a command that starts is taken, another one told of."""
    monkeypatch.setenv("SNAP_NAME", "krita")
    told(tmp_path, *HERE)
    assert worker_command(tmp_path) == list(HERE)
    told(tmp_path, "/home/me/.local/bin/impasto", "worker")
    with pytest.raises(LookupError, match=r"Snap keeps krita from starting /home/me.* `snap connect krita:home`"):
        worker_command(tmp_path)


@pytest.fixture(scope="module")
def flatpak(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox shaped as Flatpak's; its home, /scratch too, has impasto in a virtual environment of the runtime's."""
    found, why = runtime()
    if found is None:
        pytest.skip(why)
    home = tmp_path_factory.mktemp("flatpak")
    subprocess.run([EDITORS / "rootfs.sh", "install", home], check=True, timeout=HANGS)
    return sandbox(home, found)


@pytest.mark.slow
def test_in_flatpak_a_command_that_starts_there_is_started_there(flatpak: Sandbox) -> None:
    program(flatpak.home / ".local/bin/impasto", '#!/bin/sh\nexec /scratch/venv/bin/impasto "$@"\n')
    with portal(flatpak.home) as started:
        hello = painted(flatpak.enter("python3", told(flatpak.home / "plug-in")))
        hello_elsewhere = painted(
            flatpak.enter("python3", told(flatpak.home / "plug-in"), HOST_XDG_STATE_HOME=f"{flatpak.home}/state")
        )
    assert not started
    assert str(hello["log"]).startswith(f"{flatpak.home}/.local/state/"), (
        "in Flatpak's own folders no weights are found"
    )
    assert str(hello_elsewhere["log"]).startswith(f"{flatpak.home}/state/")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["told", "found"])
def test_in_flatpak_a_command_that_does_not_start_there_is_started_outside(flatpak: Sandbox, way: str) -> None:
    """One that is there, but whose interpreter is not, too; and it ends with who has asked for it."""
    script = program(flatpak.home / ".local/bin/impasto", f'#!/bin/sh\nexec {" ".join(HERE[:3])} "$@"\n')
    plugin = told(flatpak.home / "plug-in", *(HERE if way == "told" else ()))
    with portal(flatpak.home) as started:
        painted(flatpak.enter("python3", plugin))
        end = time.monotonic() + 5
        while started[-1].poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        trial, worker = (process.args for process in started)
        assert started[-1].poll() is not None, "the worker outlives the plug-in"
    wanted = HERE if way == "told" else (str(script), "worker")
    assert worker == list(wanted) and trial == [*wanted[:-1], "--version"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["org.gimp.GIMP", "org.kde.krita"])
def test_in_flatpak_a_command_out_of_reach_is_told_in_a_sentence(flatpak: Sandbox, name: str) -> None:
    start = Sandbox(flatpak.home, flatpak.runtime, name).enter("python3", told(flatpak.home / "plug-in", *HERE))
    done = subprocess.run(start, capture_output=True, text=True, timeout=HANGS, check=False)
    assert done.returncode == 1 and done.stderr == (
        f"Flatpak keeps {name} from starting {sys.executable}: run "
        f"`flatpak override --user --talk-name=org.freedesktop.Flatpak {name}` in a terminal, and start it anew.\n"
    )


@pytest.mark.slow
def test_gimp_in_flatpak_paints_by_a_worker_outside(flatpak: Sandbox) -> None:
    """The real GIMP, of the runtime, with the plug-in in the folder that it shares with GIMPs outside."""
    profile = flatpak.home / ".config" / "GIMP" / "3.0"
    profile.mkdir(parents=True)
    inside = {"GIMP3_DIRECTORY": str(profile), "XDG_RUNTIME_DIR": "/tmp"}
    install = [*HERE[:3], "install", "gimp", "--profile", str(profile)]
    subprocess.run(install, check=True, timeout=HANGS, env={**os.environ, "HOME": str(flatpak.home)})
    script = "exec(open('/checkout/tests/editors/gimp_headless.py').read())"
    gimp = ["gimp-console", "-idfs", "--batch-interpreter", "python-fu-eval", "-b", script, "--quit"]
    with portal(flatpak.home) as started:
        start = flatpak.enter(*gimp, ONLY="a_small_layer_with_an_offset", **inside)
        done = subprocess.run(start, capture_output=True, text=True, timeout=HANGS, check=False)
    assert "PASS scenario_a_small_layer_with_an_offset" in done.stdout, done.stdout + done.stderr
    assert started[-1].args == list(HERE)


@pytest.mark.slow
def test_check_tries_the_worker_in_flatpaks_sandbox(flatpak: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in for `flatpak`, which enters the sandbox as `flatpak run` would."""
    profile, krita = flatpak.home / "GIMP" / "3.0", flatpak.home / ".var/app/org.kde.krita/data/krita"
    for folder in (profile, krita):
        folder.mkdir(parents=True)
    name, *words = flatpak.enter("python3")
    shell = f'test "$2" = org.gimp.GIMP && exit; shift 3; exec {shlex.join([name, *words])} "$@"'
    program(flatpak.home / "bin/flatpak", f"#!/bin/sh\ntest $2 = org.kde.krita && exit 1; {shell}\n")
    monkeypatch.setenv("PATH", f"{flatpak.home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(flatpak.home))

    def said(*words: str) -> str:
        done = subprocess.run(
            [*HERE[:3], "install", *words], capture_output=True, text=True, timeout=HANGS, check=False
        )
        return done.stdout + done.stderr

    refused = said("gimp", "--profile", str(profile))
    assert "in Flatpak's GIMP 3, its worker does not start" in refused, refused
    assert "talk-name=org.freedesktop.Flatpak org.gimp.GIMP` in a terminal, and start it anew. Check" in refused, (
        refused
    )
    with portal(flatpak.home) as started:
        done = said("gimp", "--profile", str(profile), "--check")
        assert "is whole, and its worker paints, also in Flatpak's GIMP 3." in done and len(started) == 2, done
    said("krita", "--profile", str(krita))
    done = said("krita", "--profile", str(krita), "--check")
    assert "its worker paints; not tried in Flatpak's Krita, for `flatpak info org.kde.krita` does not know" in done, (
        done
    )
