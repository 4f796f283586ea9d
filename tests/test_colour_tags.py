"""Pictures whose file names a colour space without a profile, or with one that cannot be read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image, ImageCms

from conftest import drawing
from icc_profiles import CURVES, GREY, adobe
from impasto.errors import ImageError, ImageWarning
from impasto.pictures.colour_spaces import srgb_decoded, srgb_encoded, srgb_profile
from impasto.pictures.picture import Picture, read, write
from impasto.pictures.samples import Samples

Run = Callable[..., Result]
Chunk = tuple[bytes, bytes]
P3 = np.array([[1.22494, -0.22494, 0], [-0.04206, 1.04206, 0], [-0.01964, -0.07864, 1.09828]])
"""Linear Display P3 to linear sRGB (CSS Color 4, 10.3 and 10.4)."""
P3_CODES, SRGB_CODES = (b"cICP", b"\x0c\x0d\0\1"), (b"cICP", b"\x01\x0d\0\1")
ADOBE_CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
SRGB_CHRM = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
SRGB_CHUNK = (b"sRGB", b"\0")


def gamma(number: int) -> Chunk:
    return b"gAMA", struct.pack(">I", number)


def icc(data: bytes) -> Chunk:
    return b"iCCP", b"profile\0\0" + zlib.compress(data)


def png(path: Path, *chunks: Chunk, deep: bool = False, grey: bool = False) -> Path:
    """The drawing in a PNG with these chunks alone behind the header."""
    there = drawing()[..., :1] if grey else drawing()
    array = there.astype(">u2") * 257 if deep else there
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    header = struct.pack(">IIBBBBB", 96, 64, 16 if deep else 8, 0 if grey else 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data)
    return path


def plain(grey: bool = False) -> NDArray[np.float32]:
    there = drawing().astype(np.float32) / 255
    return there[..., :1].repeat(3, axis=2) if grey else there


def in_p3() -> NDArray[np.float32]:
    return srgb_encoded((srgb_decoded(plain()) @ P3.T).astype(np.float32)).clip(0, 1)


def in_adobe_rgb() -> NDArray[np.float32]:
    return Picture.of(Samples(drawing(), icc=adobe())).pixels


def of_camera(rules: str = "R03") -> bytes:
    """EXIF of a camera that is set to Adobe RGB."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA001: 0xFFFF, 0xA005: {1: rules, 2: b"0100"}})
    return exif.tobytes()


def directory(*entries: bytes) -> bytes:
    assert len(entries) < 30
    return struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)


def deep_tiff_of_camera(path: Path) -> None:
    """A TIFF of 16 bits, to which the directories of `of_camera` are added by hand."""
    write(path, Picture(plain(), samples=Samples.of(plain(), kind="u16")))
    data = path.read_bytes() + bytes(len(path.read_bytes()) % 2)
    start = struct.unpack_from("<I", data, 4)[0]
    own = [data[start + 2 + 12 * i :][:12] for i in range(struct.unpack_from("<H", data, start)[0])]
    own = [entry for entry in own if entry[:2] not in (b"\x73\x87", b"\x69\x87")]  # no profile
    rules = directory(struct.pack("<HHI4s", 1, 2, 4, b"R03"))
    inner = directory(struct.pack("<HHIHH", 0xA001, 3, 1, 0xFFFF, 0), struct.pack("<HHII", 0xA005, 4, 1, len(data)))
    pointer = struct.pack("<HHII", 0x8769, 4, 1, len(data) + len(rules))
    outer = directory(*sorted([*own, pointer], key=lambda entry: struct.unpack_from("<H", entry)[0]))
    at = struct.pack("<I", len(data) + len(rules) + len(inner))
    path.write_bytes(data[:4] + at + data[8:] + rules + inner + outer)


def difference(path: Path, expected: NDArray[np.float32]) -> float:
    return float(np.abs(read(path).pixels - expected).max() * 255)


