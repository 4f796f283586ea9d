"""The plug-in in a real GIMP, in a Debian root filesystem that `tests/editors/rootfs.sh build` makes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import catalogue
from conftest import ROOT
from editors.brackets import LANGUAGE, outside, translated
from impasto.cli.install.extension import ID

EDITORS = ROOT / "tests" / "editors"
HEADLESS, WINDOW, SCHEME, MEDDLER = (
    EDITORS / name for name in ("gimp_headless.py", "gimp_window.py", "gimp_script.scm", "gimp_meddler.py")
)
SCENARIO = re.compile(r"^def scenario_(\w+)", re.MULTILINE)
HANGS = 1200
WIDE = translated("W" * 7)
"""What stands in a field for numbers, in letters as wide as those of Japanese."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is /scratch inside, with impasto from this checkout installed, and its plug-in in a new profile."""
    there = subprocess.run([EDITORS / "rootfs.sh", "check"], capture_output=True, text=True, check=False)
    if there.returncode:
        pytest.skip(there.stdout.strip())
    folder = tmp_path_factory.mktemp("editors")
    subprocess.run([EDITORS / "rootfs.sh", "install", folder], check=True, timeout=HANGS)
    assert "Its worker paints" in enter(folder, "impasto", "install", "gimp")
    meddler = profile(folder) / "plug-ins/meddler/meddler.py"
    meddler.parent.mkdir()
    shutil.copy(MEDDLER, meddler)
    words = {text: translated(text) for text in catalogue.texts()} | {"as in the style": WIDE}
    catalogue.write(profile(folder) / "plug-ins/impasto/locale", words, LANGUAGE)
    return folder


def profile(scratch: Path) -> Path:
    """GIMP's, which is named after its version."""
    (found,) = (scratch / "config" / "GIMP").glob("3.*")
    return found


def enter(scratch: Path, *command: str) -> str:
    """What `command` says inside the root filesystem."""
    start = [EDITORS / "rootfs.sh", "run", scratch, "/checkout/tests/editors/start.sh", *command]
    done = subprocess.run(start, capture_output=True, text=True, timeout=HANGS, check=False)
    (scratch / "last.log").write_text(done.stdout + done.stderr)
    return done.stdout + done.stderr


def results(said: str) -> dict[str, str]:
    """What each scenario came to: "PASS", or why not."""
    lines = re.findall(r"^(PASS|FAIL) scenario_(\w+) (.*)$", said, re.MULTILINE)
    return {name: state if state == "PASS" else "\n".join(json.loads(why)) for state, name, why in lines}


def scenarios(path: Path) -> list[str]:
    return SCENARIO.findall(path.read_text())


def console(scratch: Path, code: str, *environment: str) -> str:
    """What Python says in GIMP without a window."""
    start = ["gimp-console", "-ids", "--batch-interpreter", "python-fu-eval", "-b", code, "--quit"]
    return enter(scratch, "env", *environment, *start)


RUN = f"exec(open('/checkout/tests/editors/{HEADLESS.name}').read())"
"""The scenarios, for GIMP's Python."""


@pytest.fixture(scope="session")
def headless(scratch: Path) -> dict[str, str]:
    said = console(scratch, RUN)
    return results(said) | {"said": said}


@pytest.fixture(scope="session")
def window(scratch: Path) -> dict[str, str]:
    return results(enter(scratch, "python3", f"/checkout/tests/editors/{WINDOW.name}"))


@pytest.mark.parametrize("name", scenarios(HEADLESS))
def test_without_a_window(headless: dict[str, str], name: str) -> None:
    assert headless.get(name, "it did not run") == "PASS"


@pytest.mark.parametrize("place", ["on top of all", "where that was", "in a new one"])
def test_gimp_says_where_a_painting_went(headless: dict[str, str], place: str) -> None:
    assert re.search(rf"The new layer is summer 50 %.*{place}", headless["said"])


def test_what_gimp_shows_of_us_and_says_for_us_is_in_its_language(scratch: Path) -> None:
    """GIMP keeps what procedures are called from one start to the next, in the language that it had then."""
    ours = "[*map(str, (p.get_menu_label(), p.get_blurb(), p.get_help()))]"
    told = f"import json; p = Gimp.get_pdb().lookup_procedure('plug-in-impasto'); print('TOLD', json.dumps({ours}))"
    for language in (LANGUAGE, "C", LANGUAGE):
        texts = json.loads(re.findall("^TOLD (.*)", console(scratch, told, f"LANGUAGE={language}"), re.MULTILINE)[0])
        assert len(texts) == 3 and all(bool(outside(text)) == (language == "C") for text in texts), texts
    said = console(scratch, RUN, f"LANGUAGE={LANGUAGE}", "ONLY=refused|last_values|missing_dies|wherever_its_layer")
    assert set(results(said).values()) == {"PASS"}, said
    heard = re.findall(r"^(?:SAYS|.*Neural Style.*-Warning:) (.*)", said, re.MULTILINE)
    assert len(heard) > 20, said
    assert not [text for text in heard if outside(text)]


