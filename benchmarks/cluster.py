"""What a cluster of local processes costs beside plain processes: the same batch, by two of either kind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from impasto.pictures.bundled_styles import FOLDER

COUNT, PROCESSES, SIZE = 48, 2, 384
OPTIONS = (
    "--style",
    "oil",
    "--size",
    SIZE,
    "--network",
    "wavelet",
    "--init",
    "content",
    "--steps",
    20,
    "--scales",
    1,
    "--device",
    "cpu",
    "--quiet",
)


def seconds(*commands: list[object]) -> float:
    """Until all of these have ended, which are started together; each has its share of the threads."""
    share = str(max(1, (os.cpu_count() or 1) // len(commands)))
    environment = os.environ | ({"OMP_NUM_THREADS": share} if len(commands) > 1 else {})
    begin = time.perf_counter()
    running = [subprocess.Popen([*map(str, one)], env=environment) for one in commands]
    codes = [one.wait() for one in running]
    if any(codes):
        sys.exit("a command has failed")
    return time.perf_counter() - begin


def main() -> None:
    command = [sys.executable, "-m", "impasto", "batch", *OPTIONS]
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        photos.mkdir()
        for number in range(COUNT):
            with Image.open(FOLDER / "watercolour.webp") as picture:
                picture.rotate(number, expand=False).save(photos / f"{number:02d}.png")
        halves = [
            [photos / f"{number:02d}.png" for number in range(first, COUNT, PROCESSES)] for first in range(PROCESSES)
        ]
        plain = seconds(*([*command, *half, "-o", Path(folder, "plain")] for half in halves))
        cluster = seconds([*command, photos, "-o", Path(folder, "cluster"), "--cluster", f"local:{PROCESSES}"])
        for path in Path(folder, "plain").iterdir():
            assert path.read_bytes() == Path(folder, "cluster", path.name).read_bytes(), path
    print(
        f"{COUNT} pictures of {SIZE} pixels: plain {plain:.1f} s, cluster {cluster:.1f} s, {cluster / plain - 1:+.0%}"
    )


if __name__ == "__main__":
    main()