# What is honoured


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".png", ".tif"])
def test_a_cameras_adobe_rgb_without_a_profile_keeps_its_colours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    if suffix == ".tif":
        deep_tiff_of_camera(path)
    else:
        Image.fromarray(drawing()).save(path, exif=of_camera(), quality=100, subsampling=0, lossless=True)
    tolerance = 10 if suffix == ".jpg" else 0.6  # what JPEG itself changes
    assert difference(path, in_adobe_rgb()) < tolerance
    assert difference(path, plain()) > 20
    if suffix != ".tif":
        Image.fromarray(drawing()).save(path, exif=of_camera("R98"), quality=100, subsampling=0, lossless=True)
        assert difference(path, plain()) < tolerance


@pytest.mark.parametrize("deep", [False, True])
def test_display_p3_of_a_png_without_a_profile_keeps_its_colours(tmp_path: Path, deep: bool) -> None:
    assert difference(png(tmp_path / "p.png", P3_CODES, deep=deep), in_p3()) < 0.6
    assert difference(png(tmp_path / "p.png", SRGB_CODES, deep=deep), plain()) == 0


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(("number", "exponent"), [(55556, 1.8), (100000, 1.0), (35000, 1 / 0.35)])
def test_the_gamma_of_a_png_is_that_of_its_lights(
    tmp_path: Path, deep: bool, grey: bool, number: int, exponent: float
) -> None:
    path = png(tmp_path / "p.png", gamma(number), deep=deep, grey=grey)
    assert difference(path, srgb_encoded(plain(grey) ** np.float32(exponent))) < 0.2


def test_the_gamma_and_primaries_of_a_png_make_its_colour_space(tmp_path: Path) -> None:
    assert difference(png(tmp_path / "p.png", gamma(45471), ADOBE_CHRM), in_adobe_rgb()) < 0.6
    curve = adobe(CURVES["parametric"])
    expected = Picture.of(Samples(drawing(), icc=curve)).pixels
    assert difference(png(tmp_path / "p.png", ADOBE_CHRM), expected) < 0.6


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("chunks", [[gamma(45455)], [gamma(45455), SRGB_CHRM], [SRGB_CHRM], [gamma(45454), SRGB_CHRM]])
def test_what_programs_write_for_srgb_changes_nothing(
    tmp_path: Path, deep: bool, grey: bool, chunks: list[Chunk]
) -> None:
    path = png(tmp_path / "p.png", *chunks, deep=deep, grey=grey)
    assert np.array_equal(read(path).pixels, plain(grey))


