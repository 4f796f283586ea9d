"""Pictures in and out of files: sRGB-encoded float32 inside, whatever the file held.

EXIF orientation is applied, an ICC profile converted to sRGB; greyscale, palette, CMYK and 16-bit files are converted.
Writing goes to a temporary file beside the target, which is then renamed over it.
"""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from .errors import ImageError, OutputError

Pixels = NDArray[np.float32]

SMALLEST, LONGEST_RATIO, MOST_PIXELS = 16, 32, 400_000_000
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP"}
Image.MAX_IMAGE_PIXELS = None  # `_check_shape` refuses large pictures by their header, in our words
COMMENT = "impasto"


@dataclass(frozen=True)
class Picture:
    """A picture: `pixels` float32 (H, W, 3), sRGB-encoded, [0, 1]; `alpha` float32 (H, W), straight, or None."""

    pixels: Pixels
    alpha: Pixels | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def resized(self, width: int, height: int) -> Picture:
        """Lanczos-resampled; colours are weighted by alpha, so that what is transparent does not bleed."""
        if (width, height) == self.size:
            return self
        if self.alpha is None:
            return Picture(resample(self.pixels, width, height))
        alpha = resample(self.alpha[..., None], width, height)
        colour = resample(self.pixels * self.alpha[..., None], width, height) / np.maximum(alpha, 1e-3)
        plain = resample(self.pixels, width, height)
        pixels = np.where(alpha > 1e-3, colour.clip(0, 1), plain)
        return replace(self, pixels=pixels, alpha=alpha[..., 0])


def resample(array: Pixels, width: int, height: int) -> Pixels:
    """Lanczos (a = 3), antialiased, each channel of a float32 (H, W, C) array in [0, 1] on its own."""
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(array, 2, 0)]
    resized = [np.asarray(plane.resize((width, height), Image.Resampling.LANCZOS)) for plane in planes]
    return np.stack(resized, axis=2).clip(0, 1)


def read(path: str | Path) -> Picture:
    """The picture in a PNG, JPEG, TIFF or WebP file; `ImageError` says why it cannot be used."""
    path = Path(path)
    try:
        with Image.open(path) as file:
            _check_shape(path, *file.size)
            file.load()
            return _decode(ImageOps.exif_transpose(file))
    except FileNotFoundError:
        raise ImageError(f"{path}: there is no such file.", "Check the name.") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: this is not a picture.", f"Use one of {_formats()}.") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"{path}: cannot be read ({error}).", "Check or replace the file.") from None


def read_bytes(data: bytes, name: str) -> Picture:
    """The picture in the bytes of a file called `name`."""
    with Image.open(io.BytesIO(data)) as file:
        _check_shape(Path(name), *file.size)
        return _decode(ImageOps.exif_transpose(file))


def _check_shape(path: Path, width: int, height: int) -> None:
    seen = f"{path}: the picture is {width}x{height} pixels"
    if min(width, height) < SMALLEST:
        raise ImageError(f"{seen}; each side needs at least {SMALLEST}.", "Use a larger picture.")
    if max(width, height) > LONGEST_RATIO * min(width, height):
        raise ImageError(f"{seen}; one side may be at most {LONGEST_RATIO} times the other.", "Crop it.")
    if width * height > MOST_PIXELS:
        raise ImageError(f"{seen}; the most is {MOST_PIXELS // 1_000_000} million in all.", "Scale it down.")


def _decode(file: Image.Image) -> Picture:
    """Any Pillow image as sRGB float32 with its alpha."""
    if file.mode in ("I", "I;16", "I;16B", "I;16L"):
        grey = np.asarray(file, np.float32) / 65535
        return Picture(np.repeat(grey[..., None], 3, axis=2).clip(0, 1))
    if file.mode == "F":
        raise ValueError("floating-point TIFF is not supported")
    alpha = None
    if file.has_transparency_data:
        alpha = np.asarray(file.convert("RGBA").getchannel("A"), np.float32) / 255
    return Picture(np.asarray(_to_srgb(file), np.float32) / 255, alpha)


def _to_srgb(file: Image.Image) -> Image.Image:
    profile = file.info.get("icc_profile")
    colours = file.convert({"P": "RGB", "PA": "RGB", "LA": "L", "1": "L", "RGBA": "RGB"}.get(file.mode, file.mode))
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        with_profile = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if with_profile is not None:
            return with_profile
    return colours.convert("RGB")


def _formats() -> str:
    return "PNG, JPEG, TIFF or WebP"


def check_output(path: str | Path, *inputs: str | Path) -> Path:
    """`path`, if a picture can be written there and it is none of `inputs`; otherwise `OutputError`."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{path}: the suffix {path.suffix!r} names no format.", f"Use {', '.join(SUFFIXES)}.")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: there is no folder {folder}.", "Make it, or choose another.")
    if path.is_dir() or not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"{path}: cannot be written.", "Choose a folder and name that you may write to.")
    for source in map(Path, inputs):
        if path.exists() and source.exists() and path.samefile(source):
            raise OutputError(f"{path}: this is one of the input pictures.", "Choose another name for the result.")
    return path


def write(path: str | Path, picture: Picture, comment: str = "") -> None:
    """Write `picture` in the format of the suffix, 8 bits, sRGB profile embedded, `comment` as metadata.

    Atomic: a reader sees the old file or the whole new one. Raises `OutputError`, leaving nothing behind.
    """
    path = check_output(path)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            _encode(picture, SUFFIXES[path.suffix.lower()], comment, temporary)
            temporary.flush()
            os.fchmod(temporary.fileno(), 0o666 & ~_umask())
            os.replace(temporary.name, path)
        except BaseException as error:
            os.unlink(temporary.name)
            if isinstance(error, OSError):
                raise OutputError(f"{path}: cannot be written ({error.strerror}).", "Free space or move.") from None
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _encode(picture: Picture, fmt: str, comment: str, file: io.IOBase) -> None:
    colours = (picture.pixels.clip(0, 1) * 255).round().astype(np.uint8)
    image = Image.fromarray(colours)
    if picture.alpha is not None and fmt != "JPEG":
        image.putalpha(Image.fromarray((picture.alpha.clip(0, 1) * 255).round().astype(np.uint8)))
    options: dict[str, object] = {"icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    if fmt == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt(COMMENT, comment)
        options["pnginfo"] = text
    else:
        exif = Image.Exif()
        exif[0x010E] = comment  # ImageDescription
        options |= {"exif": exif} | ({"quality": 95, "subsampling": 0} if fmt == "JPEG" else {})
    image.save(file, fmt, **options)
