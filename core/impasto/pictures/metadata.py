"""What a photograph's file says of it, and a result keeps: resolution, author, rights and dates. Never the place.

Only what is named here is kept: all else may tell where and with what a picture was taken, or how it was edited.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

DATE, ACROSS, DOWN, UNIT, INCH, CENTIMETRE = 0x0132, 0x011A, 0x011B, 0x0128, 2, 3
MAIN = {DATE: "DateTime", 0x013B: "Artist", 0x8298: "Copyright"}
TAKEN, OFFSET = 0x9003, 0x9011
NESTED = {
    TAKEN: "Exif:DateTimeOriginal",
    0x9004: "Exif:DateTimeDigitized",
    0x9010: "Exif:OffsetTime",
    OFFSET: "Exif:OffsetTimeOriginal",
    0x9012: "Exif:OffsetTimeDigitized",
}
"""EXIF 2.32, tables 4 and 8: the tags that are kept of either directory, and what OpenImageIO calls them."""
LONG_AGO = "2000:01:01 00:00:00"
"""The date in our files of more than 8 bits, if the photograph has none: the same picture is the same bytes."""
LONGEST_TEXT, LONGEST_XMP = 4_000, 32_000
"""Bytes; a JPEG holds 65,533 of EXIF, the recipe included, and as many of XMP."""
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "cc": "http://creativecommons.org/ns#",
    "plus": "http://ns.useplus.org/ldf/xmp/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
}
ALL_OF = ("xmpRights", "cc", "plus")
SOME_OF = {
    "dc": ("creator", "rights"),
    "photoshop": ("Credit", "DateCreated"),
    "xmp": ("CreateDate",),
    "exif": ("DateTimeOriginal", "DateTimeDigitized"),
}
"""XMP specification, part 2: properties about rights and dates."""


@dataclass(frozen=True)
class Metadata:
    """`dpi` (across, down) in pixels per inch; EXIF `tags` of `MAIN` and `NESTED` as text; `xmp`, a packet or b""."""

    dpi: tuple[float, float] | None = None
    tags: Mapping[int, str] = field(default_factory=dict)
    xmp: bytes = b""

    @classmethod
    def of(cls, dpi: object, tags: Mapping[int, object], xmp: object) -> Metadata:
        """What is to be kept of a file's EXIF `tags` of both directories and its `xmp`; `dpi` goes before theirs."""
        texts = {tag: _text(tags[tag]) for tag in (*MAIN, *NESTED) if tag in tags}
        kept = {tag: text for tag, text in texts.items() if 0 < len(text.encode()) <= LONGEST_TEXT and text != LONG_AGO}
        unit = {INCH: 1.0, CENTIMETRE: 2.54}.get(tags.get(UNIT, INCH), 0.0)  # type: ignore[call-overload]
        found = _dpi(dpi, 1.0) or _dpi((tags.get(ACROSS), tags.get(DOWN)), unit)
        return cls(found, kept, _rights(xmp, kept))


NO_METADATA = Metadata()


def _text(value: object) -> str:
    """Pillow takes EXIF's text for Latin-1; most of it is UTF-8."""
    raw = value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.partition("\0")[0].strip()


def _dpi(value: object, unit: float) -> tuple[float, float] | None:
    try:
        across, down = (float(one) * unit for one in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    fits = all(math.isfinite(one) and 1 <= one <= 65_535 for one in (across, down))
    return (across, down) if fits else None


def _rights(xmp: object, tags: Mapping[int, str]) -> bytes:
    """A packet of what is kept of `xmp`, and of the date in `tags`, which a TIFF has no other place for."""
    for prefix, name in NAMESPACES.items():
        Xml.register_namespace(prefix, name)
    top = Xml.Element(_name("x:xmpmeta"))
    about = Xml.SubElement(Xml.SubElement(top, _name("rdf:RDF")), _name("rdf:Description"), {_name("rdf:about"): ""})
    text = xmp.encode() if isinstance(xmp, str) else xmp if isinstance(xmp, bytes) else b""
    for property_ in _properties(text):
        if not any(known.tag == property_.tag for known in about):
            about.append(property_)
    date = _name("exif:DateTimeOriginal")
    if TAKEN in tags and about.find(date) is None:
        day, _, time = tags[TAKEN].partition(" ")
        Xml.SubElement(about, date).text = f"{day.replace(':', '-')}T{time}{tags.get(OFFSET, '')}"
    packet = Xml.tostring(top, "utf-8", xml_declaration=False)
    return packet if len(about) and len(packet) <= LONGEST_XMP else b""


def _properties(xmp: bytes) -> Iterator[Xml.Element]:
    """Those that are kept, as elements, whether they were elements or attributes; none of what cannot be parsed."""
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:  # XMP has none, and entities can be a bomb
        return
    try:
        top = Xml.fromstring(xmp.strip(b"\0 \n"))  # noqa: S314
    except Xml.ParseError:
        return
    for description in top.iterfind(f".//{_name('rdf:RDF')}/{_name('rdf:Description')}"):
        for name, value in description.attrib.items():
            if _is_kept(name) and value != LONG_AGO:
                one = Xml.Element(name)
                one.text = value
                yield one
        yield from (one for one in description if _is_kept(one.tag))


def _name(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def _is_kept(name: str) -> bool:
    space, _, local = name.removeprefix("{").partition("}")
    prefix = next((prefix for prefix, known in NAMESPACES.items() if known == space), "")
    return prefix in ALL_OF or local in SOME_OF.get(prefix, ())