def test_of_several_tags_of_a_png_that_counts_which_the_specification_puts_first(tmp_path: Path) -> None:
    path, own, other = tmp_path / "p.png", icc(adobe()), gamma(100000)
    assert difference(png(path, P3_CODES, own, SRGB_CHUNK, other), in_p3()) < 0.6
    assert difference(png(path, SRGB_CODES, own, other), plain()) == 0
    assert difference(png(path, own, SRGB_CHUNK, other), in_adobe_rgb()) < 0.01
    assert difference(png(path, icc(srgb_profile()), other), plain()) == 0
    assert difference(png(path, SRGB_CHUNK, other, ADOBE_CHRM), plain()) == 0
    camera = (b"eXIf", of_camera()[6:])
    assert difference(png(path, SRGB_CHUNK, camera), plain()) == 0
    assert difference(png(path, camera), in_adobe_rgb()) < 0.6


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("chunks", [[P3_CODES], [gamma(55556)], [gamma(55556), ADOBE_CHRM]])
def test_other_programs_see_the_same_colours_in_the_result(
    tmp_path: Path, deep: bool, suffix: str, chunks: list[Chunk]
) -> None:
    before = read(png(tmp_path / "p.png", *chunks, deep=deep))
    write(tmp_path / f"q{suffix}", before)
    after = read(tmp_path / f"q{suffix}")
    assert np.abs(after.pixels - before.pixels).max() < (0.1 if suffix == ".jpg" else 1e-6)
    if not deep:
        with Image.open(tmp_path / f"q{suffix}") as file:
            source = ImageCms.ImageCmsProfile(io.BytesIO(file.info["icc_profile"]))
            shown = ImageCms.profileToProfile(file, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert np.abs(np.asarray(shown, np.float32) - after.pixels * 255).max() < 1.6


# What is not


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize("deep", [False, True])
def test_a_png_of_high_dynamic_range_is_refused_by_name(
    impasto: Run, tmp_path: Path, style: Path, transfer: int, name: str, deep: bool
) -> None:
    path = png(tmp_path / "p.png", (b"cICP", bytes([9, transfer, 0, 1])), icc(adobe()), deep=deep)
    with pytest.raises(ImageError, match="high dynamic range"):
        read(path)
    done = impasto(path, style, "-o", tmp_path / "out.png")
    assert done.exit_code == 2
    assert f"{path}: this picture has a high dynamic range ({name}); expected a standard one." in done.stderr
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("form", ["tif", "png", "deep png", "cmyk tif"])
def test_a_profile_that_cannot_be_used_is_told_in_one_line(
    impasto: Run, tmp_path: Path, style: Path, form: str
) -> None:
    path, out = tmp_path / f"p.{form.split()[-1]}", tmp_path / "out.png"
    if path.suffix == ".tif":
        image = Image.fromarray(drawing()).convert("CMYK" if form == "cmyk tif" else "RGB")
        image.save(path, icc_profile=b"no profile" * 20)
    else:
        png(path, icc(b"no profile" * 20), deep="deep" in form)
    command = (path, style, "-o", out, "--size", 64, "--steps", 1, "--scales", 1)
    done = impasto(*command)
    line = f"impasto: {path}: its colour profile cannot be used, and is left aside; colours may be off.\n"
    assert done.exit_code == 0, done.output
    assert done.stderr.count(line) == done.stderr.count("left aside") == 1
    assert impasto(*command, "-q").stderr == ""


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([(b"cICP", b"\x16\x0d\0\1")], "its colour space (cICP 22/13/0/1) is not known here"),
        ([(b"cICP", b"\x0c\x0d\0\0")], "its colour space (cICP 12/13/0/0) is not known here"),
        ([(b"cICP", b"\x0c")], "its colour space (cICP 12) is not known here"),
        ([(b"iCCP", b"profile\0\0not deflated")], "its colour profile cannot be used"),
        ([gamma(0)], "its colour space (gAMA, cHRM) makes no sense"),
        ([gamma(10)], "its colour space (gAMA, cHRM) makes no sense"),
        ([gamma(2**32 - 1)], "its colour space (gAMA, cHRM) makes no sense"),
        ([(b"cHRM", bytes(32))], "its colour space (gAMA, cHRM) makes no sense"),
        ([(b"cHRM", struct.pack(">8I", *[30000] * 8))], "its colour space (gAMA, cHRM) makes no sense"),
        ([(b"cHRM", struct.pack(">8I", *[2**32 - 1, 1] * 4))], "its colour space (gAMA, cHRM) makes no sense"),
    ],
)
def test_tags_that_cannot_be_used_are_told_and_left_aside(tmp_path: Path, chunks: list[Chunk], words: str) -> None:
    path = png(tmp_path / "p.png", *chunks)
    with pytest.warns(ImageWarning) as told:
        pixels = read(path).pixels
    assert [str(one.message) for one in told] == [f"{path}: {words}, and is left aside; colours may be off."]
    assert told[0].filename == __file__
    assert np.array_equal(pixels, plain())


def test_a_jpeg_that_is_decoded_again_without_its_end_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    Image.fromarray(drawing()).save(path, icc_profile=b"no profile" * 20)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.warns(ImageWarning) as told:
        read(path)
    words = [str(one.message).removeprefix(f"{path}: its ").partition(",")[0] for one in told]
    assert words == ["colour profile cannot be used", f"{path}: the end of the JPEG file is missing"]


def test_the_profile_is_that_of_the_page_that_is_taken(tmp_path: Path) -> None:
    path, shapes = tmp_path / "p.tif", ((16, 24), (64, 96))
    pages = [Image.fromarray(np.full(shape, 30000, np.uint16)) for shape in shapes]
    pages[1].encoderinfo = {"icc_profile": GREY}
    pages[0].save(path, save_all=True, append_images=pages[1:])
    samples = read(path).samples
    assert samples and samples.array.shape[:2] == (64, 96) and samples.icc == GREY
