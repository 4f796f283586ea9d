"""Colour spaces that a file names without a profile: cICP, gAMA and cHRM of a PNG, and Adobe RGB in EXIF.

Each becomes an ICC profile, so that colours are converted, and results are written, as if the file had had that one.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..errors import ImageError, ImageWarning
from .colour_spaces import space, srgb_profile

Numbers = tuple[float, ...]
Exif = Callable[[], Mapping[int, Any]]

D65 = (0.3127, 0.3290)
SRGB, SRGB_CURVE = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
REC_709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
PRIMARIES: dict[int, Numbers] = {
    1: SRGB,
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""x and y of white, red, green and blue, as in cHRM: sRGB, BT.2020, and Display P3 (ITU-T H.273, table 2)."""
CURVES: dict[int, Numbers] = {
    1: REC_709,
    4: (2.2,),
    6: REC_709,
    8: (1.0,),
    13: SRGB_CURVE,
    14: REC_709,
    15: REC_709,
}
"""From numbers to light, as g, a, b, c and d of `colour_spaces.Parametric` (ITU-T H.273, table 3)."""
HIGH_RANGE = {b"\x10": "PQ", b"\x12": "HLG"}
ADOBE_RGB, ADOBE_CURVE = (*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), (563 / 256,)
"""Adobe RGB (1998) Color Image Encoding, version 2005-05."""
UNCALIBRATED, ADOBE_RULES = 0xFFFF, "R03"
COLOUR_SPACE, INTEROPERABILITY, RULES = 0xA001, 0xA005, 1
"""EXIF 2.32, 4.6.5 and 4.6.7, the last in the interoperability directory; R03 is Adobe RGB by DCF 2.0."""
PLAIN_GAMMA, NEAR = 0.45455, 0.002
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50 = np.array([0.9642, 1, 0.8249])
NAME = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, 14, 28) + "impasto".encode("utf-16-be")


def profile_of(path: Path, mode: str, info: Mapping[Any, Any], exif: Exif) -> bytes | None:
    """The profile of the colours in a file that is opened in this mode of Pillow's; None where the file tells of none.

    `info` is as Pillow has it (icc_profile, srgb, gamma, chromaticity), with the bytes of cICP as "cicp"; `exif` reads
    the tags of the Exif and the interoperability directory. What goes first is as in the PNG specification, third
    edition, 4.3: cICP, then the profile, sRGB, and gAMA with cHRM; EXIF comes last.
    Raises `ImageError` for a picture of high dynamic range; warns `ImageWarning` of what is left aside.
    """
    grey = Image.getmodebase(mode) == "L"
    return (
        _by_cicp(path, info.get("cicp"), grey)
        or _by_profile(path, info, mode, grey)
        or (srgb_profile() if "srgb" in info else None)
        or _by_gamma(path, info, grey)
        or (profile(ADOBE_RGB, ADOBE_CURVE, grey) if _is_adobe_rgb(exif) else None)
    )


def cicp(png: BinaryIO) -> bytes:
    """What the chunk cICP holds, b"" if there is none before the pixels; the file stays where it was."""
    place, found = png.tell(), b""
    png.seek(8)
    while len(head := png.read(8)) == 8 and head[4:] != b"IDAT" and not found:
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"cICP":
            found = png.read(length)
        png.seek(length + 4, os.SEEK_CUR)
    png.seek(place)
    return found


def _by_cicp(path: Path, codes: bytes | None, grey: bool) -> bytes | None:
    """Codes of primaries and of the curve, then 0 for RGB, then 1 for the full range of numbers (ITU-T H.273)."""
    if not codes:
        return None
    if codes[1:2] in HIGH_RANGE:
        seen = f"{path}: this picture has a high dynamic range ({HIGH_RANGE[codes[1:2]]})"
        raise ImageError(f"{seen}; expected a standard one.", "Export it for standard screens, as sRGB or Display P3.")
    if len(codes) == 4 and codes[0] in PRIMARIES and codes[1] in CURVES and codes[2:] == b"\0\1":
        return profile(PRIMARIES[codes[0]], CURVES[codes[1]], grey)
    _leave(path, f"its colour space (cICP {'/'.join(map(str, codes))}) is not known here")
    return None


