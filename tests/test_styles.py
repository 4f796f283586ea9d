"""The bundled styles: named where a file is expected, carried by every installation, drawn by a script."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import impasto as api
from conftest import ROOT, Run
from impasto.errors import ImageError
from impasto.pictures.bundled_styles import FOLDER, found
from impasto.pictures.picture import read_comment
from impasto.recipe.provenance import Provenance

QUICK = ("--size", 64, "--scales", 1, "--steps", 2, "--device", "cpu", "-q")


def test_each_has_a_picture_of_its_own_with_dark_and_light() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(api.bundled())
    assert len(api.bundled()) >= 8
    for name in api.bundled():
        luma = api.style(name).pixels.mean(axis=2)
        dark, light = np.quantile(luma, (0.02, 0.98))
        assert dark < 0.25, name
        assert light > 0.75, name
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 600_000


def test_a_file_goes_before_a_style_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "oil").mkdir()  # a folder is no picture, and hides none
    (tmp_path / "mosaic").write_bytes(b"a file")
    assert found(Path("oil")) == FOLDER / "oil.webp"
    assert found(Path("mosaic")) == Path("mosaic")


def test_a_missing_file_is_answered_with_the_names(impasto: Run, content: Path, tmp_path: Path) -> None:
    for command in ((content, "oill"), ("texture", "oill"), ("sheet", content, "--rows", "style=oil,oill")):
        done = impasto(*command, "-o", tmp_path / "out.png")
        assert done.exit_code == 2
        assert "oill: there is no such file, and no such bundled style." in done.stderr
        assert ", ".join(api.bundled()) in done.stderr
    assert not (tmp_path / "out.png").exists()
    with pytest.raises(ImageError, match="no such bundled style"):
        api.style("oill")


def test_it_is_painted_with_and_found_again(impasto: Run, content: Path, tmp_path: Path) -> None:
    out, same = tmp_path / "out.png", tmp_path / "elsewhere" / "out.png"
    done = impasto(content, "oil", "woodcut", "-o", out, *QUICK)
    assert done.exit_code == 0, done.output
    sources = Provenance.read(out).sources
    assert (sources["style"].path, sources["style2"].path) == ("bundled:oil", "bundled:woodcut")
    assert str(FOLDER) not in out.read_bytes().decode("latin-1")
    same.parent.mkdir()
    out.rename(same)
    assert impasto("again", same, "-o", out, "--content", content, "-q").exit_code == 0
    plain = tmp_path / "plain.png"
    assert impasto(content, FOLDER / "oil.webp", FOLDER / "woodcut.webp", "-o", plain, *QUICK).exit_code == 0
    assert out.read_bytes() == plain.read_bytes()


def test_one_that_this_version_has_not_is_named(impasto: Run, content: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert impasto(content, "oil", "-o", out, *QUICK).exit_code == 0
    with Image.open(out) as picture:
        texts = {key: text.replace("bundled:oil", "bundled:fresco") for key, text in picture.text.items()}
        picture.load()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    picture.save(out, pnginfo=info)
    done = impasto("again", out)
    assert done.exit_code == 2
    assert "bundled:fresco: there is no such file, and no such bundled style." in done.stderr


def test_a_texture_and_a_sheet_take_names(impasto: Run, content: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "out.png", tmp_path / "sheet.png"
    assert impasto("texture", "mosaic", "-o", out, *QUICK).exit_code == 0
    done = impasto("sheet", content, "--columns", "style=oil,charcoal", "-o", sheet, *QUICK)
    assert done.exit_code == 0, done.output
    carried = json.loads(read_comment(sheet))
    assert {"bundled:oil", "bundled:charcoal"} < {file["path"] for file in carried["files"]}
    assert carried["sheet"]["columns"] == {"style": ["oil", "charcoal"]}


def test_they_are_listed_and_shown(impasto: Run, tmp_path: Path) -> None:
    sheet = tmp_path / "styles.png"
    done = impasto("styles", "-o", sheet)
    assert done.exit_code == 0, done.output
    assert tuple(line.split()[0] for line in done.stdout.splitlines()) == api.bundled()
    with Image.open(sheet) as picture:
        assert picture.width > 4 * 300
    refused = impasto("styles", "-o", tmp_path / "styles.pdf")
    assert refused.exit_code == 2
    assert "the suffix '.pdf' is unknown" in refused.stderr


@pytest.mark.slow
def test_the_wheel_carries_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert {f"impasto/pictures/styles/{name}.webp" for name in api.bundled()} <= names


@pytest.mark.slow
def test_the_script_draws_the_picture_that_is_there() -> None:
    """Nearly: codecs and libraries round differently from one version to the next."""
    code = "import sys; from styles import drawn; sys.stdout.buffer.write(drawn('hatching', 560).tobytes())"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "examples")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    kept = api.style("hatching")
    drawn = np.frombuffer(done.stdout, np.uint8).reshape(kept.pixels.shape) / 255
    assert np.abs(drawn - kept.pixels).mean() < 0.04


def test_the_guide_shows_what_its_commands_make() -> None:
    """Every picture on the page is there, and is the output of a command of the page."""
    page, folder = (ROOT / "docs" / "guide.md").read_text(), ROOT / "docs" / "guide"
    shown = set(re.findall(r"\]\(guide/([\w-]+)\.jpg\)", page))
    assert shown == {path.stem for path in folder.iterdir()}
    assert shown <= set(re.findall(r"^impasto .*(?:-o|--contact-sheet) ([\w-]+)\b", page, re.M))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
