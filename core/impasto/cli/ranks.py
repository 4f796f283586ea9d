"""`--ranks`: one picture by all processes that torchrun started; the first of them speaks and writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import ImpastoError, OutOfMemory, RankError, RecipeError
from ..memory.process import freeze_gc_after_torch
from ..plugin.registry import registry
from ..recipe.knobs import NEIGHBOURS, TRANSPORT
from ..recipe.recipe import Recipe

if TYPE_CHECKING:
    from ..ranks import Ranks

START = "Start it as torchrun --nproc-per-node 2 -m impasto CONTENT STYLE -o OUT --ranks."
OWN = (RankError, OutOfMemory)
"""What may happen to one rank and not to others; everything else all of them find alike."""


@contextmanager
def together(asked: bool) -> Iterator[Ranks | None]:
    """The ranks, where they are `asked` for; else None. Of errors that all of them meet only the first tells.

    Raises `RankError` where torchrun did not start this process.
    """
    if not asked:
        yield None
        return
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise RankError("--ranks needs processes to share the work with, and there is only this one.", START)
    with freeze_gc_after_torch():
        from ..ranks import Ranks
    ranks = Ranks.joined()
    try:
        yield ranks
    except ImpastoError as error:
        if ranks.rank and not isinstance(error, OWN):
            raise SystemExit(1) from error
        raise
    ranks.leave()


def check_shared(recipe: Recipe) -> None:
    """Raise `RecipeError` where there is nothing in `recipe`, settled, that ranks can share."""
    gram = "--ranks shares the work on Gram matrices"
    if recipe.profile in (NEIGHBOURS, TRANSPORT):
        raise RecipeError(f"{gram}; the profile {recipe.profile} has none.", "Choose another profile.")
    if recipe.seamless:
        raise RecipeError("--ranks cannot paint what is seamless.", "Leave one of them out.")
    steps = recipe.profile != "impasto" or registry().network(recipe.network).finish.steps
    if recipe.colour == "palette" or (recipe.matched and not steps):
        seen = f"{gram}, and with the network {recipe.network} this picture takes none"
        raise RecipeError(f"{seen}.", "Add --init content, or leave --ranks out.")
