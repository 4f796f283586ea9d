"""Plug-ins as strangers install them: real distributions, put by pip into a virtual environment of its own.

The environment lies over the one that runs the tests, so that nothing is downloaded: pip gets the folders, no index.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from conftest import ROOT, environment, inside, put
from impasto.recipe.provenance import Provenance

EXAMPLES = ROOT / "docs" / "examples"
BROKEN = {
    "acme-import": ("import acme_colours", "ModuleNotFoundError: No module named 'acme_colours'"),
    "acme-raises": ("raise OSError('no disk')", "OSError: no disk"),
    "acme-taken": (
        "return [NetworkInfo('wavelet', 'another', build=dict)]",
        "PluginError: The name 'wavelet' is taken already. Choose another name.",
    ),
}
"""Distribution -> (what its hook does, what is said of it)."""
Process = subprocess.CompletedProcess[str]
Command = Callable[..., Process]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with two good distributions, those of the docs, and three broken ones."""
    folder = tmp_path_factory.mktemp("installed")
    python = environment(folder / "env")
    for example in EXAMPLES.iterdir():
        shutil.copytree(example, folder / example.name)  # building writes nothing into the checkout
    for name, (hook, _) in BROKEN.items():
        distribution(folder / name, hook)
    folders = [folder / name for name in (*BROKEN, *(example.name for example in EXAMPLES.iterdir()))]
    put(python, *folders)
    return python


def distribution(folder: Path, hook: str) -> None:
    """The source of a distribution whose hook for networks does `hook`."""
    shutil.copytree(EXAMPLES / "impasto-exact", folder, ignore=shutil.ignore_patterns("*.py"))
    project, module = folder / "pyproject.toml", folder.name.replace("-", "_")
    text = project.read_text().replace("impasto-exact", folder.name).replace("impasto_exact", module)
    project.write_text(text.replace("\nexact =", f"\n{module} ="))
    imports = "from impasto.plugin import hookimpl\nfrom impasto.plugin import NetworkInfo\n"
    body = f"{hook}\n{imports}" if hook.startswith("import") else imports
    body += f"\n@hookimpl\ndef impasto_networks():\n    {hook}\n"
    (folder / f"{module}.py").write_text(body)


@pytest.fixture
def installed(python: Path) -> Command:
    """Runs `impasto` in that environment."""
    return lambda *args, **environment: inside(python, "-m", "impasto", *args, **environment)


def test_the_good_are_listed_and_the_broken_named(installed: Command) -> None:
    done = installed("plugins")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = [line.split()[:5] for line in done.stdout.splitlines()]
    assert ["squeezenet", "network", "impasto-squeezenet", "ready", "-"] in rows
    assert ["exact", "backend", "impasto-exact", "ready", "cpu"] in rows
    assert ["wavelet", "network", "impasto", "ready", "-"] in rows
    assert "\nsqueezenet: --network-options, of each the first by default\n  weights=none|imagenet\n" in done.stdout
    for name, (_, error) in BROKEN.items():
        module = name.replace("-", "_")
        said = f"\nThe plug-in '{module} = {module}' of {name} cannot be used.\n  {error}\n"
        assert f"{said}  Update it (pip install -U {name}), or remove it (pip uninstall {name}).\n" in done.stdout
    assert done.stdout.count("cannot be used") == len(BROKEN)


def test_authors_see_the_traceback(installed: Command) -> None:
    done = installed("plugins", IMPASTO_PLUGIN_ERRORS="raise")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'acme_colours'\n")


def test_a_picture_is_made_with_the_good_ones(installed: Command, content: Path, style: Path, tmp_path: Path) -> None:
    out = tmp_path / "painted.png"
    chosen = ("--network", "squeezenet", "--backend", "exact", "--size", 64, "--scales", 1, "--steps", 3)
    done = installed(content, style, "-o", out, *chosen)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture:
        assert picture.size == (64, 43)
        assert len(picture.getcolors(64 * 43) or ()) > 500
    recipe = Provenance.read(out).recipe
    assert (recipe.network, recipe.backend) == ("squeezenet", "exact")


# In one process, because each would load torch again.
CHECKS = """
from pathlib import Path

import torch
from torchvision.models import squeezenet1_1

from impasto.errors import DeviceError, WeightsError
from impasto.plugin.registry import registry
from impasto.testing import check_backend, check_network

check_network("squeezenet")
check_backend("exact", "squeezenet")


def refusal(kind, build, *args, **options):
    try:
        build(*args, **options)
    except kind as error:
        return str(error)


exact, squeezenet = registry().backend("exact").build, registry().network("squeezenet").build
assert "no device 'cuda'. Use --device cpu" in refusal(DeviceError, exact, "cuda", "auto")
assert "not in bfloat16. Leave --precision out." in refusal(DeviceError, exact, "cpu", "bfloat16")
path = Path(torch.hub.get_dir(), "checkpoints", "squeezenet1_1-b8a52dc0.pth")
assert refusal(WeightsError, squeezenet, weights="imagenet").startswith(f"{path} is not there. Download it: python -c")

model = squeezenet1_1().eval()
path.parent.mkdir(parents=True)
torch.save(model.state_dict(), path)
image = torch.rand(1, 3, 65, 64)
mean, std = (torch.tensor(rgb)[:, None, None] for rgb in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
expected = model.features((image - mean) / std)
assert torch.equal(squeezenet(weights="imagenet")(image, ["fire9"])["fire9"], expected)
assert not torch.equal(squeezenet()(image, ["fire9"])["fire9"], expected)
"""


def test_the_good_ones_are_what_they_say(python: Path, tmp_path: Path) -> None:
    """They conform; and the weights that were downloaded are used, in their own preprocessing."""
    done = inside(python, "-c", CHECKS, TORCH_HOME=str(tmp_path / "torch"))
    assert done.returncode == 0, done.stderr


def test_the_page_shows_what_is_tested() -> None:
    """Each block of code is in an example, or above."""
    shown = re.findall(r"^```(?:python|toml)\n(.*?)^```$", (EXAMPLES.parent / "plugins.md").read_text(), re.M | re.S)
    tested = [CHECKS, *(path.read_text() for path in EXAMPLES.glob("*/*.*"))]
    assert len(shown) > 5
    for block in shown:
        lines = [line for line in block.splitlines() if line]
        assert any(all(line in text.splitlines() for line in lines) for text in tested), block


def test_the_examples_are_small() -> None:
    modules = list(EXAMPLES.glob("*/*.py"))
    assert len(modules) == 2
    for module in modules:
        assert len(module.read_text().splitlines()) < 60
