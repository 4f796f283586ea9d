"""Fetches one file over HTTP: resumes, retries, and believes only the sha256. Standard library only."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..errors import WeightsError
from ..storage import files

Progress = Callable[[int, int], None]
"""(bytes so far, bytes in all, or 0 where the server does not say)."""
CHUNK = 1 << 20
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP answers that another try may cure."""


class _InterruptedError(Exception):
    """The connection failed in a way that another try may cure."""


def download(
    url: str,
    path: Path,
    sha256: str,
    progress: Progress = lambda *_: None,
    attempts: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> None:
    """Fetch `url` into `path` until its sha256 is `sha256`, going on from what an earlier call left there.

    `attempts` tries in all, with `pause` seconds after the first failure and twice as long after each further one; no
    wait for the server is longer than `timeout` seconds. Raises `WeightsError`. What has arrived stays in `path` for
    the next call, unless it is complete and wrong; then it is removed.
    """
    resumed = path.exists()
    if resumed and files.sha256(path) == sha256:
        return
    _fetch(url, path, progress, attempts, pause, timeout)
    if resumed and files.sha256(path) != sha256:
        # What was there may be of another file of that name, so the whole is fetched once more.
        path.unlink()
        _fetch(url, path, progress, attempts, pause, timeout)
    if (seen := files.sha256(path)) != sha256:
        path.unlink()
        raise WeightsError(
            f"{url} sent a file with sha256 {seen[:12]}..., expected {sha256[:12]}...; it was removed.",
            "Something on the way may have changed it: try another network, or download it by browser and add it.",
        )


def _fetch(url: str, path: Path, progress: Progress, attempts: int, pause: float, timeout: float) -> None:
    for attempt in range(1, attempts + 1):
        try:
            return _go_on(url, path, progress, timeout)
        except _InterruptedError as error:
            if attempt == attempts:
                raise WeightsError(f"{url}: {error}.", _what_to_do(path)) from None
        time.sleep(pause * 2 ** (attempt - 1))
    raise ValueError(f"attempts is {attempts}, expected 1 or more")


def _what_to_do(path: Path) -> str:
    done = path.stat().st_size if path.exists() else 0
    goes_on = f" It goes on from {done / 1e6:.0f} MB." if done else ""
    return f"Check the connection and repeat the command.{goes_on}"


def _go_on(url: str, path: Path, progress: Progress, timeout: float) -> None:
    """One request for what is missing from `path`; raises `_InterruptedError` if less arrives."""
    have = path.stat().st_size if path.exists() else 0
    headers = {"User-Agent": "impasto", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  (a plug-in's own URL, and the sha256 decides)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
            start, total = _span(answer, have)
            with _writable(path, start) as file:
                _copy(answer, file, start, total, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing follows what we have: it is complete, as the sha256 will tell
            return
        if error.code in PASSING:
            raise _InterruptedError(f"the server answers {error.code} {error.reason}") from None
        raise WeightsError(
            f"{url}: the server answers {error.code} {error.reason}.", "The file may have moved; update impasto."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _InterruptedError(f"{getattr(reason, 'strerror', None) or reason or type(reason).__name__}") from None


def _span(answer: http.client.HTTPResponse, have: int) -> tuple[int, int]:
    """(first byte the answer holds, size of the whole file or 0)."""
    if answer.status == 206:
        span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.startswith(f"{have}-"):
            return have, int(total) if total.isdigit() else 0
        raise _InterruptedError(f"the server sent bytes {span or '?'} when asked for those from {have}")
    return 0, int(answer.headers.get("Content-Length", 0))


def _writable(path: Path, start: int) -> BinaryIO:
    """`path`, cut to `start` bytes and opened behind them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("r+b" if path.exists() else "w+b")
        file.truncate(start)
        file.seek(start)
        return file
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({error.strerror}).", "Set IMPASTO_DATA to a folder.") from None


def _copy(answer: http.client.HTTPResponse, file: BinaryIO, start: int, total: int, progress: Progress) -> None:
    done = start
    progress(done, total)
    while chunk := answer.read(CHUNK):
        try:
            file.write(chunk)
        except OSError as error:
            raise WeightsError(f"{file.name}: {error.strerror}.", "Free some space and repeat the command.") from None
        done += len(chunk)
        progress(done, total)
    if done < total:
        raise _InterruptedError(f"the connection ended after {done / 1e6:.0f} of {total / 1e6:.0f} MB")
    file.flush()
    os.fsync(file.fileno())
