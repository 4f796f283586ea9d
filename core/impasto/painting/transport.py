"""The objectives of profile strotss at one size: where to take samples, and those of the content and of the paintings.

Source: Kolkin et al., "Style transfer by relaxed optimal transport and self-similarity" (CVPR 2019), section 2.5; see
`objective/transport.py`. Positions are spread over the picture, one in each of equal cells, in place of a grid with a
random offset: so they lie as evenly, and no grid shows. Where there are masks, each style has its own part of them. The
start has the painting's colours for the content's light, in place of its mean colour: they are found in fewer steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.tiles import TiledForward
from ..matching.guide import light
from ..objective.objective import Weights
from ..objective.profiles import Profile
from ..objective.summed import wrapped
from ..objective.transport import Positions, Samples, SampleTarget, Transport, palette, self_similarity
from .loading import Loaded
from .targets import StylePart, TilingFor, View

SAMPLES, FEWEST = 1024, 64
"""Positions in the picture, and the fewest of a style with a mask."""
PAINTED = 2 * SAMPLES
"""Positions in a painting: as in nkolkin13/STROTSS, five times those in the picture."""
WINDOW, PART = 4.0, 1 / 128
"""Pixels that are averaged around a position: a quarter of what lies between two, as part of the longest side."""
DRAWS = 8
"""Sets of positions at one size, after which the first comes again."""
COARSEST, LEAST_CONTENT = 64, 1 / 16
"""Longest side up to which the content counts fully, and the least of that: it is halved from size to size."""
LEFT = 0.01
"""Share of the content outside all styles' masks from which on it has positions of its own."""
TINY = 1e-8
TINTS = 64
"""Colours of a painting that a start is made of, from dark to light."""


@dataclass(frozen=True)
class _Draw:
    """Positions in the picture: a part of them for each style, and the `content` there, (K, N), scaled."""

    positions: Positions
    own: list[slice]
    content: Tensor


