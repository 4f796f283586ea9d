"""Files as one ZIP file, the same to the last byte wherever it is written."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import PurePosixPath

UNIX = 3
"""Whose modes the attributes of entries hold."""
MODES = 0x6C78
"""Of the extra field that repeats an entry's mode before its content, for those who read a ZIP file from the front."""


def zipped(files: Mapping[str, bytes], program: str) -> bytes:
    """These by their path in it, of which `program` may be executed."""
    folders = {f"{parent}/" for name in files for parent in PurePosixPath(name).parents if parent.name}
    date = _date(files)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name in sorted({*files, *folders}):  # Krita finds a plug-in by the entry of its folder
            entry = zipfile.ZipInfo(name, date)
            mode = 0o40755 if name.endswith("/") else 0o100755 if name == program else 0o100644
            entry.external_attr, entry.create_system = mode << 16, UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            # GIMP reads so, and leaves what has no mode unexecutable. The 5 says which fields there are.
            entry.extra = struct.pack("<HHBHI", MODES, 7, 5, UNIX << 8 | entry.create_version, entry.external_attr)
            packed.writestr(entry, files.get(name, b""))
    return archive.getvalue()


def _date(files: Mapping[str, bytes]) -> tuple[int, int, int, int, int, int]:
    """One that follows from the content: GIMP asks a plug-in what it offers only if its date is another than before."""
    sum_of_all = 0
    for name in sorted(files):
        sum_of_all = zlib.crc32(name.encode() + files[name], sum_of_all)
    date = datetime(2000, 1, 1) + timedelta(seconds=sum_of_all % 10**8 * 2)  # ZIP files count in twos
    return date.year, date.month, date.day, date.hour, date.minute, date.second
