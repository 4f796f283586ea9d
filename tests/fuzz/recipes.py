"""Mutated recipes in pictures of each format: the job is built from them and checked, as `impasto again` does."""

from __future__ import annotations

import json
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from impasto.cli.job import check, go_on, remake
from impasto.errors import ImpastoError
from impasto.pictures.picture import Picture, read, write
from impasto.recipe.provenance import Provenance
from impasto.recipe.recipe import Recipe

from .child import Case
from .mutation import mutated, mutated_value

RECIPES = [
    {"size": 64},
    {"size": 32, "quality": "draft", "strength": 50},
    {"size": 64, "style_weights": (1, 2), "style_crop": (0, 0, 1, 0.5), "stroke_size": 5, "network": "wavelet"},
    {"size": 64, "profile": "gatys2016", "content_layers": {"conv4_2": 1}, "network_options": {"pooling": "max"}},
]
PIECES = [b"{", b"}", b"[" * 2000, b'"', b"null", b"1e999", b"NaN", b"9" * 5000, b"\xff", b"\0", b"\\ud800", b"../"]

RESULTS: dict[str, Any] = {"preview": None, "losses": (), "quiet": True, "no_recipe": False, "strip": False}


def prepared(target: str, top: Path) -> Case:
    """Reads what pictures carry."""
    rows = np.arange(48, dtype=np.float32)
    picture = Picture(np.dstack([np.add.outer(rows, rows) / 94] * 3).astype(np.float32))
    sources = {name: top / f"{name}.png" for name in ("content", "style", "style2", "mask")}
    for path in sources.values():
        write(path, picture)
    carried = [Provenance.of(Recipe.of(**knobs), sources, top) for knobs in RECIPES]
    texture = {"style": sources["style"]}
    carried.append(Provenance.of(Recipe.texture((48, 48), (64, 48)), texture, top, canvas=(64, 48)))
    plain = (top / "content.png").read_bytes()

    def case(rng: random.Random, folder: Path) -> str:
        for path in sources.values():
            (folder / path.name).symlink_to(path)
        text = rng.choice(carried).dumps()
        suffix = rng.choice([".png", ".jpg", ".tif", ".webp", ".exr"])
        path = folder / f"result{suffix}"
        if rng.random() < 0.7:
            write(path, picture, json.dumps(_changed(rng, json.loads(text))))
        else:
            path.write_bytes(_with_text(rng, plain, mutated(rng, text.encode(), PIECES)))
        try:
            if rng.random() < 0.5:
                job = remake(path, {}, output=folder / "again.png", **RESULTS)
            else:
                job = go_on(path, [], {}, read, output=folder / "finer.png", **RESULTS)
            check(job.settled(read))
        except ImpastoError as error:
            return type(error).__name__
        return "read"

    return case


def _changed(rng: random.Random, fields: dict[str, Any]) -> Any:
    """Something odd anywhere, mostly in the recipe itself."""
    if rng.random() < 0.6:
        return fields | {"recipe": mutated_value(rng, fields["recipe"])}
    return mutated_value(rng, fields)


def _with_text(rng: random.Random, png: bytes, text: bytes) -> bytes:
    """`png` with a comment in a chunk of any kind that holds text, behind the header."""
    kind, body = rng.choice(
        [
            (b"tEXt", b"impasto\0" + text),
            (b"zTXt", b"impasto\0\0" + zlib.compress(text)),
            (b"iTXt", b"impasto" + bytes(5) + text),
            (b"iTXt", b"impasto\0\1\0\0\0" + zlib.compress(text)),
        ]
    )
    chunk = len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]
