"""A picture of the work so far, for a viewer that reloads it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import OutputError
from ..pictures.picture import write

if TYPE_CHECKING:
    from ..painting.paint import Step

SHORTEST = 0.5
SHARE = 10


class Preview:
    """Writes the steps offered to it: at most every half second, and for at most a tenth of the time.

    A preview that cannot be written is given up with a line, rather than the painting with it.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._next = 0.0

    def offer(self, step: Step) -> None:
        """Write the picture of `step`, if there is a file to write and it is time to."""
        begin = time.monotonic()
        if self.path is None or begin < self._next:
            return
        try:
            write(self.path, step.picture())
        except OutputError as error:  # a full disk may have room again when the painting is done
            click.echo(f"impasto: no preview: {error}", err=True)
            self.path = None
        end = time.monotonic()
        self._next = end + max(SHORTEST, SHARE * (end - begin))
