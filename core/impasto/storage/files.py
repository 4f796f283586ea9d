"""Where results go: checked before any work, then replaced whole.

A file is written beside its target and renamed over it, so a reader sees the old picture or the new one, never half.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path

from ..errors import ImageError, OutputError

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".exr": "EXR",
}
ADDRESS = re.compile(r"(https?|ftp):[/\\]+", re.IGNORECASE)
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}
"""Sides in pixels that a format cannot exceed; the others hold more than we paint."""


def check_input(path: Path) -> None:
    """Raise `ImageError` unless `path` is an ordinary file with something in it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        refuse_address(path)
        raise ImageError(f"{path}: there is no such file.", "Check the name.") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}).", "Check the name and permissions.") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no ordinary file"
        raise ImageError(f"{path}: this is {kind}; expected a picture.", "Name a picture file.")
    if not status.st_size:
        raise ImageError(f"{path}: the file is empty.", "Export or copy the picture again.")


def refuse_address(path: str | Path) -> None:
    """Raise `ImageError` for an address of the web, which may have lost a slash as a `Path`."""
    if found := ADDRESS.match(str(path)):
        address = f"{found[1]}://{str(path)[found.end() :]}"
        raise ImageError(f"{address}: this is an address of the web; expected a file.", "Download it first.")


def check_output(
    path: str | Path, *inputs: str | Path, longest: int = 1, formats: Collection[str] = tuple(FORMATS)
) -> Path:
    """`path`, if a picture with sides up to `longest` can be written there and it is none of `inputs`.

    `formats` are the suffixes allowed, where it is something else than a picture. Leaves nothing behind.
    Raises `OutputError` otherwise.
    """
    path = Path(path)
    check_format(path, longest, formats)
    try:
        _check_place(path)
    except OSError as error:
        hint = "Choose a folder and name that you may write to."
        raise OutputError(f"{path}: cannot be written ({error.strerror}).", hint) from None
    for source in inputs:
        if is_same(path, Path(source)):
            raise OutputError(f"{path}: this is one of the input pictures.", "Choose another name for the result.")
    return path


def is_there(path: str | Path) -> bool:
    """Whether there is anything of this name; there is not, where the system takes no such name, as one too long."""
    return os.path.exists(path)  # noqa: PTH110  # `Path.exists` raises then


def is_same(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, through links of either kind as well."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def check_format(path: Path, longest: int = 1, formats: Collection[str] = tuple(FORMATS)) -> None:
    """Raise `OutputError` unless the suffix of `path` is one of `formats`, of sides up to `longest` pixels."""
    if path.suffix.lower() not in formats:
        seen = f"the suffix {path.suffix!r} is unknown" if path.suffix else "there is no suffix to tell the format"
        raise OutputError(f"{path}: {seen}.", f"Use {', '.join(formats)}.")
    form = FORMATS.get(path.suffix.lower(), "")
    if longest > LONGEST.get(form, longest):
        raise OutputError(f"{path}: {form} holds at most {LONGEST[form]} pixels a side, not {longest}.", "Use .png.")


def _check_place(path: Path) -> None:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}.", "Make it, or choose another.")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OutputError(f"{path}: this is there already and is no file.", "Choose another name.")
        path.open("r+b").close()
    # Only trying tells: permissions, read-only disks and special folders all answer differently when asked.
    tempfile.TemporaryFile(dir=folder).close()


def replace(path: str | Path, data: bytes) -> None:
    """`write_atomically`, but raises `OutputError` when the disk is full or the folder is gone."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}).", "Free some space, or move.") from None


def write_atomically(path: str | Path, data: bytes, sync: bool = False) -> None:
    """Put `data` at `path` in one go, through a symbolic link if it is one; raises `OSError` and leaves the old file.

    `sync`: wait until the data is on the disk, so that a power cut does not leave an empty file in its place.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".impasto-{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
