"""ONNX Runtime sees what torch sees, at every size; and a network as a file for others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import ROOT, Run, drawing
from impasto.errors import DeviceError, PluginError
from impasto.painting.paint import stylized
from impasto.pictures.picture import Picture
from impasto.plugin import Network
from impasto.plugin.registry import missing, registry
from impasto.storage.cache import NETWORKS
from impasto_vgg.architecture import VGG16, VGG19
from impasto_vgg.network import VGG
from impasto_wavelet.network import Wavelet
from random_vgg import random_weights

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install 'impasto[onnx]'")

pytestmark = pytest.mark.slow

ODD = [(401, 487), (131, 97), (63, 65), (33, 41), (129, 387)]
CONTENT, STYLE = (Picture(drawing(seed=seed) / np.float32(255)) for seed in (1, 2))
NETWORKS_BY_NAME: dict[str, Callable[[], Network]] = {
    "wavelet": Wavelet,
    "vgg19": lambda: VGG(random_weights(1), VGG19),
    "vgg16": lambda: VGG(random_weights(1, 8, VGG16), VGG16, "hed"),
    "vgg19, max and replicate": lambda: VGG(random_weights(1, width=4), VGG19, "caffe", "max", "replicate", "256"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that these tests share, because an export takes its time."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def _shared_cache(models: Path, monkeypatch: pytest.MonkeyPatch, cached: Path) -> None:
    monkeypatch.setenv("IMPASTO_CACHE", str(models))


@pytest.mark.parametrize("name", NETWORKS_BY_NAME)
def test_every_layer_equals_torch_s(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    network = NETWORKS_BY_NAME[name]()
    evaluate = registry().backend("onnx").build("cpu", "auto").load(network)
    for height, width in ODD:
        image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.no_grad():
            expected = network(image, network.layers)
        maps = evaluate(image, network.layers)
        assert list(maps) == list(expected)
        for layer, value in maps.items():
            assert value.shape == expected[layer].shape
            assert (value - expected[layer]).abs().max() <= 1e-4 * expected[layer].abs().max(), (layer, height, width)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("tiles", [{}, {"tile": 128, "size": 200, "scales": 1, "steps": 2}])
def test_a_picture_comes_out_the_same(tiles: dict[str, int]) -> None:
    knobs = {"size": 128, "steps": 10, "device": "cpu", **tiles}
    plain, other = stylized(CONTENT, STYLE, **knobs), stylized(CONTENT, STYLE, **knobs, targets="onnx")
    assert 0 < np.abs(plain.pixels - other.pixels).mean() <= 2 / 255


def test_an_export_is_found_again_by_another_process(models: Path) -> None:
    def look() -> str:
        code = "import torch; from impasto_vgg.architecture import VGG19; from impasto_vgg.network import VGG; "
        code += "from random_vgg import random_weights as r; "
        code += "from impasto_onnx import impasto_backends; (b,) = impasto_backends(); "
        code += "e = b.build('cpu', 'auto').load(VGG(r(9, 2), VGG19, pooling='max')); "
        code += "print(*e(torch.rand(1, 3, 32, 32), ['pool2']))"
        command, here = [sys.executable, "-W", "error", "-c", code], Path(__file__).parent
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout

    before = list(NETWORKS.entries())
    assert look() == "pool2\n"
    (entry,) = [entry for entry in NETWORKS.entries() if entry.path not in {old.path for old in before}]
    entry.path.write_bytes(entry.path.read_bytes()[:-1])  # damaged: said so, and exported again
    with pytest.raises(AssertionError, match="is damaged; it is computed again"):
        look()
    assert look() == "pool2\n"
    assert len(list(NETWORKS.entries())) == len(before) + 1


def test_a_network_that_cannot_be_followed_is_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Branching(torch.nn.Module):
        layers = ("a",)

        def forward(self, image: torch.Tensor, layers: object) -> dict[str, torch.Tensor]:
            return {"a": image if float(image.mean()) > 0.5 else -image}

    evaluate = registry().backend("onnx").build("cpu", "auto").load(Branching())  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"The network Branching cannot be exported: .* Use --targets torch"):
        evaluate(torch.rand(1, 3, 32, 32), ["a"])
    assert capfd.readouterr() == ("", "")


def test_devices() -> None:
    from impasto_onnx.providers import candidates

    every = [f"{name}ExecutionProvider" for name in ("OpenVINO", "CPU", "CUDA", "CoreML", "Dml")]
    order = [provider.name for provider in candidates("auto", every)]
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    assert order == [every[2]] * cuda + [every[4]] + [every[3]] * mps + [every[0], every[1]]
    assert [provider.name for provider in candidates("cpu", every)] == ["CPUExecutionProvider"]
    with pytest.raises(
        DeviceError, match=r"The device 'cuda:99' cannot be had: ONNX Runtime has .*impasto\[onnx-gpu\]"
    ):
        candidates("cuda:99", every)


def test_listing_imports_none_of_it() -> None:
    code = "import sys, impasto_onnx; [b] = impasto_onnx.impasto_backends(); print(b.missing()); "
    code += "sys.exit(bool({'onnx', 'onnxruntime', 'onnxscript', 'torch'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert missing(registry().backend("onnx")) == ""


def test_what_is_not_installed_is_a_line_with_the_command(tmp_path: Path) -> None:
    """In a Python that sees the standard library, the plug-in and what the contract needs, and nothing else."""
    import pluggy

    folders = [ROOT / "core", ROOT / "plugins", tmp_path]
    (tmp_path / "pluggy").symlink_to(Path(pluggy.__file__).parent)
    code = f"import sys; sys.path[:0] = {list(map(str, folders))}; import impasto_onnx; print(impasto_onnx.missing())"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("onnxruntime, onnx, onnxscript not installed. Run `pip install 'impasto[onnx]'`")


# impasto export


def test_a_file_for_other_programs(impasto: Run, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    file = tmp_path / "wavelet.onnx"
    result = impasto("export", "wavelet", file, "--layers", "band1, shape2")
    assert result.exit_code == 0, result.stderr
    assert "2 layers, ONNX opset 18" in result.stdout
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == ["band1", "shape2"]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    image = torch.rand(1, 3, 50, 71)
    for value, expected in zip(
        session.run(None, {"image": image.numpy()}), Wavelet()(image, ["band1", "shape2"]).values(), strict=True
    ):
        assert np.abs(value - expected.numpy()).max() <= 1e-4 * np.abs(expected.numpy()).max()
    assert impasto("export", "wavelet", file, "--layers", "band1").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wavelet.onnx"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("wavelet", "x.pt"), "the suffix '.pt' is unknown. Use .onnx"),
        (("wavelet", "no/such/x.onnx"), "there is no folder"),
        (("wavelet", "folder.onnx"), "is no file"),
        (("eye", "x.onnx"), "There is no network 'eye'"),
        (("wavelet", "x.onnx", "--layers", "conv9"), "The network wavelet has no layer 'conv9'. Layers: fine1"),
        (("wavelet", "x.onnx", "--network-options", "a=b"), "no option 'a'"),
    ],
)
def test_exports_that_are_refused(
    impasto: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], words: str
) -> None:
    (tmp_path / "folder.onnx").mkdir()
    monkeypatch.chdir(tmp_path)
    result = impasto("export", *args)
    assert result.exit_code == 2
    assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["folder.onnx"]
