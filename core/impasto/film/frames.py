"""Painting frames that follow each other, from files of those painted before to files of those painted now."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..painting.loading import Load
from ..painting.paint import paint
from ..painting.scene import Style, fitted
from ..painting.step import Step
from ..pictures.picture import Picture, Pixels, read, write
from ..recipe.recipe import Recipe
from .coherence import BACK, Shot


@dataclass(frozen=True)
class FramePainting:
    """Frames of one film to paint in the manner of `styles`, where `mask` says. `folder` keeps them as PNG.

    `told` is what each of them carries besides its number, None for nothing.
    """

    styles: Sequence[Style]
    recipe: Recipe
    folder: Path
    mask: Pixels | None
    told: Mapping[str, Any] | None
    load: Load

    def steps(self, frames: Iterable[tuple[int, Picture]], done: int) -> Generator[tuple[int, Step], None, None]:
        """The steps of those of the numbered `frames` that come after frame `done`, each with the number of its frame.

        Of those up to `done`, the last four go into what stays: `folder` has them. Raises as `paint` does.
        """
        shot = Shot()
        for number, picture in frames:
            if number > done - max(BACK):
                filmed = fitted(picture, self.recipe.longest).pixels
                earlier = shot.earlier(filmed)
                if number > done:
                    for step in paint(picture, self.styles, self.recipe, self.mask, self.load, earlier=earlier):
                        yield number, step
                    self._keep(number, step)
                shot.add(filmed, read(self.plain(number)).pixels)  # as it was written, as it is for who goes on

    def file(self, number: int) -> Path:
        """Where the painted frame is kept."""
        return self.folder / f"{number:06d}.png"

    def plain(self, number: int) -> Path:
        """The frame as it was painted, in the colours of the style: what the next one begins with."""
        path = self.file(number)
        return path.with_suffix(".painted.png") if self.recipe.colour == "keep" else path

    def _keep(self, number: int, step: Step) -> None:
        path, comment = self.file(number), json.dumps({**self.told, "frame": number}) if self.told else ""
        if self.plain(number) != path:
            write(self.plain(number), step.picture("style"))
        write(path, step.picture(), comment)
