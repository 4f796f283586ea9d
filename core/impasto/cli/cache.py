"""`impasto cache`: what is remembered, and forgetting it."""

from __future__ import annotations

import click

from ..storage import folders
from ..storage.cache import SHELVES, Shelf
from ..weights.store import megabytes


@click.group(invoke_without_command=True)
@click.pass_context
def cache(context: click.Context) -> None:
    """Show what is remembered from earlier pictures: targets of styles and contents, and exported networks.

    All of it can be computed again. IMPASTO_CACHE names another folder, or is "off"; IMPASTO_CACHE_BYTES is the most
    that is kept, 1 GiB if it is not set.
    """
    if context.invoked_subcommand is None:
        for shelf in SHELVES:
            click.echo(_state(shelf))
        click.echo(folders.cache() or "off: IMPASTO_CACHE says so")


@cache.command()
def clear() -> None:
    """Forget all of it."""
    for shelf in SHELVES:
        shelf.clear()
    click.echo("Nothing is remembered any more.")


def _state(shelf: Shelf) -> str:
    entries = list(shelf.entries())
    held = megabytes(sum(entry.size for entry in entries))
    return f"{shelf.name:<10} {len(entries):>4} kept, {held} of at most {megabytes(shelf.budget)}"
