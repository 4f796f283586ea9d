"""A process that is there to paint keeps freed memory while it does, and gives it back at the end, however that comes;
what is imported is not looked through for garbage; and neither happens to the process of whoever imports impasto."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import drawing
from impasto import Picture
from impasto.pictures.picture import write

SCRIPT = """
import sys
from pathlib import Path
import torch
import impasto
from impasto.memory import allocator

if "host" not in sys.argv:
    impasto.prepare_process()

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def used():
    torch.ones(100 * 2**18)  # 100 MiB, freed at once

used()
before = resident()
try:
    with allocator.keep_freed_memory(2**21 if "large" in sys.argv else 2**18):
        used()
        inside = resident()
        if "fail" in sys.argv:
            raise KeyboardInterrupt
except KeyboardInterrupt:
    pass
after = resident()
used()
print(inside - before, after - before, resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells how much memory is resident")
@pytest.mark.parametrize("word", ["well", "fail", "host"])
def test_freed_memory_is_kept_inside_and_given_back_afterwards(word: str) -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT, word], capture_output=True, text=True, check=True).stdout
    inside, after, later = map(float, said.split())
    assert (inside < 10) if word == "host" else (inside > 90)
    assert after < 10
    assert later < 10


@pytest.mark.parametrize("form", ["exr", "png"])
def test_nothing_is_said_at_the_end_of_what_is_left(form: str, tmp_path: Path) -> None:
    photo, style, out = tmp_path / f"photo.{form}", tmp_path / "style.png", tmp_path / "out.png"
    for number, path in enumerate((photo, style)):
        write(path, Picture(drawing(40, 32, number + 1).astype(np.float32) / 255))
    command = [sys.executable, "-m", "impasto", photo, style, "-o", out, "--size", "40", "--steps", "2", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


LASTING = """
import gc
import sys
from impasto.memory.process import freeze_gc_after_torch

class Knot:
    def __init__(self):
        self.self = self
    def __del__(self):
        print("untied")

with freeze_gc_after_torch():
    kept = [[] for _ in range(10**5)]
    Knot()
print(gc.isenabled(), gc.collect(), gc.get_freeze_count() > 10**5)
Knot()
print(gc.collect() > 0)
sys.modules["torch"] = None
with freeze_gc_after_torch():
    Knot()
print(gc.collect() > 0)
"""


def test_what_torch_makes_when_imported_is_not_looked_through_for_garbage_and_all_else_is() -> None:
    said = subprocess.run([sys.executable, "-c", LASTING], capture_output=True, text=True, check=True).stdout
    assert said.split()[:7] == ["True", "0", "True", "untied", "True", "untied", "True"]


TOUCHED = """
import gc
import os
import sys

found, before = set(), dict(os.environ)
sys.addaudithook(lambda event, args: found.add(args[1]) if event == "ctypes.dlsym" else None)
if sys.argv[1] == "library":
    import impasto

    content, style = map(impasto.read, sys.argv[2:4])
    impasto.write(sys.argv[5], impasto.stylized(content, style, size=64, steps=2, network="wavelet", init="content"))
else:
    from impasto.cli.commands import impasto as main

    try:
        main(sys.argv[2:])
    except SystemExit as end:
        assert not end.code
changed = sorted(name for name, value in os.environ.items() if before.get(name) != value)
print(*changed, "mallopt" in found, gc.get_freeze_count() > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have no mallopt")
@pytest.mark.parametrize("door", ["library", "command line"])
def test_a_command_sets_up_its_process_and_the_library_leaves_that_of_its_caller_alone(
    door: str, content: Path, style: Path, tmp_path: Path
) -> None:
    names = "GOMP_SPINCOUNT", "THP_MEM_ALLOC_ENABLE"
    env = {name: value for name, value in os.environ.items() if name not in names}
    paths = [content, style, "-o", tmp_path / "out.png"]
    knobs = ["--size", "64", "--steps", "2", "--network", "wavelet", "--init", "content", "--quiet"]
    command = [sys.executable, "-c", TOUCHED, door, *paths, *(knobs if door == "command line" else [])]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "out.png").exists()
    assert said.split() == (["False", "False"] if door == "library" else [*names, "True", "True"])
