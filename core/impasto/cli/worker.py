"""`impasto worker`: the process that editors start."""

from __future__ import annotations

import click


@click.command()
def worker() -> None:
    """Paint for an editor: requests on standard input, events on standard output, until the input ends.

    `docs/worker.md` has the protocol.
    """
    from ..worker import serve

    serve()
