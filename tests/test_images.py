"""Pictures in and out of real files, of every kind that is read, and of every kind that is refused."""

from __future__ import annotations

import io
import os
import resource
import struct
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from conftest import drawing
from impasto.errors import ImageError, ImageWarning, OutputError
from impasto.pictures.codecs import MOST_PIXELS
from impasto.pictures.colour_spaces import srgb_profile
from impasto.pictures.formats import READ
from impasto.pictures.frames import chosen
from impasto.pictures.picture import Picture, read, read_comment, write
from impasto.pictures.samples import Samples

Run = Callable[..., Result]
SUFFIXES = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".exr"]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG written by hand, so that it can lie about its size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def picture(alpha: bool = False) -> Picture:
    colours = drawing().astype(np.float32) / 255
    ramp = np.linspace(0, 1, 96, dtype=np.float32)[None].repeat(64, axis=0)
    return Picture(colours, ramp if alpha else None)


def bytes_of(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    return (array * 255).round().astype(np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


# Reading


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_comes_back(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"p{suffix}", picture())
    back = read(tmp_path / f"p{suffix}")
    exact = suffix in (".png", ".tif", ".tiff")
    assert back.pixels.dtype == np.float32
    assert back.alpha is None
    assert np.abs(back.pixels - bytes_of(picture().pixels) / 255).max() <= (1e-6 if exact else 0.1)


@pytest.mark.parametrize(
    ("orientation", "transform"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (6, Image.Transpose.ROTATE_270),
        (8, Image.Transpose.ROTATE_90),
    ],
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, transform: Image.Transpose) -> None:
    upright = Image.fromarray(drawing())
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = read(save(tmp_path / "p.png", upright, exif=exif))
    assert np.array_equal(bytes_of(back.pixels), np.asarray(upright.transpose(transform)))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_picture_with_damaged_exif_is_read_as_it_lies(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = exif.tobytes()
    plain = read(save(tmp_path / f"plain{suffix}", Image.fromarray(drawing())))
    for number, damaged in enumerate((whole.replace(b"MM\0*", b"MM\0?"), b"Exif\0\0" + bytes(20), b"?" * 40)):
        path = save(tmp_path / f"{number}{suffix}", Image.fromarray(drawing()), exif=damaged)
        assert np.array_equal(read(path).pixels, plain.pixels)


def test_an_icc_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """A real profile of a device whose red is sRGB's green, and the other way round."""
    swapped = srgb_profile().replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    path = save(tmp_path / "p.png", Image.new("RGB", (32, 32), (200, 50, 10)), icc_profile=swapped)
    assert np.abs(bytes_of(read(path).pixels) - np.array([50.0, 200, 10])).max() <= 1


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    there = ImageCms.profileToProfile(Image.new("RGB", (32, 32), (200, 50, 10)), srgb, lab, outputMode="LAB")
    assert there is not None
    back = read(save(tmp_path / "p.tif", there))
    assert np.abs(bytes_of(back.pixels) - np.array([200.0, 50, 10])).max() <= 4


def test_our_own_profile_changes_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", Image.fromarray(drawing()), icc_profile=srgb_profile())
    assert np.array_equal(bytes_of(read(path).pixels), drawing())


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_an_unusable_profile_is_left_aside(tmp_path: Path, mode: str) -> None:
    plain = Image.fromarray(drawing()).convert(mode)
    path = save(tmp_path / "p.tif", plain, icc_profile=b"not a profile" * 20)
    with pytest.warns(ImageWarning, match="its colour profile cannot be used"):
        assert np.array_equal(bytes_of(read(path).pixels), np.asarray(plain.convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_colour_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    there = Image.fromarray(drawing()).convert(mode)
    path = save(tmp_path / "p.tif", there)
    with Image.open(path) as expected:
        assert np.array_equal(bytes_of(read(path).pixels), np.asarray(expected.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_is_kept(tmp_path: Path, mode: str, suffix: str) -> None:
    there = Image.fromarray(drawing()).convert("RGBA")
    there.putalpha(Image.linear_gradient("L").resize((96, 64)))
    there = there.convert(mode) if mode != "PA" else there.quantize()
    path = save(
        tmp_path / f"p{suffix}",
        there.convert("RGBA") if suffix == ".tif" and mode == "PA" else there,
        **({"lossless": True} if suffix == ".webp" else {}),
    )
    with Image.open(path) as expected:
        alpha = np.asarray(expected.convert("RGBA"))[..., 3]
    back = read(path).alpha
    assert back is not None
    assert np.array_equal(bytes_of(back), alpha)


def test_a_transparent_palette_entry_is_alpha(tmp_path: Path) -> None:
    there = Image.fromarray(drawing()).quantize(8)
    back = read(save(tmp_path / "p.png", there, transparency=3))
    assert back.alpha is not None
    assert np.array_equal(back.alpha == 0, np.asarray(there) == 3)


def test_alpha_that_is_opaque_everywhere_is_none(tmp_path: Path) -> None:
    assert read(save(tmp_path / "p.png", Image.fromarray(drawing()).convert("RGBA"))).alpha is None


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_keeps_its_depth(tmp_path: Path, suffix: str) -> None:
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 15
    back = read(save(tmp_path / f"p{suffix}", Image.fromarray(grey)))
    assert np.allclose(back.pixels[..., 0] * 65535, grey, atol=0.01)
    assert np.array_equal(back.pixels[..., 0], back.pixels[..., 2])


def test_sixteen_bit_grey_with_a_profile_is_converted(tmp_path: Path) -> None:
    grey = np.full((32, 32), 0x8080, np.uint16)
    path = save(tmp_path / "p.tif", Image.fromarray(grey), icc_profile=srgb_profile())
    assert abs(read(path).pixels.mean() - 128 / 255) < 0.01


@pytest.mark.parametrize("name", ["p.webp", "p.tif", "p.png"])
def test_the_first_of_several_frames_of_one_size_is_read_and_told(tmp_path: Path, name: str) -> None:
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    path = save(tmp_path / name, first, save_all=True, append_images=[second])
    assert read(path).pixels[..., 0].min() > 0.9
    assert chosen(path) == f"the first of 2 {'page' if name == 'p.tif' else 'frame'}s"
    assert chosen(save(tmp_path / f"one-{name}", first)) == ""


@pytest.mark.parametrize("big", [False, True])
def test_the_largest_page_is_read_rather_than_the_thumbnail_before_it(tmp_path: Path, big: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    page = Image.fromarray(drawing(96, 64))
    page.encoderinfo = {"exif": exif}
    thumbnail, small = Image.new("L", (24, 16)), Image.new("RGB", (48, 32), "red")
    path = save(tmp_path / "p.tif", thumbnail, save_all=True, append_images=[page, small], big_tiff=big)
    assert chosen(path) == "page 2 of 3, the largest"
    assert np.array_equal(bytes_of(read(path).pixels), np.rot90(drawing(96, 64), -1))


@pytest.mark.parametrize(("name", "kind"), [("p.tif", "uint16"), ("p.tif", "float"), ("p.exr", "half")])
def test_the_largest_page_or_part_is_read_at_any_depth(tmp_path: Path, name: str, kind: str) -> None:
    path, file = tmp_path / name, OpenImageIO.ImageOutput.create(name)
    arrays = [np.full((height, width, 3), width / 100, np.float32) for width, height in ((24, 16), (96, 64), (48, 32))]
    specs = [OpenImageIO.ImageSpec(*array.shape[1::-1], 3, kind) for array in arrays]
    for number, spec in enumerate(specs):
        spec.attribute("oiio:subimagename", str(number))
        spec.full_width, spec.full_height = 96, 64  # one for all, says OpenEXR
    if name == "p.exr":
        assert file.open(str(path), tuple(specs))
    for number, (spec, array) in enumerate(zip(specs, arrays, strict=True)):
        if number or name != "p.exr":
            assert file.open(str(path), spec, "AppendSubimage" if number else "Create"), file.geterror()
        assert file.write_image(array)
    file.close()
    found = read(path)
    assert chosen(path) == f"{'part' if name == 'p.exr' else 'page'} 2 of 3, the largest"
    assert found.size == (96, 64) and found.samples
    assert abs(found.samples.array.astype(np.float64).mean() / (65535 if kind == "uint16" else 1) - 0.96) < 0.001


def test_pages_whose_directories_go_round_or_nowhere_are_left(tmp_path: Path) -> None:
    path = save(tmp_path / "p.tif", Image.fromarray(drawing()))
    data = path.read_bytes()
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for there in (first, len(data) - 1, len(data) + 9):
        path.write_bytes(data[: first + 2 + 12 * count] + struct.pack("<I", there) + data[first + 6 + 12 * count :])
        assert np.array_equal(bytes_of(read(path).pixels), drawing())
        assert chosen(path) == ""


# Refusing


def refused(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert caught.value.hint
    return message


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "missing.png")
    assert "this is a folder" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    assert "no ordinary file" in refused(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    assert "the file is empty" in refused(tmp_path / "empty.png")
    assert "cannot be read" in refused(tmp_path / ("x" * 300 + ".png"))


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read and write everything; for a moment, be someone who may not."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


def test_an_unreadable_file_is_refused(content: Path) -> None:
    content.chmod(0)
    with nobody():
        assert "ermission" in refused(content)


@pytest.mark.parametrize(
    "head", [b"hello, I am text", bytes(100), b"\x89", b"RIFF" + bytes(8), b"<?xml version='1.0'?>"]
)
def test_other_files_are_refused(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "p.png").write_bytes(head)
    assert f"this is not {READ}. Export it as one of these." in refused(tmp_path / "p.png")


def tiff(path: Path, *tags: tuple[int, int, int]) -> bytes:
    """A TIFF with these tags (number, type, value) besides, as cameras write them."""
    ifd = ImageFileDirectory_v2()
    for number, kind, value in tags:
        ifd.tagtype[number] = kind
        ifd[number] = value
    Image.fromarray(drawing()).save(path, "TIFF", tiffinfo=ifd)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("head", "name", "hint"),
    [
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video", "Export one frame"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "a video", "Export one frame"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw file", "Develop it"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file", "Develop it"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file", "Develop it"),
        (b"8BPS\0\1", "a Photoshop document", "Export it flattened"),
        (b"gimp xcf v011", "a GIMP document", "Export it flattened"),
        (b"PK\3\4" + bytes(26) + b"mimetypeapplication/x-krita", "a Krita document", "Export it flattened"),
        (b"%PDF-1.4", "a PDF document", "Export the page"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "a PostScript document", "Export the page"),
        (b"\xff\x0a\xfa", "a JPEG XL picture", "Export it as PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing", "Export it as PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<svg/>", "an SVG drawing", "Export it as PNG"),
    ],
)
def test_files_of_other_programs_are_named_with_what_to_do(tmp_path: Path, head: bytes, name: str, hint: str) -> None:
    (tmp_path / "p.jpg").write_bytes(head + bytes(200))
    assert f"this is {name}; expected {READ}. {hint}" in refused(tmp_path / "p.jpg")


@pytest.mark.parametrize("tag", [(254, 4, 1), (50706, 1, 1)])
def test_the_preview_in_a_raw_file_is_not_taken_for_the_photograph(tmp_path: Path, tag: tuple[int, int, int]) -> None:
    tiff(tmp_path / "plain.nef")
    assert read(tmp_path / "plain.nef").size == (96, 64)
    tiff(tmp_path / "p.nef", tag)
    assert "this is a camera's raw file" in refused(tmp_path / "p.nef")


@pytest.mark.parametrize("form", ["avif", "gif", "bmp", "jp2", "j2k", "ppm", "pgm"])
def test_formats_that_only_go_in(impasto: Run, tmp_path: Path, style: Path, form: str) -> None:
    path = save(tmp_path / f"p.{form}", Image.fromarray(drawing()).convert("L" if form == "pgm" else "RGB"))
    with Image.open(path) as file:
        assert np.array_equal(bytes_of(read(path).pixels), np.asarray(file.convert("RGB")))
    done = impasto(path, style, "-o", tmp_path / "out.png", "--size", 64, "--steps", 1, "--scales", 1, "-q")
    assert done.exit_code == 0, done.output
    data = path.read_bytes()
    for share in (0.3, 0.6, 0.95):
        (tmp_path / "short").write_bytes(data[: int(len(data) * share)])
        refused(tmp_path / "short")


def heic(path: Path, *pictures: Image.Image, main: int = 0, **how: Any) -> Path:
    import pillow_heif

    made = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        made.add_from_pillow(picture)
    made.save(path, quality=-1, chroma=444, matrix_coefficients=0, primary_index=main, **how)
    return path


def test_a_heic_picture_of_a_telephone(impasto: Run, tmp_path: Path, style: Path) -> None:
    there, exif = Image.fromarray(drawing()), Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Ann"
    there.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = heic(tmp_path / "IMG_0001.HEIC", there, exif=exif.tobytes())
    back = read(path)
    turned = np.asarray(there.transpose(Image.Transpose.ROTATE_270))
    assert np.abs(bytes_of(back.pixels).astype(int) - turned).max() <= 1
    assert back.samples is not None and back.samples.icc
    done = impasto(path, style, "-o", tmp_path / "out.png", "--size", 64, "--steps", 1, "--scales", 1, "-q")
    assert done.exit_code == 0, done.output
    data = path.read_bytes()
    for share in (0.3, 0.95):
        (tmp_path / "short").write_bytes(data[: int(len(data) * share)])
        refused(tmp_path / "short")


def test_of_a_heic_file_with_several_pictures_the_main_one_is_taken(impasto: Run, tmp_path: Path, style: Path) -> None:
    there = Image.fromarray(drawing())
    path = heic(tmp_path / "p.heic", there, there.transpose(Image.Transpose.ROTATE_180), main=1)
    assert np.abs(bytes_of(read(path).pixels).astype(int) - np.asarray(there)[::-1, ::-1]).max() <= 1
    done = impasto(path, style, "-o", tmp_path / "out.png", "--size", 64, "--steps", 1, "--scales", 1)
    assert f"{path}: frame 2 of 2, the main one." in done.output


def test_a_heic_picture_in_display_p3_without_a_profile(tmp_path: Path) -> None:
    plain = read(
        heic(tmp_path / "srgb.heic", Image.fromarray(drawing()), color_primaries=1, transfer_characteristics=13)
    )
    wide = read(heic(tmp_path / "p3.heic", Image.fromarray(drawing()), color_primaries=12, transfer_characteristics=13))
    assert np.abs(wide.pixels - plain.pixels).mean() > 0.01


@pytest.mark.parametrize("brands", [b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic"])
def test_a_heic_picture_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brands: bytes) -> None:
    (tmp_path / "p.jpg").write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(200))
    monkeypatch.setattr(sys, "path", [one for one in sys.path if "-packages" not in one])
    monkeypatch.delitem(sys.modules, "pillow_heif", raising=False)
    hint = "Export it as JPEG, PNG or TIFF, or run `pip install 'impasto[heif]'`."
    assert f"this is a HEIC picture; expected {READ}. {hint}" in refused(tmp_path / "p.jpg")


def test_a_gif_keeps_what_is_transparent(tmp_path: Path) -> None:
    there = Image.fromarray(drawing()).quantize(8)
    back = read(save(tmp_path / "p.gif", there, transparency=3)).alpha
    assert back is not None
    assert np.array_equal(back == 0, np.asarray(there) == 3)


# What viewers open


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        chunk(b"tEXt", b"workflow\0" + b"x" * 70_000_000),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iTXt", b"workflow\0\1\0en\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iTXt", b"workflow\0\0\0\0\0" + b"x" * 70_000_000),
    ],
    ids=["tEXt", "zTXt", "iTXt", "plain iTXt"],
)
def test_a_png_with_a_very_long_text_is_sound(tmp_path: Path, text: bytes, deep: bool) -> None:
    path = tmp_path / "p.png"
    there = picture()
    write(path, Picture(there.pixels, samples=Samples.of(there.pixels, kind="u16" if deep else "u8")), "recipe")
    before, data = read(path), path.read_bytes()
    for place in (33, len(data) - 12):
        path.write_bytes(data[:place] + text + data[place:])
        assert np.array_equal(read(path).pixels, before.pixels)
        assert read_comment(path) == "recipe"


def photograph(path: Path, progressive: bool) -> bytes:
    grain = np.random.default_rng(0).integers(-20, 20, (400, 600, 3))
    there = (drawing(600, 400).astype(int) + grain).clip(0, 255).astype(np.uint8)
    return save(path, Image.fromarray(there), quality=90, progressive=progressive).read_bytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_two_bytes_short_is_painted_with_a_line(
    impasto: Run, tmp_path: Path, style: Path, progressive: bool
) -> None:
    path, out = tmp_path / "p.jpg", tmp_path / "out.png"
    data, whole = photograph(path, progressive), read(path)
    quick = ("--size", 64, "--steps", 1, "--scales", 1)
    for missing, words in ((2, "but all of the picture is there"), (20, "and with it 0.1% of the picture")):
        path.write_bytes(data[:-missing])
        with pytest.warns(ImageWarning, match=words):
            short = read(path)
        assert (short.pixels != whole.pixels).any(axis=2).mean() < 0.001
        done = impasto(path, style, "-o", out, *quick)
        assert done.exit_code == 0, done.output
        assert done.stderr.count(f"impasto: {path}: the end of the JPEG file is missing, {words}.\n") == 1
        assert impasto(path, style, "-o", out, *quick, "-q").stderr == ""
    path.write_bytes(data[: int(len(data) * 0.9)])
    assert "damaged" in refused(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"p{suffix}"
    write(path, picture())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".exr"])
@pytest.mark.filterwarnings("ignore::impasto.errors.ImageWarning")
def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    write(path, picture(), "comment")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        damaged = data.copy()
        damaged[rng.integers(12, min(len(data), 1500), 6)] = rng.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        for look in (read, read_comment):
            try:
                look(path)
            except ImageError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [(1, 1, "at least 16"), (20000, 3, "at least 16"), (15, 500, "at least 16"), (2000, 20, "at most 32 times")],
)
def test_shapes_that_cannot_be_painted_are_refused(tmp_path: Path, width: int, height: int, reason: str) -> None:
    message = refused(save(tmp_path / "p.png", Image.new("RGB", (width, height))))
    assert f"{width}x{height}" in message
    assert reason in message


@pytest.mark.parametrize("side", [20_000, 200_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    (tmp_path / "p.png").write_bytes(png(side, side, bytes(1000)))
    message = refused(tmp_path / "p.png")
    assert f"{side}x{side}" in message
    assert f"{MOST_PIXELS // 10**6} million" in message


def test_numbers_with_a_sign_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "p.tif", Image.fromarray(drawing()[..., 0].astype(np.int32)))
    assert "type int" in refused(path)


def test_reading_neither_warns_nor_changes_pillows_limits(content: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        read(content)
    assert not seen
    assert before == Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("array", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.float32)])
def test_arrays_of_another_shape_or_type_are_no_picture(array: NDArray[np.float32]) -> None:
    with pytest.raises(ImageError, match="float32"):
        Picture(array)


def test_alpha_of_another_size_is_no_picture() -> None:
    with pytest.raises(ImageError, match="alpha"):
        Picture(np.zeros((4, 4, 3), np.float32), np.zeros((4, 5), np.float32))


# Resampling


def test_what_is_transparent_does_not_bleed() -> None:
    pixels = np.zeros((64, 64, 3), np.float32)
    alpha = np.zeros((64, 64), np.float32)
    pixels[:, :32] = 1
    alpha[:, :32] = 1
    small = Picture(pixels, alpha).resized(20, 20)
    assert small.alpha is not None
    assert small.pixels[small.alpha > 0.05].min() > 0.99


def test_the_same_size_is_the_same_picture() -> None:
    same = picture(alpha=True)
    assert same.resized(96, 64) is same


def test_transparent_pixels_are_left_alone() -> None:
    before = picture(alpha=True)
    after = before.with_painted(np.zeros((64, 96, 3), np.float32))
    assert before.alpha is not None
    assert np.array_equal(after.pixels[before.alpha == 0], before.pixels[before.alpha == 0])
    assert not after.pixels[before.alpha > 0].any()
    assert after.alpha is before.alpha


# Writing


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("alpha", [False, True])
def test_comment_profile_and_bytes(tmp_path: Path, suffix: str, alpha: bool) -> None:
    comment = '{"a recipe": [1, 2.5, null], "name": "caf\\u00e9"}' * 20
    one, two = tmp_path / f"one{suffix}", tmp_path / f"two{suffix}"
    for path in (one, two):
        write(path, picture(alpha), comment)
    assert read_comment(one) == comment
    assert one.read_bytes() == two.read_bytes()
    if suffix == ".exr":
        return  # has no profiles
    with Image.open(one) as file:
        assert file.info["icc_profile"] == srgb_profile()
        profile = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_alpha_and_hidden_colours_are_written(tmp_path: Path, suffix: str) -> None:
    there = picture(alpha=True)
    write(tmp_path / f"p{suffix}", there)
    back = read(tmp_path / f"p{suffix}")
    assert there.alpha is not None
    assert back.alpha is not None
    assert np.array_equal(bytes_of(back.alpha), bytes_of(there.alpha))
    assert back.samples
    hidden = there.alpha == 0
    assert np.abs(back.samples.encoded()[hidden] - there.pixels[hidden]).max() < (0.15 if suffix == ".webp" else 0.003)


def test_what_is_transparent_becomes_white_in_a_jpeg(tmp_path: Path) -> None:
    write(tmp_path / "p.jpg", picture(alpha=True))
    assert read(tmp_path / "p.jpg").pixels[:, 0].min() > 0.95


def test_a_file_without_comment_has_none(content: Path, tmp_path: Path) -> None:
    assert read_comment(content) == ""
    write(tmp_path / "p.png", picture())
    assert read_comment(tmp_path / "p.png") == ""


def unwritable(path: Path, *inputs: Path) -> str:
    from impasto.storage.files import check_output

    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    with pytest.raises(OutputError) as caught:
        check_output(path, *inputs)
    assert (sorted(path.parent.iterdir()) if path.parent.is_dir() else []) == before
    assert str(path) in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def test_places_that_cannot_be_written_are_refused(tmp_path: Path, content: Path) -> None:
    assert "suffix '.gif' is unknown" in unwritable(tmp_path / "p.gif")
    assert "no suffix" in unwritable(tmp_path / "p")
    assert "no folder" in unwritable(tmp_path / "nowhere" / "p.png")
    assert "cannot be written" in unwritable(content / "p.png") or "no folder" in unwritable(content / "p.png")
    assert "cannot be written" in unwritable(tmp_path / ("x" * 300 + ".png"))
    (tmp_path / "folder.png").mkdir()
    assert "is no file" in unwritable(tmp_path / "folder.png")
    assert "input" in unwritable(content, content)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_folder_that_looks_writable_but_is_not_is_refused() -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write("/proc/p.png", picture())


def test_protected_folders_and_files_are_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old.png").write_bytes(b"old")
        (folder / "old.png").chmod(0o444)
        folder.chmod(0o755 if os.geteuid() == 0 else 0o555)
        with nobody():
            assert "Permission denied" in unwritable(folder / "old.png")
            assert "cannot be written" in unwritable(folder / "new.png")
        folder.chmod(0o755)


def test_links_to_an_input_are_refused(tmp_path: Path, content: Path) -> None:
    (tmp_path / "soft.png").symlink_to(content)
    (tmp_path / "hard.png").hardlink_to(content)
    (tmp_path / "folder").symlink_to(tmp_path)
    for path in (tmp_path / "soft.png", tmp_path / "hard.png", tmp_path / "folder" / content.name):
        assert "one of the input pictures" in unwritable(path, content)


def test_writing_goes_through_a_link_to_something_else(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write(tmp_path / "link.png", picture())
    assert (tmp_path / "link.png").is_symlink()
    assert read(tmp_path / "real.png").size == (96, 64)


def test_formats_that_cannot_hold_the_size_are_refused(tmp_path: Path) -> None:
    from impasto.storage.files import check_output

    with pytest.raises(OutputError, match="16383"):
        check_output(tmp_path / "p.webp", longest=20_000)


def test_a_full_disk_leaves_the_old_picture_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    write(path, picture())
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            write(path, picture(), "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "p.png", picture())
    finally:
        os.umask(before)
    assert (tmp_path / "p.png").stat().st_mode & 0o777 == 0o640
