"""Downloads from a real server that truncates, lies, refuses and goes away."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from impasto.errors import WeightsError
from impasto.weights.download import download
from local_server import PAYLOAD, Server, sha256


def fetch(server: Server, path: Path, content: bytes = PAYLOAD, attempts: int = 3) -> None:
    download(server.url, path, sha256(content), attempts=attempts, pause=0.01, timeout=5)


def test_a_whole_file_arrives_with_its_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = tmp_path / "new folder" / "file.part"
    download(server.url, path, sha256(PAYLOAD), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == PAYLOAD
    assert seen[0] == (0, len(PAYLOAD))
    assert seen[-1] == (len(PAYLOAD), len(PAYLOAD))
    assert seen == sorted(seen)


def test_a_part_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.part"
    path.write_bytes(PAYLOAD[:1_000_000])
    fetch(server, path)
    assert path.read_bytes() == PAYLOAD
    assert server.asked == ["bytes=1000000-"]


def test_a_server_without_range_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    path = tmp_path / "file.part"
    path.write_bytes(PAYLOAD[:1_000_000])
    fetch(server, path)
    assert path.read_bytes() == PAYLOAD
    assert server.asked == ["bytes=1000000-"]


def test_a_complete_part_asks_nobody(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.part"
    path.write_bytes(PAYLOAD)
    fetch(server, path)
    assert server.asked == []


@pytest.mark.parametrize("left", [b"of another file", PAYLOAD[::-1], PAYLOAD + b"too long"])
def test_a_part_of_another_file_is_fetched_anew(server: Server, tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "file.part"
    path.write_bytes(left)
    fetch(server, path)
    assert path.read_bytes() == PAYLOAD
    assert server.asked == [f"bytes={len(left)}-", None]


def test_a_truncated_answer_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_500_000, 2_000_000]
    fetch(server, tmp_path / "file.part")
    assert server.asked == [None, "bytes=1500000-", "bytes=3500000-"]


def test_too_many_interruptions_are_said_and_nothing_is_lost(server: Server, tmp_path: Path) -> None:
    server.cuts = [1_000_000, 1_000_000]
    path = tmp_path / "file.part"
    with pytest.raises(WeightsError, match=r"ended after 2 of 5 MB\. .*repeat the command\. It goes on from 2 MB"):
        fetch(server, path, attempts=2)
    fetch(server, path)
    assert server.asked[-1] == "bytes=2000000-"
    assert path.read_bytes() == PAYLOAD


def test_a_server_that_answers_the_wrong_range_is_not_believed(server: Server, tmp_path: Path) -> None:
    server.shift = 10
    path = tmp_path / "file.part"
    path.write_bytes(PAYLOAD[:1000])
    with pytest.raises(WeightsError, match="sent bytes 1010-5119999 when asked for those from 1000"):
        fetch(server, path, attempts=2)
    assert path.read_bytes() == PAYLOAD[:1000]


def test_a_wrong_hash_leaves_nothing_behind(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.part"
    with pytest.raises(WeightsError, match=f"sha256 {sha256(PAYLOAD)[:12]}..., expected {sha256(b'')[:12]}.*removed"):
        fetch(server, path, content=b"")
    assert not path.exists()


def test_not_found_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [404]
    with pytest.raises(WeightsError, match=r"vgg19-dcbb9e9d\.pth: the server answers 404 Not Found\..*update impasto"):
        fetch(server, tmp_path / "file.part")
    assert server.asked == [None]
    assert not (tmp_path / "file.part").exists()


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    fetch(server, tmp_path / "file.part")
    assert server.asked == [None, None, None]
    server.statuses = [503] * 3
    with pytest.raises(WeightsError, match="the server answers 503 Service Unavailable"):
        fetch(server, tmp_path / "other.part")


def test_a_server_that_goes_away_midway(tmp_path: Path) -> None:
    path = tmp_path / "file.part"
    with Server() as server:
        server.cuts = [3_000_000]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        refused = threading.Thread(target=lambda: (thread.join(), server.server_close()))
        refused.start()
        with pytest.raises(WeightsError, match=r"http://127\.0\.0\.1.*: .*It goes on from 3 MB\."):
            download(server.url, path, sha256(PAYLOAD), attempts=2, pause=0.5, timeout=1)
        refused.join()
    assert path.read_bytes() == PAYLOAD[:3_000_000]


def test_a_refused_connection(tmp_path: Path) -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(WeightsError, match=r"Connection refused\. Check the connection and repeat the command\.$"):
        download(url, tmp_path / "file.part", sha256(PAYLOAD), attempts=2, pause=0.01)
    assert not (tmp_path / "file.part").exists()


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"cannot be written \(.*\)\. Set IMPASTO_DATA to a folder"):
        fetch(server, tmp_path / "file" / "file.part")
