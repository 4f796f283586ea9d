"""Between the bytes of picture files and samples.

Files are sniffed and given to the one decoder they are for, so no other decoder ever meets a stranger's bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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
from . import formats, openimageio
from .colour_spaces import space, srgb_profile
from .metadata import ACROSS, DOWN, INCH, NESTED, NO_METADATA, UNIT, Metadata
from .samples import Samples
from .tolerance import MOST_LOST, completed, without_long_texts

FLOATING = ("half", "float")
SMALLEST, MOST_RATIO, MOST_PIXELS = 16, 32, 2**28
COMMENT, DEEP_COMMENT = "impasto", "Description"  # the keywords of our text in a PNG of 8 bits, and of more
SUBFILE, REDUCED, DNG_VERSION = 0x00FE, 1, 0xC612
WIDTH, HEIGHT, BITS, PHOTOMETRIC, ORIENTATION = 0x0100, 0x0101, 0x0102, 0x0106, 0x0112
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
    checked from the header, before anything is decoded. Warns `ImageWarning` of a JPEG that lacks no more than its end.
    """
    lost = None
    with _opened(path) as (form, stream):
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
        return _deep(path, form, stream), NO_METADATA
    pages = _pages(stream) if form == "TIFF" else []
    page = _page(pages)
    if pages and _is_deep(pages[page]):
        return _deep(path, form, stream, page), _metadata(form, stream, None)
    with DECODERS[form](stream) as file:
        file.seek(page)
        check_shape(path, *file.size)
        if form == "PNG" and _depth(stream) > 8:
            file.verify()  # what is damaged makes the other decoder print its own lines
            samples = _deep(path, form, stream)
            stream.seek(0)
            with PngImageFile(stream) as again:  # a file that was verified tells nothing more
                return samples, _metadata(form, stream, again)
        return _samples(_upright(file)), _metadata(form, stream, file)


def chosen(path: Path) -> str:
    """Which of several pictures in a file `decode` takes, as "the first of 4 frames"; "" where there is but one.

    Raises as `decode`, but looks at the header only.
    """
    with _opened(path) as (form, stream):
        if form == "EXR":
            with openimageio.opened(path, form, stream) as exr:
                word, areas = "part", openimageio.areas(exr)
        elif form == "TIFF":
            word, areas = "page", [_area(tags) for tags in _pages(stream)]
        else:
            with DECODERS[form](stream) as file:
                word, areas = "frame", [1] * getattr(file, "n_frames", 1)
    if len(areas) < 2:
        return ""
    page = _largest(areas)
    return f"{word} {page + 1} of {len(areas)}, the largest" if page else f"the first of {len(areas)} {word}s"


def chosen_frames(paths: Iterable[Path]) -> Iterator[str]:
    """A line for each picture file that holds several, of which one is taken."""
    for path in dict.fromkeys(paths):
        if found := chosen(path):
            yield f"{path}: {found}."


def _largest(areas: Sequence[int]) -> int:
    return max(range(len(areas)), key=areas.__getitem__, default=0)


def _deep(path: Path, form: str, stream: BinaryIO, page: int = 0) -> Samples:
    with openimageio.opened(path, form, stream) as file:
        file.seek_subimage(_largest(openimageio.areas(file)) if form == "EXR" else page, 0)
        check_shape(path, file.spec().width, file.spec().height)
        return openimageio.samples(file)


def read_comment(path: Path) -> str:
    """The text that `encode` put into a file, or "" if there is none; `ImageError` as for `decode`."""
    with _opened(path) as (form, stream):
        if form == "EXR":
            with openimageio.opened(path, form, stream) as exr:
                return openimageio.comment(exr)
        if form == "TIFF":
            return str(_pages(stream)[0].get(IMAGE_DESCRIPTION, ""))
        with DECODERS[form](stream) as file:
            if form == "PNG":
                return str(file.info.get(COMMENT) or file.info.get(DEEP_COMMENT, ""))
            text = file.getexif().get_ifd(EXIF).get(USER_COMMENT, b"")
            return text.removeprefix(ASCII).decode("ascii", "replace") if isinstance(text, bytes) else ""


