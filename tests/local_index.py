"""A folder of wheels, and an index of it, to install impasto from without a network: `python local_index.py FOLDER`.

impasto's own is built from this checkout. The wheels of what it depends on are empty, in the versions of this Python's;
that of torch points to where these lie, so that nothing of several GB has to be copied.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build(folder: Path) -> Path:
    """Fill `folder`; returns impasto's own wheel."""
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(hatchling, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[\w-]+", each)[0] for each in project["dependencies"]]  # type: ignore[index]
    lie = [path for path in sys.path if path.endswith("-packages")]
    for name in names:
        below = f"import site; list(map(site.addsitedir, {lie!r}))\n" if name == "torch" else ""
        wheel(folder, name, version(name).split("+")[0], {f"{name}_below.pth": below} if below else {})
    for path in folder.glob("*.whl"):
        page = folder / "simple" / path.name.split("-")[0] / "index.html"  # as PEP 503 wants it
        page.parent.mkdir(parents=True)
        page.write_text(f'<a href="../../{path.name}">{path.name}</a>\n')
    return next(folder.glob("impasto-*.whl"))


def wheel(folder: Path, name: str, number: str, files: dict[str, str], needs: Iterable[str] = ()) -> Path:
    """A wheel with these files in it."""
    info = f"{name}-{number}.dist-info"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
    files = files | {
        f"{info}/METADATA": head + "".join(f"Requires-Dist: {need}\n" for need in needs),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    path = folder / f"{name}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for place, text in files.items():
            packed.writestr(place, text)
    return path


if __name__ == "__main__":
    build(Path(sys.argv[1]))
