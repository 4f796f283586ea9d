"""Films out of painted frames: the kind follows from the name, the times from the film that was painted."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import Colorspace
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..errors import OutputError
from ..pictures.codecs import COMMENT
from ..storage.files import check_output
from .reading import Film, opened

VIDEOS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    ".mp4": ("libx264", {"crf": "18"}),
    ".mov": ("libx264", {"crf": "18"}),
    ".mkv": ("libx264", {"crf": "18"}),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0"}),
}
"""The codec by suffix, and how well it is to keep what was painted: nearly all of it."""
ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG", ".apng": "PNG"}
SUFFIXES = (*VIDEOS, *ANIMATIONS)
COLOURS, SAMPLED, THUMB = 255, 16, 128
"""Colours of a GIF, the same in all frames; and by how many frames, of which size, they are chosen."""


class Painted(NamedTuple):
    """A painted frame in a file, when it is shown and for how long, in seconds, and its name in a folder."""

    path: Path
    begin: Fraction
    seconds: Fraction
    name: str


def check_result(path: Path, film: Film) -> None:
    """Raise `OutputError` unless `film` can be written as what `path` is called, its sound included."""
    if not path.suffix:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OutputError(f"{path}: this is there already; expected an empty folder, or none.", "Choose another.")
        check_output(path.with_name(f"{path.name}.png"))
        return
    check_output(path, film.path, formats=SUFFIXES)
    if path.suffix.lower() in VIDEOS:
        try:
            with _opened(io.BytesIO(), path) as container, _source(film) as source:
                _streams(container, path, film, (64, 64), source)
                container.start_encoding()
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise _refused(path, error) from None


def write(path: Path, frames: Sequence[Painted], film: Film, comment: str) -> None:
    """Put `frames` together as what `path` is called, whole or not at all; `OutputError` where that fails."""
    temporary = path.with_name(f".impasto-{secrets.token_hex(6)}{path.suffix}")
    try:
        if not path.suffix:
            _write_folder(temporary, frames)
        elif path.suffix.lower() in VIDEOS:
            _write_video(temporary, frames, film, comment)
        else:
            _write_animation(temporary, frames, film, comment)
        if path.is_dir():
            path.rmdir()
        temporary.replace(path)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise _refused(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True) if temporary.is_dir() else temporary.unlink(missing_ok=True)


def _refused(path: Path, error: Exception) -> OutputError:
    reason = " ".join(str(getattr(error, "strerror", "") or error).split())
    return OutputError(
        f"{path}: this film cannot be written there ({reason}).",
        "Choose .mkv, which holds any sound, or free some space.",
    )


def _write_folder(folder: Path, frames: Sequence[Painted]) -> None:
    folder.mkdir()
    for frame in frames:
        target = folder / f"{frame.name or frame.path.stem}.png"
        try:
            os.link(frame.path, target)
        except OSError:  # a file system without hard links
            shutil.copyfile(frame.path, target)


def _write_animation(path: Path, frames: Sequence[Painted], film: Film, comment: str) -> None:
    form = ANIMATIONS[path.suffix.lower()]
    pictures: Any = (_opened_picture(frame.path) for frame in frames)
    more: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    if form == "GIF":
        pictures = _indexed(pictures, _palette(frames))
        more = {"disposal": 2, "optimize": False} | ({"comment": comment} if comment else {})
    if form == "PNG" and comment:
        more["pnginfo"] = PngInfo()
        more["pnginfo"].add_itxt(COMMENT, comment)
    first = next(pictures)
    pictures = list(pictures) if form == "PNG" else pictures  # Pillow goes over these twice
    times = [round(frame.seconds * 1000) for frame in frames]
    loop = {} if form == "GIF" and film.loop == 1 else {"loop": film.loop}
    first.save(path, form, save_all=True, append_images=pictures, duration=times, **loop, **more)


def _opened_picture(path: Path) -> Image.Image:
    with Image.open(path) as file:
        return file.convert("RGBA" if file.has_transparency_data else "RGB")


def _palette(frames: Sequence[Painted]) -> Image.Image:
    """Colours for all frames: chosen for each, they would flicker."""
    some = frames[:: -(-len(frames) // SAMPLED)]
    sheet = Image.new("RGB", (THUMB, THUMB * len(some)))
    for number, frame in enumerate(some):
        sheet.paste(_opened_picture(frame.path).convert("RGB").resize((THUMB, THUMB)), (0, THUMB * number))
    return sheet.quantize(COLOURS, dither=Image.Dither.NONE)


def _indexed(pictures: Iterable[Image.Image], palette: Image.Image) -> Iterator[Image.Image]:
    for picture in pictures:
        indexed = picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
        if picture.mode == "RGBA":
            indexed.paste(COLOURS, mask=picture.getchannel("A").point(lambda alpha: 255 * (alpha < 128)))
            indexed.info["transparency"] = COLOURS
        yield indexed


def _write_video(path: Path, frames: Sequence[Painted], film: Film, comment: str) -> None:
    with Image.open(frames[0].path) as file:
        size = file.size
    with _opened(path, path) as container, _source(film) as source:
        if comment:
            container.metadata["comment"] = comment
        stream, copies = _streams(container, path, film, size, source)
        sound = _Sound(container, source, copies)
        base = film.time_base
        for frame in frames:
            picture = _even(frame.path)
            picture.time_base, picture.pts, picture.duration = (
                base,
                *(round(time / base) for time in (frame.begin, frame.seconds)),
            )
            sound.until(frame.begin)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        sound.until(None)


class _Sound:
    """Copies the packets of sound, each before the frames that are shown after it."""

    def __init__(self, container: av.container.OutputContainer, source: Any, copies: dict[int, Any]) -> None:
        self.container, self.copies = container, copies
        streams = [stream for stream in source.streams.audio if stream.index in copies] if copies else []
        self.packets = (packet for packet in source.demux(streams) if packet.dts is not None) if streams else iter(())
        self.next: Any = next(self.packets, None)

    def until(self, time: Fraction | None) -> None:
        """All packets up to that time in seconds; all that are left for None."""
        while self.next is not None and (time is None or self.next.dts * self.next.time_base <= time):
            self.next.stream = self.copies[self.next.stream.index]
            self.container.mux(self.next)
            self.next = next(self.packets, None)


def _opened(file: Path | io.BytesIO, path: Path) -> av.container.OutputContainer:
    """Without what would differ from run to run, as the random number in the head of a .mkv."""
    form = {".mkv": "matroska"}.get(path.suffix.lower(), path.suffix[1:].lower())
    return av.open(file, "w", format=form, container_options={"fflags": "+bitexact"})


@contextlib.contextmanager
def _source(film: Film) -> Iterator[Any]:
    if film.kind == "video":
        with opened(film.path) as container:
            yield container
    else:
        yield None


def _streams(
    container: av.container.OutputContainer, path: Path, film: Film, size: tuple[int, int], source: Any
) -> tuple[av.VideoStream, dict[int, av.AudioStream]]:
    """The stream of pictures, and by the number of a stream of sound in `source` that of its copy."""
    codec, options = VIDEOS[path.suffix.lower()]
    rate = source.streams.video[0].average_rate if source else None
    stream = container.add_stream(codec, rate=rate or 1 / film.time_base if film.kind == "folder" else rate or 25)
    assert isinstance(stream, av.VideoStream)  # noqa: S101
    stream.width, stream.height = (side // 2 * 2 for side in size)
    stream.pix_fmt, stream.options = "yuv420p", dict(options)
    stream.codec_context.time_base = stream.time_base = film.time_base
    stream.codec_context.thread_count = 1  # the number of threads would change the result
    codec_context = stream.codec_context
    codec_context.colorspace = codec_context.color_primaries = codec_context.color_trc = 1  # BT.709
    audio = source.streams.audio if source else []
    return stream, {one.index: container.add_stream_from_template(one) for one in audio}


def _even(path: Path) -> av.VideoFrame:
    """The frame in a file, on white, without the last row or column of an odd number: colours go by pairs."""
    picture = _opened_picture(path)
    if picture.mode == "RGBA":
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture).convert("RGB")
    planes = np.asarray(picture)[: picture.height // 2 * 2, : picture.width // 2 * 2]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="rgb24")
    return frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
