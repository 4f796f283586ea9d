"""How weights come to the user's data folder: by download, or from a file that is there already."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .download import Progress, download
from .errors import WeightsError
from .weights import NETWORK, Recognised, WeightsInfo, metadata, read

if TYPE_CHECKING:
    from torch import Tensor

    from .images import Picture


def get(
    info: WeightsInfo,
    progress: Progress = lambda *_: None,
    *,
    url: str = "",
    sha256: str = "",
    pause: float = 1.0,
) -> None:
    """Download, check, convert and keep the weights of `info`, and remove the original.

    Killed at any moment, it can be repeated and goes on from there; it does nothing when the weights are there and
    whole. `url` and `sha256` replace the record's own, for a mirror; `pause` is as in `download`.
    Raises `WeightsError`.
    """
    if not _intact(info):
        download(url or info.url, info.part, sha256 or info.sha256, progress, pause=pause)
        info.save(info.recognise(read_tensors(info.part), ""), url or info.url)
    info.part.unlink(missing_ok=True)


def add(path: Path, infos: Iterable[WeightsInfo], kind: str = "") -> tuple[WeightsInfo, Recognised]:
    """Keep the weights in `path`, a file the user has, for the first network that recognises its tensors.

    Takes PyTorch and safetensors files, among them one that impasto stored on another computer. `kind` overrules what
    the tensors say of where they came from. Raises `WeightsError`, with every network's reason, when none takes it.
    """
    tensors, reasons = read_tensors(path), []
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
    from . import images

    if info.normalise is None:
        raise WeightsError(f"The network {info.name} has no normalised variant.")
    stored = info.load()
    for path in paths:
        images.read(path)  # all of them before the first is looked at, which takes much longer
    found = info.normalise(stored, (_tensor(images.read(path), longest) for path in watch(paths)))
    info.normalised.save(found, f"{stored.source}, normalised over {len(paths)} pictures")
    return info.normalised


def _tensor(picture: Picture, longest: int) -> Tensor:
    """(1, 3, H, W), made smaller if a side is longer."""
    import torch

    scale = min(1.0, longest / max(picture.size))
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return torch.from_numpy(picture.resized(width, height).pixels).permute(2, 0, 1)[None]


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


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a PyTorch or safetensors file, on the CPU, without running code from it.

    Raises `WeightsError` for a file that cannot be read, is damaged, or holds more than tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            head = file.read(9)
        if head[8:] == b"{":
            return load_file(path)
        return _tensors(path, torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error}).", "Check its name.") from None
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} is no file of tensors, or holds objects that could run code, which are not loaded.",
            "Save the state_dict of its module alone, or convert it to safetensors.",
        ) from None
    except (SafetensorError, RuntimeError, EOFError, ValueError, LookupError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise WeightsError(f"{path} is damaged, or no file of tensors: {reason}.", "Get it again.") from None


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    import torch

    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise WeightsError(f"{path} holds a {type(content).__name__}, expected a state_dict of named tensors.")
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
