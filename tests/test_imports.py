"""Which module may import which, and what stays unloaded until it is needed."""

from __future__ import annotations

import ast
import importlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

CORE, PLUGINS = ROOT / "core" / "impasto", ROOT / "plugins"

# Each line may import from the lines above it, and from its own.
ORDER = [
    "errors knobs folders client memory",
    "recipe files icc samples deep codecs images gallery",
    "cache weights download keeper tensors wheels obtain contact",
    "network backend",
    "hooks",
    "registry",
    "losses formulas profiles",
    "remembered",
    "loading",
    "octaves optimiser objective schedule heap grain",
    "tiles sight strokes colour estimates guide frames",
    "scene tiled patches",
    "matching",
    "targets",
    "watch room",
    "stylize",
    "alone explain",
    "provenance worker batch testing",
    "cli cli_weights cli_cache cli_export",
    "__main__",
]
RANKS = {module: rank for rank, line in enumerate(ORDER) for module in line.split()}
CONTRACT = {"backend", "cache", "network", "hooks", "errors", "weights", "testing"}
"""What a plug-in may import from the core."""

HEAVY = {"torch", "torchvision", "numpy", "PIL", "pydantic", "rich", "safetensors", "OpenImageIO", "h5py"}
HEAVY |= {"onnx", "onnxruntime", "onnxscript"}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path, package: str) -> Iterator[str]:
    """Absolute dotted names of everything that the file imports, wherever in it; `package` is the one it is in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def core_modules(names: Iterator[str]) -> set[str]:
    """The modules of the core among dotted names."""
    parts = [name.split(".") for name in names]
    found = {part[1] for part in parts if part[0] == "impasto" and len(part) > 1}
    return {name for name in found if (CORE / f"{name}.py").exists() or (CORE / name).is_dir()}


@pytest.mark.parametrize("path", modules(CORE), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_imports_one_way(path: Path) -> None:
    inside = path.relative_to(CORE)
    module = inside.parts[0].removesuffix(".py")
    if module == "__init__":
        return  # the public door leads everywhere
    assert module in RANKS, f"{module} has no place in the order of imports yet"
    package = ".".join(["impasto", *inside.parent.parts])
    above = {name for name in core_modules(imports(path, package)) if RANKS[name] > RANKS[module]}
    assert not above, f"{inside} imports {above}, which come after it"


@pytest.mark.parametrize("path", modules(PLUGINS), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_plugins_import_the_contract_and_never_each_other(path: Path) -> None:
    inside = path.relative_to(PLUGINS)
    own, others = inside.parts[0], {folder.name for folder in PLUGINS.iterdir() if folder.is_dir()}
    names = list(imports(path, ".".join(inside.parent.parts)))
    assert core_modules(iter(names)) <= CONTRACT
    assert not {name.split(".")[0] for name in names} & (others - {own})


def test_the_rules_catch_what_they_should(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f():\n    from ..stylize import paint\n    import torch.nn\nfrom . import x")
    names = set(imports(tmp_path / "m.py", "impasto.cli"))
    assert {"impasto.stylize", "impasto.stylize.paint", "torch.nn", "impasto.cli.x"} <= names
    assert core_modules(iter(names)) == {"stylize", "cli"}


def loaded(code: str) -> set[str]:
    """Which heavy libraries a fresh Python has loaded after `code`."""
    report = f"{code}\nimport sys\nprint('LOADED', *({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def test_import_impasto_loads_nothing_heavy() -> None:
    assert loaded("import impasto") == set()


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["weights"],
        ["cache"],
        ["paint", "--help"],
        ["again", "--help"],
        ["texture", "--help"],
        ["estimate", "--help"],
        ["explain", "--help"],
        ["worker", "--help"],
        ["sheet", "--help"],
        ["styles", "--help"],
        ["styles"],
        ["--version"],
        [],
    ],
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    assert loaded(f"from impasto.cli import main\ntry: main({args})\nexcept SystemExit: pass") == set()


def test_plugins_and_recipes_and_pictures_load_no_torch() -> None:
    assert "torch" not in loaded("from impasto.cli import main\ntry: main(['plugins'])\nexcept SystemExit: pass")
    assert "torch" not in loaded(
        "import impasto; impasto.Recipe(size=64); impasto.read, impasto.write, impasto.style('oil')"
    )


def test_everything_public_is_there() -> None:
    """Whatever was imported before: a module must not take the place of a function of its name."""
    import impasto

    for path in CORE.glob("[!_]*.py"):
        importlib.import_module(f"impasto.{path.stem}")
    assert {"Picture", "Recipe", "Step", "paint", "read", "write", "ImpastoError"} <= set(impasto.__all__)
    for name in impasto.__all__:
        assert getattr(impasto, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        impasto.nothing  # noqa: B018


def test_help_answers_at_once() -> None:
    """In 0.3 s of processor time, best of five: on a busy machine the clock tells of the others."""
    command = [sys.executable, "-m", "impasto", "--help"]
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(times) < 0.3
