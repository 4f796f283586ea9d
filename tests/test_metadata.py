"""What a photograph's file says of it: author, rights, dates and resolution stay, the place does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import Run, drawing
from impasto.pictures.metadata import LONGEST_TEXT, NO_METADATA
from impasto.pictures.picture import read, read_comment, write
from impasto.pictures.samples import Samples

QUICK = ("--size", 64, "--steps", 1, "--scales", 1, "--device", "cpu", "--init", "content", "-q")
DATE, ARTIST, COPYRIGHT, TAKEN, EXIF, GPS = 0x0132, 0x013B, 0x8298, 0x9003, 0x8769, 0x8825
TAGS = {DATE: "2020:05:06 07:08:09", ARTIST: "Zoë Ångström", COPYRIGHT: "© Zoë", TAKEN: "2019:01:02 03:04:05"}
XMP = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmpRights:Marked="True" exif:GPSLatitude="48,31.2N"
 xmp:CreateDate="2019-01-02T03:04:05"><dc:rights><rdf:Alt><rdf:li xml:lang="x-default">all mine, Zoë</rdf:li></rdf:Alt>
</dc:rights><photoshop:City>Neustadt</photoshop:City></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""
FORMS = [".jpg", ".png", ".tif", ".webp"]


def photograph(path: Path) -> Path:
    """A file with everything; a TIFF's place goes where Pillow can write it, into XMP."""
    exif = Image.Exif()
    for tag, text in TAGS.items():
        (exif.get_ifd(EXIF) if tag == TAKEN else exif)[tag] = text if tag == TAKEN else text.encode()
    exif.get_ifd(EXIF)[0xA434] = "Lens 50mm"
    exif[282], exif[283], exif[296] = 240, 240, 2
    if path.suffix == ".tif":
        exif[700] = XMP.encode()
    else:
        exif.get_ifd(GPS)[1] = "N"
    more = {"xmp": XMP.encode()} if path.suffix in (".jpg", ".webp") else {}
    if path.suffix == ".png":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        more = {"pnginfo": text}
    Image.fromarray(drawing()).save(path, exif=exif, dpi=(240, 240), **more)
    return path


def in_depth(path: Path, photo: Path) -> Path:
    """The photograph in 16 bits, for a result of as many."""
    there = read(photo)
    deep = Samples.of(there.pixels, kind="u16")
    write(path, replace(there, samples=deep))
    return path


def assert_kept(path: Path, taken: bool = True) -> None:
    with Image.open(path) as file:
        exif, info = file.getexif(), file.info
        assert GPS not in exif
        assert info.get("dpi", (exif.get(282), exif.get(283))) == pytest.approx((240, 240), abs=0.1)
        for tag in (DATE, ARTIST, COPYRIGHT):
            assert exif[tag].encode("latin-1").decode() == TAGS[tag]
        if taken:
            assert exif.get_ifd(EXIF)[TAKEN] == TAGS[TAKEN]
        xmp = info.get("xmp") or info["XML:com.adobe.xmp"].encode()
    for words in ("all mine, Zoë", "Marked>True", "CreateDate>2019-01-02"):
        assert words.encode() in xmp
    data = path.read_bytes()
    assert not [word for word in (b"GPSLat", b"48,31.2N", b"Neustadt", b"Lens 50mm") if word in data]


@pytest.mark.parametrize("given", FORMS)
@pytest.mark.parametrize("form", FORMS)
def test_author_rights_and_dates_stay_and_the_place_does_not(
    impasto: Run, tmp_path: Path, style: Path, given: str, form: str
) -> None:
    photo, out = photograph(tmp_path / f"photo{given}"), tmp_path / f"out{form}"
    done = impasto(photo, style, "-o", out, *QUICK)
    assert done.exit_code == 0, done.output
    assert_kept(out, taken=".tif" not in (given, form))
    assert '"photo.' in read_comment(out)
    assert impasto("again", out, "-q").exit_code == 0
    assert out.with_stem("out-again").read_bytes() == out.read_bytes()


@pytest.mark.parametrize("form", [".png", ".tif"])
def test_they_stay_in_pictures_of_16_bits(impasto: Run, tmp_path: Path, style: Path, form: str) -> None:
    photo = in_depth(tmp_path / f"deep{form}", photograph(tmp_path / "photo.jpg"))
    out = tmp_path / f"out{form}"
    done = impasto(photo, style, "-o", out, *QUICK)
    assert done.exit_code == 0, done.output
    assert read(out).samples.kind == "u16"  # type: ignore[union-attr]
    assert_kept(out, taken=form != ".tif")
    assert b"2019-01-02T03:04:05" in read(out).metadata.xmp
    plain = tmp_path / f"plain{form}"
    write(plain, replace(read(out), metadata=NO_METADATA))
    assert np.array_equal(read(plain).pixels, read(out).pixels)


def test_openexr_says_who_made_it(impasto: Run, tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.exr"
    assert impasto(photograph(tmp_path / "photo.jpg"), style, "-o", out, *QUICK).exit_code == 0
    assert "Zoë Ångström".encode() in out.read_bytes()
    assert b"48,31.2N" not in out.read_bytes()


@pytest.mark.parametrize("form", [*FORMS, ".exr"])
def test_strip_leaves_them_out_also_when_it_is_made_again(impasto: Run, tmp_path: Path, style: Path, form: str) -> None:
    photo, out = photograph(tmp_path / "photo.jpg"), tmp_path / f"out{form}"
    assert impasto(photo, style, "-o", out, *QUICK, "--strip").exit_code == 0
    assert impasto("again", out, "-q").exit_code == 0
    for path in (out, out.with_stem("out-again")):
        assert not [word for word in ("Zoë".encode(), b"2019", b"all mine") if word in path.read_bytes()]
    assert out.with_stem("out-again").read_bytes() == out.read_bytes()


@pytest.mark.parametrize("xmp", [b"<x", b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', b"\xff\xfe\x00", b""])
def test_metadata_that_is_damaged_or_too_long_never_stops_a_picture(tmp_path: Path, xmp: bytes) -> None:
    exif = Image.Exif()
    exif[ARTIST], exif[COPYRIGHT] = "a" * (LONGEST_TEXT + 1), "me"
    Image.fromarray(drawing()).save(tmp_path / "p.jpg", exif=exif, xmp=xmp)
    found = read(tmp_path / "p.jpg").metadata
    assert (found.tags, found.xmp, found.dpi) == ({COPYRIGHT: "me"}, b"", None)
    for form in FORMS:
        write(tmp_path / f"q{form}", read(tmp_path / "p.jpg"), "recipe")
        assert read_comment(tmp_path / f"q{form}") == "recipe"
