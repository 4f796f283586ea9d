"""Painting a film, one frame after the other; what is done is kept in a folder, so that a film that stopped goes on."""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import OutputError
from ..painting.loading import load
from ..painting.scene import Style, fitted
from ..painting.step import Step
from ..pictures.metadata import NO_METADATA
from ..pictures.picture import Picture, Pixels
from ..recipe.provenance import Source
from ..recipe.recipe import Recipe
from ..storage import files
from .coherence import BACK, is_cut
from .frames import FramePainting
from .reading import Film, Frame, thinned
from .writing import Painted

TOLD = "film.json"
RUN = 24
"""Frames of a shot that are painted elsewhere at a time: so many are lost where a machine is."""


@dataclass(frozen=True)
class FrameRun:
    """Frames of one shot that follow each other, each with its number, at the size at which they are painted."""

    shot: int
    before: list[tuple[int, Picture]]
    """The last frames of the shot that come before these, as many as go into what stays."""
    frames: list[tuple[int, Picture]]


@dataclass
class FilmPainting:
    """One film to paint in the manner of `styles`, where `mask` says, every so manieth frame of it.

    `sources` are the files that go in besides the film, by what they are for. `folder` keeps painted frames as PNG;
    `painted` are those so far. `deep`: frames keep the depth, colour space and metadata of the film's.
    """

    film: Film
    styles: Sequence[Style]
    recipe: Recipe
    sources: Mapping[str, Path]
    folder: Path
    mask: Pixels | None = None
    every: int = 1
    no_recipe: bool = False
    deep: bool = False
    painted: list[Painted] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Frames to paint in all."""
        return -(-self.film.count // self.every)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a painted frame."""
        return first_frame(self.film).fit(self.recipe.longest)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What tells this film from every other: version, recipe, and all files by their checksums."""
        place = self.folder.parent
        sources = {name: Source.of(path, place).sha256 for name, path in self.sources.items()}
        recipe = self.recipe.model_dump(mode="json", exclude_defaults=True)
        film = {"film": self.film.path.name, "sha256": self.film.sha256, "every": self.every}
        return {"impasto": __version__, **film, "sources": sources, "recipe": recipe}

    def begin(self) -> int:
        """Make the folder, or find it; how many frames are done. `OutputError` where it is another film's."""
        told = self.folder / TOLD
        known = told.is_file() and json.loads(told.read_bytes()) == self.told
        if not known and self.folder.exists() and any(path != told for path in self.folder.iterdir()):
            seen = f"{self.folder}: this holds something else than frames of this film by this recipe."
            raise OutputError(seen, "Remove it, or choose another name for the result.")
        self.folder.mkdir(exist_ok=True)
        files.replace(told, json.dumps(self.told, indent=1).encode())
        return sum(1 for _ in takewhile(self.is_done, range(1, self.count + 1)))

    @cached_property
    def painter(self) -> FramePainting:
        """What paints the frames."""
        told = None if self.no_recipe else self.told
        return FramePainting(self.styles, self.recipe, self.folder, self.mask, told, cache(load))

    def is_done(self, number: int) -> bool:
        """Whether that frame is painted."""
        return self.painter.file(number).is_file()

    def steps(self) -> Generator[tuple[int, Step], None, None]:
        """The steps of all frames that are not done, with the number of the frame, from 1; raises as `paint` does.

        Where no frame becomes whole, nothing is left behind.
        """
        try:
            yield from self.painter.steps(self._frames(), self.begin())
        finally:
            self.remove_if_empty()

    def runs(self) -> Iterator[FrameRun]:
        """All frames in runs of at most `RUN`, shot after shot."""
        shot, run = 0, FrameRun(0, [], [])
        before: deque[tuple[int, Picture]] = deque(maxlen=max(BACK))
        for number, picture in self._frames():
            small = fitted(picture, self.recipe.longest)
            cut = bool(run.frames) and is_cut(small.pixels, run.frames[-1][1].pixels)
            if cut or len(run.frames) == RUN:
                yield run
                before.extend(run.frames)
                if cut:
                    shot, before = shot + 1, deque(maxlen=max(BACK))
                run = FrameRun(shot, list(before), [])
            run.frames.append((number, small))
        yield run

    def _frames(self) -> Iterator[tuple[int, Picture]]:
        for number, frame in enumerate(thinned(self.film.frames(), self.every), 1):
            picture = frame.picture if self.deep else replace(frame.picture, samples=None, metadata=NO_METADATA)
            yield number, picture
            self.painted.append(Painted(self.painter.file(number), frame.begin, frame.seconds, frame.name))

    def remove_if_empty(self) -> None:
        """Remove the folder where no frame in it is whole."""
        if not any(map(self.is_done, range(1, self.count + 1))):
            self.remove()

    def remove(self) -> None:
        """Remove the folder, now that the film is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def comment(self) -> str:
        """What the film carries: a line of JSON in ASCII."""
        return "" if self.no_recipe else json.dumps(self.told)


def first_frame(film: Film) -> Picture:
    """The first frame of a film; `ImageError` as for `Film.frames`."""
    frame: Frame = next(film.frames())
    return frame.picture