class TransportObjectives:
    """Makes the objectives of one painting, from size to size."""

    def __init__(self, profile: Profile, weights: Weights, loaded: Loaded, tiling: TilingFor, seed: int) -> None:
        self.profile, self.weights, self.loaded, self.tiling, self.seed = profile, weights, loaded, tiling, seed
        self.wanted = {layer: weight + weights.style[layer] for layer, weight in weights.content.items()}
        self.longest = 0
        self.scales: dict[str, float] = {}
        self.samples: list[Samples] = []
        self.draws: list[_Draw] = []

    @torch.no_grad()
    def at(self, view: View, draw: int) -> Transport:
        """The objective with the positions of that draw, counted from 0 at each size."""
        if self.longest != view.longest:
            self._sample(view)
            self.longest = view.longest
        chosen = self.draws[draw % DRAWS]
        targets = [
            SampleTarget(samples, part.share, own)
            for samples, part, own in zip(self.samples, view.parts, chosen.own, strict=True)
        ]
        share = min(1.0, max(LEAST_CONTENT, COARSEST / view.longest))
        weights = replace(self.weights, content={layer: share * one for layer, one in self.weights.content.items()})
        content = self_similarity(F.normalize(chosen.content, dim=1))
        seen = chosen.positions, self.scales, content
        return Transport(self.profile, weights, *seen, targets, self.loaded.evaluate, view.wrap)

    def _sample(self, view: View) -> None:
        """Draw all positions of a size, and keep what content and paintings have there."""
        noise, whole = torch.Generator().manual_seed(self.seed), wrapped(view.content, view.wrap)
        size, window = (whole.shape[-2], whole.shape[-1]), min(WINDOW, view.longest * PART)
        drawn = [_positions(view, size, noise) for _ in range(DRAWS)]
        places = torch.cat([places for places, _ in drawn])
        ours = self._features(whole, Positions(places, size, window))
        theirs = []
        for part in view.parts:
            grid = part.painting.shape[-2], part.painting.shape[-1]
            weight = torch.ones(grid) if part.weight is None else (part.weight[0, 0] / part.weight.max()).cpu()
            there = Positions(_spread(weight, PAINTED, noise).to(places), grid, window)
            theirs.append((self._features(part.painting, there), there.sampled(part.painting, grid)))
        layers = [layer for layer in self.wanted if layer in ours and all(layer in found for found, _ in theirs)]
        self.scales = _scales({layer: self.wanted[layer] for layer in layers}, view.parts, [one for one, _ in theirs])
        spread = torch.cat([places.new_full((ours[layer].shape[1],), ours[layer].shape[1] ** 0.5) for layer in layers])
        self.samples = [Samples(self._columns(found), palette(colours), spread) for found, colours in theirs]
        columns = torch.split(self._columns(ours), [len(one) for one, _ in drawn])
        self.draws = [
            _Draw(Positions(one, size, window), own, part) for (one, own), part in zip(drawn, columns, strict=True)
        ]

    def _columns(self, features: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([features[layer] * scale for layer, scale in self.scales.items()], 1)

    def _features(self, picture: Tensor, positions: Positions) -> dict[str, Tensor]:
        """What each layer has at the positions, (K, N)."""
        found: dict[str, Tensor] = {}
        forward = TiledForward(
            self.loaded.target_evaluator, list(self.wanted), picture, self.tiling(picture[0, 0].numel())
        )
        for layer, maps, grid, box in forward.pieces(picture):
            few = torch.split(positions.places, SAMPLES)  # one after the other, for the memory
            part = torch.cat([replace(positions, places=places).sampled(maps, grid, box) for places in few])
            found[layer] = found[layer] + part if layer in found else part
        return found


def tinted(view: View) -> Tensor:
    """The content, (1, 3, H, W), each pixel in the mean colour that the paintings have where they are as light.

    As light is: of the same rank. Where no style counts, it stays as it is.
    """
    image, counted, own = torch.zeros_like(view.content), torch.zeros_like(view.content[:, :1]), light(view.content)
    rank = torch.searchsorted(own.flatten().sort().values, own.flatten()) * TINTS // own.numel()
    for part in view.parts:
        colours = part.painting[0].flatten(1)
        if part.weight is not None:
            colours = colours[:, part.weight.flatten() > part.weight.max() / 2]
        order = light(colours[None, :, :, None]).flatten().argsort(stable=True)
        tints = F.adaptive_avg_pool1d(colours[:, order], TINTS)
        share = torch.full_like(counted, part.share) if part.mask is None else part.mask
        image, counted = image + share * tints[:, rank].view_as(image), counted + share
    return (image + (1 - counted).clamp_min(0) * view.content) / counted.clamp_min(1)


def _scales(wanted: Mapping[str, float], parts: list[StylePart], found: list[dict[str, Tensor]]) -> dict[str, float]:
    """What each layer is multiplied by: its weight, divided by the root mean square length of the paintings' there."""
    scales = {}
    for layer, weight in wanted.items():
        square = sum(
            part.share * float(one[layer].square().sum(1).mean()) for part, one in zip(parts, found, strict=True)
        )
        scales[layer] = weight / max(wanted.values()) / math.sqrt(max(square, TINY))
    return scales


def _positions(view: View, size: tuple[int, int], noise: torch.Generator) -> tuple[Tensor, list[slice]]:
    """Positions in a picture of `size`, (K, 2), wherever the content counts, and which of them are each style's."""
    regions, found, own, first = _regions(view, size), [], dict[int, slice](), 0
    area = sum(float(weights.sum()) for weights in regions.values())
    for region, weights in regions.items():
        found.append(_spread(weights, max(FEWEST, round(SAMPLES * float(weights.sum()) / area)), noise))
        own[region] = slice(first, first + len(found[-1]))
        first = own[region].stop
    return torch.cat(found).to(view.device), [own[id(part.mask)] for part in view.parts]


def _regions(view: View, size: tuple[int, int]) -> dict[int, Tensor]:
    """How much each pixel counts, (H, W), by the masks of the styles; and what they leave of the content's."""

    def plane(mask: Tensor | None) -> Tensor:
        framed = view.framed(mask)
        return torch.ones(size) if framed is None else framed[0, 0].cpu()

    regions, whole = {id(part.mask): plane(part.mask) for part in view.parts}, plane(view.mask)
    left = (whole - torch.stack(list(regions.values())).sum(0)).clamp_min(0)
    return regions | ({-1: left} if left.sum() > LEFT * whole.sum() else {})


def _spread(weights: Tensor, count: int, noise: torch.Generator) -> Tensor:
    """About `count` positions, (K, 2), where `weights`, (H, W) in [0, 1], count: one in each of equal cells at most.

    As many as there are pixels that count, if those are fewer; one at least.
    """
    height, width = weights.shape
    total = max(float(weights.sum()), 1.0)
    side = math.sqrt(total / min(count, total))
    grid = max(1, round(height / side)), max(1, round(width / side))
    cells = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1])).view(-1, 2)
    places = (cells + torch.rand(cells.shape, generator=noise)) * torch.tensor([height / grid[0], width / grid[1]])
    down, across = places.long().minimum(torch.tensor([height - 1, width - 1])).T
    places = places[torch.rand(len(places), generator=noise) < weights[down, across]]
    if len(places):
        return places
    best = int(weights.argmax())
    return torch.tensor([[best // width + 0.5, best % width + 0.5]])
