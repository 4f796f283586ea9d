"""The network `wavelet`: two layers of rectified oriented wavelets on a pyramid, in opponent colour. No weights.

Level l filters the picture halved l - 1 times. Its layers are

    fine1       the finest strokes, at every pixel (level 1 only)
    band<l>     wavelets in 8 orientations of luma, 4 of each chroma axis, and smooth colour
    pair<l>     band<l> beside band<l+1>, so that a Gram matrix relates neighbouring scales
    swirl<l>_d  wavelets on the energy of each orientation, at distance d (1 or 2): how strokes lie beside one another
    streak<l>_d energies gathered along and across their own orientation: how long strokes are
    shape<l>    luma wavelets, pooled: what the content is recognised by

Sources: rectified wavelets and their covariances: Brochard, Zhang and Mallat (ICLR 2022); magnitudes, neighbours in
scale and a second layer: Portilla and Simoncelli (IJCV 2000). Ours are: half-density sampling, streaks, colours.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import RecipeError
from impasto.plugin import Capabilities

from .bank import DenseBank, bank
from .filters import PHASES, blob, block_diagonal, coloured, streaks, wavelets

LEVELS = 6
ORIENTATIONS = 8
SMALLEST = 12
"""Shortest side, in pixels, of the coarsest level: three strokes across."""

# Gains bring the groups of channels to like strength on paintings, so that a Gram matrix is not all colour.
CHROMA_GAIN, COLOUR_GAIN, BAND_CONSTANT, SWIRL_CONSTANT, STREAK_CONSTANT = 2.0, 0.2, 0.012, 0.004, 0.02

STYLE_WEIGHTS = {"fine": 1.0, "band": 1.0, "pair": 1.0, "swirl": 0.5, "streak": 6.0}


class Wavelet(torch.nn.Module):
    """Layers as the module says, fine to coarse; any size of picture, and levels as far as it reaches."""

    binomial: Tensor
    gather: Tensor

    def __init__(self) -> None:
        super().__init__()
        luma = wavelets(ORIENTATIONS, 10, 0.25, 1.7, 0.35)
        chroma = wavelets(4, 10, 0.25, 1.7, 0.35)
        colour = [COLOUR_GAIN * sign * coloured(blob(10, 2.0)[None], axis) for axis in range(3) for sign in (1, -1)]
        tinted = [CHROMA_GAIN * coloured(chroma, axis) for axis in (1, 2)]
        self.band = bank(torch.cat([coloured(luma, 0), *tinted, *colour]), BAND_CONSTANT)
        self.fine = DenseBank(coloured(wavelets(5, 7, 0.42, 1.0, 0.7), 0), BAND_CONSTANT)
        self.swirl = bank(block_diagonal([wavelets(4, 8, 0.25, 1.4, 0.5)] * ORIENTATIONS), SWIRL_CONSTANT)
        angles = [math.pi * o / ORIENTATIONS for o in range(ORIENTATIONS)]
        along = [streaks(angle, 12, [(0.7, 2.0), (0.7, 4.0), (2.0, 0.7)]) for angle in angles]
        self.streak = bank(block_diagonal(along), STREAK_CONSTANT)
        row = torch.tensor([1.0, 4, 6, 4, 1]) / 16
        self.register_buffer("binomial", (row[:, None] * row).expand(3, 1, 5, 5).clone())
        gather = torch.zeros(len(self.band.bias), ORIENTATIONS)
        gather[: ORIENTATIONS * PHASES] = torch.eye(ORIENTATIONS).repeat_interleave(PHASES, 0)
        self.register_buffer("gather", gather)
        self.layers = tuple(self._names())
        self.content_layers = {f"shape{level}": 0.125 if level < 4 else 0.25 for level in range(2, LEVELS + 1)}
        kinds = {name: name.rstrip("0123456789_") for name in self.layers}
        self.style_layers = {name: STYLE_WEIGHTS[kind] for name, kind in kinds.items() if kind != "shape"}
        depths = {
            level: [name for name in self.style_layers if _level(name) == level] for level in range(1, LEVELS + 1)
        }
        checkpoints = {
            f"half{level}": tuple(name for name in self.layers if _level(name) > level and name != f"pair{level}")
            for level in range(1, 4)
        }
        levels = [(f"band{level}", names) for level, names in depths.items()]  # the shapes see no colour
        self.capabilities = Capabilities(levels=levels, checkpoints=checkpoints)

    def _names(self) -> Iterator[str]:
        yield "fine1"
        for level in range(1, LEVELS + 1):
            if level > 1:
                yield f"pair{level - 1}"
            yield from (f"{kind}{level}" for kind in ("band", "shape"))
            yield from (f"{kind}{level}_{distance}" for distance in (1, 2) for kind in ("swirl", "streak"))

    def forward(self, image: Tensor, layers: Collection[str], after: str = "") -> dict[str, Tensor]:
        """See `impasto.plugin.Network`; `RecipeError` for a layer that there is none of.

        The checkpoint half<l>, the picture halved l times, is what level l + 1 sees.
        """
        wanted = self._known(layers)
        found: dict[str, Tensor] = {}
        filtered = {name for name in wanted if name not in self.capabilities.checkpoints}
        used = {_level(name) for name in filtered} | {_level(name) - 1 for name in filtered if name.startswith("pair")}
        x, finer = image if after else image - 0.5, None
        for level in range(_level(after) + 1 if after else 1, max(map(_level, wanted), default=0) + 1):
            if min(x.shape[-2:]) < SMALLEST:
                break
            if "fine1" in wanted and level == 1:
                found["fine1"] = self.fine(x)
            if level in used:
                band = self.band(x)
                pooled = F.avg_pool2d(band, 2, ceil_mode=True)
                found[f"band{level}"] = band
                found[f"shape{level}"] = pooled[:, : ORIENTATIONS * PHASES]
                if f"pair{level - 1}" in wanted and finer is not None:
                    found[f"pair{level - 1}"] = torch.cat([finer, band], 1)
                found |= self._second(band, level, wanted)
                finer = pooled
            x = self._halved(x)
            found[f"half{level}"] = x
        return {layer: found[layer] for layer in layers if layer in found}

    def _known(self, layers: Collection[str]) -> set[str]:
        unknown = sorted(set(layers) - {*self.layers, *self.capabilities.checkpoints})
        if unknown:
            raise RecipeError(f"The network wavelet has no layer {unknown[0]!r}.", f"Layers: {', '.join(self.layers)}.")
        return set(layers)

    def _second(self, band: Tensor, level: int, wanted: set[str]) -> dict[str, Tensor]:
        """The layers on the energy of each orientation: `swirl` and `streak`, at two distances."""
        found: dict[str, Tensor] = {}
        energy = None
        for distance in (1, 2):
            for kind, filters in (("swirl", self.swirl), ("streak", self.streak)):
                name = f"{kind}{level}_{distance}"
                if name in wanted:
                    energy = self._energy(band) if energy is None else energy
                    seen = energy if distance == 1 else F.avg_pool2d(energy, 2, ceil_mode=True)
                    if filters.fits(seen):
                        found[name] = filters(seen)
        return found

    def _energy(self, band: Tensor) -> Tensor:
        """(1, N, h, w) -> (1, ORIENTATIONS, h, w): the four phases of each orientation of luma, summed."""
        rows = band.permute(0, 2, 3, 1)
        return (rows @ self.gather).permute(0, 3, 1, 2)

    def _halved(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), self.binomial, stride=2, groups=3)


def _level(layer: str) -> int:
    """The level at which `layer` is known: a pair is known with its coarser half."""
    kind, digits = layer.rstrip("0123456789_"), layer.strip("abcdefghijklmnopqrstuvwxyz")
    return int(digits.partition("_")[0]) + (kind == "pair")
