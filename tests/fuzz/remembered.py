"""Mutated entries of the cache: what is not whole is computed again, and is the same to the last bit."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import torch

from impasto.features.target_cache import Remembering, recalled
from impasto.storage.cache import STYLES

from .child import Case
from .mutation import mutated


def prepared(target: str, top: Path) -> Case:
    """Recalls a target from an entry that was changed on disk."""
    logging.getLogger("impasto").addHandler(logging.NullHandler())
    logging.getLogger("impasto").propagate = False
    image, maps = torch.rand(1, 3, 8, 8), {"a": torch.rand(1, 4, 4, 4), "b": torch.rand(4, 4)}
    computed: list[int] = []

    def compute() -> dict[str, torch.Tensor]:
        computed.append(1)
        return maps

    def recall() -> bool:
        """Whether it had to be computed."""
        computed.clear()
        found = recalled(STYLES, Remembering(lambda image, layers: maps, "small"), list(maps), [image], compute)
        assert all(torch.equal(found[name], maps[name]) for name in maps)
        return bool(computed)

    assert recall()
    assert not recall()
    (entry,) = STYLES.entries()
    whole = entry.path.read_bytes()

    def case(rng: random.Random, folder: Path) -> str:
        entry.path.write_bytes(mutated(rng, whole) if rng.random() < 0.9 else whole)
        return "computed" if recall() else "recalled"

    return case
