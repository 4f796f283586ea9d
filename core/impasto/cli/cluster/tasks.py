"""What a worker of a cluster does: paint a picture, or a run of frames. It gives back files, and writes none to stay.

Errors are given back rather than raised: Dask would log them.
"""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..._version import __version__
from ...errors import ImageWarning, ImpastoError
from ...memory.process import prepare_process
from ...pictures.picture import Picture, encoded, read
from ...recipe.provenance import Provenance
from ...storage import files
from ..job import Job, decoded
from .connection import check_version

if TYPE_CHECKING:
    from distributed import Worker

    from ...film.painting import FrameRun
    from ...painting.loading import Load

PAINTING = Lock()
"""Held by what is painted in this process: a worker with several threads may be given several tasks at a time."""
KEPT = 4
"""Pictures that a worker keeps decoded, as styles."""
Read = Callable[[Path], Picture]
Named = Callable[[str], str]
Result = TypeVar("Result")


class Source(NamedTuple):
    """A file that goes in: its name as it was given, its path, its SHA-256, and its contents.

    No contents (None) where the worker may see the file itself.
    """

    name: str
    path: Path
    sha256: str
    data: bytes | None

    @classmethod
    def of(cls, path: Path, sha256: str, sent: bool) -> Source:
        """The file at `path`, with its contents if `sent`; `ImageError` where it cannot be read."""
        files.check_input(path)
        return cls(str(path), path.absolute(), sha256, path.read_bytes() if sent else None)


@dataclass(frozen=True)
class Order:
    """A settled job for a worker, with its `sources` by what they are for."""

    job: Job
    sources: Mapping[str, Source]
    version: str = __version__


class Painted(NamedTuple):
    """A picture that is painted: the file, (width, height), seconds, and what people are to be told of it."""

    data: bytes
    size: tuple[int, int]
    seconds: float
    notices: list[str]
    warnings: list[str]


class Unseen(NamedTuple):
    """The worker does not see a file that came without its contents."""


def dask_setup(worker: Worker) -> None:
    """Called by Dask in processes started here: Ctrl-C, which reaches all of a terminal, is not for them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def paint_picture(order: Order, carried: Provenance) -> Painted | Unseen | ImpastoError:
    """The result of a job, which is to carry `carried` besides where and how far it was painted."""
    return _tried(order, lambda job, read, named: _painted(job, read, named, carried))


def paint_frames(
    order: Order, told: Mapping[str, Any] | None, run: FrameRun, before: Mapping[str, bytes] | ImpastoError
) -> Mapping[str, bytes] | Unseen | ImpastoError:
    """The files of painted frames by their names; `before` has those of the frames before, as this gives them back."""
    if isinstance(before, ImpastoError):
        return before
    return _tried(order, lambda job, read, _: _painted_frames(job, read, told, run, before))


def _tried(order: Order, paint: Callable[[Job, Read, Named], Result]) -> Result | Unseen | ImpastoError:
    """What `paint` gives for the job with its files where they are on this machine, or what it raises.

    `paint` is given what reads these files, and what calls them as they were called by who named them.
    """
    from distributed import get_worker

    worker, places = get_worker(), dict[str, Path]()

    def named(text: str) -> str:
        for name, place in places.items():
            text = text.replace(str(place), order.sources[name].name)
        return text

    with PAINTING, TemporaryDirectory(dir=worker.local_directory) as folder:
        try:
            check_version(worker.address, __version__, order.version)
            for name, source in order.sources.items():
                if (place := _placed(source, Path(folder, name))) is None:
                    return Unseen()
                places[name] = place
            _prepare(worker.state.nthreads)
            _seen.update({source.sha256: places[name] for name, source in order.sources.items()})
            sums = {places[name]: source.sha256 for name, source in order.sources.items()}
            return paint(order.job.moved(places), lambda path: _kept(sums[path]), named)
        except Exception as error:  # whatever it is: who handed it over tells people
            text = str(error) if isinstance(error, ImpastoError) else f"{type(error).__name__}: {error}"
            return (type(error) if isinstance(error, ImpastoError) else ImpastoError)(named(text))


def _placed(source: Source, folder: Path) -> Path | None:
    """The file on this machine, if need be in `folder`; None where it is not there, or another one."""
    if source.data is None:
        there = source.path.is_file() and files.sha256(source.path) == source.sha256
        return source.path if there else None
    folder.mkdir()
    place = folder / source.path.name
    place.write_bytes(source.data)
    return place


_seen: dict[str, Path] = {}
"""Where files were last, by their SHA-256."""


@lru_cache(KEPT)
def _kept(sha256: str) -> Picture:
    return read(_seen[sha256])


@cache
def _load() -> Load:
    """Loads each network once."""
    from ...painting.loading import load

    return cache(load)


def _prepare(threads: int) -> None:
    """Let torch use the `threads` that the worker has: Dask sets one in the environment, whatever there are."""
    prepare_process()
    import torch

    torch.set_num_threads(threads)


def _painted(job: Job, read: Read, named: Named, carried: Provenance) -> Painted:
    from ...painting.paint import paint
    from ..painting import comment, environment

    begin, notices = time.perf_counter(), list[str]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImageWarning)
        pictures = decoded(job, read)
        with closing(paint(pictures.content, pictures.styles, job.recipe, load=_load())) as steps:
            for step in steps:
                if step.notice:
                    notices.append(step.notice)
    result = step.picture()
    written = comment(job, replace(carried, environment=environment(job, step)), step, None)
    said = [named(str(one.message)) for one in caught if issubclass(one.category, ImageWarning)]
    return Painted(encoded(result, job.output.suffix, written), result.size, time.perf_counter() - begin, notices, said)


def _painted_frames(
    job: Job, read: Read, told: Mapping[str, Any] | None, run: FrameRun, before: Mapping[str, bytes]
) -> dict[str, bytes]:
    from distributed import get_worker

    from ...film.frames import FramePainting

    pictures = decoded(job, lambda path: run.frames[0][1] if path == job.content else read(path))
    with TemporaryDirectory(dir=get_worker().local_directory) as folder:
        painter = FramePainting(pictures.styles, job.recipe, Path(folder), pictures.mask, told, _load())
        for number, _ in run.before:
            painter.plain(number).write_bytes(before[painter.plain(number).name])
        for _ in painter.steps([*run.before, *run.frames], run.frames[0][0] - 1):
            pass
        made = [path for number, _ in run.frames for path in (painter.plain(number), painter.file(number))]
        return {path.name: path.read_bytes() for path in made}
