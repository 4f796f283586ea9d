"""Files of more than 8 bits, through OpenImageIO: PNG and TIFF of 16 bits, TIFF and OpenEXR in floating point.

OpenImageIO is loaded when the first such file is met.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from .colour_spaces import srgb_profile
from .metadata import LONG_AGO, MAIN, NESTED, Metadata
from .samples import Samples

SUFFIXES = {"PNG": ".png", "TIFF": ".tif", "EXR": ".exr"}
STORED_AS = {"u16": "uint16", "half": "half", "float": "float"}
READ_AS = {"uint16": "uint16", "half": "half", "float": "float", "double": "float"}
COMMENT, STRAIGHT, PROFILE = "ImageDescription", "oiio:UnassociatedAlpha", "ICCProfile"
XMP, XMP_TEXT = 0x02BC, b"XML:com.adobe.xmp"
"""The tag of XMP in a TIFF, and its keyword in a PNG."""
CHANNELS = {1: "Y", 2: "YA", 3: "RGB", 4: "RGBA"}


@cache
def _library() -> Any:
    import OpenImageIO

    OpenImageIO.attribute("try_all_readers", 0)  # a file meets the one decoder that it is for
    OpenImageIO.attribute("tiff:half", 1)
    return OpenImageIO


@contextmanager
def opened(path: Path, form: str, stream: BinaryIO) -> Iterator[Any]:
    """The open input of a PNG, TIFF or EXR file of these bytes, its header read. `ValueError` where that fails.

    The suffix is what chooses a decoder, and names may lie: hence a copy.
    """
    oiio = _library()
    as_stored = oiio.ImageSpec()
    as_stored.attribute(STRAIGHT, 1)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"picture{SUFFIXES[form]}"
        stream.seek(0)
        with copy.open("wb") as target:
            shutil.copyfileobj(stream, target)
        file = oiio.ImageInput.open(str(copy), as_stored)
        try:
            if file is None:
                raise ValueError(oiio.geterror())
            yield file
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), path.name)) from None
        finally:
            if file:
                file.close()


def comment(file: Any) -> str:
    """The text that `encode` put into it."""
    return str(file.spec().get_string_attribute(COMMENT))


def sizes(file: Any) -> list[tuple[int, int]]:
    """(width, height) of each of the pictures inside, of which it goes to the last."""
    found: list[tuple[int, int]] = []
    while file.seek_subimage(len(found), 0):
        found.append((file.spec().width, file.spec().height))
    return found


def samples(file: Any, profile: bytes | None) -> Samples:
    """The samples of the picture that it is at, upright, of this ICC profile.

    `ValueError` for damaged files, and for numbers and channels of other kinds.
    """
    spec = file.spec()
    kind = READ_AS.get(str(spec.format))
    if kind is None:
        raise ValueError(f"numbers of the type {spec.format}")
    picked = _channels(list(spec.channelnames))
    array = file.read_image(file.current_subimage(), 0, 0, max(picked) + 1, kind)
    if array is None or file.has_error:
        raise ValueError(file.geterror() or "no pixels")
    array = np.ascontiguousarray(_upright(array[..., picked], spec.get_int_attribute("Orientation", 1)))
    associated = len(picked) % 2 == 0 and not spec.get_int_attribute(STRAIGHT, 0)
    linear = array.dtype.kind == "f" and profile is None
    return Samples(array, linear, None if profile == srgb_profile() else profile, associated)


def _channels(names: list[str]) -> list[int]:
    """Where grey or RGB are, and alpha if there is one; what else a file holds (depth, layers) is left."""
    colours = ["R", "G", "B"] if {"R", "G", "B"} <= set(names) else ["Y"]
    if colours[0] not in names:
        raise ValueError(f"no channels R, G, B or Y but {', '.join(names[:8])}")
    return [names.index(name) for name in [*colours, "A"] if name in names]


def _upright(array: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """By the numbers of EXIF, 1 to 8."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


def encode(picture: Samples, form: str, comment: str, metadata: Metadata) -> bytes:
    """A file in format `form` (PNG, TIFF, EXR), which can hold these samples. `OSError` where that fails."""
    oiio = _library()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{SUFFIXES[form]}"
        file = oiio.ImageOutput.create(str(path))
        done = file.open(str(path), _spec(picture, form, comment, metadata)) and file.write_image(
            np.ascontiguousarray(picture.array)
        )
        if not (file.close() and done):
            raise OSError(0, file.geterror())
        data = path.read_bytes()
        put = {"PNG": _png_with, "TIFF": _tiff_with}.get(form)
        return put(data, metadata.xmp) if put and metadata.xmp else data


def _png_with(png: bytes, xmp: bytes) -> bytes:
    """`png` with this packet in UTF-8, which OpenImageIO would call Latin-1."""
    text = b"iTXt" + XMP_TEXT + bytes(5) + xmp
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]  # behind the header


def _tiff_with(tiff: bytes, xmp: bytes) -> bytes:
    """`tiff` with this packet in place of the one that OpenImageIO makes of the date, for it writes no other.

    TIFF 6.0, section 2: the entry of a tag holds how many bytes, and where they are. BigTIFF has wider numbers.
    """
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    wide = int.from_bytes(tiff[2:4], order) == 43
    number, count, entry = (8, 8, 20) if wide else (4, 2, 12)
    start = int.from_bytes(tiff[number : 2 * number], order)
    changed = bytearray(tiff + bytes(-len(tiff) % 2))
    first = start + count
    for place in range(first, first + entry * int.from_bytes(tiff[start:first], order), entry):
        if int.from_bytes(tiff[place : place + 2], order) == XMP:
            values = len(xmp), len(changed)
            changed[place + 4 : place + entry] = b"".join(value.to_bytes(number, order) for value in values)
    return bytes(changed) + xmp


def _sized(profile: bytes) -> bytes:
    """`profile`, as long as it says and from version 4 in whole words (ICC.1:2022, 7.2.2): libpng writes no other."""
    padded = profile if profile[8] < 4 else profile + bytes(-len(profile) % 4)
    return len(padded).to_bytes(4, "big") + padded[4:]


def _spec(picture: Samples, form: str, comment: str, metadata: Metadata) -> Any:
    width, height = picture.size
    channels = CHANNELS[picture.array.shape[2]]
    spec = _library().ImageSpec(width, height, len(channels), STORED_AS[picture.kind])
    spec.channelnames = tuple(channels)
    spec.alpha_channel = channels.find("A")
    profile = picture.icc or (None if picture.linear or picture.grey else srgb_profile())
    if profile and form != "EXR":
        profile = _sized(profile) if form == "PNG" else profile
        spec.attribute(PROFILE, f"uint8[{len(profile)}]", np.frombuffer(profile, np.uint8))
    texts = {COMMENT: comment, "Software": "impasto", "DateTime": LONG_AGO, "compression": "zip"}
    texts |= {(MAIN | NESTED)[tag]: text for tag, text in metadata.tags.items()}
    if metadata.xmp and form == "EXR":
        texts["XMP"] = metadata.xmp.decode()
    if metadata.dpi:
        texts["ResolutionUnit"] = "in"
        spec.attribute("XResolution", metadata.dpi[0])
        spec.attribute("YResolution", metadata.dpi[1])
    for name, text in texts.items():
        spec.attribute(name, text)
    spec.attribute(STRAIGHT, int(not picture.associated))
    spec.attribute("tiff:write_exif", 0)
    return spec
