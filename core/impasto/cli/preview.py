"""A picture of the work so far, for a viewer that reloads it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OutputError
from ..painting.throttle import Throttle
from ..pictures.picture import write

if TYPE_CHECKING:
    from ..painting.step import Step


class Preview:
    """Writes the steps offered to it, no more often than `Throttle` lets it.

    A preview that cannot be written is given up with a line, rather than the painting with it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._throttle = Throttle()

    def offer(self, step: Step) -> None:
        """Write the picture of `step`, if there is a file to write and it is time to."""
        if self.path is not None:
            self._throttle.call(partial(self._write, self.path, step))

    def _write(self, path: Path, step: Step) -> None:
        try:
            write(path, step.picture())
        except OutputError as error:  # a full disk may have room again when the painting is done
            click.echo(f"impasto: no preview: {error}", err=True)
            self.path = None
