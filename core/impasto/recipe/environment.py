"""What the bits of a picture depend on besides its recipe: sums are split by threads and vector units, and by tiles."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Environment:
    """Where a picture was painted. On one CPU, what is painted again in the same environment has the same bits."""

    threads: int
    capability: str
    """Vector units of the CPU that torch uses, as AVX2."""
    torch: str
    device: str
    """The name of the graphics card, or cpu."""
    precision: str
    tile: int
    """Side of the tiles at the result's size, which depends on free memory; 0 where it is evaluated whole."""

    @classmethod
    def here(cls, device: str, precision: str, tile: int | None) -> Environment:
        """That of this process, which paints on `device`. Loads torch."""
        import torch

        name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
        capability = torch.backends.cpu.get_cpu_capability()
        return cls(torch.get_num_threads(), capability, torch.__version__, name, precision, tile or 0)

    @classmethod
    def read(cls, kept: Any) -> Environment | None:
        """What a recipe carries of it; None where that is nothing that can be used, as in recipes without it."""
        types = {"threads": int, "tile": int}
        names = [field.name for field in fields(cls)]
        known = isinstance(kept, dict) and all(isinstance(kept.get(name), types.get(name, str)) for name in names)
        return cls(**{name: kept[name] for name in names}) if known else None

    def use_threads(self) -> None:
        """Let torch use as many threads as there were, where this process may use so many cores."""
        import torch

        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if 0 < self.threads <= cores:
            torch.set_num_threads(self.threads)

    def difference(self, now: Environment) -> str:
        """Why a picture painted `now` may differ, in words; empty where nothing that is kept says so."""
        changed = [pair for pair in zip(self._words(), now._words(), strict=True) if pair[0] != pair[1]]
        old, new = (_listed([pair[side] for pair in changed]) for side in (0, 1))
        return f"painted with {old}, now {new}: pixels may differ slightly" if changed else ""

    def _words(self) -> list[str]:
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        tiles = f"tiles of {self.tile} pixels" if self.tile else "no tiles"
        return [threads, f"{self.capability} kernels", f"torch {self.torch}", self.device, self.precision, tiles]


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
