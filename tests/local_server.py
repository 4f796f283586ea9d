"""A real HTTP server on this machine, for tests: it serves one file, and misbehaves as told."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PAYLOAD = bytes(range(256)) * 20_000  # 5 MB, several reads


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file, and misbehaves as told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.file: Path | bytes = PAYLOAD
        self.ranges = True
        self.shift = 0
        """Bytes by which an answer to a Range starts too late."""
        self.cuts: list[int] = []
        """Bytes after which each of the next answers ends in the middle."""
        self.statuses: list[int] = []
        """Answers to the next requests instead of the file."""
        self.rate = 0
        """Bytes per second; 0 for all it can."""
        self.pages: dict[str, bytes] = {}
        """Pages of HTML by their paths, which are served whole and not told of in `asked`."""
        self.asked: list[str | None] = []
        """The Range header of every request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/vgg19-dcbb9e9d.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if page := self.server.pages.get(self.path.rstrip("/")):
            return self._page(page)
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        if self.server.statuses:
            return self.send_error(self.server.statuses.pop(0))
        source = self.server.file
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.ranges else 0
        if start >= size:
            return self.send_error(416)
        start += self.server.shift if start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else size
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            file.seek(start)
            self._send(file, cut)
        return None

    def _page(self, page: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def _send(self, file: io.BufferedIOBase, left: int) -> None:
        try:
            while left > 0 and (chunk := file.read(min(1 << 20, left))):
                self.wfile.write(chunk)
                left -= len(chunk)
                time.sleep(len(chunk) / self.server.rate if self.server.rate else 0)
        except OSError:
            pass  # the client was killed, as a test wants

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server that answers until the block ends."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()
