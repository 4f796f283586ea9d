"""Weights: kept whole, refused in words, and had by commands in processes of their own."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.errors import WeightsError
from impasto.plugin import Recognised, WeightsInfo
from impasto.weights.obtain import add, get
from impasto.weights.store import folder, metadata
from impasto.weights.tensor_files import read_tensors
from impasto_vgg import WEIGHTS, build
from impasto_vgg.architecture import VGG19
from local_server import Server, sha256
from random_vgg import as_torchvision, random_weights

VGG19_WEIGHTS = WEIGHTS["vgg19"]


pytestmark = pytest.mark.usefixtures("data")


@pytest.fixture(scope="session")
def weights() -> dict[str, Tensor]:
    """VGG-19's 16 convolutions with random numbers."""
    return random_weights(seed=7)


# Adding files.


def legacy(tensors: object, path: Path) -> None:
    """The format before torch 1.6, in which torchvision, neural-style-pt and Gatys published."""
    torch.save(tensors, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("write", [legacy, torch.save, save_file, lambda t, path: torch.save({"state_dict": t}, path)])
def test_every_format_is_added(tmp_path: Path, write: Callable[[object, Path], None]) -> None:
    write({"tiny": torch.arange(5.0), "head": torch.zeros(1000)}, tmp_path / "mine")
    info = tiny("tiny", "http://127.0.0.1/", b"")
    assert info.missing()
    assert add(tmp_path / "mine", [VGG19_WEIGHTS, info])[0] == info
    stored = info.load()
    assert (stored.kind, stored.source, stored.tensors["tiny"].tolist()) == ("plain", "mine", [0, 1, 2, 3, 4])
    assert info.missing() == ""
    assert [path.name for path in folder().iterdir()] == ["tiny.safetensors"]


def test_a_stored_file_can_be_taken_to_another_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    VGG19_WEIGHTS.save(Recognised("caffe", random_weights(1, width=4)), "somewhere")
    first, before = VGG19_WEIGHTS.path, VGG19_WEIGHTS.load()
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "other"))
    add(first, [VGG19_WEIGHTS])
    after = VGG19_WEIGHTS.load()
    assert after.kind == "caffe"
    # Its names are Gatys', but its first filters take red first already.
    assert after.tensors["conv1_1.weight"].equal(before.tensors["conv1_1.weight"])


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    for number, write in enumerate([legacy, torch.save]):
        write({"features.0.weight": Malicious(tmp_path / "ran")}, tmp_path / f"{number}.pth")
        with pytest.raises(WeightsError, match="objects that could run code, which are not loaded"):
            add(tmp_path / f"{number}.pth", [VGG19_WEIGHTS])
    assert not (tmp_path / "ran").exists()


