"""Bytes and JSON with something wrong in them; the same for the same state of the generator."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any

LIMITS = [0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
"""Numbers at which lengths and counts overflow."""
ODD: list[Any] = [None, True, False, -1, 0, 0.5, 1e308, float("inf"), float("nan"), 2**31, 2**63, -(2**63), 10**400]
ODD += [
    "",
    "1",
    "-1",
    "nan",
    "x" * 5000,
    "\0",
    "\ud800",
    "a\nb",
    "../..",
    [],
    {},
    [[]],
    [0] * 100,
    {"a": 1},
    {"": None},
]
PNG_HEAD = 8


def mutated(rng: random.Random, data: bytes, pieces: Sequence[bytes] = (b"",)) -> bytes:
    """`data` with a few changes, mostly near its beginning; `pieces` are put in now and then."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(min(len(changed), rng.choice([32, 256, 2**20])) or 1)
        run = rng.choice([1, 2, 4, 30, 300])
        match rng.randrange(8):
            case 0 | 1:
                changed[at : at + 1] = bytes([(changed[at] if at < len(changed) else 0) ^ 1 << rng.randrange(8)])
            case 2:
                changed[at : at + run] = rng.randbytes(run)
            case 3:
                width = rng.choice([1, 2, 4, 8])
                number = rng.choice(LIMITS) % 256**width
                changed[at : at + width] = number.to_bytes(width, rng.choice(["big", "little"]))
            case 4:
                del changed[at : at + run]
            case 5:
                changed[at:at] = changed[at : at + run]
            case 6:
                changed[at:at] = rng.choice(pieces)
            case 7 if rng.random() < 0.3:
                del changed[rng.randrange(len(changed) + 1) :]
    return bytes(changed)


def mutated_value(rng: random.Random, value: Any) -> Any:
    """A copy of a value of JSON in which one place is odd, missing or once more there."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        match rng.randrange(12):
            case 0:
                return {name: other for name, other in value.items() if name != key}
            case 1:
                return value | {rng.choice([f"{key}2", "", "type", key.upper()]): value[key]}
            case _:
                return value | {key: mutated_value(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.85:
        at = rng.randrange(len(value))
        return [*value[:at], *rng.choice([[], [value[at]] * 2, [mutated_value(rng, value[at])]]), *value[at + 1 :]]
    return rng.choice(ODD)


def sealed_png(data: bytes) -> bytes:
    """`data` with the right checksum behind each chunk, so that what is wrong in a chunk is read at all."""
    sealed, at = bytearray(data), PNG_HEAD
    while at + 12 <= len(sealed):
        end = at + 8 + int.from_bytes(sealed[at : at + 4], "big")
        if end + 4 > len(sealed):
            break
        sealed[end : end + 4] = zlib.crc32(sealed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(sealed)
