"""Between the bytes of picture files and samples.

Files are sniffed and given to the one decoder they are for, so no other decoder ever meets a stranger's bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import ImageError, ImageWarning
from ..storage.files import check_input
from . import colour_tags, formats, openimageio, tiff
from .colour_spaces import srgb_profile
from .metadata import ACROSS, DOWN, INCH, NESTED, NO_METADATA, UNIT, Metadata
from .samples import Samples
from .tolerance import MOST_LOST, completed, without_long_texts

FLOATING = ("half", "float")
SMALLEST, MOST_RATIO, MOST_PIXELS = 16, 32, 2**28
COMMENT, DEEP_COMMENT = "impasto", "Description"  # the keywords of our text in a PNG of 8 bits, and of more
ORIENTATION, SAMPLE_FORMAT, ICC, FLOATING_POINT = 0x0112, 0x0153, 0x8773, 3
EXIF, IMAGE_DESCRIPTION, SOFTWARE, USER_COMMENT, ASCII = 0x8769, 0x010E, 0x0131, 0x9286, b"ASCII\0\0\0"
XMP_TEXT = openimageio.XMP_TEXT.decode()
Turn = Image.Transpose
TURNS = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
"""What puts a picture upright, by its EXIF orientation."""


def _heic(stream: BinaryIO) -> Image.Image:
    """It opens with the main picture, which need not be the first, and upright."""
    from pillow_heif.as_plugin import HeifImageFile

    file: Image.Image = HeifImageFile(stream)  # type: ignore[no-untyped-call]
    return file


DECODERS: dict[str, Callable[[BinaryIO], Image.Image]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "TIFF": TiffImageFile,
    "WebP": WebPImageFile,
    "AVIF": AvifImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "JPEG 2000": Jpeg2KImageFile,
    "PNM": PpmImageFile,
    "HEIC": _heic,
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


def decode(path: Path) -> tuple[Samples, Metadata]:
    """The samples of a file, in its own depth and colour space where `Samples` can hold these, else 8 bits of sRGB.

    And what a result is to keep of its metadata: none where that is damaged, or of OpenEXR.
    Of several frames, pages or parts the largest, the first of these: in front there may be a thumbnail.

    Raises `ImageError` for what is no picture, or is damaged, or is of a kind that we do not read; the size is
    checked from the header, before anything is decoded. Warns `ImageWarning` of a colour space that is left aside, and
    of a JPEG that lacks no more than its end.
    """
    lost = None
    with opened(path) as (form, stream):
        try:
            found = _decoded(path, form, stream)
        except OSError:
            if form != "JPEG":
                raise
            stream.seek(0)
            whole, lost = completed(stream.read())
            if lost > MOST_LOST:
                raise
            found = _decoded(path, form, whole)
    if lost is not None:
        rest = f"and with it {lost:.1%} of the picture" if lost else "but all of the picture is there"
        warnings.warn(f"{path}: the end of the JPEG file is missing, {rest}.", ImageWarning, stacklevel=3)
    return found


def _decoded(path: Path, form: str, stream: BinaryIO) -> tuple[Samples, Metadata]:
    if form == "EXR":
        return _deep(path, form, stream, None), NO_METADATA
    pages = tiff.pages(stream) if form == "TIFF" else []
    page = tiff.largest_page(pages)
    if pages and tiff.is_deep(pages[page]):
        return _deep(path, form, stream, _deep_tiff_profile(path, stream, pages[page]), page), _metadata(
            form, stream, None
        )
    with DECODERS[form](stream) as file:
        if page:
            file.seek(page)
        check_shape(path, *file.size)
        profile = _profile(path, form, stream, file)
        if form == "PNG" and _header(stream)[0] > 8:
            file.verify()  # what is damaged makes the other decoder print its own lines
            samples = _deep(path, form, stream, profile)
            stream.seek(0)
            with PngImageFile(stream) as again:  # a file that was verified tells nothing more
                return samples, _metadata(form, stream, again)
        return _samples(_upright(file), profile), _metadata(form, stream, file)


def _deep(path: Path, form: str, stream: BinaryIO, profile: bytes | None, page: int = 0) -> Samples:
    with openimageio.opened(path, form, stream) as file:
        file.seek_subimage(tiff.largest(openimageio.sizes(file)) if form == "EXR" else page, 0)
        check_shape(path, file.spec().width, file.spec().height)
        return openimageio.samples(file, profile)


def _profile(path: Path, form: str, stream: BinaryIO, file: Image.Image) -> bytes | None:
    """Of an opened file; see `colour_tags.profile_of`."""
    mode, info = file.mode, file.info
    if form == "PNG":
        bits, channels = _header(stream)
        mode, info = "L" if channels in (0, 4) else mode, info | {"cicp": colour_tags.cicp(stream)}
    if (codes := info.get("nclx_profile")) and not info.get("icc_profile"):
        info = info | {"cicp": bytes([codes["color_primaries"], codes["transfer_characteristics"], 0, 1])}

    def exif() -> dict[int, object]:
        if form == "PNG" and bits > 8 and "exif" not in info:
            return {}  # Pillow would decode all of it, to look behind the pixels
        found = file.getexif()
        return found.get_ifd(EXIF) | found.get_ifd(colour_tags.INTEROPERABILITY)

    return colour_tags.profile_of(path, mode, info, exif)


def _deep_tiff_profile(path: Path, stream: BinaryIO, tags: ImageFileDirectory_v2) -> bytes | None:
    def exif() -> dict[int, object]:
        if FLOATING_POINT in tags.get(SAMPLE_FORMAT, ()):
            return {}  # linear, unless a profile says otherwise
        found = tiff.tags_at(stream, tags[EXIF])
        return {**found, **tiff.tags_at(stream, found[colour_tags.INTEROPERABILITY])}

    mode, info = "RGB" if tags[tiff.PHOTOMETRIC] == 2 else "L", {"icc_profile": tags[ICC]} if ICC in tags else {}
    return colour_tags.profile_of(path, mode, info, exif)


def read_comment(path: Path) -> str:
    """The text that `encode` put into a file, or "" if there is none; `ImageError` as for `decode`."""
    with opened(path) as (form, stream):
        if form == "EXR":
            with openimageio.opened(path, form, stream) as exr:
                return openimageio.comment(exr)
        if form == "TIFF":
            return str(tiff.pages(stream)[0].get(IMAGE_DESCRIPTION, ""))
        with DECODERS[form](stream) as file:
            if form == "PNG":
                return str(file.info.get(COMMENT) or file.info.get(DEEP_COMMENT, ""))
            text = file.getexif().get_ifd(EXIF).get(USER_COMMENT, b"")
            return text.removeprefix(ASCII).decode("ascii", "replace") if isinstance(text, bytes) else ""


def _metadata(form: str, stream: BinaryIO, file: Image.Image | None) -> Metadata:
    """Of an opened file. Pillow decodes a PNG to find what stands behind its pixels: only once, if that was done."""
    try:
        if file is None or form == "TIFF":
            pages = tiff.pages(stream)
            tags = {**pages[0], **pages[tiff.largest_page(pages)]}
            nested = tiff.tags_at(stream, tags[EXIF]) if EXIF in tags else {}
            return Metadata.of(None, {**tags, **nested}, tags.get(openimageio.XMP))
        exif, info = file.getexif(), file.info
        texts = {0x013B: info.get("Author"), 0x8298: info.get("Copyright")}  # a PNG may have these alone
        found = {tag: text for tag, text in texts.items() if text} | dict(exif) | exif.get_ifd(EXIF)
        known = form != "JPEG" or info.get("jfif_unit")  # else Pillow makes up 72
        return Metadata.of(info.get("dpi") if known else None, found, info.get("xmp") or info.get(XMP_TEXT))
    except Exception:  # as for `opened`: nearly anything may come of what is damaged
        return NO_METADATA


@contextmanager
def opened(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """The format of a file, and its bytes; whatever goes wrong inside becomes an `ImageError`."""
    check_input(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")  # Pillow warns of oddities that it then copes with
            warnings.simplefilter("always", ImageWarning)
            kind = formats.recognised(stream.read(formats.HEAD))
            stream.seek(0)
            if kind == "TIFF" and tiff.is_raw(tiff.pages(stream)):
                kind = formats.RAW
            if kind is formats.HEIC and find_spec("pillow_heif"):
                kind = "HEIC"
            if kind is None:
                raise ImageError(f"{path}: this is not {formats.READ}.", "Export it as one of these.")
            if isinstance(kind, formats.Other):
                raise ImageError(f"{path}: this is {kind.name}; expected {formats.READ}.", kind.hint)
            yield kind, without_long_texts(stream) if kind == "PNG" else stream
        for message in {str(one.message): one.message for one in caught}.values():
            warnings.warn(message, stacklevel=5)  # of who calls `picture.read`
    except (ImageError, ImageWarning):  # a warning, where warnings are errors
        raise
    except MemoryError:
        raise ImageError(f"{path}: there is not enough memory to read it.", "Scale it down.") from None
    except PermissionError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}).", "Check its permissions.") from None
    except Exception as error:  # Pillow's decoders raise nearly anything when a file is damaged
        seen = f"the {kind} data is damaged, or of a kind not supported ({_reason(error)})"
        raise ImageError(f"{path}: {seen}.", "Export it again, as PNG or TIFF with 8 or 16 bits.") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _header(png: BinaryIO) -> bytes:
    """Bits of a sample, and which channels there are (0 and 4 are grey): what follows width and height."""
    png.seek(24)
    return png.read(2)


def _upright(image: Image.Image) -> Image.Image:
    """By its EXIF orientation; as it is where that cannot be read, as viewers show it."""
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # as for `_metadata`
        return image
    return image if turn is None else image.transpose(turn)


def _samples(image: Image.Image, profile: bytes | None) -> Samples:
    """Grey and RGB as they are, with alpha if any of it is not opaque; all else as 8 bits of sRGB by `profile`."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        raise ValueError("more than 16 bits, or numbers with a sign")
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode in ("CMYK", "LAB"):
        colours, profile = _srgb(image, profile), None
    else:
        colours = image.convert("RGBA" if image.mode in ("La", "RGBa") else image.mode).convert("L" if grey else "RGB")
    planes = np.asarray(colours).reshape(image.height, image.width, -1)
    if alpha and alpha.getextrema() != (255, 255):
        planes = np.concatenate([planes, np.asarray(alpha)[..., None]], axis=2)
    return Samples(planes, icc=None if profile == srgb_profile() else profile)


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """CMYK or LAB as sRGB by its profile; by its plain numbers if the profile is missing or unusable."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or image.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            """Viewers show such a file by its plain numbers, and so do we."""
    return image.convert("RGB")


def stored_kind(kind: str, form: str) -> str:
    """The kind of samples in which `form` (PNG, JPEG, TIFF, WEBP, EXR) holds those of `kind`: the same if it can."""
    if form == "EXR":
        return kind if kind in FLOATING else "half"
    if form in ("JPEG", "WEBP"):
        return "u8"
    return "u16" if form == "PNG" and kind in FLOATING else kind


def fitting(samples: Samples, form: str) -> Samples:
    """`samples` in the nearest form that `form` can hold, mostly their own.

    Floating point becomes sRGB-encoded where it must become whole numbers, and whole numbers become linear in EXR.
    """
    kind, grey, icc = stored_kind(samples.kind, form), samples.grey, samples.icc
    if form == "EXR":
        return samples.converted(kind, grey, linear=True, associated=True)
    if kind in FLOATING:
        return samples.converted(kind, grey, samples.linear or (grey and not icc), icc, samples.associated)
    plain = samples.kind in FLOATING or (grey and form == "WEBP")
    return samples.converted(kind, grey and form != "WEBP", icc=None if plain else icc)


def encode(samples: Samples, form: str, comment: str, metadata: Metadata) -> bytes:
    """A file in format `form` (PNG, JPEG, TIFF, WEBP, EXR) that holds `samples`, `comment` (ASCII) and `metadata`.

    In their own form, or the nearest that the format can hold. JPEG has no alpha: what is transparent becomes white.
    `OSError` where that fails.

    A PNG, for one, holds: pixels of 8 or 16 bits; a profile (iCCP), that of the samples, or sRGB if they are colours;
    `comment`, the recipe as `recipe.provenance` dumps it, in iTXt `impasto`, with 16 bits in a text `Description`; of
    `metadata`, which `metadata.py` picks from the content's file, resolution (pHYs), author, rights and dates (eXIf,
    and XMP in iTXt). Files of more than 8 bits are written by `openimageio.encode`, which adds `Software` and
    a date, and repeats the tags as texts.
    """
    samples = fitting(samples, form)
    if samples.kind != "u8":
        return openimageio.encode(samples, form, comment, metadata)
    image = Image.fromarray(samples.array[..., 0] if samples.array.shape[2] == 1 else samples.array)
    if form == "JPEG" and samples.alpha is not None:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert("L" if samples.grey else "RGB")
    profile = samples.icc or (None if samples.grey else srgb_profile())
    file = io.BytesIO()
    image.save(file, form, **({"icc_profile": profile} if profile else {}), **_options(form, comment, metadata))
    return file.getvalue()


def _options(form: str, comment: str, metadata: Metadata) -> dict[str, object]:
    exif = _exif(metadata)
    shared: dict[str, object] = {"dpi": metadata.dpi} if metadata.dpi else {}
    if form == "PNG":
        text = PngInfo()
        if comment:
            text.add_itxt(COMMENT, comment)
        if metadata.xmp:
            text.add_itxt(XMP_TEXT, metadata.xmp.decode())
        return shared | {"pnginfo": text} | ({"exif": exif} if metadata.tags else {})
    exif[SOFTWARE] = COMMENT
    if form == "TIFF":
        exif[IMAGE_DESCRIPTION] = comment
        if metadata.xmp:
            exif[openimageio.XMP] = metadata.xmp
        return shared | {"exif": exif, "compression": "tiff_adobe_deflate"}
    exif.get_ifd(EXIF)[USER_COMMENT] = ASCII + comment.encode("ascii")
    shared |= {"xmp": metadata.xmp} if metadata.xmp else {}
    best: dict[str, object] = {"subsampling": 0} if form == "JPEG" else {"exact": True}
    return best | shared | {"exif": exif, "quality": 95}


def _exif(metadata: Metadata) -> Image.Exif:
    """Its resolution and tags. Pillow writes no nested directory in a TIFF, where the XMP has the date."""
    exif = Image.Exif()
    if metadata.dpi:
        exif[ACROSS], exif[DOWN], exif[UNIT] = *metadata.dpi, INCH
    for tag, text in metadata.tags.items():
        if tag in NESTED:
            exif.get_ifd(EXIF)[tag] = text
        else:
            exif[tag] = text.encode()  # Pillow would write ASCII
    return exif
