"""On a cluster: what comes out is what comes out without, whichever workers die; and what cannot be is refused.

Real schedulers and workers, as processes on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from conftest import HANGS, ROOT, Run, drawing

pytest.importorskip("distributed", reason="Dask is not there: pip install 'impasto[cluster]'")

from distributed import Client

from impasto import Recipe, __version__

pytest.importorskip("av", reason="PyAV is not there: pip install 'impasto[film]'")
pytest.importorskip("cv2", reason="OpenCV is not there: pip install 'impasto[film]'")

from impasto.film.painting import RUN, FilmPainting
from impasto.film.reading import Film

Process = Callable[..., subprocess.CompletedProcess[str]]
PLAIN = ("--size", 48, "--network", "wavelet", "--device", "cpu")
QUICK = (*PLAIN, "--init", "content", "--steps", 2, "--scales", 1)
SLOW = (*PLAIN, "--init", "content", "--steps", 40, "--scales", 1)
"""Pictures that take long enough to be stopped in the middle."""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as each worker has, on which the bits depend; nothing that this process has set for others to inherit."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with four photographs."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(drawing(80, 56 + number, seed=number)).save(folder / f"p{number}.png")
    return folder


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A long shot, which goes out in two runs, and a short one."""
    return shots(tmp_path / "film", RUN + 3, 3)


def shots(folder: Path, *lengths: int) -> Path:
    """A folder of frames: shots of so many, in which the camera moves."""
    folder.mkdir()
    for seed, length in enumerate(lengths):
        for number in range(length):
            picture = Image.fromarray(np.roll(drawing(96, 72, seed), number, axis=1)[:, 16:80])
            picture.save(folder / f"shot {seed} frame {number}.png")
    return folder


class Workers(NamedTuple):
    """A scheduler and its workers."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]


Start = Callable[..., Workers]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Start]:
    """Starts a scheduler and workers in the folder `elsewhere`; `changed` goes into the environment of workers."""
    running: list[subprocess.Popen[str]] = []
    place, elsewhere = tmp_path / "scheduler", tmp_path / "elsewhere"
    elsewhere.mkdir()

    def started(kind: str, *words: object, **changed: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", place, *words]
        with (tmp_path / f"{kind}-{len(running)}.log").open("w") as log:
            options = {"stdout": log, "stderr": log, "cwd": elsewhere, "env": os.environ | changed}
            running.append(subprocess.Popen([*map(str, command)], text=True, **options))  # type: ignore[call-overload]
        return running[-1]

    def start(*words: object, count: int = 2, **changed: str) -> Workers:
        scheduler = started("scheduler", "--host", "127.0.0.1", "--port", 0, "--dashboard-address", "127.0.0.1:0")
        until(place.exists)
        own = ("--nthreads", 1, "--no-dashboard", "--no-nanny", "--local-directory", tmp_path / "work", *words)
        workers = [started("worker", *own, **changed) for _ in range(count)]
        address = json.loads(place.read_text())["address"]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=HANGS)
        return Workers(address, scheduler, workers)

    yield start
    for process in running[::-1]:
        process.kill()  # how Dask's own programs end is not ours to test, and one that was asked to did not once
    for process in running:
        process.wait(HANGS)


def until(there: Callable[[], object]) -> None:
    end = time.monotonic() + HANGS
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)


def files(folder: Path) -> dict[str, bytes]:
    """What is in all files, hidden ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def events(lines: str, *kinds: str) -> list[str]:
    told = [json.loads(line) for line in lines.splitlines()]
    return sorted(Path(one["result"]).name for one in told if one["event"] in kinds)


