"""ICC profiles written by hand: Adobe RGB with every sort of curve, and grey."""

from __future__ import annotations

import struct

import numpy as np

ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
"""Columns of Adobe RGB (1998): red, green and blue in XYZ of D50."""


def fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def profile(model: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4, written by hand."""
    text = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 8, 28) + "Test".encode("utf-16-be")
    white = b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)
    tags = {b"desc": text, b"cprt": text, b"wtpt": white} | tags
    start, table, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"test", 0x04400000, b"mntr", model, b"XYZ ")
    head += bytes.fromhex("07d0 0001 0001 0000 0000 0000") + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + table + data


def adobe(curve: bytes = b"curv\0\0\0\0\0\0\0\1\2\x33\0\0") -> bytes:
    """Adobe RGB: its primaries, and a gamma of 563/256."""
    columns = {axis + b"XYZ": b"XYZ \0\0\0\0" + fixed(*ADOBE[i]) for i, axis in enumerate((b"r", b"g", b"b"))}
    return profile(b"RGB ", columns | {axis + b"TRC": curve for axis in (b"r", b"g", b"b")})


GAMMA = b"curv\0\0\0\0\0\0\0\1\2\x33\0\0"
TABLE = b"curv" + struct.pack(">II", 0, 1024) + (np.linspace(0, 1, 1024) ** 2.2 * 65535).astype(">u2").tobytes()
PARAMETRIC = b"para" + struct.pack(">IHH", 0, 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
CURVES = {"gamma": GAMMA, "table": TABLE, "parametric": PARAMETRIC}
LINEAR = adobe(b"curv\0\0\0\0\0\0\0\0")
GREY = profile(b"GRAY", {b"kTRC": GAMMA})
