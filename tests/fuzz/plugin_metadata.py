"""Mutated metadata of an installed plug-in: it is listed or named as broken, and the others work."""

from __future__ import annotations

import random
import sys
from pathlib import Path

from impasto.cli.listing import listing
from impasto.plugin.registry import registry

from .child import Case
from .mutation import mutated

FILES = {
    "METADATA": b"Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n",
    "entry_points.txt": b"[impasto]\nstranger = stranger\nother = stranger:other [extra]\n\n[other]\nx = y:z\n",
    "top_level.txt": b"stranger\n",
}
PIECES = [
    b"[",
    b"]",
    b"[impasto]\n",
    b"\n",
    b"=",
    b":",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3\xa4",
    b"#",
    b" = ",
    b".",
]
MODULE = """
from impasto.plugin import NetworkInfo, hookimpl

@hookimpl
def impasto_networks():
    return [NetworkInfo("stranger", "a stranger's network", build=dict)]
"""


def prepared(target: str, top: Path) -> Case:
    """Finds plug-ins, one of them with damaged metadata."""

    def case(rng: random.Random, folder: Path) -> str:
        info = folder / rng.choice(["stranger-1.0.dist-info", "stranger-1.0.dist-info", "stranger.egg-info"])
        info.mkdir()
        (folder / "stranger.py").write_text(MODULE)
        damaged = rng.choice(list(FILES))
        for name, text in FILES.items():
            (info / name).write_bytes(mutated(rng, text, PIECES) if name == damaged or rng.random() < 0.2 else text)
        sys.path.insert(0, str(folder))
        try:
            registry.cache_clear()
            found = registry()
            lines = list(listing(found))
        finally:
            sys.path.remove(str(folder))
            sys.modules.pop("stranger", None)
        assert {"wavelet"} <= found.networks.keys(), lines
        assert {"torch"} <= found.backends.keys(), lines
        return "listed" if "stranger" in found.networks else "failed" if found.failures else "left out"

    return case