def begun(until_event: str, *words: object, **options: object) -> tuple[subprocess.Popen[str], str]:
    """A batch that has come to an event of this kind, and what it has said."""
    command = [sys.executable, "-m", "impasto", "batch", "--json", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = subprocess.Popen(command, text=True, **pipes, **options)  # type: ignore[call-overload]
    said = ""
    while not events(said, until_event):
        line = running.stdout.readline()
        assert line, running.communicate(timeout=HANGS)
        said += line
    return running, said


# The same as without


@pytest.mark.slow
def test_a_batch_on_local_processes_is_the_same(process: Process, tmp_path: Path, photos: Path) -> None:
    """Names, bytes, events, what fails and how that is told; and what is there is passed over."""
    (photos / "p1.png").write_bytes((photos / "p1.png").read_bytes()[:600])
    words = ("batch", "photos", "--style", "oil", "--style", "woodcut", "--json", *QUICK)
    here = process(*words, "-o", "here", cwd=tmp_path)
    there = process(*words, "-o", "there", "--cluster", "local:2", cwd=tmp_path)
    assert (here.returncode, there.returncode) == (1, 1), there.stderr
    assert files(tmp_path / "here") == files(tmp_path / "there")
    assert len(files(tmp_path / "there")) == 6
    for kind in ("painting", "painted", "failed", "passed"):
        assert events(here.stdout, kind) == events(there.stdout, kind), kind
    told = [line for line in here.stderr.splitlines() if "error:" in line]
    assert sorted(line.replace("there/", "here/") for line in there.stderr.splitlines() if "error:" in line) == told
    assert "photos/p1.png: the PNG data is damaged" in told[0] and len(told) == 2
    assert "impasto: cluster tcp://127.0.0.1:" in there.stderr and ", 2 workers" in there.stderr
    assert "impasto: picture 8/8, 0:00 left" in there.stderr and "6 painted, 2 failed, in 0:" in there.stderr
    again = process(*words, "-o", "there", "--cluster", "local:2", cwd=tmp_path)
    assert len(events(again.stdout, "passed")) == 6 and not events(again.stdout, "painted")


@pytest.mark.slow
def test_batch_and_film_on_workers_of_their_own_are_the_same(
    process: Process, cluster: Start, tmp_path: Path, photos: Path, film: Path
) -> None:
    on = ("--cluster", cluster("--resources", "impasto=1").address)
    words = ("batch", "photos", "--style", "oil", *QUICK, "--init", "photos/p0.png")
    made(process, "here", *words, cwd=tmp_path)
    made(process, "there", *words, *on, cwd=tmp_path)
    assert files(tmp_path / "here") == files(tmp_path / "there")
    Image.fromarray(np.tile(np.uint8(255) * (np.arange(64) > 20), (72, 1)).astype(np.uint8)).save(tmp_path / "mask.png")
    words = ("film", "film", "oil", "--mask", "mask.png", "--colour", "keep", *PLAIN)
    made(process, "one", *words, cwd=tmp_path)
    told = made(process, "two", *words, *on, cwd=tmp_path)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert len(files(tmp_path / "two")) == RUN + 6
    assert f"impasto: frame {RUN + 6}/{RUN + 6}, 0:00 left" in told
    assert not (tmp_path / "two.frames").exists()


def made(process: Process, out: str, *words: object, cwd: Path) -> str:
    """Have a command make `out`; what it said."""
    done = process(*words, "-o", out, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
def test_files_that_workers_do_not_see_go_out_with_what_is_in_them(
    process: Process, cluster: Start, tmp_path: Path, photos: Path
) -> None:
    """Names mean something else where workers are: one is not there, the others are other pictures."""
    there = tmp_path / "elsewhere" / "photos"
    address = cluster().address
    there.mkdir()
    for number in range(3):
        shutil.copy(photos / f"p{number + 1}.png", there / f"p{number}.png")
    (photos / "p3.png").write_bytes(b"no picture")
    Image.fromarray(drawing(80, 60)).save(photos / "q.jpg")
    (photos / "q.jpg").write_bytes((photos / "q.jpg").read_bytes()[:-2])
    seen = Path("/proc/self/cwd")
    words = ("batch", seen / "photos", "--style", "oil", *QUICK)
    told = [process(*words, "-o", out, *more, cwd=tmp_path) for out, more in (("a", ()), ("b", ("--cluster", address)))]
    assert [one.returncode for one in told] == [1, 1]
    assert len(files(tmp_path / "a")) == 4
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert told[0].stderr.splitlines()[-1].replace("a/", "b/") == told[1].stderr.splitlines()[-1]
    incomplete = f"impasto: {seen / 'photos' / 'q.jpg'}: the end of the JPEG file is missing"
    assert [incomplete in one.stderr for one in told] == [True, True]


def test_a_film_goes_out_shot_after_shot_in_runs_of_frames(tmp_path: Path, film: Path) -> None:
    recipe = Recipe(size=64, network="wavelet")
    runs = FilmPainting(Film(film), [], recipe, {}, tmp_path / "frames").runs()
    said = [(run.shot, [number for number, _ in run.before], [number for number, _ in run.frames]) for run in runs]
    whole = [*range(1, RUN + 7)]
    assert said == [(0, [], whole[:RUN]), (0, whole[RUN - 4 : RUN], whole[RUN:-3]), (1, [], whole[-3:])]


# Whoever dies or stops


@pytest.mark.slow
def test_workers_that_are_killed_cost_no_picture(
    process: Process, cluster: Start, tmp_path: Path, photos: Path
) -> None:
    there = cluster(count=3)
    words = (photos, "--style", "oil", "--style", "woodcut", *SLOW)
    running, said = begun("painted", *words, "-o", tmp_path / "there", "--cluster", there.address)
    there.workers[0].kill()
    rest, stderr = running.communicate(timeout=HANGS)
    assert running.returncode == 0, stderr
    assert len(events(said + rest, "painted")) == 8
    made(process, "here", "batch", *words, cwd=tmp_path)
    assert files(tmp_path / "here") == files(tmp_path / "there")

    words = ("film", shots(tmp_path / "film", 5, 5, 5), "oil", *PLAIN)
    command = [sys.executable, "-m", "impasto", *words, "-o", tmp_path / "two", "--cluster", there.address]
    with Client(there.address, set_as_default=False) as client, subprocess.Popen([*map(str, command)]) as painting:
        until(lambda: all(client.processing().values()))
        there.workers[1].kill()
        assert painting.wait(HANGS) == 0
    made(process, "one", *words, cwd=tmp_path)
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.slow
def test_a_picture_of_which_workers_die_is_named_in_the_end(
    cluster: Start, tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    there = cluster()
    words = (photos, "--style", "oil", "--style", "woodcut", *SLOW, "-o", tmp_path / "out")
    running, said = begun("painted", *words, "--cluster", there.address)
    there.workers[0].kill()
    rest, stderr = running.communicate(timeout=HANGS)
    assert running.returncode == 1
    failed = events(rest, "failed")
    assert failed and len(failed) + len(events(said + rest, "painted")) == 8
    assert "is not painted. Every worker that painted it has died, 1 of them. See what their logs say" in stderr
    assert len(files(tmp_path / "out")) == 8 - len(failed)


@pytest.mark.slow
def test_ctrl_c_ends_it_and_what_is_painted_stays(tmp_path: Path, photos: Path) -> None:
    words = (photos, "--style", "oil", "--style", "woodcut", *SLOW, "-o", tmp_path / "out", "--cluster", "local:2")
    running, said = begun("painted", *words, start_new_session=True)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: workers hear it too
    rest, stderr = running.communicate(timeout=HANGS)
    assert running.returncode == 130, stderr
    assert "impasto: stopped; pictures that are painted are kept, and the same command goes on." in stderr
    assert "Traceback" not in stderr, stderr
    there, told = set(files(tmp_path / "out")), set(events(said + rest, "painted"))
    assert there >= told and len(there - told) <= 1, stderr  # it may stop between a picture and its event
    assert 0 < len(there) < 8 and all(name.endswith(".png") for name in there)
    until(lambda: not alive(running.pid))


def alive(group: int) -> list[str]:
    """Processes of a group that have not ended: what they are."""
    rows = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    parts = [row.split(None, 2) for row in rows.splitlines()]
    return [args for number, state, args in parts if int(number) == group and state[0] != "Z"]


@pytest.mark.slow
def test_without_its_scheduler_it_ends(cluster: Start, tmp_path: Path, photos: Path) -> None:
    there = cluster()
    running, _ = begun("painted", photos, "--style", "oil", *SLOW, "-o", tmp_path / "out", "--cluster", there.address)
    there.scheduler.kill()
    _, stderr = running.communicate(timeout=HANGS)
    assert running.returncode == 1
    assert f"impasto: error: {there.address}: the scheduler has gone. What is painted is kept: start it" in stderr
    assert "Traceback" not in stderr
    assert all(name.endswith(".png") for name in files(tmp_path / "out"))


# What is refused


@pytest.mark.parametrize("address", ["localhost:8786", "local:0", "local:x", "2"])
def test_what_is_no_address_is_refused(impasto: Run, tmp_path: Path, photos: Path, film: Path, address: str) -> None:
    for words in (("batch", photos, "--style", "oil"), ("film", film, "oil")):
        done = impasto(*words, "-o", tmp_path / "out", "--cluster", address, *QUICK)
        assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
        assert f"--cluster is '{address}'; expected the address of a Dask scheduler" in done.stderr
    assert not (tmp_path / "out").exists()


def test_previews_stay_here(impasto: Run, tmp_path: Path, film: Path) -> None:
    done = impasto("film", film, "oil", "-o", tmp_path / "out", "--preview", tmp_path / "p.png", "--cluster", "local:2")
    assert done.exit_code == 2
    assert "--preview shows what is painted here; leave it out with --cluster." in done.stderr


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_refused(process: Process, tmp_path: Path, photos: Path) -> None:
    begin = time.monotonic()
    done = process("batch", photos, "--style", "oil", "-o", tmp_path / "out", "--cluster", "tcp://127.0.0.1:9", *QUICK)
    assert done.returncode == 2
    said = "tcp://127.0.0.1:9: no scheduler answers there within 10 seconds. Start one with: dask scheduler"
    assert done.stderr.splitlines()[1:] == [f"impasto: error: {said}"]
    assert 9 < time.monotonic() - begin < 60
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_workers_with_another_version_are_refused(
    process: Process, cluster: Start, tmp_path: Path, photos: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "core", other)
    (other / "impasto" / "_version.py").write_text('__version__ = "9.9"')
    there = cluster(count=1, PYTHONPATH=str(other))
    done = process("batch", photos, "--style", "oil", "-o", tmp_path / "out", "--cluster", there.address, *QUICK)
    assert done.returncode == 2
    assert f"has impasto 9.9; expected {__version__}. Install the same version there." in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, photos: Path) -> None:
    hidden = "import sys; sys.modules['dask'] = None; from impasto.cli.commands import impasto; impasto(sys.argv[1:])"
    words = ["batch", photos, "--style", "oil", "-o", tmp_path / "out", "--cluster", "local:2"]
    command = [sys.executable, "-c", hidden, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "impasto: error: --cluster needs Dask: pip install 'impasto[cluster]'\n"