@pytest.mark.window
@pytest.mark.parametrize("name", scenarios(WINDOW))
def test_in_the_window(window: dict[str, str], name: str) -> None:
    assert window.get(name, "it did not run") == "PASS"


def test_script_fu_gets_the_layer(scratch: Path) -> None:
    said = enter(
        scratch,
        *("gimp-console", "-idfs", "--batch-interpreter", "plug-in-script-fu-eval"),
        *("-b", f'(load "/checkout/tests/editors/{SCHEME.name}")', "--quit"),
    )
    assert "LAYER summer + oil 40 % OF 2" in said, said


def test_an_unpacked_folder_finds_its_worker_and_paints(scratch: Path) -> None:
    """In a new profile and home, with nothing of impasto on the PATH, but where pipx and uv put it."""
    if not shutil.which("unzip"):
        pytest.skip("there is no unzip here")
    enter(scratch, "impasto", "install", "gimp", "--zip", "/scratch/impasto-gimp.zip")
    plugins = scratch / "handed" / "GIMP" / profile(scratch).name / "plug-ins"
    command = scratch / "handed" / ".local/bin/impasto"
    plugins.mkdir(parents=True)
    subprocess.run(["unzip", "-q", scratch / "impasto-gimp.zip", "-d", plugins], check=True)
    own = [f"{name}=/scratch/handed" for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")]
    script = ["--batch-interpreter", "plug-in-script-fu-eval", "-b", f'(load "/checkout/tests/editors/{SCHEME.name}")']
    console = ["env", *own, "PATH=/usr/bin:/bin", "gimp-console", "-idfs", *script, "--quit"]
    said = enter(scratch, *console)
    assert "impasto is neither on the PATH nor in /scratch/handed/.local/bin. Install it" in said, said
    command.parent.mkdir(parents=True)
    command.symlink_to("/scratch/venv/bin/impasto")
    said = enter(scratch, *console)
    assert "LAYER summer + oil 40 % OF 2" in said, said


def test_an_extension_that_gimp_unpacks_paints_once_it_is_on(scratch: Path) -> None:
    """In a new profile and home; where GIMP finds the plug-in as such too, it takes the extension's."""
    enter(scratch, "impasto", "install", "gimp", "--gex", "/scratch/impasto.gex")
    place = scratch / "extended/GIMP" / profile(scratch).name
    plugin, settings = place / "extensions" / ID / "impasto", place / "extensionrc"
    (scratch / "extended").mkdir()
    own = [f"{name}=/scratch/extended" for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")]
    console = ["env", *own, "PATH=/usr/bin:/bin", "gimp-console", "-idfs", "--batch-interpreter"]
    script = [*console, "plug-in-script-fu-eval", "-b", f'(load "/checkout/tests/editors/{SCHEME.name}")', "--quit"]
    enter(scratch, *console, "plug-in-script-fu-eval", "-b", '(file-gex-load 1 "/scratch/impasto.gex")', "--quit")
    assert os.access(plugin / "impasto.py", os.X_OK)
    assert "LAYER" not in enter(scratch, *script)
    off = f'(GimpExtension "{ID}"\n    (active no))'
    assert off in settings.read_text()
    settings.write_text(settings.read_text().replace(off, off.replace("no", "yes")))
    assert "impasto is neither on the PATH nor in /scratch/extended/.local/bin. Install it" in enter(scratch, *script)
    inside = f"/scratch/{plugin.relative_to(scratch)}"
    told = f"import locate, pathlib; locate.remember(pathlib.Path('{inside}'), ['/scratch/venv/bin/impasto', 'worker'])"
    enter(scratch, "env", f"PYTHONPATH={inside}", "python3", "-c", told)
    enter(scratch, "impasto", "install", "gimp", "--profile", f"/scratch/{place.relative_to(scratch)}")
    said = enter(scratch, *script)
    assert "LAYER summer + oil 40 % OF 2" in said, said
    assert re.search("Skipping duplicate plug-in: '.*/plug-ins/impasto/impasto.py'", said), said


def test_check_says_what_is_wrong_and_uninstall_takes_it_out(scratch: Path) -> None:
    plugin = profile(scratch) / "plug-ins" / "impasto"
    assert "its worker paints" in enter(scratch, "impasto", "install", "gimp", "--check")
    (plugin / "impasto.py").chmod(0o644)
    assert "not executable" in enter(scratch, "impasto", "install", "gimp", "--check")
    assert "Its worker paints" in enter(scratch, "impasto", "install", "gimp")
    assert "Taken out" in enter(scratch, "impasto", "install", "gimp", "--uninstall")
    assert not plugin.exists()
    assert "Its worker paints" in enter(scratch, "impasto", "install", "gimp")
