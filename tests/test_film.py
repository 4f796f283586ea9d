"""Films: what stands still stays, what moves takes its strokes along, and nothing that was painted is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from conftest import Run, drawing
from impasto import Picture, Recipe, paint, read, style

av = pytest.importorskip("av", reason="PyAV is not there: pip install 'impasto[film]'")
cv2 = pytest.importorskip("cv2", reason="OpenCV is not there: pip install 'impasto[film]'")

from impasto.film.coherence import Shot  # noqa: E402
from impasto.film.flow import flow, trusted, warped  # noqa: E402
from impasto.film.reading import Film, thinned  # noqa: E402

Pixels = NDArray[np.float32]
PLAIN = ("--network", "wavelet", "--device", "cpu")
QUICK = ("--colour", "palette", *PLAIN)
"""Colours only: of films whose frames do not matter."""
WIDTH, HEIGHT, HANGS = 96, 72, 100
RATE = Fraction(30000, 1001)


def scene(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Soft waves with some grain, by which flow is found."""
    grain = np.random.default_rng(seed).normal(size=(height, width, 1)) * 12
    return ((drawing(width, height, seed) * 0.7 + 30 + grain).clip(0, 255) / 255).astype(np.float32)


SQUARE = scene(5)[24:44, :20] * 0.4 + np.float32([0.55, 0.1, 0])


def moving_square(count: int) -> list[Pixels]:
    frames = [scene() for _ in range(count)]
    for number, frame in enumerate(frames):
        frame[24:44, 4 + 3 * number : 24 + 3 * number] = SQUARE
    return frames


def save(folder: Path, frames: Sequence[Pixels]) -> Path:
    folder.mkdir()
    for number, frame in enumerate(frames):
        Image.fromarray(np.rint(frame * 255).astype(np.uint8)).save(folder / f"frame {number}.png")
    return folder


