"""Painting a film, one frame after the other; what is done is kept in a folder, so that a film that stopped goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import OutputError
from ..painting.loading import load
from ..painting.paint import paint
from ..painting.scene import Style, fitted
from ..painting.step import Step
from ..pictures.metadata import NO_METADATA
from ..pictures.picture import Picture, Pixels, read, write
from ..recipe.provenance import Source
from ..recipe.recipe import Recipe
from ..storage import files
from .coherence import BACK, Shot
from .reading import Film, Frame, thinned
from .writing import Painted

TOLD = "film.json"


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
        return sum(1 for _ in takewhile(Path.is_file, map(self._file, range(1, self.count + 1))))

    def steps(self) -> Generator[tuple[int, Step], None, None]:
        """The steps of all frames that are not done, with the number of the frame, from 1; raises as `paint` does.

        Where no frame becomes whole, nothing is left behind.
        """
        try:
            yield from self._steps(self.begin())
        finally:
            if not self._file(1).exists():
                self.remove()

    def _steps(self, done: int) -> Generator[tuple[int, Step], None, None]:
        shot, once = Shot(), cache(load)
        for number, frame in enumerate(thinned(self.film.frames(), self.every), 1):
            path = self._file(number)
            if number > done - max(BACK):
                filmed = fitted(frame.picture, self.recipe.longest).pixels
                earlier = shot.earlier(filmed)
                if number > done:
                    content = frame.picture if self.deep else replace(frame.picture, samples=None, metadata=NO_METADATA)
                    for step in paint(content, self.styles, self.recipe, self.mask, once, earlier=earlier):
                        yield number, step
                    self._keep(number, step)
                shot.add(filmed, read(self._plain(path)).pixels)  # as it was written, as it is for who goes on
            self.painted.append(Painted(path, frame.begin, frame.seconds, frame.name))

    def remove(self) -> None:
        """Remove the folder, now that the film is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def comment(self) -> str:
        """What the film carries: a line of JSON in ASCII."""
        return "" if self.no_recipe else json.dumps(self.told)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.png"

    def _plain(self, path: Path) -> Path:
        """The frame as it was painted, in the colours of the style: what the next one begins with."""
        return path.with_suffix(".painted.png") if self.recipe.colour == "keep" else path

    def _keep(self, number: int, step: Step) -> None:
        path, comment = self._file(number), self.comment and json.dumps({**self.told, "frame": number})
        if self._plain(path) != path:
            write(self._plain(path), step.picture("style"))
        write(path, step.picture(), comment)


def first_frame(film: Film) -> Picture:
    """The first frame of a film; `ImageError` as for `Film.frames`."""
    frame: Frame = next(film.frames())
    return frame.picture
