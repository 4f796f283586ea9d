"""The network `wavelet`: two layers of rectified oriented wavelets on a pyramid, in opponent colour.

Sources: Portilla and Simoncelli (IJCV 2000); Brochard, Zhang and Mallat (ICLR 2022).
"""

from __future__ import annotations

from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

from .filters import OPPONENT, gabor

LEVELS = 6
BINOMIAL = torch.tensor([1.0, 4, 6, 4, 1]) / 16


class Wavelet(torch.nn.Module):
    """Layers `band1..6`, `pair1..5` and `flow1..6`, from fine to coarse; `shape2..6` for content."""

    def __init__(self) -> None:
        super().__init__()
        luma = torch.cat([gabor(8, 9, 0.25, 1.6, 0.7), gabor(4, 9, 0.42, 1.0, 0.7)])
        chroma = gabor(4, 9, 0.25, 1.6, 0.7)
        planes = [OPPONENT[0][:, None, None] * luma[:, None]]
        planes += [OPPONENT[c][:, None, None] * chroma[:, None] for c in (1, 2)]
        self.register_buffer("first", torch.cat(planes))
        self.register_buffer("second", gabor(4, 7, 0.25, 1.4, 0.7)[:, None])
        names = [f"{kind}{level}" for level in range(1, LEVELS + 1) for kind in ("band", "pair", "flow", "shape")]
        self.layers = tuple(name for name in names if name != f"pair{LEVELS}")
        self.content_layers = {f"shape{level}": 0.4 / 5 for level in range(2, LEVELS + 1)}
        self.style_layers = {name: 1.0 for name in self.layers if not name.startswith("shape")}

    def forward(self, image: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        x, previous = image - 0.5, None
        for level in range(1, LEVELS + 1):
            if min(x.shape[-2:]) < 12:
                break
            band = _rectified(x, self.first)
            found[f"band{level}"] = _with_constant(band)
            if previous is not None:
                found[f"pair{level - 1}"] = torch.cat([F.interpolate(previous, size=band.shape[-2:], mode="area"), band], 1)
            energy = _halved(band[:, :32].unflatten(1, (8, 4)).sum(2))
            flow = _rectified(energy.transpose(0, 1), self.second).flatten(0, 1)[None]
            found[f"flow{level}"] = _with_constant(flow)
            found[f"shape{level}"] = F.avg_pool2d(band, 4, ceil_mode=True)
            x, previous = _halved(x), band
        return {layer: found[layer] for layer in layers if layer in found}


def _rectified(x: Tensor, kernels: Tensor) -> Tensor:
    pad = kernels.shape[-1] // 2
    return F.relu(F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), kernels))


def _halved(x: Tensor) -> Tensor:
    channels = x.shape[1]
    kernel = (BINOMIAL[:, None] * BINOMIAL).to(x).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(x, (2,) * 4, mode="reflect"), kernel, stride=2, groups=channels)


def _with_constant(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(1, 1, *x.shape[-2:])], 1)