def film(path: Path, frames: Sequence[Pixels], sound: bool = True) -> Path:
    """A video of 29.97 frames a second, with a tone."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt, stream.options = WIDTH, HEIGHT, "yuv420p", {"crf": "12"}
        tone = container.add_stream("aac", rate=48000) if sound else None
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.rint(frame * 255).astype(np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if tone:
            wave = np.sin(np.arange(int(len(frames) / RATE * 48000)) / 20).astype(np.float32)
            for begin in range(0, len(wave), 1024):
                piece = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 48000, begin, Fraction(1, 48000)
                container.mux(tone.encode(piece))
            container.mux(tone.encode())
    return path


def sound(path: Path) -> list[bytes]:
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def times(path: Path) -> list[float]:
    with av.open(path) as container:
        return [frame.time for frame in container.decode(video=0)]


def frames_of(folder: Path) -> list[Pixels]:
    return [frame.picture.pixels for frame in Film(folder).frames()]


def test_a_still_background_stays_and_what_moves_leaves_no_trace(impasto: Run, tmp_path: Path) -> None:
    """Painted one by one the background changes by 5/255 by matching, and by 14 by Gram matrices."""
    filmed = moving_square(24)
    source, out = save(tmp_path / "in", filmed), tmp_path / "out"
    done = impasto("film", source, "oil", "-o", out, *PLAIN)
    assert done.exit_code == 0, done.output
    assert [path.name for path in sorted(out.iterdir())] == sorted(path.name for path in source.iterdir())
    painted, still = frames_of(out), scene()
    assert change(filmed, painted, still) < 2 / 255
    whole = next(
        step for step in [*paint(Picture(filmed[-1]), style("oil"), Recipe(size=WIDTH, network="wavelet"))][::-1]
    )
    where = np.abs(filmed[-1] - still).max(axis=2) > 0.01
    alone = whole.picture().pixels
    assert np.abs(painted[-1][where].mean(axis=0) - alone[where].mean(axis=0)).max() < 0.2  # the square came along


def change(filmed: Sequence[Pixels], painted: Sequence[Pixels], still: Pixels) -> float:
    """Mean change of what is background in both of two frames."""
    same = [np.abs(frame - still).max(axis=2) < 0.01 for frame in filmed]
    pairs = zip(painted, painted[1:], same, same[1:], strict=False)
    return float(np.mean([np.abs(one - other)[here & there].mean() for one, other, here, there in pairs]))


def alone_painted(frame: Pixels) -> Pixels:
    """Painted as a picture of its own."""
    *_, last = paint(Picture(frame), style("oil"), Recipe(size=WIDTH, network="wavelet", device="cpu"))
    return last.picture().pixels


def test_on_a_pan_strokes_move_with_what_is_filmed(impasto: Run, shared: Path, tmp_path: Path) -> None:
    whole = read(shared / "tubingen.jpg").resized(192, 144).pixels
    move = np.float32([[1, 0, 2.3], [0, 1, 0.6]])
    filmed = [whole]
    for _ in range(7):
        filmed.append(cv2.warpAffine(filmed[0], move * [[1, 1, len(filmed)]], (192, 144), flags=18, borderMode=1))
    filmed = [np.ascontiguousarray(frame[30 : 30 + HEIGHT, 30 : 30 + WIDTH]).clip(0, 1) for frame in filmed]
    out = tmp_path / "out"
    assert impasto("film", save(tmp_path / "in", filmed), "oil", "-o", out, *PLAIN).exit_code == 0
    assert difference(frames_of(out)) * 3 < difference([alone_painted(frame) for frame in filmed[:4]])


def difference(painted: Sequence[Pixels]) -> float:
    """Between each frame and the last, moved as the camera moved; without the border."""
    moves = np.broadcast_to(np.float32([2.3, 0.6]), (HEIGHT, WIDTH, 2))
    pairs = pairwise(painted)
    return float(np.mean([np.abs(warped(one, moves) - other)[6:-6, 6:-6].mean() for one, other in pairs]))


def test_gram_matrices_keep_what_was_painted_by_the_temporal_loss(impasto: Run, tmp_path: Path) -> None:
    filmed = moving_square(4)
    out = tmp_path / "out"
    source = save(tmp_path / "in", filmed)
    done = impasto("film", source, "oil", "-o", out, "--init", "content", "--steps", 9, *PLAIN)
    assert done.exit_code == 0, done.output
    assert change(filmed, frames_of(out), scene()) < 2 / 255
    shot = Shot()
    assert shot.earlier(filmed[0]) is None
    shot.add(filmed[0], frames_of(out)[0])
    recipe = Recipe(size=WIDTH, network="wavelet", init="content", steps=9)
    steps = [*paint(Picture(filmed[1]), style("oil"), recipe, earlier=shot.earlier(filmed[1]))]
    descent = [step.losses["temporal"] for step in steps if "temporal" in step.losses]
    assert len(descent) == 3
    assert descent[-1] < descent[0]
    assert len(steps) < len([*paint(Picture(filmed[1]), style("oil"), recipe)])


def test_sound_times_and_every_byte_stay_through_stops(impasto: Run, tmp_path: Path) -> None:
    """Stopped by Ctrl-C and by kill -9, the film comes out as one that was painted in one go."""
    source = film(tmp_path / "in.mp4", moving_square(6))
    once, out = tmp_path / "once.mp4", tmp_path / "out.mp4"
    folder, preview = tmp_path / "out.mp4.frames", tmp_path / "preview.png"
    words = ("film", source, "oil", *PLAIN)
    done = impasto(*words, "-o", once, "--preview", preview)
    assert done.exit_code == 0, done.output
    assert "6 frames." in done.output and "96x72 pixels, 6 frames in " in done.output
    assert times(once) == times(source) and len(times(once)) == 6
    assert sound(once) == sound(source) != []
    assert read(preview).size == (WIDTH, HEIGHT) and not (tmp_path / "once.mp4.frames").exists()
    with av.open(once) as container:
        assert container.streams.video[0].average_rate == RATE
        assert json.loads(container.metadata["comment"])["recipe"]["size"] == WIDTH
    said = stopped(signal.SIGINT, folder / "000001.png", *words, "-o", out)
    assert f"stopped; {folder} holds the frames so far, and the same command goes on." in said
    stopped(signal.SIGKILL, folder / "000003.png", *words, "-o", out)
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in folder.glob("0*.png")}
    assert "000003.png" in kept
    done = impasto(*words, "-o", out)
    assert done.exit_code == 0, done.output
    assert f"goes on after frame {len(kept)}, which {folder} holds." in done.output
    assert out.read_bytes() == once.read_bytes()
    assert not folder.exists()


def stopped(how: signal.Signals, when: Path, *words: object) -> str:
    """Start painting, and send the signal once that file is there; what was said."""
    command = [sys.executable, "-m", "impasto", *map(str, words)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        end = time.monotonic() + HANGS
        while not when.exists():
            assert time.monotonic() < end and running.poll() is None
            time.sleep(0.01)
        running.send_signal(how)
        _, said = running.communicate(timeout=HANGS)
    assert running.returncode == (130 if how == signal.SIGINT else -how), said
    return said


def test_frames_of_another_recipe_are_not_gone_on_from(impasto: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "in", moving_square(2)), tmp_path / "out.gif"
    folder = tmp_path / "out.gif.frames"
    folder.mkdir()
    (folder / "000001.png").touch()
    done = impasto("film", source, "oil", "-o", out, *QUICK)
    assert done.exit_code == 2
    assert f"{folder}: this holds something else than frames of this film by this recipe. Remove it" in done.output


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animations_keep_durations_and_loops(impasto: Run, tmp_path: Path, suffix: str) -> None:
    source, out = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    pictures = [Image.fromarray(np.rint(frame * 255).astype(np.uint8)) for frame in moving_square(3)]
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=[40, 120, 80], loop=3)
    done = impasto("film", source, "oil", "-o", out, *QUICK)
    assert done.exit_code == 0, done.output
    before, after = Film(source), Film(out)
    assert (after.kind, after.count, after.loop) == ("animation", 3, 3)
    assert [frame.seconds for frame in after.frames()] == [frame.seconds for frame in before.frames()]
    assert [frame.seconds for frame in after.frames()] == [Fraction(ms, 1000) for ms in (40, 120, 80)]


def test_transparent_frames_stay_transparent(impasto: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in.webp", tmp_path / "out.gif"
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[10:60, 10:80] = 255
    planes = [np.dstack([np.rint(frame * 255).astype(np.uint8), alpha]) for frame in moving_square(2)]
    first, second = map(Image.fromarray, planes)
    first.save(source, save_all=True, append_images=[second], duration=50, lossless=True)
    assert impasto("film", source, "oil", "-o", out, "--colour", "keep", *PLAIN).exit_code == 0
    for frame in Film(out).frames():
        assert frame.picture.alpha is not None
        assert np.abs(frame.picture.alpha - alpha / 255).max() == 0


def test_kinds_go_into_each_other(impasto: Run, tmp_path: Path) -> None:
    """A folder, sorted by number, becomes a video at its rate; every second frame of that becomes a .webm."""
    folder = save(tmp_path / "in", [np.full((HEIGHT + 1, WIDTH + 1, 3), n / 12, np.float32) for n in range(12)])
    video, draft = tmp_path / "out.mkv", tmp_path / "out.webm"
    assert impasto("film", folder, "oil", "-o", video, "--rate", 12, "--strength", 0, *PLAIN).exit_code == 0
    assert np.allclose(times(video), np.arange(12) / 12, atol=1e-3)
    lights = [float(frame.picture.pixels.mean()) for frame in Film(video).frames()]
    assert np.allclose(lights, np.arange(12) / 12, atol=0.02)  # in order, and as bright as they were
    assert impasto("film", video, "oil", "-o", draft, "--every", 5, *QUICK).exit_code == 0
    assert np.allclose(times(draft), [0, 5 / 12, 10 / 12], atol=2e-3)
    seconds = [frame.seconds for frame in thinned(Film(video).frames(), 5)]
    assert np.allclose([float(one) for one in seconds], [5 / 12, 5 / 12, 2 / 12], atol=3e-3)


def test_flow_follows_a_move_and_is_not_trusted_where_something_was_hidden() -> None:
    here, there = moving_square(3)[2], moving_square(3)[0]
    moves = flow(here, there)
    trust = trusted(here, there, moves, flow(there, here))
    uncovered = np.zeros((HEIGHT, WIDTH), bool)
    uncovered[26:42, 5:9] = True
    assert np.abs(moves[28:40, 16:26] - [-6, 0]).mean() < 1
    assert trust[uncovered].mean() < 0.2
    assert trust[:, 50:].mean() > 0.95
    assert np.abs(warped(there, moves) - here)[trust > 0].mean() < 0.02


def test_nothing_is_kept_over_a_cut() -> None:
    shot = Shot()
    for frame in moving_square(3):
        shot.earlier(frame)
        shot.add(frame, frame)
    assert len(shot.frames) == 3
    assert shot.earlier(scene(7)) is None
    assert not shot.frames


def test_what_three_frames_ago_was_seen_is_taken_from_there() -> None:
    """Something passes in front for one frame: what it hid is as it was painted before."""
    shot, hidden = Shot(), scene()
    hidden[20:50, 30:60] = 0.9
    for frame, painted in ((scene(), 0.25), (hidden, 0.75)):
        shot.earlier(frame)
        shot.add(frame, np.full_like(frame, painted))
    earlier = shot.earlier(scene())
    assert earlier is not None
    assert np.abs(earlier.picture.pixels[28:42, 38:52] - 0.25).max() < 0.01
    assert earlier.trust[28:42, 38:52].min() > 0.9
    assert np.abs(earlier.picture.pixels[:10] - 0.75).max() < 0.01


def sources(tmp_path: Path) -> Iterator[tuple[str, Any, Any, str]]:
    """What it is, the film, the result, and what is said."""
    frames = moving_square(2)
    (tmp_path / "none").mkdir()
    (tmp_path / "text.mp4").write_text("no film")
    (full := tmp_path / "full").mkdir()
    (full / "kept").touch()
    odd = save(tmp_path / "odd", frames)
    Image.fromarray(drawing(40, 40)).save(odd / "frame 2.png")
    video = film(tmp_path / "film.mp4", frames)
    broken = tmp_path / "broken.gif"
    pictures = [Image.fromarray(np.rint(frame * 255).astype(np.uint8)) for frame in frames]
    pictures[0].save(broken, save_all=True, append_images=pictures[1:])
    broken.write_bytes(broken.read_bytes()[:-3000])
    good = save(tmp_path / "good", frames)
    yield "missing", tmp_path / "gone.mp4", "a.mp4", "there is no such file."
    yield "empty folder", tmp_path / "none", "a.mp4", "there are no frames in it."
    yield "no film", tmp_path / "text.mp4", "a.mp4", "this is no film that can be read ("
    yield "broken", broken, "a.mp4", "the film breaks off or is damaged ("
    yield "sizes", odd, "a.mp4", "frame 3 is 40x40 pixels, the first 96x72; expected one size."
    yield "full folder", good, "full", "this is there already; expected an empty folder, or none."
    yield "suffix", good, "a.avi", "the suffix '.avi' is unknown."
    yield "sound", video, "a.webm", "this film cannot be written there ("
    yield "input", video, "film.mp4", "this is one of the input pictures."


def test_what_cannot_be_painted_is_refused(impasto: Run, tmp_path: Path) -> None:
    for number, (name, source, out, said) in enumerate(sources(tmp_path)):
        done = impasto("film", source, "oil", "-o", tmp_path / out.replace("a.", f"{number}."), *QUICK)
        assert (name, done.exit_code) == (name, 2), done.output
        assert said in done.output, done.output
        assert done.output.count("error:") == 1
    done = impasto("film", tmp_path / "good", "oil", "-o", tmp_path / "a.mp4", *PLAIN, "--content-layers", "none")
    assert "has no layer 'none'" in done.output
    assert not [*tmp_path.glob("*.mp4.frames/film.json")][1:]  # of the broken one, which has a whole frame
    assert not [*tmp_path.glob("[0-9].mp4")]


def test_without_the_extra_it_says_how_to_get_it(content: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from impasto.cli.commands import impasto; impasto(sys.argv[1:])"
    command = [sys.executable, "-c", code, "film", content, "oil", "-o", "out.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "impasto: error: impasto film needs PyAV and OpenCV: pip install 'impasto[film]'\n"
