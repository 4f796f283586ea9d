"""What a file is by its first bytes, whatever its name says: a picture that is read, or something to export first."""

from __future__ import annotations

from typing import NamedTuple

from ..storage.files import FORMATS


class Other(NamedTuple):
    """What a file is that is not read, and what to do with it."""

    name: str
    hint: str


HEAD = 1024
"""Bytes that are enough to tell."""
READ = "a PNG, JPEG, TIFF, WebP, OpenEXR, AVIF, GIF, BMP, JPEG 2000 or PNM picture"
SUFFIXES = {*FORMATS, ".avif", ".gif", ".bmp", ".jp2", ".j2k", ".pnm", ".pbm", ".pgm", ".ppm"}
"""What pictures are known by in a folder of all kinds of files."""
STARTS: dict[str | Other, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "EXR": (b"\x76\x2f\x31\x01",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "PNM": tuple(b"P%d%c" % (number, space) for number in range(1, 7) for space in b" \t\r\n"),
}


RAW = Other("a camera's raw file", "Develop it, and export it as TIFF.")
VIDEO = Other("a video", "Export one frame of it, as PNG.")
LAYERS = "Export it flattened, as PNG or TIFF."
OTHERS: dict[str | Other, tuple[bytes, ...]] = {
    Other("a Photoshop document", LAYERS): (b"8BPS",),
    Other("a GIMP document", LAYERS): (b"gimp xcf",),
    Other("a PDF document", "Export the page as PNG or TIFF."): (b"%PDF",),
    Other("a PostScript document", "Export the page as PNG or TIFF."): (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    Other("a JPEG XL picture", "Export it as PNG or TIFF."): (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    RAW: (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"IIU\0", b"FOVb", b"II*\0\x10\0\0\0CR"),
    VIDEO: (b"\x1aE\xdf\xa3", b"\0\0\x01\xba"),
}
DOCUMENTS = {
    b"mimetypeapplication/x-krita": Other("a Krita document", LAYERS),
    b"mimetypeimage/openraster": Other("an OpenRaster document", LAYERS),
}
"""The first entry of these ZIP files."""
HEIC = Other("a HEIC picture", "Export it as JPEG, PNG or TIFF, or run `pip install 'impasto[heif]'`.")
"""Read as "HEIC" where pillow-heif is installed, which holds parts under the GPL."""
BRANDS: dict[bytes, str | Other] = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": RAW,
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), HEIC),
}
"""Of ISO media files (ISO/IEC 14496-12, 4.3), by what goes before what; all others are videos."""


def recognised(head: bytes) -> str | Other | None:
    """The format of a file that begins so, or what else it is, or None if we cannot tell."""
    if head[4:8] == b"ftyp":
        box = head[8 : int.from_bytes(head[:4], "big")]
        found = {box[place : place + 4] for place in range(0, len(box), 4)}
        return next((kind for brand, kind in BRANDS.items() if brand in found), VIDEO)
    if head.startswith(b"RIFF"):
        return "WebP" if head[8:12] == b"WEBP" else VIDEO if head[8:12] == b"AVI " else None
    if head.startswith(b"PK\3\4"):
        return next((kind for words, kind in DOCUMENTS.items() if words in head), None)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head:
        return Other("an SVG drawing", "Export it as PNG, at the size it is to be painted from.")
    return next((kind for kind, starts in (OTHERS | STARTS).items() if head.startswith(starts)), None)
