"""Mutated pictures of every format that is read: read, and what could be read is written again."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import OpenImageIO
import pillow_heif
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from icc_profiles import CURVES, GREY, LINEAR, adobe
from impasto.errors import ImageError, ImageWarning, ImpastoError
from impasto.pictures import codecs
from impasto.pictures.colour_spaces import srgb_profile
from impasto.pictures.metadata import NO_METADATA
from impasto.pictures.picture import Picture, read, read_comment, read_mask, write
from impasto.storage.files import FORMATS

from .child import Case
from .mutation import mutated, sealed_png

SIZE = 24, 20
PROFILES = [srgb_profile(), GREY, LINEAR, *(adobe(curve) for curve in CURVES.values())]
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
xmp:CreateDate="2020-01-02T03:04:05"><dc:rights><rdf:Alt><rdf:li>Mine</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
PIECES = [
    b"<!DOCTYPE a>",
    b"<",
    b">",
    b"/>",
    b"&amp;",
    b"&a;",
    b"\0",
    b"\xff",
    b"rdf:",
    b"dc:",
    b"Ada",
    b"mAB ",
    b"curv",
]
MOST_PIXELS = 2**23
"""Of a picture here: what is damaged may still say that it is of 200 megapixels, and be it, which takes its time."""
LARGEST_AGAIN = 2000
"""Longest side in pixels of what is written again: more takes seconds and shows nothing else."""


def prepared(target: str, top: Path) -> Case:
    """Reads pictures of the format `target`, or whole ones of any with damaged `metadata`."""
    warnings.simplefilter("ignore", ImageWarning)
    codecs.MOST_PIXELS = MOST_PIXELS
    corpora = {"png": _png, "jpeg": _jpeg, "tiff": _tiff, "webp": _webp, "exr": _exr, "avif": _avif}
    corpora |= {"gif": _gif, "bmp": _bmp, "jpeg2000": _jpeg2000, "pnm": _pnm, "heic": _heic}
    corpus = [] if target == "metadata" else list(corpora[target](top))
    pieces = [b"\0" * 100, b"\xff" * 100, XMP, b"IDAT", b"\xff\xd8\xff", *(data[:200] for data in corpus)]

    def case(rng: random.Random, folder: Path) -> str:
        data = mutated(rng, rng.choice(corpus), pieces) if corpus else _with_damaged_metadata(rng, top)
        path = folder / "case"
        path.write_bytes(sealed_png(data) if target == "png" and rng.random() < 0.8 else data)
        for use in (read_comment, read_mask):
            with suppress(ImageError):
                use(path)
        try:
            found = read(path)
        except ImageError:
            if not corpus:  # what is beside the pixels must not keep them from anyone
                raise
            return "refused"
        if max(found.size) <= LARGEST_AGAIN:
            _write(folder / f"again{rng.choice(list(FORMATS))}", found)
        return "with metadata" if found.metadata != NO_METADATA else "read"

    return case


def _write(path: Path, found: Picture) -> None:
    try:
        write(path, found.with_painted(1 - found.pixels), "a comment")
        read(path)
    except ImpastoError as error:  # hours of painting would be lost
        raise AssertionError(f"what was read cannot be written: {error}") from error


def _image(mode: str) -> Image.Image:
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    array = np.dstack([x * 10, y * 12, x * y % 256, 255 - x * 10]).astype(np.uint8)
    return Image.fromarray(array).convert(mode) if mode != "RGBA" else Image.fromarray(array)


def _saved(form: str, mode: str, **options: object) -> bytes:
    file = io.BytesIO()
    image = options.pop("image", None) or _image(mode)
    image.save(file, form, **options)  # type: ignore[attr-defined]
    return file.getvalue()


def _with_damaged_metadata(rng: random.Random, top: Path) -> bytes:
    """A profile, EXIF and XMP, each damaged or not."""
    profile, exif, xmp = (
        mutated(rng, whole, PIECES) if rng.random() < 0.5 else whole
        for whole in (rng.choice(PROFILES), _exif().tobytes(), XMP)
    )
    suffix = rng.choice([".png", ".tif", ".tif"])
    match rng.randrange(5):
        case 0:
            text = PngInfo()
            text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
            text.add_text("Author", exif.decode("latin-1"))
            mode = rng.choice(["L", "RGB", "RGBA"])
            return _saved("PNG", mode, pnginfo=text, exif=exif, icc_profile=profile)
        case 1:
            mode = rng.choice(["L", "RGB", "CMYK"])
            return _saved("JPEG", mode, exif=exif, icc_profile=profile, xmp=xmp)
        case 2:
            return _saved("WEBP", rng.choice(["RGB", "RGBA"]), exif=exif, icc_profile=profile, xmp=xmp)
        case 3:
            mode = rng.choice(["L", "RGB", "RGBA", "CMYK", "LAB"])
            return _saved("TIFF", mode, icc_profile=profile, tiffinfo={0x02BC: xmp, 0x013B: exif.decode("latin-1")})
        case _:
            kind = rng.choice(["uint16"] if suffix == ".png" else ["uint16", "half", "float"])
            return rng.choice(list(_deep(top, suffix, [kind], profile=profile)))


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B], exif[0x8298], exif[0x0132] = 6, "Ada", "All rights", "2020:01:02 03:04:05"
    exif[0x011A], exif[0x011B], exif[0x0128] = 300.0, 300.0, 2
    exif.get_ifd(0x8769)[0x9003] = "2020:01:02 03:04:05"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0a comment"
    return exif


def _lab() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def _png(top: Path) -> Iterator[bytes]:
    text = PngInfo()
    text.add_itxt("impasto", "{}")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    text.add_text("Author", "Ada", zip=True)
    all_of = {"pnginfo": text, "exif": _exif(), "icc_profile": srgb_profile(), "dpi": (300, 300)}
    yield from (_saved("PNG", mode, **all_of) for mode in ("1", "L", "LA", "P", "RGB", "RGBA"))
    yield _saved("PNG", "P", transparency=3)
    yield _saved("PNG", "RGB", transparency=(0, 0, 0))
    yield from _deep(top, ".png", ["uint16"])


def _jpeg(top: Path) -> Iterator[bytes]:
    all_of = {"exif": _exif(), "icc_profile": srgb_profile(), "dpi": (300, 300), "xmp": XMP}
    yield from (_saved("JPEG", mode) for mode in ("L", "RGB", "CMYK"))
    yield _saved("JPEG", "RGB", progressive=True, **all_of)
    yield _saved("JPEG", "CMYK", progressive=True, icc_profile=_lab())
    yield _saved("JPEG", "RGB", restart_marker_blocks=1, subsampling=0, **all_of)


def _tiff(top: Path) -> Iterator[bytes]:
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield _saved("TIFF", "RGB", compression=compression, exif=_exif(), icc_profile=srgb_profile())
    yield _saved("TIFF", "1", compression="group4")
    yield _saved("TIFF", "1", compression="group3")
    yield from (_saved("TIFF", mode) for mode in ("L", "LA", "P", "RGBA", "CMYK", "LAB"))
    yield _saved("TIFF", "RGB", big_tiff=True)
    yield from _deep(top, ".tif", ["uint16", "half", "float", "double"])


def _webp(top: Path) -> Iterator[bytes]:
    all_of = {"exif": _exif(), "icc_profile": srgb_profile(), "xmp": XMP}
    for options in ({}, {"lossless": True}, all_of):
        yield from (_saved("WEBP", mode, **options) for mode in ("RGB", "RGBA"))
    yield _saved("WEBP", "RGBA", save_all=True, append_images=[_image("RGBA").rotate(90)], **all_of)


def _avif(top: Path) -> Iterator[bytes]:
    all_of = {"exif": _exif(), "icc_profile": srgb_profile(), "xmp": XMP, "speed": 10}
    yield from (_saved("AVIF", mode, **all_of) for mode in ("RGB", "RGBA"))
    yield _saved("AVIF", "RGB", speed=10, subsampling="4:0:0")
    yield _saved("AVIF", "RGB", speed=10, save_all=True, append_images=[_image("RGB").rotate(90)])


def _heic(top: Path) -> Iterator[bytes]:
    for mode, profile in (("L", GREY), ("RGB", srgb_profile()), ("RGBA", PROFILES[-1])):
        image = _image(mode)
        image.info |= {"icc_profile": profile, "xmp": XMP}
        yield _heif([image], exif=_exif().tobytes())
    yield _heif([_image("RGB"), _image("RGB").rotate(180)], primary_index=1, color_primaries=12, chroma=444)


def _heif(images: list[Image.Image], **options: object) -> bytes:
    file, made = io.BytesIO(), pillow_heif.HeifFile()
    for image in images:
        made.add_from_pillow(image)
    made.save(file, **options)
    return file.getvalue()


def _gif(top: Path) -> Iterator[bytes]:
    yield from (_saved("GIF", mode, comment=b"{}", interlace=mode == "RGB") for mode in ("1", "L", "P", "RGB"))
    yield _saved("GIF", "P", transparency=3, save_all=True, append_images=[_image("P").rotate(90)])


def _bmp(top: Path) -> Iterator[bytes]:
    yield from (_saved("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA"))


def _jpeg2000(top: Path) -> Iterator[bytes]:
    for options in ({}, {"irreversible": True}, {"no_jp2": True}, {"tile_size": (16, 16), "progression": "RLCP"}):
        yield from (_saved("JPEG2000", mode, **options) for mode in ("L", "LA", "RGB", "RGBA"))


def _pnm(top: Path) -> Iterator[bytes]:
    yield from (_saved("PPM", mode) for mode in ("1", "L", "RGB"))
    yield b"P3\n# text\n24 20\n255\n" + b"12 200 3\n" * 480
    yield b"P2 24 20 15 " + b"7 " * 480
    yield b"P1 24 20 " + b"01" * 240
    yield b"P5 24 20 65535\n" + bytes(960)


def _exr(top: Path) -> Iterator[bytes]:
    yield from _deep(top, ".exr", ["half", "float"])
    for compression in ("none", "rle", "zips", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab"):
        yield from _deep(top, ".exr", ["half"], compression=compression)


def _deep(top: Path, suffix: str, kinds: list[str], profile: bytes = b"", **more: str) -> Iterator[bytes]:
    """In strips and in tiles, of 1 to 4 channels, with everything beside the pixels that we read."""
    path, profile = top / f"corpus{suffix}", profile or srgb_profile()
    texts = {"ImageDescription": "{}", "Artist": "Ada", "XMP": XMP.decode(), "compression": "zip"} | more
    for kind in kinds:
        for channels, names in ((1, "Y"), (2, "YA"), (3, "RGB"), (4, "RGBA")):
            for tile in (0, 16) if suffix != ".png" else (0,):
                spec = OpenImageIO.ImageSpec(*SIZE, channels, kind)
                spec.channelnames = tuple(names)
                spec.alpha_channel = names.find("A")
                spec.tile_width = spec.tile_height = tile
                for name, text in texts.items():
                    spec.attribute(name, text)
                spec.attribute("ICCProfile", f"uint8[{len(profile)}]", np.frombuffer(profile, np.uint8))
                spec.attribute("Orientation", 6)
                file = OpenImageIO.ImageOutput.create(str(path))
                array = np.asarray(_image("RGBA"), np.float32)[..., :channels] / np.float32(255)
                if not file.open(str(path), spec):  # for PNG, the profile is looked into
                    spec.erase_attribute("ICCProfile")
                    assert file.open(str(path), spec)
                assert file.write_image(np.ascontiguousarray(array))
                assert file.close()
                yield path.read_bytes()
