"""Between the bytes of picture files and arrays of 8-bit or 16-bit numbers.

Files are sniffed and given to the one decoder they are for, so no other decoder ever meets a stranger's bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from .errors import ImageError
from .files import check_input

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

SMALLEST, MOST_RATIO, MOST_PIXELS = 16, 32, 2**28
COMMENT = "impasto"  # the keyword of our text in a PNG
EXIF, IMAGE_DESCRIPTION, SOFTWARE, USER_COMMENT, ASCII = 0x8769, 0x010E, 0x0131, 0x9286, b"ASCII\0\0\0"

DECODERS: dict[str, Callable[[BinaryIO], Image.Image]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
}


def check_shape(name: str | Path, width: int, height: int) -> None:
    """Raise `ImageError` for a picture too small, too long or too large to be painted."""
    seen = f"{name}: the picture is {width}x{height} pixels"
    if min(width, height) < SMALLEST:
        raise ImageError(f"{seen}; each side needs at least {SMALLEST}.", "Use a larger picture.")
    if max(width, height) > MOST_RATIO * min(width, height):
        raise ImageError(f"{seen}; one side may be at most {MOST_RATIO} times the other.", "Crop it.")
    if width * height > MOST_PIXELS:
        raise ImageError(f"{seen}; the most is {MOST_PIXELS // 10**6} million in all.", "Scale it down.")


def decode(path: Path) -> tuple[Floats, Floats | None]:
    """The sRGB colours, (H, W, 3), and the alpha, (H, W) or None if opaque, of a file: float32 in [0, 1].

    Raises `ImageError` for what is no picture, or is damaged, or is of a kind that we do not read; the size is
    checked from the header, before anything is decoded.
    """
    with _opened(path) as file:
        check_shape(path, *file.size)
        return _arrays(ImageOps.exif_transpose(file))


def read_comment(path: Path) -> str:
    """The text that `encode` put into a file, or "" if there is none; `ImageError` as for `decode`."""
    with _opened(path) as file:
        if isinstance(file, PngImageFile):
            return str(file.info.get(COMMENT, ""))
        exif = file.getexif()
        text = exif.get_ifd(EXIF).get(USER_COMMENT, b"")
        described = str(exif.get(IMAGE_DESCRIPTION, ""))
        return text.removeprefix(ASCII).decode("ascii", "replace") if isinstance(text, bytes) and text else described


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file as a picture whose header has been read; whatever goes wrong inside becomes an `ImageError`."""
    check_input(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities that it then copes with
            kind = _kind(stream.read(16))
            if not kind:
                expected = "a PNG, JPEG, TIFF or WebP picture"
                raise ImageError(f"{path}: this is not {expected}.", "Export it as one of these.")
            stream.seek(0)
            yield DECODERS[kind](stream)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError(f"{path}: there is not enough memory to read it.", "Scale it down.") from None
    except PermissionError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}).", "Check its permissions.") from None
    except Exception as error:  # Pillow's decoders raise nearly anything when a file is damaged
        seen = f"the {kind} data is damaged, or of a kind not supported ({_reason(error)})"
        raise ImageError(f"{path}: {seen}.", "Export it again, with 8 bits per channel.") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _kind(head: bytes) -> str:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    return "WebP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""


def _arrays(image: Image.Image) -> tuple[Floats, Floats | None]:
    if image.mode in ("I", "F"):
        raise ValueError("more than 16 bits, signed or floating-point numbers")
    alpha = _alpha(image)
    if image.mode.startswith("I;16"):
        grey = np.asarray(image, np.float32) / 65535
        if "icc_profile" not in image.info:
            return np.repeat(grey[..., None], 3, axis=2), alpha
        eight_bits = Image.fromarray((grey * 255).round().astype(np.uint8))
        eight_bits.info = image.info
        image = eight_bits
    return np.asarray(_srgb(image), np.float32) / np.float32(255), alpha


def _alpha(image: Image.Image) -> Floats | None:
    if not image.has_transparency_data:
        return None
    if image.mode.startswith("I;16"):
        hidden = int(image.info["transparency"])
        return np.asarray(np.asarray(image, np.uint16) != hidden, np.float32)
    alpha: Floats = np.asarray(image.convert("RGBA").getchannel("A"), np.float32) / np.float32(255)
    return None if alpha.min() == 1 else alpha


def _srgb(image: Image.Image) -> Image.Image:
    """`image` without alpha, as sRGB by its profile; by its plain numbers if the profile is missing or unusable."""
    plain = {"LA": "L", "1": "L", "CMYK": "CMYK", "L": "L", "LAB": "LAB"}.get(image.mode, "RGB")
    colours = image.convert(plain)
    profile = image.info.get("icc_profile")
    if profile and profile != srgb_profile():
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
            return converted or colours.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            """Viewers show such a file by its plain numbers, and so do we."""
    return colours.convert("RGB")


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB, without the time of day that LittleCMS writes into it."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 1 January 2000
    return bytes(profile)


def encode(colours: Bytes, alpha: Bytes | None, form: str, comment: str) -> bytes:
    """A file in format `form` (PNG, JPEG, TIFF, WEBP) of (H, W, 3) colours and (H, W) alpha, `comment` (ASCII) inside.

    JPEG has no alpha: what is transparent becomes white.
    """
    image = Image.fromarray(colours)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
        if form == "JPEG":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    file = io.BytesIO()
    image.save(file, form, icc_profile=srgb_profile(), **_options(form, comment))
    return file.getvalue()


def _options(form: str, comment: str) -> dict[str, object]:
    if form == "PNG":
        text = PngInfo()
        if comment:
            text.add_itxt(COMMENT, comment)
        return {"pnginfo": text}
    exif = Image.Exif()
    exif[SOFTWARE] = COMMENT
    if form == "TIFF":  # Pillow writes no nested directory there
        exif[IMAGE_DESCRIPTION] = comment
        return {"exif": exif, "compression": "tiff_adobe_deflate"}
    exif.get_ifd(EXIF)[USER_COMMENT] = ASCII + comment.encode("ascii")
    best: dict[str, object] = {"subsampling": 0} if form == "JPEG" else {"exact": True}
    return best | {"exif": exif, "quality": 95}
