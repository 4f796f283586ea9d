"""Which module may import which, and what stays unloaded until it is needed."""

from __future__ import annotations

import ast
import importlib
import re
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from conftest import ROOT

CORE, PLUGINS = ROOT / "core" / "impasto", ROOT / "plugins"

BASE, ABOVE = (
    {"errors", "client", "installer", "locate", "ranks", "translation", "_version"},
    {"", "testing", "__main__"},
)
"""Modules beside the packages: what all may import, and what may import all. The package itself is ""."""
CONTRACT = {"errors", "testing", "storage.cache", "pictures.colour_axes"}
"""What a plug-in may import from the core, besides `plugin`."""

HEAVY = {"torch", "torchvision", "numpy", "PIL", "pydantic", "rich", "safetensors", "OpenImageIO", "h5py", "av", "cv2"}
HEAVY |= {"onnx", "onnxruntime", "onnxscript", "dask", "distributed"}


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


def name(path: Path) -> str:
    """The module that a file of the core is, below `impasto`: "painting.paint"."""
    return ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def core_modules(names: Iterable[str]) -> set[str]:
    """The modules of the core among dotted names; a name in a module stands for that module."""
    found = set()
    for parts in (dotted.split(".")[1:] for dotted in names if dotted.split(".")[0] == "impasto"):
        while parts and not ((CORE.joinpath(*parts)).is_dir() or CORE.joinpath(*parts).with_suffix(".py").exists()):
            parts.pop()
        found.add(".".join(parts))
    # `from .. import client` names the package too, only as the way to it.
    return {one for one in found if not any(other.startswith(one + ".") for other in found)} - {""}


def graph() -> dict[str, set[str]]:
    """Module of the core -> the others of it that it imports, late imports and those for types included."""
    found = {}
    for path in modules(CORE):
        inside = ["impasto", *path.relative_to(CORE).parent.parts]
        found[name(path)] = core_modules(imports(path, ".".join(inside))) - {name(path)}
    return found


def layers() -> list[str]:
    """The packages as CONTRIBUTING draws them, lowest first."""
    drawn = (ROOT / "CONTRIBUTING.md").read_text().split("## The map", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^    (\w+)/ ", drawn, re.MULTILINE)[::-1]


def rank(module: str) -> int:
    """A module imports those of its own rank and below."""
    top = module.split(".")[0]
    return -1 if top in BASE else len(layers()) if top in ABOVE else layers().index(top)


def test_the_map_names_every_package_and_nothing_else() -> None:
    folders = {path.parent.name for path in CORE.glob("*/__init__.py")}
    assert sorted(layers()) == sorted(folders)
    assert {name(path) for path in CORE.glob("*.py")} == BASE | ABOVE


@pytest.mark.parametrize(("module", "imported"), [pytest.param(*pair, id=pair[0]) for pair in graph().items()])
def test_the_core_imports_one_way(module: str, imported: set[str]) -> None:
    above = {other for other in imported if rank(other) > rank(module)}
    assert not above, f"{module} imports {above}, which come after it"


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles(graph()) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Sets of modules that can be reached from each other."""

    def reached(start: str) -> set[str]:
        found, left = set[str](), list(edges[start])
        while left:
            if (one := left.pop()) not in found:
                found.add(one)
                left += edges.get(one, ())
        return found

    everything = {one: reached(one) for one in edges}
    return [
        together
        for one in edges
        if one in everything[one]
        and (together := sorted(other for other in everything[one] if one in everything.get(other, ())))[0] == one
    ]


@pytest.mark.parametrize("path", modules(PLUGINS), ids=lambda path: str(path.relative_to(PLUGINS)))
def test_plugins_import_the_contract_and_never_each_other(path: Path) -> None:
    inside = path.relative_to(PLUGINS)
    own, others = inside.parts[0], {folder.name for folder in PLUGINS.iterdir() if folder.is_dir()}
    names = list(imports(path, ".".join(inside.parent.parts)))
    assert {one for one in core_modules(names) if one.split(".")[0] != "plugin"} <= CONTRACT
    assert not {one.split(".")[0] for one in names} & (others - {own})


def test_the_rules_catch_what_they_should(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def f():\n    from ..painting import paint\n    import torch.nn\nfrom . import x")
    names = set(imports(tmp_path / "m.py", "impasto.cli"))
    assert {"impasto.painting", "impasto.painting.paint", "torch.nn", "impasto.cli.x"} <= names
    assert core_modules(names) == {"painting.paint", "cli"}


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
        ["batch", "--help"],
        ["film", "--help"],
        ["styles", "--help"],
        ["styles"],
        ["--version"],
        [],
    ],
)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    assert loaded(f"from impasto.cli.commands import impasto\ntry: impasto({args})\nexcept SystemExit: pass") == set()


def test_plugins_and_recipes_and_pictures_load_no_torch() -> None:
    assert "torch" not in loaded(
        "from impasto.cli.commands import impasto\ntry: impasto(['plugins'])\nexcept SystemExit: pass"
    )
    assert "torch" not in loaded(
        "import impasto; impasto.Recipe(size=64); impasto.read, impasto.write, impasto.style('oil')"
    )


def test_everything_public_is_there() -> None:
    """Whatever was imported before: a module must not take the place of a function of its name."""
    import impasto

    for module in graph():
        if module not in ("", "__main__"):
            importlib.import_module(f"impasto.{module}")
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
