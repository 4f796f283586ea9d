"""Frames out of films: videos by PyAV, animated pictures by Pillow, folders of pictures by our own reader."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image

from ..errors import ImageError
from ..pictures.codecs import check_shape
from ..pictures.picture import Picture, read
from ..storage import files

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".exr", ".avif", ".bmp", ".jp2", ".ppm", ".pgm"}
"""Suffixes of what is taken for a frame in a folder."""
ANIMATED = ("GIF", "WEBP", "PNG")
STILL = Fraction(1, 10)
"""Seconds of a frame of an animated picture that tells none, as browsers have it."""
HIGH = 720
"""Rows from which on a video that names no colours has those of television in high definition."""
HINT = "Use a video, an animated GIF, WebP or PNG, or a folder of pictures."


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a film, when it is shown, and for how long, in seconds."""

    picture: Picture
    begin: Fraction
    seconds: Fraction
    name: str = ""
    """Of its file in a folder, without the suffix."""


@dataclass(frozen=True)
class Film:
    """A film in a file or a folder. Frames of a folder are shown for 1 / `rate` seconds each."""

    path: Path
    rate: Fraction = Fraction(24)

    @cached_property
    def kind(self) -> Literal["video", "animation", "folder"]:
        """What it is; `ImageError` where it is nothing that can be read."""
        if self.path.is_dir():
            return "folder"
        files.check_input(self.path)
        try:
            with Image.open(self.path, formats=ANIMATED):
                return "animation"
        except OSError:
            return "video"

    @cached_property
    def names(self) -> list[Path]:
        """The frames of a folder, in the order of the numbers in their names."""
        found = [path for path in self.path.iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
        return sorted(found, key=_natural)

    @cached_property
    def count(self) -> int:
        """How many frames there are."""
        if self.kind == "folder":
            return len(self.names)
        if self.kind == "animation":
            with Image.open(self.path, formats=ANIMATED) as file:
                return getattr(file, "n_frames", 1)
        with opened(self.path) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)

    @cached_property
    def loop(self) -> int:
        """How often an animated picture is shown; 0 for ever, as for any other film."""
        if self.kind != "animation":
            return 0
        with Image.open(self.path, formats=ANIMATED) as file:
            return int(file.info.get("loop", 1))

    @cached_property
    def time_base(self) -> Fraction:
        """The unit in seconds of which the times of frames are multiples."""
        if self.kind == "video":
            with opened(self.path) as container:
                return container.streams.video[0].time_base or Fraction(1, 1000)
        return Fraction(1, 1000) if self.kind == "animation" else 1 / self.rate

    @cached_property
    def sha256(self) -> str:
        """Of the file, or of the frames of a folder with their names."""
        if self.kind != "folder":
            return files.sha256(self.path)
        whole = hashlib.sha256()
        for path in self.names:
            whole.update(f"{path.name} {files.sha256(path)}\n".encode())
        return whole.hexdigest()

    def frames(self) -> Iterator[Frame]:
        """The frames one after the other, all of one size; `ImageError` for one that is not, or is damaged."""
        kinds = {"video": self._decoded, "animation": self._shown, "folder": self._read}
        size: tuple[int, int] | None = None
        for number, frame in enumerate(kinds[self.kind](), 1):
            found, size = frame.picture.size, size or frame.picture.size
            if number == 1:
                check_shape(self.path, *found)
            if found != size:
                seen = f"frame {number} is {found[0]}x{found[1]} pixels, the first {size[0]}x{size[1]}"
                raise ImageError(f"{self.path}: {seen}; expected one size.", "Bring all frames to one size.")
            yield frame
        if size is None:
            raise ImageError(f"{self.path}: there are no frames in it.", HINT)

    def _decoded(self) -> Iterator[Frame]:
        with opened(self.path) as container:
            stream = container.streams.video[0]
            usual = 1 / (stream.average_rate or self.rate)
            try:
                for number, frame in enumerate(container.decode(stream)):
                    base = frame.time_base or self.time_base
                    begin = number * usual if frame.pts is None else frame.pts * base
                    yield Frame(_pixels(frame), begin, frame.duration * base if frame.duration else usual)
            except av.error.FFmpegError as error:
                raise _damaged(self.path, error) from None

    def _shown(self) -> Iterator[Frame]:
        begin = Fraction(0)
        try:
            with Image.open(self.path, formats=ANIMATED) as file:
                for number in range(self.count):
                    file.seek(number)
                    file.load()
                    planes = np.asarray(file.convert("RGBA"), np.float32) / np.float32(255)
                    seconds = Fraction(file.info.get("duration") or 0).limit_denominator(1000) / 1000 or STILL
                    yield Frame(_picture(planes), begin, seconds)
                    begin += seconds
        except (OSError, SyntaxError, ValueError) as error:
            raise _damaged(self.path, error) from None

    def _read(self) -> Iterator[Frame]:
        for number, path in enumerate(self.names):
            yield Frame(read(path), number / self.rate, 1 / self.rate, path.stem)


def thinned(frames: Iterator[Frame], every: int) -> Iterator[Frame]:
    """Every so manieth frame, shown until the next of them."""
    last: Frame | None = None
    for number, frame in enumerate(frames):
        if number % every == 0:
            if last:
                yield last
            last = frame
        elif last:
            last = Frame(last.picture, last.begin, frame.begin + frame.seconds - last.begin, last.name)
    if last:
        yield last


def opened(path: Path) -> av.container.InputContainer:
    """The video, opened; `ImageError` where there is none."""
    try:
        container = av.open(path)
    except (av.error.FFmpegError, OSError) as error:
        raise ImageError(f"{path}: this is no film that can be read ({_reason(error)}).", HINT) from None
    if not container.streams.video:
        container.close()
        raise ImageError(f"{path}: there are no frames in it.", HINT)
    container.streams.video[0].thread_type = "AUTO"
    return container


def _pixels(frame: av.VideoFrame) -> Picture:
    """Upright, as sRGB has it: the primaries of television are those of sRGB, its matrix goes with the height."""
    known = frame.colorspace in set(Colorspace)
    space = Colorspace(frame.colorspace) if known else Colorspace.ITU709 if frame.height >= HIGH else Colorspace.ITU601
    planes = frame.to_ndarray(format="rgb24", src_colorspace=space)
    turned = np.rot90(planes, round(frame.rotation / 90)) if frame.rotation else planes
    return Picture(np.ascontiguousarray(turned, np.float32) / np.float32(255))


def _picture(planes: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Picture:
    alpha = np.ascontiguousarray(planes[..., 3])
    return Picture(np.ascontiguousarray(planes[..., :3]), None if alpha.min() == 1 else alpha)


def _damaged(path: Path, error: Exception) -> ImageError:
    return ImageError(f"{path}: the film breaks off or is damaged ({_reason(error)}).", "Export it again.")


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", "") or error).split()) or type(error).__name__


def _natural(path: Path) -> list[tuple[int, str]]:
    """Numbers in a name by their size: frame 9 comes before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
