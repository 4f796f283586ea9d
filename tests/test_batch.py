"""`impasto batch`: every photograph with every style once, whoever is killed, stopped or at work beside it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from conftest import drawing
from impasto.pictures.frames import stored_size
from impasto.pictures.picture import read
from impasto.storage.claims import claim

Run = Callable[..., Result]
Process = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--size", 96, "--network", "wavelet", "--init", "content", "--steps", 1, "--scales", 1, "--device", "cpu")
STYLES = ("--style", "oil", "--style", "woodcut")
HANGS = 300


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with three photographs, and files that are none."""
    return made(tmp_path / "photos", 3)


def made(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        Image.fromarray(drawing(120, 80 + number, seed=number)).save(folder / f"p{number:02d}.png")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture")
    return folder


def started(*words: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "impasto", "batch", *map(str, (*words, *QUICK))]
    return subprocess.Popen(command, text=True, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options)  # type: ignore[call-overload, no-any-return]


def events(lines: str, *kinds: str) -> list[str]:
    """The names of the results of these events, in their order."""
    told = [json.loads(line) for line in lines.splitlines()]
    return [Path(one["result"]).name for one in told if one["event"] in kinds]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def batch(impasto: Run, *words: object) -> Result:
    return impasto("batch", *words, *QUICK)


# Every picture once


@pytest.mark.slow
def test_a_batch_that_was_killed_goes_on(tmp_path: Path, process: Process) -> None:
    photos, out = made(tmp_path / "photos", 20), tmp_path / "out"
    words = (photos, *STYLES, "-o", out, "--json")
    first = started(*words)
    assert first.stdout
    said = ""
    while len(events(said, "painting")) < 17:
        said += first.stdout.readline()
    first.kill()
    said += first.communicate(timeout=HANGS)[0]
    before = {name: time for name, time in times(out).items() if name.endswith(".png")}
    assert 16 <= len(before) < 40
    assert any(name.endswith(".lock") for name in names(out))
    again = process("batch", *words, *QUICK)
    assert again.returncode == 0, again.stderr
    assert len(names(out)) == 40 and not any(name.startswith(".") for name in names(out))
    assert {name: times(out)[name] for name in before} == before
    assert sorted([*before, *events(again.stdout, "painted")]) == names(out)
    assert set(events(said, "painted")) <= set(before) == set(events(again.stdout, "passed"))
    assert all(read(path).size[0] == 96 for path in out.iterdir())
    third = process("batch", *words, *QUICK)
    assert len(events(third.stdout, "passed")) == 40 and not events(third.stdout, "painting")


@pytest.mark.slow
def test_two_processes_paint_no_picture_twice(tmp_path: Path) -> None:
    photos, out = made(tmp_path / "photos", 8), tmp_path / "out"
    both = [started(photos, *STYLES, "-o", out, "--json") for _ in range(2)]
    said = [one.communicate(timeout=HANGS)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sorted(events("".join(said), "painted")) == names(out)
    assert len(names(out)) == 16
    assert all(len(events(lines, "painted", "passed", "elsewhere")) == 16 for lines in said)


def test_what_another_process_has_claimed_is_left_to_it(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with claim(out / "p01-oil.png") as ours:
        assert ours
        with claim(out / "p01-oil.png") as too, claim(out / "p02-oil.png") as another:
            assert (too, another) == (False, True)
        done = batch(impasto, photos, "--style", "oil", "-o", out, "--json")
    assert done.exit_code == 0
    assert events(done.stdout, "elsewhere") == ["p01-oil.png"]
    assert "2 painted, 1 left to another process, in" in done.stderr
    assert names(out) == ["p00-oil.png", "p02-oil.png"]


def test_results_are_those_of_paint_and_are_told(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out, one = tmp_path / "out", tmp_path / "one.png"
    done = batch(impasto, photos, *STYLES, "-o", out, "--json", "--seed", 4)
    assert done.exit_code == 0, done.output
    assert "picture 6/6, 96 px, step 1/1" in done.stderr and "6 painted, in 0:" in done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["event"] for one in told] == ["painting", "painted"] * 6 + ["end"]
    painted = {"event": "painted", "result": str(out / "p02-woodcut.png"), "photograph": str(photos / "p02.png")}
    painted |= {"style": "woodcut", "width": 96, "height": 66, "replaces": "", "seconds": told[-2]["seconds"]}
    assert told[-2] == painted
    counts = {"planned": 0, "painted": 6, "passed": 0, "elsewhere": 0, "failed": 0}
    assert told[-1] == {"event": "end", **counts, "seconds": told[-1]["seconds"], "stopped": False}
    shutil.copy(photos / "p01.png", tmp_path)
    impasto(tmp_path / "p01.png", "woodcut", "-o", one, *QUICK, "--seed", 4)
    assert (out / "p01-woodcut.png").read_bytes() == one.read_bytes()


# What is there already


def test_what_is_there_with_the_same_settings_is_passed_over(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    words = (photos, "--style", "oil", "-o", out, "--json")
    assert len(events(batch(impasto, *words).stdout, "painted")) == 3
    before = times(out)
    done = batch(impasto, *words)
    assert len(events(done.stdout, "passed")) == 3 and times(out) == before
    assert "0 of 3 pictures to paint" in done.stderr and "3 there already, in 0:" in done.stderr

    Image.fromarray(drawing(120, 80, seed=9)).save(photos / "p00.png")
    (out / "p01-oil.png").write_bytes((out / "p01-oil.png").read_bytes()[:-2000])
    done = batch(impasto, *words)
    assert events(done.stdout, "painted") == ["p00-oil.png", "p01-oil.png"]
    assert "s; in place of one that has other settings." in done.stderr
    assert "s; in place of one that was damaged." in done.stderr
    assert len(events(batch(impasto, *words, "--strength", 30).stdout, "painted")) == 3
    assert len(events(batch(impasto, *words, "--strength", 30, "--strip").stdout, "painted")) == 3
    assert len(events(batch(impasto, *words, "--strength", 30, "--strip").stdout, "passed")) == 3


def test_a_picture_without_recipe_is_never_replaced(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    words = (photos, "--style", "oil", "-o", out)
    assert batch(impasto, *words, "--no-recipe").exit_code == 0
    before = times(out)
    done = batch(impasto, *words)
    assert done.exit_code == 1 and times(out) == before
    assert f"{out / 'p00-oil.png'} is not painted. {out / 'p00-oil.png'}: there is a picture without" in done.stderr
    done = batch(impasto, *words, "--no-recipe")
    assert done.exit_code == 0 and times(out) == before and "3 there already" in done.stderr


def test_a_dry_run_tells_and_writes_nothing(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    words = (photos, *STYLES, "-o", out, "--contact-sheet", tmp_path / "sheets" / "all.png")
    done = batch(impasto, *words, "--dry-run")
    assert done.exit_code == 0 and names(tmp_path) == ["photos"]
    assert done.stdout.splitlines()[0] == f"{out / 'p00-oil.png'}: about 0:01"
    assert done.stdout.splitlines()[-1].startswith("6 to paint, about 0:0")
    batch(impasto, photos, "--style", "oil", "-o", out)
    (out / "p01-oil.png").unlink()
    (photos / "p02.png").write_bytes(b"no picture")
    before = times(out)
    done = batch(impasto, photos, "--style", "oil", "-o", out, "--dry-run")
    assert done.exit_code == 1 and times(out) == before
    assert f"{out / 'p00-oil.png'}: there already" in done.stdout
    assert "1 to paint, 1 there already, 1 failed, about 0:01." in done.stdout
    done = batch(impasto, photos, "--style", "oil", "-o", out, "--dry-run", "--json")
    assert events(done.stdout, "planned") == ["p01-oil.png"] and times(out) == before
    assert all(json.loads(line)["event"] in ("planned", "passed", "failed", "end") for line in done.stdout.splitlines())


# What fails, and what stops


def test_a_picture_that_fails_stops_no_other(impasto: Run, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "out"
    whole = (photos / "p01.png").read_bytes()
    (photos / "p01.png").write_bytes(whole[: len(whole) // 2])
    (photos / "broken.jpg").write_bytes(b"no picture")
    done = batch(impasto, photos, *STYLES, "-o", out)
    assert done.exit_code == 1
    assert names(out) == [f"p0{number}-{style}.png" for number in (0, 2) for style in ("oil", "woodcut")]
    assert "4 painted, 4 failed, in" in done.stderr
    last = done.stderr.splitlines()[-4:]
    assert all(line.startswith(f"impasto: error: {out}") and " is not painted. " in line for line in last)
    assert f"{photos / 'broken.jpg'}: this is not a PNG" in last[0]
    assert f"{photos / 'p01.png'}: the PNG data is damaged" in last[3]


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_nothing_of_the_picture_at_work(tmp_path: Path) -> None:
    photos, out = made(tmp_path / "photos", 4), tmp_path / "out"
    one = started(photos, "--style", "oil", "-o", out, "--json", "--steps", 400)
    assert one.stdout
    said = ""
    while not events(said, "painting"):
        said += one.stdout.readline()
    one.send_signal(signal.SIGINT)
    rest, stderr = one.communicate(timeout=HANGS)
    assert one.returncode == 130
    assert "impasto: stopped; pictures that are painted are kept, and the same command goes on." in stderr
    assert names(out) == [] == events(said + rest, "painted")
    assert json.loads(rest.splitlines()[-1])["stopped"] is True


@pytest.mark.slow
def test_lines_of_json_go_past_the_bar_in_a_terminal(tmp_path: Path, photos: Path) -> None:
    terminal, end = pty.openpty()
    try:
        one = started(photos, "--style", "oil", "-o", tmp_path / "out", "--json", stderr=end)
        said = one.communicate(timeout=HANGS)[0]
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(end)
        os.close(terminal)
    assert len(events(said, "painted")) == 3
    assert "picture" in shown and '"event"' not in shown


# Which photographs, which names


def test_files_folders_and_patterns(impasto: Run, tmp_path: Path, photos: Path) -> None:
    deep = photos / "deep" / "deeper"
    deep.mkdir(parents=True)
    shutil.copy(photos / "p02.png", deep / "x.png")

    def found(*given: object) -> list[str]:
        done = batch(impasto, *given, "--style", "oil", "-o", tmp_path / "out", "--dry-run", "--json")
        assert done.exit_code == 0, done.output
        return events(done.stdout, "planned")

    everything = ["p00-oil.png", "p01-oil.png", "p02-oil.png"]
    assert found(photos) == found(photos / "*.png") == found(photos / "p0[0-2].png") == everything
    assert found(photos / "p01.png", photos) == ["p01-oil.png", "p00-oil.png", "p02-oil.png"]
    assert found(photos / "**" / "*.png") == ["x-oil.png", *everything]
    assert found(deep, photos / "p00.png") == ["x-oil.png", "p00-oil.png"]


def test_names_follow_the_pattern(impasto: Run, tmp_path: Path, photos: Path, style: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    out = tmp_path / "out"
    words = ("--style", style, "-o", out, "--name", "{style}/{folder}_{photo}.webp")
    done = batch(impasto, photos, other / "p00.png", *words)
    assert done.exit_code == 0, done.output
    assert names(out) == ["style"]
    assert names(out / "style") == ["other_p00.webp", "photos_p00.webp", "photos_p01.webp", "photos_p02.webp"]
    assert "4 there already" in batch(impasto, photos, other / "p00.png", *words).stderr


@pytest.mark.parametrize("suffix", ["jpg", "tif", "exr"])
def test_other_formats_are_passed_over_too(impasto: Run, tmp_path: Path, photos: Path, suffix: str) -> None:
    words = (photos, "--style", "oil", "-o", tmp_path / "out", "--name", f"{{photo}}.{suffix}")
    assert "3 painted" in batch(impasto, *words).stderr
    assert "3 there already" in batch(impasto, *words).stderr


def test_the_contact_sheet_shows_every_result(impasto: Run, tmp_path: Path, photos: Path) -> None:
    sheet = tmp_path / "sheets" / "all.png"
    (photos / "p01.png").write_bytes(b"no picture")
    done = batch(impasto, photos, *STYLES, "-o", tmp_path / "out", "--contact-sheet", sheet)
    assert done.exit_code == 1
    shown = read(sheet).pixels
    assert shown.shape[1] < 3 * 326 and shown.shape[0] > 3 * 240
    greys = int((abs(shown - 190 / 255) < 0.01).all(axis=2).sum())
    assert abs(greys - 2 * 320 * 240) < 1000  # the cells of those that failed, and some of the letters
    painted = read(tmp_path / "out" / "p00-woodcut.png").pixels
    height, width = painted.shape[:2]
    x = 326 + (320 - width) // 2
    assert any((shown[y : y + height, x : x + width] == painted).all() for y in range(200))


BAD = [
    (("missing.png",), (), "missing.png: there is no such file."),
    (("photos/*.tif",), (), "photos/*.tif: there is no such file."),
    (("empty",), (), "empty: there is no picture in this folder."),
    (("photos",), ("--style", "nobody"), "nobody: there is no such file, and no such bundled style."),
    (("photos",), ("--style", "photos/notes.txt"), "photos/notes.txt: this is not a PNG"),
    (
        ("photos",),
        ("--name", "{photo}.png"),
        "out/p00.png: this would be the result of photos/p00.png with oil",
    ),
    (("photos",), ("--name", "{style}.png"), "and of photos/p01.png with oil. Tell them apart by {photo}"),
    (("photos", "empty/../other/p00.png"), (), "out/p00-oil.png: this would be the result of photos/p00.png with oil"),
    (("photos",), ("--name", "{photo}-{number}.png"), "--name has {number}; expected {photo}, {style}, {folder}."),
    (("photos",), ("--name", "{photo}-{style}.pdf"), "out/p02-woodcut.pdf: the suffix '.pdf' is unknown."),
    (("photos",), ("-o", "photos/notes.txt"), "Directory 'photos/notes.txt' is a file."),
    (("photos",), ("-o", "photos"), "photos: photographs are looked for in this folder"),
    (
        ("photos/p00.png",),
        ("-o", "photos", "--name", "{photo}.png", "--style", "oil"),
        "photos/p00.png: this is one of the input pictures.",
    ),
    (
        ("photos",),
        ("--contact-sheet", "out/p01-oil.png"),
        "out/p01-oil.png: the contact sheet would replace a",
    ),
    (("photos",), ("--contact-sheet", "all.pdf"), "all.pdf: the suffix '.pdf' is unknown."),
    (("photos",), ("--strength", "200"), "strength is '200'; expected"),
    (("photos",), ("--init", "nothing.png"), "There is no file of that name."),
    (("photos",), ("--network", "nobody"), "There is no network 'nobody'"),
    (("photos",), ("--device", "cuda:99"), "The device 'cuda:99' is not there"),
    ((), (), "Missing argument 'PHOTOGRAPHS...'"),
]


@pytest.mark.parametrize(("names_", "words", "said"), BAD, ids=[one[2][:30] for one in BAD])
def test_bad_input_is_one_line_before_any_work(
    impasto: Run,
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    names_: tuple[str, ...],
    words: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(photos, "other")
    styles = () if said.endswith("input pictures.") else STYLES
    done = impasto("batch", *names_, *styles, "-o", "out", *QUICK, *words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert names(tmp_path) == ["empty", "other", "photos"] and len(names(photos)) == 5


def test_the_size_that_a_header_tells_is_that_of_the_picture(tmp_path: Path) -> None:
    small, large = (Image.fromarray(drawing(*size)) for size in ((40, 30), (120, 80)))
    for suffix in ("png", "jpg", "tif", "webp", "gif", "bmp"):
        large.save(tmp_path / f"one.{suffix}")
        assert stored_size(tmp_path / f"one.{suffix}") == (120, 80) == read(tmp_path / f"one.{suffix}").size
    small.save(tmp_path / "pages.tif", save_all=True, append_images=[large])
    assert stored_size(tmp_path / "pages.tif") == (120, 80) == read(tmp_path / "pages.tif").size