def test_files_that_are_none_are_refused_in_words(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    legacy({"features.0.weight": weights["conv5_1.weight"]}, tmp_path / "whole.pth")
    torch.save({"features.0.weight": weights["conv5_1.weight"]}, tmp_path / "whole.pt")
    save_file({"a": weights["conv5_1.weight"]}, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.pth").read_bytes()
    key = whole.rindex(b"]q\0X") + 10  # in the list of storages, which come last
    contents = {
        "page.pth": b"<!DOCTYPE html><html><head>",
        "empty.pth": b"",
        "short": b"PK",
        "zip.pth": b"PK\x03\x04 and no more of it",
        "cut.pth": (tmp_path / "whole.pth").read_bytes()[:1_000_000],
        "other-key.pth": whole[:key] + b"?" + whole[key + 1 :],
        "other-protocol.pth": whole.replace(b"\x80\x02]", b"\x80\x03)"),
        "cut.pt": (tmp_path / "whole.pt").read_bytes()[:1_000_000],
        "cut.safetensors": (tmp_path / "whole.safetensors").read_bytes()[:1_000_000],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{re.escape(name)} is .*no file of tensors.*\. \w"):
            read_tensors(tmp_path / name)
    with pytest.raises(WeightsError, match=r"none\.pth: cannot be read \(No such file or directory\)"):
        read_tensors(tmp_path / "none.pth")
    with pytest.raises(WeightsError, match=r"cannot be read \(Is a directory\)"):
        read_tensors(tmp_path)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list\.pth holds a list, expected a state_dict"):
        read_tensors(tmp_path / "list.pth")


def test_every_network_says_why_it_does_not_take_a_file(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "resnet.pth")
    with pytest.raises(
        WeightsError, match=r"resnet\.pth is not recognised\. For vgg19: It holds 1 tensors \(fc\.weight"
    ):
        add(tmp_path / "resnet.pth", [VGG19_WEIGHTS])
    with pytest.raises(WeightsError, match="No installed network needs weights"):
        add(tmp_path / "resnet.pth", [])


# Keeping.


def test_missing_weights_are_one_line_with_the_way_out() -> None:
    with pytest.raises(WeightsError) as caught:
        build(VGG19)
    assert (
        str(caught.value)
        == VGG19_WEIGHTS.missing()
        == (
            "The network vgg19 has no weights yet. Run `impasto weights get vgg19` (575 MB to download, 80 MB kept), or"
            " `impasto weights add FILE` if you have them; `--network wavelet` needs none and works now."
        )
    )


def test_a_damaged_file_is_not_loaded() -> None:
    info = tiny("tiny", "http://127.0.0.1/", b"")
    info.save(recognise_tiny({"tiny": torch.arange(1000.0)}, ""), "here")
    whole = info.path.read_bytes()
    assert metadata(info.path)["kind"] == "plain"
    flipped = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
    headers = [whole.replace(*pair) for pair in ((b'"F32"', b'"F33"'), (b'"kind"', b'"kinD"'), (b"[1000]", b"[1001]"))]
    for content in (flipped, whole[:-1], whole[:100], b"", b"\xff" * 100, *headers):
        info.path.write_bytes(content)
        metadata(info.path)
        with pytest.raises(
            WeightsError, match=r"tiny\.safetensors is damaged\. Run `impasto weights get tiny`, or add"
        ):
            info.load()


@pytest.mark.parametrize(
    "header",
    [b'{"__metadata__": 1}', b'{"__metadata__": [1]}', b'{"__metadata__": {"kind": 1}}', b"[1]", b"[" * 10**6],
)
def test_a_damaged_header_has_no_metadata(tmp_path: Path, header: bytes) -> None:
    for size in (len(header), 2**40, 2**64 - 1):
        (tmp_path / "a.safetensors").write_bytes(size.to_bytes(8, "little") + header)
        assert metadata(tmp_path / "a.safetensors") == {}


def test_weights_of_another_network_are_refused() -> None:
    info, other = (tiny(name, "http://127.0.0.1/", b"") for name in ("tiny", "other"))
    info.save(recognise_tiny({"tiny": torch.zeros(3)}, ""), "here")
    with pytest.raises(WeightsError, match=r"For other: It was stored for the network tiny\."):
        add(info.path, [other])


def test_the_folder_is_where_the_platform_keeps_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert folder() == tmp_path / "data" / "weights"
    monkeypatch.delenv("IMPASTO_DATA")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
        assert folder() == Path("/somewhere/impasto/weights")
        monkeypatch.setenv("XDG_DATA_HOME", "relative")
        assert folder() == Path.home() / ".local/share/impasto/weights"


# From the server to a network, with a small network of a third party.


def tiny(name: str, url: str, file: bytes) -> WeightsInfo:
    return WeightsInfo(name, "Tiny", url, sha256(file), len(file), 1000, "CC0-1.0", recognise_tiny)


def recognise_tiny(tensors: Mapping[str, Tensor], kind: str) -> Recognised:
    if "tiny" not in tensors:
        raise WeightsError("It has no tensor tiny.")
    return Recognised("plain", {"tiny": tensors["tiny"]})


def tiny_file() -> bytes:
    buffer = io.BytesIO()
    torch.save({"tiny": torch.arange(5.0), "head": torch.zeros(1000)}, buffer)
    return buffer.getvalue()


def test_get_converts_removes_the_original_and_is_done_once(server: Server) -> None:
    server.file = tiny_file()
    info = tiny("tiny", server.url, server.file)
    get(info)
    assert info.load().tensors["tiny"].tolist() == [0, 1, 2, 3, 4]
    assert info.load().source == server.url
    assert [path.name for path in folder().iterdir()] == ["tiny.safetensors"]
    get(info)
    assert server.asked == [None]


def test_get_repairs_a_damaged_file_and_clears_what_a_kill_left(server: Server) -> None:
    server.file = tiny_file()
    info = tiny("tiny", server.url, server.file)
    get(info)
    info.path.write_bytes(info.path.read_bytes()[:-3])
    get(info)
    assert server.asked == [None, None]
    info.part.write_bytes(server.file)  # as killed after storing, before removing
    get(info)
    assert server.asked == [None, None]
    assert not info.part.exists()


PLUGIN = """
from impasto.plugin import hookimpl
from impasto.plugin import NetworkInfo
from impasto.plugin import Recognised, WeightsInfo

def recognise(tensors, kind):
    return Recognised("plain", {"tiny": tensors["tiny"]})

weights = WeightsInfo("tiny", "Tiny", URL, SHA256, SIZE, 1000, "CC0-1.0", recognise)

@hookimpl
def impasto_networks():
    return [NetworkInfo("tiny", "Tiny", build=dict, missing=weights.missing, weights=weights)]
"""


@pytest.fixture
def command(server: Server, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`impasto weights` in a process of its own, with a third party's network `tiny` installed."""
    server.file = tiny_file()
    constants = f"URL, SHA256, SIZE = {server.url!r}, {sha256(server.file)!r}, {len(server.file)}\n"
    (tmp_path / "site" / "tiny-1.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "tiny.py").write_text(constants + PLUGIN)
    (tmp_path / "site" / "tiny-1.dist-info" / "METADATA").write_text("Name: tiny\nVersion: 1\n")
    (tmp_path / "site" / "tiny-1.dist-info" / "entry_points.txt").write_text("[impasto]\ntiny = tiny\n")
    code = "from impasto.cli.weights import weights; weights(prog_name='impasto weights')"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_the_commands(
    command: Callable[..., subprocess.CompletedProcess[str]], server: Server, tmp_path: Path, data: Path
) -> None:
    before = command().stdout
    assert re.search(r"^vgg19 +missing +`impasto weights get vgg19` \(575 MB to download; BSD-3-Clause", before, re.M)
    assert re.search(r"^tiny +missing", before, re.M)
    assert re.search(r"^wavelet +needs none$", before, re.M)
    assert server.asked == []
    got = command("get", "tiny")
    assert got.returncode == 0, got.stderr
    assert f"Tiny: 0 MB to download, 0 MB kept.\n{server.url}\nLicence: CC0-1.0.\n" in got.stdout
    assert got.stdout.replace("\n", "").endswith(f"tiny is ready: {data / 'weights' / 'tiny.safetensors'}")
    assert re.search(r"^tiny +there +plain, 0 MB: /", command().stdout, re.M)
    assert command("get", "wavelet").stdout == "The network wavelet needs no weights.\n"
    assert server.asked == [None]


def test_add_by_command(
    command: Callable[..., subprocess.CompletedProcess[str]],
    weights: dict[str, Tensor],
    tmp_path: Path,
    data: Path,
) -> None:
    legacy({name: weight.half() for name, weight in weights.items()}, tmp_path / "vgg_conv.pth")
    added = command("add", str(tmp_path / "vgg_conv.pth"))
    path = data / "weights" / "vgg19.safetensors"
    assert added.stdout == f"vgg19 is ready, gatys (normalised, BGR, 0-255 minus mean): {path}\n", added.stderr
    assert re.search(r"^vgg19 +there +gatys, 80 MB", command().stdout, re.M)
    assert VGG19_WEIGHTS.load().kind == "gatys"
    assert path.stat().st_size == pytest.approx(VGG19_WEIGHTS.kept, rel=1e-3)


def test_looking_loads_no_torch_and_asks_nobody() -> None:
    code = (
        "import sys; from impasto.cli.weights import weights; weights([], standalone_mode=False);"
        "assert not {'torch', 'rich', 'urllib3', 'safetensors'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# The real size.


@pytest.fixture(scope="module")
def full_size(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, Tensor]) -> Iterator[tuple[Path, str]]:
    """A file like torchvision's, 575 MB in its format, and its sha256: random convolutions, a classifier of zeros."""
    path = tmp_path_factory.mktemp("served") / "vgg19.pth"
    shapes = {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}
    classifier = {f"classifier.{i}.weight": torch.zeros(shape) for i, shape in shapes.items()}
    classifier |= {f"classifier.{i}.bias": torch.zeros(shape[0]) for i, shape in shapes.items()}
    legacy({**as_torchvision(weights), **classifier}, path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    yield path, digest
    path.unlink()


@pytest.mark.slow
def test_killed_in_the_middle_and_repeated(
    server: Server, full_size: tuple[Path, str], weights: dict[str, Tensor]
) -> None:
    server.file, digest = full_size
    assert server.file.stat().st_size == pytest.approx(VGG19_WEIGHTS.size, rel=1e-4)
    server.rate = 200_000_000
    call = f"get(WEIGHTS['vgg19'], url={server.url!r}, sha256={digest!r})"
    code = f"from impasto.weights.obtain import get; from impasto_vgg import WEIGHTS; {call}"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not VGG19_WEIGHTS.part.exists() or VGG19_WEIGHTS.part.stat().st_size < 100_000_000:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    arrived = VGG19_WEIGHTS.part.stat().st_size
    assert 100_000_000 <= arrived < VGG19_WEIGHTS.size
    assert VGG19_WEIGHTS.missing()
    server.rate = 0
    get(VGG19_WEIGHTS, url=server.url, sha256=digest)
    assert server.asked == [None, f"bytes={arrived}-"]
    stored = VGG19_WEIGHTS.load()
    assert (stored.kind, stored.source) == ("torchvision", server.url)
    assert all(tensor.equal(weights[name]) for name, tensor in stored.tensors.items())
    assert [path.name for path in folder().iterdir()] == ["vgg19.safetensors"]
    assert set(build(VGG19)(torch.rand(1, 3, 32, 32), ["conv4_2", "conv5_1"])) == {"conv4_2", "conv5_1"}