def _by_profile(path: Path, info: Mapping[Any, Any], mode: str, grey: bool) -> bytes | None:
    if "icc_profile" not in info:
        return None
    found = info["icc_profile"] or b""
    if _is_usable(found, mode, grey):
        return bytes(found)
    _leave(path, "its colour profile cannot be used")
    return None


def _is_usable(found: bytes, mode: str, grey: bool) -> bool:
    if mode not in ("CMYK", "LAB"):
        return space(found, grey) is not None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(found))
        ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError):
        return False
    return True


def _by_gamma(path: Path, info: Mapping[Any, Any], grey: bool) -> bytes | None:
    """By gAMA, that of sRGB without it, and the primaries of cHRM, those of sRGB without it.

    A gAMA of 45455 with the primaries of sRGB is what the specification has files of sRGB say to decoders that do not
    know of sRGB; it is taken for that, as libpng does.
    """
    primaries, gamma = info.get("chromaticity", SRGB), info.get("gamma", PLAIN_GAMMA)
    if abs(gamma - PLAIN_GAMMA) < NEAR and np.abs(np.subtract(primaries, SRGB)).max() < NEAR:
        return srgb_profile() if "gamma" in info or "chromaticity" in info else None
    try:
        found = profile(primaries, (1 / gamma,) if "gamma" in info else SRGB_CURVE, grey)
        if space(found, grey):
            return found
    except (ArithmeticError, np.linalg.LinAlgError, struct.error):
        """Of no use either."""
    _leave(path, "its colour space (gAMA, cHRM) makes no sense")
    return None


def _leave(path: Path, seen: str) -> None:
    warnings.warn(f"{path}: {seen}, and is left aside; colours may be off.", ImageWarning, stacklevel=2)


def _is_adobe_rgb(exif: Exif) -> bool:
    try:
        tags = exif()
        return tags[COLOUR_SPACE] == UNCALIBRATED and str(tags[RULES]).startswith(ADOBE_RULES)
    except Exception:  # nearly anything may come of what is damaged
        return False


def profile(primaries: Numbers, curve: Numbers, grey: bool) -> bytes:
    """An ICC profile of these `PRIMARIES` (of none, if it is `grey`) and this one of `CURVES` (ICC.1:2022, 8.3).

    `LinAlgError` for primaries that cannot be told apart, `ZeroDivisionError` where a y is 0, `struct.error` for
    numbers that are too large.
    """
    if curve == SRGB_CURVE and (grey or primaries == SRGB):
        return srgb_profile()
    light = b"para" + struct.pack(">IHH", 0, 3 if len(curve) > 1 else 0, 0) + _fixed(curve)
    tags = {b"desc": NAME, b"cprt": NAME, b"wtpt": _xyz(D50)}
    if grey:
        tags |= {b"kTRC": light}
    else:
        adapted, columns = _in_d50(np.reshape(primaries, (4, 2)))
        tags |= {b"chad": b"sf32" + bytes(4) + _fixed(adapted)}
        for axis, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
            tags |= {axis + b"XYZ": _xyz(column), axis + b"TRC": light}
    table, data, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(tag))
        data += tag + bytes(-len(tag) % 4)
    kind = b"GRAY" if grey else b"RGB "
    head = struct.pack(">I4xI4s4s4s", start + len(data), 0x04300000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H4s28x", 2000, 1, 1, 0, 0, 0, b"acsp") + _fixed(D50)  # the same picture is the same bytes
    return head.ljust(128, b"\0") + table + data


def _in_d50(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From XYZ of the white in `points` (4, 2) to that of D50; and XYZ of red, green and blue there, as columns.

    SMPTE RP 177:1993, 3.3; by Bradford's matrix, as in ICC.1:2022, annex E.
    """
    x, y = points.T
    if not y.all():
        raise ZeroDivisionError
    white, *colours = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    columns = np.transpose(colours)
    columns = columns * np.linalg.solve(columns, white)
    adapted = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD
    return adapted, adapted @ columns


def _fixed(numbers: Numbers | NDArray[np.float64]) -> bytes:
    whole = [round(float(number) * 65536) for number in np.asarray(numbers, np.float64).flat]
    return struct.pack(f">{len(whole)}i", *whole)


def _xyz(numbers: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(numbers)
