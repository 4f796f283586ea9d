"""A PyTorch that cannot be loaded, or does not go with the card: what is said then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import drawing
from impasto.client import CPU_BUILD, ENDS, Message, Pixels, Worker
from impasto.plugin.registry import registry
from impasto_torch.backend import has_kernels

Process = Callable[..., subprocess.CompletedProcess[str]]
REASON = "OSError: libcudart.so.12: cannot open shared object file"
BROKEN = {
    "library": 'raise OSError("libcudart.so.12: cannot open shared object file")',
    "binding": 'raise ImportError("libcudnn.so.9: cannot open shared object file")',
    "instruction": "import os, signal\nos.kill(os.getpid(), signal.SIGILL)",
}


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """An environment whose torch breaks in this way."""

    def make(how: str) -> dict[str, str]:
        package = tmp_path / how / "torch"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(BROKEN[how])
        return os.environ | {"PYTHONPATH": os.pathsep.join([str(package.parent), *sys.path])}

    return make


def ended(env: dict[str, str], jobs: int) -> list[Message]:
    """How a worker ends so many paintings."""
    small = Pixels(32, 32, 3, "u8", drawing(32, 32).tobytes())
    with Worker([sys.executable, "-m", "impasto", "worker"], env=env, silent_for=300) as worker:
        for _ in range(jobs):
            worker.paint(small, [{"picture": small}], {"size": 32})
        events = (event for event in worker.events() if event.type in ENDS)
        return [next(events) for _ in range(jobs)]


@pytest.mark.parametrize(
    ("how", "reason"),
    [("library", REASON), ("binding", "ImportError: libcudnn.so.9: cannot open shared object file")],
)
def test_the_command_line_says_in_a_sentence_that_torch_does_not_load(
    broken: Callable[[str], dict[str, str]], process: Process, content: Path, style: Path, how: str, reason: str
) -> None:
    env, out = broken(how), content.with_name("out.png")
    for words in ((content, style, "-o", out), ("sheet", content, style, "--columns", "strength=20,80", "-o", out)):
        done = process(*words, env=env)
        assert (done.returncode, out.exists()) == (2, False)
        (line,) = done.stderr.splitlines()
        assert f"PyTorch cannot be loaded ({reason})." in line
        assert line.endswith(f"{sys.executable} -m {CPU_BUILD}")


def test_an_error_of_another_kind_keeps_its_traceback(process: Process, content: Path, style: Path) -> None:
    folder = content.with_name("odd")
    folder.mkdir()
    (folder / "pydantic.py").write_text("raise ImportError('odd')")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    done = process(content, style, "-o", content.with_name("out.png"), env=env)
    assert done.returncode == 1
    assert "ImportError: odd" in done.stderr.splitlines()[-1]


def test_the_worker_says_of_every_job_that_torch_does_not_load(broken: Callable[[str], dict[str, str]]) -> None:
    for failed in ended(broken("library"), jobs=2):
        assert (failed.type, failed["code"]) == ("failed", "plugin_error")
        assert failed["message"] == f"PyTorch cannot be loaded ({REASON})."
        assert CPU_BUILD in failed["hint"]


def test_a_worker_that_dies_of_an_instruction_is_told_of(broken: Callable[[str], dict[str, str]]) -> None:
    (failed,) = ended(broken("instruction"), jobs=1)
    assert (failed["code"], "SIGILL" in failed["message"]) == ("crashed", True)
    assert "instructions" in failed["hint"] and CPU_BUILD in failed["hint"]


@pytest.mark.parametrize(
    ("how", "words"),
    [("library", [f"PyTorch cannot be loaded ({REASON})", CPU_BUILD]), ("instruction", ["SIGILL", CPU_BUILD])],
)
def test_plugins_shows_a_torch_that_does_not_load_as_not_ready(
    broken: Callable[[str], dict[str, str]], process: Process, how: str, words: list[str]
) -> None:
    done = process("plugins", env=broken(how))
    assert done.returncode == 0, done.stderr
    assert ["torch", "backend", "impasto", "not", "ready"] in [line.split()[:5] for line in done.stdout.splitlines()]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("torch: ")]
    assert all(word in line for word in words), line


@pytest.mark.parametrize("editor", ["gimp", "krita"])
def test_install_and_check_paint_with_the_real_worker(
    broken: Callable[[str], dict[str, str]], process: Process, tmp_path: Path, editor: str
) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    home = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}

    def said(path: str) -> subprocess.CompletedProcess[str]:
        worker = f"env PYTHONPATH={path} {sys.executable} -m impasto worker"
        process("install", editor, "--profile", profile, "--worker", worker, env=home)
        return process("install", editor, "--profile", profile, "--check", env=home)

    good = said(os.pathsep.join(sys.path))
    assert good.returncode == 0, good.stderr
    assert "whole, and its worker paints." in good.stdout
    for how, words in {"library": [REASON, CPU_BUILD], "instruction": ["SIGILL", CPU_BUILD]}.items():
        done = said(broken(how)["PYTHONPATH"])
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert "its worker does not paint: " in line
        assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((8, 6), ["sm_80", "sm_90"], True),
        ((8, 0), ["sm_86"], False),
        ((5, 0), ["sm_70", "sm_75", "sm_80", "sm_90", "compute_90"], False),  # too old
        ((12, 0), ["sm_80", "sm_90"], False),  # too new
        ((12, 0), ["sm_80", "compute_90"], True),  # by PTX
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["sm_90a", "compute_90a"], False),
        ((10, 3), ["sm_100f"], True),
        ((12, 0), ["compute_100f"], False),
        ((9, 0), ["gfx90a", "gfx1100"], True),
        ((9, 0), [], True),
    ],
)
def test_a_card_is_used_where_torch_was_built_for_it(capability: tuple[int, int], built: list[str], runs: bool) -> None:
    assert has_kernels(capability, built) is runs


def test_the_devices_of_this_machine_can_still_be_had() -> None:
    assert registry().backend("torch").build("auto", "float32").device in ("cpu", "cuda", "mps")
