"""Depth and colour space, through real files: what is not painted stays bit for bit, what is comes back in its form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from numpy.typing import NDArray
from PIL import Image

from conftest import Run, drawing
from icc_profiles import GREY, adobe
from impasto.errors import ImageError
from impasto.pictures.colour_spaces import srgb_decoded, srgb_encoded, srgb_profile
from impasto.pictures.picture import Picture, read, read_comment, write
from impasto.pictures.samples import KINDS, Samples


def random(kind: str, channels: int, top: float = 1) -> NDArray[np.generic]:
    """(32, 48, channels), its alpha 0 in some places."""
    rng = np.random.default_rng(channels)
    values = rng.random((32, 48, channels))
    if kind in ("u8", "u16"):
        values = (values * np.iinfo(KINDS[kind]).max).round()
    else:
        values *= top
    if channels % 2 == 0:
        values[..., -1] = np.minimum(values[..., -1], 1) if kind in ("half", "float") else values[..., -1]
        values[:4, :, -1] = 0
    return values.astype(KINDS[kind])


def bits(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.view({1: np.uint8, 2: np.uint16, 4: np.uint32}[array.itemsize])


def where(seed: int = 0) -> NDArray[np.float32]:
    """A mask of all sorts of weights, half of it 0 and a quarter 1."""
    weight = np.random.default_rng(seed).random((32, 48)).astype(np.float32)
    weight[:16] = 0
    weight[:, 24:] = np.ceil(weight[:, 24:])
    return weight


def spaces(kind: str, channels: int) -> list[tuple[bool, bytes | None]]:
    """(linear, profile) that such samples can be in."""
    return [(False, None), (True, None), (False, GREY if channels < 3 else adobe()), (False, srgb_profile())]


# In memory


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_not_painted_stays_bit_for_bit(kind: str, channels: int) -> None:
    array, painted, weight = random(kind, channels, 40), np.full((32, 48, 3), 0.25, np.float32), where()
    for linear, icc in spaces(kind, channels):
        for associated in (False, channels % 2 == 0):
            before = Samples(array, linear, icc, associated)
            after = before.painted(painted, weight)
            assert (after.kind, after.icc, after.linear, after.associated) == (kind, icc, linear, associated)
            visible = weight > 0 if before.alpha is None else (weight > 0) & (before.alpha > 0)
            assert np.array_equal(bits(after.array)[~visible], bits(array)[~visible])
            clear = (weight == 1) & (visible if before.alpha is None else before.alpha > 0.5)
            assert np.abs(after.encoded()[clear] - 0.25).max() < (0.02 if associated else 0.004)
            if before.alpha is not None:
                assert np.array_equal(bits(after.array[..., -1].copy()), bits(array[..., -1].copy()))


def test_between_the_two_numbers_are_mixed_as_srgb() -> None:
    light = np.full((16, 16, 3), 4, np.float32)
    weight = np.full((16, 16), 0.25, np.float32)
    mixed = Samples(light, linear=True).painted(np.zeros((16, 16, 3), np.float32), weight)
    assert np.allclose(mixed.array, srgb_decoded(srgb_encoded(light) * np.float32(0.75)), rtol=1e-5)


def test_what_cannot_be_computed_with_stays_outside_the_mask() -> None:
    odd = np.ones((16, 16, 3), np.float32)
    odd[0, :3, 0] = np.nan, np.inf, -np.inf
    weight = np.zeros((16, 16), np.float32)
    weight[0, 0] = weight[5] = 1
    before = Samples(odd, linear=True)
    assert np.isfinite(Picture.of(before).pixels).all()
    after = before.painted(np.full((16, 16, 3), 0.5, np.float32), weight).array
    assert np.isfinite(after[0, 0]).all()
    assert np.array_equal(after[0, 1:3], odd[0, 1:3])


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_come_back(kind: str) -> None:
    array = random(kind, 4, 9)
    there = Samples.from_bytes(array.tobytes(), 48, 32, 4, kind, linear=True)
    assert np.array_equal(bits(there.array), bits(array))
    assert there.tobytes() == array.tobytes()
    assert there.size == Picture.of(there).size == (48, 32)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"data": b"123"}, "3 bytes"),
        ({"kind": "u32"}, "u32"),
        ({"channels": 5}, "5 channels"),
        ({"channels": 0}, "0 channels"),
        ({"width": 0}, "0x16"),
        ({"height": -16}, "16x-16"),
    ],
)
def test_bytes_that_are_no_samples_are_refused(wrong: dict[str, object], reason: str) -> None:
    right = {"data": bytes(768), "width": 16, "height": 16, "channels": 3, "kind": "u8", "linear": False}
    Samples.from_bytes(**right)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=reason):
        Samples.from_bytes(**right | wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8)])
def test_arrays_of_another_shape_or_type_are_no_samples(array: NDArray[np.generic]) -> None:
    with pytest.raises(ImageError, match="expected uint8"):
        Samples(array)


def test_a_resized_original_keeps_its_form_and_its_lights() -> None:
    bright = np.full((64, 64, 4), 8, np.float16)
    bright[..., 3] = 1
    bright[:, :32, 3] = 0
    small = Picture.of(Samples(bright, linear=True)).resized(20, 20).samples
    assert small is not None
    assert small.kind == "half"
    assert small.alpha is not None
    assert np.abs(small.array[small.alpha > 0.05][..., :3] - 8).max() < 0.1


# In files


def stored(path: Path, kind: str, channels: int, linear: bool = False, icc: bytes | None = None) -> Samples:
    """A file of random samples, and they."""
    before = Samples(random(kind, channels, 9), linear, icc, path.suffix == ".exr" and channels % 2 == 0)
    write(path, Picture.of(before), "a comment")
    return before


FILES = [(".png", "u8"), (".tif", "u8"), (".png", "u16"), (".tif", "u16"), (".tif", "half"), (".tif", "float")]
FILES += [(".exr", "half"), (".exr", "float")]


@pytest.mark.parametrize(("suffix", "kind"), FILES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_files_keep_depth_space_channels_and_comment(tmp_path: Path, suffix: str, kind: str, channels: int) -> None:
    own, floating = GREY if channels < 3 else adobe(), kind in ("half", "float")
    for number, icc in enumerate([None, own] if suffix != ".exr" else [None]):
        path = tmp_path / f"{number}{suffix}"
        before = stored(path, kind, channels, floating and icc is None, icc)
        after = read(path).samples
        assert after is not None
        assert np.array_equal(bits(after.array), bits(before.array))
        assert (after.linear, after.icc, after.associated) == (before.linear, icc, before.associated)
        assert read_comment(path) == "a comment"
        again = tmp_path / f"again{suffix}"
        write(again, read(path), "a comment")
        assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("suffix", "kind"), FILES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_outside_the_mask_files_are_the_same(tmp_path: Path, suffix: str, kind: str, channels: int) -> None:
    before = stored(tmp_path / f"p{suffix}", kind, channels, kind in ("half", "float"))
    content, weight = read(tmp_path / f"p{suffix}"), where()
    write(tmp_path / f"q{suffix}", content.with_painted(np.full((32, 48, 3), 0.5, np.float32), weight))
    after = read(tmp_path / f"q{suffix}").samples
    assert after is not None
    assert np.array_equal(bits(after.array)[weight == 0], bits(before.array)[weight == 0])
    assert not np.array_equal(bits(after.array)[weight == 1], bits(before.array)[weight == 1])


@pytest.mark.parametrize(
    ("suffix", "kinds"),
    [
        (".png", ["u8", "u16", "u16", "u16"]),
        (".jpg", ["u8"] * 4),
        (".webp", ["u8"] * 4),
        (".tif", ["u8", "u16", "half", "float"]),
        (".exr", ["half", "half", "half", "float"]),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_other_formats_take_the_nearest_form(tmp_path: Path, suffix: str, kinds: list[str], channels: int) -> None:
    plain = np.broadcast_to(np.linspace(0.2, 0.8, 64, dtype=np.float32)[:, None, None], (64, 64, 3))
    for number, (kind, expected) in enumerate(zip(KINDS, kinds, strict=True)):
        for linear in (False, True):
            there = Picture.of(Samples.of(plain, kind=kind, grey=channels == 1, linear=linear))
            write(path := tmp_path / f"{number}{linear}{suffix}", there)
            back = read(path)
            assert back.samples is not None
            assert (back.samples.kind, back.samples.grey) == (expected, channels == 1 and suffix != ".webp")
            assert np.abs(back.pixels - there.pixels).max() < (0.01 if expected == "u8" else 0.001)


def test_a_wider_space_goes_into_a_format_without_profiles(tmp_path: Path) -> None:
    there = Picture.of(Samples(drawing(), icc=adobe()))
    write(tmp_path / "p.exr", there)
    assert np.abs(read(tmp_path / "p.exr").pixels - there.pixels).max() < 0.001


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_files_are_turned_upright_as_others_are(tmp_path: Path, orientation: int) -> None:
    deep = np.repeat(np.arange(32 * 48, dtype=np.uint16).reshape(32, 48, 1) * 40, 3, axis=2)
    spec = OpenImageIO.ImageSpec(48, 32, 3, "uint16")
    spec.attribute("Orientation", orientation)
    for name, array in {"deep.tif": deep, "flat.tif": (deep >> 8).astype(np.uint8)}.items():
        file = OpenImageIO.ImageOutput.create(str(tmp_path / name))
        spec.set_format("uint16" if name == "deep.tif" else "uint8")
        assert file.open(str(tmp_path / name), spec)
        assert file.write_image(array)
        assert file.close()
    deep_one, flat = (read(tmp_path / name).pixels for name in ("deep.tif", "flat.tif"))
    assert deep_one.shape == flat.shape
    assert np.abs(deep_one - flat).max() < 1 / 255


@pytest.mark.parametrize("length", [b"", bytes(4), bytes(3)])
def test_a_profile_of_another_length_than_it_says_is_written(tmp_path: Path, length: bytes) -> None:
    before = Samples(random("u16", 3), icc=adobe() + length)
    write(tmp_path / "p.png", Picture.of(before))
    after = read(tmp_path / "p.png").samples
    assert after is not None
    assert after.icc is not None
    assert np.array_equal(after.array, before.array)
    assert np.array_equal(after.encoded(), before.encoded())


@pytest.mark.parametrize("linear", [False, True])
def test_colours_of_next_to_no_alpha_stay_finite(linear: bool) -> None:
    light = np.full((32, 48, 4), 0.5, np.float32)
    light[:16, :, 3] = 1e-44
    assert np.isfinite(Samples(light, linear, associated=True).encoded()).all()


def test_premultiplied_colours_are_divided_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "p.exr"
    light = np.full((32, 32, 4), 0.5, np.float16)
    light[..., :3] *= np.float16(0.2140)
    light[0] = 3, 2, 1, 0
    write(path, Picture.of(Samples(light, linear=True, associated=True)))
    back = read(path)
    assert np.allclose(back.pixels[1:], 0.5, atol=0.002)
    assert back.samples is not None
    assert np.array_equal(back.samples.array, light)


def test_other_channels_of_an_exr_are_left_and_none_are_refused(tmp_path: Path) -> None:
    def save(names: tuple[str, ...]) -> Path:
        spec = OpenImageIO.ImageSpec(32, 32, len(names), "half")
        spec.channelnames = names
        file = OpenImageIO.ImageOutput.create(str(tmp_path / "p.exr"))
        assert file.open(str(tmp_path / "p.exr"), spec)
        assert file.write_image(
            random("half", len(names))[:, :32] if len(names) < 5 else np.zeros((32, 32, 5), np.half)
        )
        assert file.close()
        return tmp_path / "p.exr"

    for names, kept in ((("R", "G", "B", "A", "Z"), 4), (("R", "G", "B"), 3), (("Y", "Z"), 1)):
        samples = read(save(names)).samples
        assert samples is not None
        assert samples.array.shape[2] == kept
    with pytest.raises(ImageError, match="no channels R, G, B or Y but U, V"):
        read(save(("U", "V")))


# Files that are refused


@pytest.mark.parametrize(("suffix", "kind"), FILES[2:])
def test_damaged_deep_files_are_read_or_refused_in_one_line(
    tmp_path: Path, suffix: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"p{suffix}"
    before = stored(path, kind, 4)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        damaged = data[: rng.integers(8, len(data))] if seed % 3 == 0 else data.copy()
        places = rng.integers(4, min(len(damaged), 1500), 6)
        if seed % 3:
            damaged[places] = rng.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        for look in (read, read_comment):
            try:
                seen = look(path)
            except ImageError as error:
                assert "\n" not in str(error)
                assert "/picture." not in str(error), "the name of our copy"
                continue
            if seed % 3 == 0 and suffix != ".exr" and isinstance(seen, Picture):
                assert seen.samples is not None
                assert np.array_equal(bits(seen.samples.array), bits(before.array)), "cut, but not in the pixels"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("suffix", "kind"), FILES[2:])
def test_deep_pictures_that_cannot_be_painted_are_refused_by_their_header(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    path = tmp_path / f"p{suffix}"
    write(path, Picture.of(Samples(np.zeros((8, 600, 3), KINDS[kind]))))
    with pytest.raises(ImageError, match="600x8 pixels; each side needs at least 16"):
        read(path)


# Through the command line


def ramp(width: int = 640, height: int = 48) -> NDArray[np.float32]:
    """Dark to light and back to dark, so smooth that 8 bits show it as bands."""
    light = 0.3 + 0.05 * np.sin(np.linspace(0, np.pi, width, dtype=np.float32))
    return np.broadcast_to(light[None, :, None] * np.array([1, 0.9, 0.8], np.float32), (height, width, 3)).copy()


@pytest.mark.parametrize(("suffix", "kind"), FILES[2:])
def test_a_smooth_ramp_stays_smooth_through_the_command_line(
    impasto: Run, style: Path, tmp_path: Path, suffix: str, kind: str
) -> None:
    content, out = tmp_path / f"content{suffix}", tmp_path / f"out{suffix}"
    write(content, Picture.of(Samples.of(ramp(), kind=kind, linear=kind != "u16")))
    assert impasto(content, style, "-o", out, "--size", 640, "--colour", "palette", "--quiet").exit_code == 0
    back = read(out)
    assert back.samples is not None
    assert back.samples.kind == kind
    green = back.pixels[24, :, 1]
    assert len(np.unique(green)) > 256 or kind == "half"
    assert np.abs(np.diff(green)).max() < (0.02 if kind == "half" else 0.01)


@pytest.mark.parametrize("kind", ["u16", "float"])
def test_a_painted_ramp_has_no_bands(impasto: Run, style: Path, tmp_path: Path, kind: str) -> None:
    content, out = tmp_path / "content.tif", tmp_path / "out.tif"
    write(content, Picture.of(Samples.of(ramp(256), kind=kind, linear=kind == "float")))
    quick = ("--size", 256, "--scales", 1, "--steps", 2, "--strength", 20, "--quiet")
    assert impasto(content, style, "-o", out, *quick).exit_code == 0
    assert len(np.unique(read(out).pixels[..., 1])) > 1000


@pytest.mark.parametrize(("suffix", "kind"), FILES)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_outside_a_mask_a_painting_is_the_same_bit_for_bit(
    impasto: Run, style: Path, tmp_path: Path, suffix: str, kind: str, channels: int
) -> None:
    """With values above 1 in floating point, and in a space of its own where files can say so."""
    content, out = tmp_path / f"content{suffix}", tmp_path / f"out{suffix}"
    own = GREY if channels < 3 else adobe()
    before = stored(content, kind, channels, kind in ("half", "float"), None if kind in ("half", "float") else own)
    Image.fromarray((np.arange(48)[None].repeat(32, axis=0) < 24).astype(np.uint8) * 255).save(tmp_path / "mask.png")
    quick = ("--size", 48, "--scales", 1, "--steps", 1, "--quiet", "--mask", tmp_path / "mask.png")
    assert impasto(content, style, "-o", out, *quick).exit_code == 0
    after = read(out).samples
    assert after is not None
    assert (after.kind, after.icc, after.grey) == (kind, before.icc, channels < 3)
    assert np.array_equal(bits(after.array[:, 24:].copy()), bits(before.array[:, 24:].copy()))
    assert not np.array_equal(after.array[:, :24], before.array[:, :24])
    if kind in ("half", "float"):
        assert after.array[:, 24:, 0].max() > 1 >= after.array[8:, :20, 0].max()


def test_colours_of_a_wide_space_come_back_right(impasto: Run, style: Path, tmp_path: Path) -> None:
    """At strength 0 the result is the content: the same Adobe RGB numbers, which are the same colours."""
    content, out = tmp_path / "content.tif", tmp_path / "out.png"
    there = (random("u16", 3).astype(np.float32) * 0.2 + 26000).astype(np.uint16)  # none of it out of reach of sRGB
    write(content, Picture.of(Samples(there, icc=adobe())))
    quick = ("--size", 48, "--scales", 1, "--steps", 1, "--quiet", "--strength", 0)
    assert impasto(content, style, "-o", out, *quick).exit_code == 0
    after = read(out).samples
    assert after is not None
    assert after.icc == adobe()
    assert np.abs(after.array.astype(int) - there).max() <= 64, "a quarter of what 8 bits can tell"


def test_a_resized_result_keeps_its_form(impasto: Run, style: Path, tmp_path: Path) -> None:
    content, out = tmp_path / "content.tif", tmp_path / "out.tif"
    stored(content, "u16", 4, icc=adobe())
    quick = ("--scales", 1, "--steps", 1, "--quiet", "--size", 30)
    assert impasto(content, style, "-o", out, *quick).exit_code == 0
    after = read(out).samples
    assert after is not None
    assert (after.kind, after.array.shape, after.icc) == ("u16", (20, 30, 4), adobe())


def test_what_a_format_loses_is_said(impasto: Run, style: Path, tmp_path: Path) -> None:
    stored(tmp_path / "content.tif", "u16", 1)
    quick = ("--size", 48, "--scales", 1, "--steps", 1, "--colour", "palette")
    done = impasto(tmp_path / "content.tif", style, "-o", tmp_path / "out.jpg", *quick)
    assert "out.jpg: JPEG holds 8 bits, fewer than the content has" in done.stderr
    assert "out.jpg: grey, as the content is" in done.stderr
    done = impasto(tmp_path / "content.tif", style, "-o", tmp_path / "out.png", *quick)
    assert "holds" not in done.stderr