def _metadata(form: str, stream: BinaryIO, file: Image.Image | None) -> Metadata:
    """Of an opened file. Pillow decodes a PNG to find what stands behind its pixels: only once, if that was done."""
    try:
        if file is None or form == "TIFF":
            pages = _pages(stream)
            tags = {**pages[0], **pages[_page(pages)]}
            nested = _tags(stream, tags[EXIF]) if EXIF in tags else {}
            return Metadata.of(None, {**tags, **nested}, tags.get(openimageio.XMP))
        exif, info = file.getexif(), file.info
        texts = {0x013B: info.get("Author"), 0x8298: info.get("Copyright")}  # a PNG may have these alone
        found = {tag: text for tag, text in texts.items() if text} | dict(exif) | exif.get_ifd(EXIF)
        known = form != "JPEG" or info.get("jfif_unit")  # else Pillow makes up 72
        return Metadata.of(info.get("dpi") if known else None, found, info.get("xmp") or info.get(XMP_TEXT))
    except Exception:  # as for `_opened`: nearly anything may come of what is damaged
        return NO_METADATA


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """The format of a file, and its bytes; whatever goes wrong inside becomes an `ImageError`."""
    check_input(path)
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of oddities that it then copes with
            kind = formats.recognised(stream.read(formats.HEAD))
            stream.seek(0)
            if kind == "TIFF" and _is_raw(_pages(stream)):
                kind = formats.RAW
            if kind is None:
                raise ImageError(f"{path}: this is not {formats.READ}.", "Export it as one of these.")
            if isinstance(kind, formats.Other):
                raise ImageError(f"{path}: this is {kind.name}; expected {formats.READ}.", kind.hint)
            yield kind, without_long_texts(stream) if kind == "PNG" else stream
    except ImageError:
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


def _depth(png: BinaryIO) -> int:
    """Bits of a sample, which is the first byte after width and height."""
    png.seek(24)
    return png.read(1)[0]


def _pages(tiff: BinaryIO) -> list[ImageFileDirectory_v2]:
    """The directories of a TIFF or BigTIFF file, up to one that cannot be read."""
    found: dict[int, ImageFileDirectory_v2] = {}
    place = _tags(tiff).next
    while place and place not in found:
        tags = _tags(tiff, place)
        if found and not _area(tags):
            break
        found[place], place = tags, tags.next
    if not found:
        raise ValueError("no page")
    return list(found.values())


def _tags(tiff: BinaryIO, place: int = 0) -> ImageFileDirectory_v2:
    """The directory at `place` of a TIFF or BigTIFF file, or for 0 none but where the first is; the file is rewound."""
    tiff.seek(0)
    head = tiff.read(8)
    tags = ImageFileDirectory_v2(head + tiff.read(8) if head[2] == 43 or head[3] == 43 else head)
    if place:
        tiff.seek(place)
        tags.load(tiff)
    tiff.seek(0)
    return tags


def _page(pages: Sequence[ImageFileDirectory_v2]) -> int:
    """The number of the largest."""
    return _largest([_area(tags) for tags in pages])


def _area(tags: ImageFileDirectory_v2) -> int:
    return int(tags.get(WIDTH, 0)) * int(tags.get(HEIGHT, 0))


def _is_raw(pages: Sequence[ImageFileDirectory_v2]) -> bool:
    """Whether even the largest page is but a preview of what a camera saw: DNG, and NEF or ARW."""
    return DNG_VERSION in pages[0] or bool(pages[_page(pages)].get(SUBFILE, 0) & REDUCED)


def _is_deep(tags: ImageFileDirectory_v2) -> bool:
    if max(tags.get(BITS, (1,))) <= 8:
        return False
    if tags.get(PHOTOMETRIC) not in (0, 1, 2):
        raise ValueError("more than 8 bits of something else than grey or RGB")
    return True


def _upright(image: Image.Image) -> Image.Image:
    """By its EXIF orientation; as it is where that cannot be read, as viewers show it."""
    image.load()
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # as for `_metadata`
        return image
    return image if turn is None else image.transpose(turn)


def _samples(image: Image.Image) -> Samples:
    """Grey and RGB as they are, with alpha if any of it is not opaque; all else as 8 bits of sRGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        raise ValueError("more than 16 bits, or numbers with a sign")
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    profile = image.info.get("icc_profile")
    if image.mode in ("CMYK", "LAB"):
        colours, profile = _srgb(image), None
    else:
        colours = image.convert("RGBA" if image.mode in ("La", "RGBa") else image.mode).convert("L" if grey else "RGB")
    usable = profile and profile != srgb_profile() and space(profile, grey)
    planes = np.asarray(colours).reshape(image.height, image.width, -1)
    if alpha and alpha.getextrema() != (255, 255):
        planes = np.concatenate([planes, np.asarray(alpha)[..., None]], axis=2)
    return Samples(planes, icc=profile if usable else None)


def _srgb(image: Image.Image) -> Image.Image:
    """CMYK or LAB as sRGB by its profile; by its plain numbers if the profile is missing or unusable."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or image.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            """Viewers show such a file by its plain numbers, and so do we."""
    return image.convert("RGB")


def kept_kind(kind: str, form: str) -> str:
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
    kind, grey, icc = kept_kind(samples.kind, form), samples.grey, samples.icc
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
