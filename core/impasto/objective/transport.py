"""Relaxed optimal transport and self-similarity, between samples of the picture's features and of the painting's.

A sample is a hypercolumn: what all layers see at one position. The picture's samples are to be where those of the
painting are, by the relaxed earth mover's distance and by their moments, and as similar among one another as those of
the content at the same positions.

Source: Kolkin, Salavon and Shakhnarovich, "Style transfer by relaxed optimal transport and self-similarity" (CVPR
2019), eq. 3 to 9 and section 2.5; the sum of the losses, and n in the content loss, as in nkolkin13/STROTSS at 2819639.

Departures. A layer is divided by the root mean square length of the painting's features there, so that its share of a
hypercolumn does not hang on how strong its activations are; in the moments, by that of one channel. Colours are no part
of hypercolumns. Fine layers and colours are averaged around a position: of single pixels so few are sampled that they
would become specks. Positions are kept for several steps, so that L-BFGS has one objective to go down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import RecipeError
from ..features.grid import ALL, Box, Grids
from ..pictures.colour_axes import opponent_axes
from ..plugin.backend import Evaluator
from .gram import gram
from .objective import Weights, regularised
from .profiles import Profile
from .summed import Key, SummedObjective

TINY = 1e-8

Distance = Callable[[Tensor, Tensor], Tensor]


def cosine(ours: Tensor, theirs: Tensor) -> Tensor:
    """1 - cos of rows of length 1, (..., N) each: of each two in the same place (eq. 4)."""
    return 1 - (ours * theirs).sum(-1)


def euclidean(ours: Tensor, theirs: Tensor) -> Tensor:
    """|x - y| of rows, (..., N) each: of each two in the same place."""
    return (ours - theirs).square().sum(-1).clamp_min(TINY).sqrt()


def relaxed_emd(ours: Tensor, theirs: Tensor, distance: Distance) -> Tensor:
    """The relaxed earth mover's distance of rows, (K, N) and (S, N): max(mean_i min_j C_ij, mean_j min_i C_ij) (eq. 3).

    For `cosine`, rows have to be of length 1.
    """
    with torch.no_grad():
        costs = 1 - ours @ theirs.T if distance is cosine else torch.cdist(ours, theirs)
        (near, nearest), (far, farthest) = costs.min(1), costs.min(0)
    if near.mean() >= far.mean():
        return distance(ours, theirs[nearest]).mean()
    return distance(ours.index_select(0, farthest), theirs).mean()  # its gradient has one order of sums


def moments(columns: Tensor) -> tuple[Tensor, Tensor]:
    """The mean, (N,), and the covariance, (N, N), of rows, (K, N)."""
    mean = columns.mean(0)
    return mean, gram((columns - mean).T[None, :, :, None])


def moment_distance(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> Tensor:
    """|mu_X - mu_Y|_1 / d + |Sigma_X - Sigma_Y|_1 / d^2 of two pairs of `moments` (eq. 7)."""
    return sum(((one - other).abs().mean() for one, other in zip(ours, theirs, strict=True)), ours[0].new_zeros(()))


def self_similarity(unit: Tensor) -> Tensor:
    """Cosine distances of all rows, (K, N) of length 1, from one another, each column divided by its mean: (K, K)."""
    distances = 1 - gram(unit[None, :, :, None]) * unit.shape[1]
    return distances / distances.mean(0).clamp_min(TINY)


@dataclass(frozen=True)
class Samples:
    """Samples of a painting.

    columns: (S, N), all layers side by side, each scaled. colours: (S, 3) on the axes of `palette`. spread: (N,), by
    what columns are multiplied before their moments are taken.
    """

    columns: Tensor
    colours: Tensor
    spread: Tensor

    @cached_property
    def unit(self) -> Tensor:
        """The columns, each of length 1."""
        return F.normalize(self.columns, dim=1)

    @cached_property
    def moments(self) -> tuple[Tensor, Tensor]:
        """Those of the columns."""
        return moments(self.columns * self.spread)


@dataclass(frozen=True)
class SampleTarget:
    """What one style asks for: `share` is its part of the losses, `own` are those of the positions that are its."""

    samples: Samples
    share: float
    own: slice


@dataclass(frozen=True)
class Positions:
    """Positions in a picture, (K, 2), down and across in pixels, the first one's middle at 0.5; `size` is its own.

    What is there is the mean of a square of `window` pixels, of one of the layer's positions at least.
    """

    places: Tensor
    size: tuple[int, int]
    window: float

    def sampled(self, maps: Tensor, grid: tuple[int, int], box: Box = ALL) -> Tensor:
        """What a layer of size `grid` has there, (K, N); `maps`, (1, N, h, w), is its `box`.

        What is outside of that counts as 0, so that parts add up to the whole.
        """
        count, precise = len(self.places), torch.promote_types(maps.dtype, torch.float32)
        first = torch.tensor([span.start or 0 for span in box], device=maps.device)
        index, weights = self._covered(grid)
        index = index - first
        here = ((index >= 0) & (index < index.new_tensor(maps.shape[-2:]))).all(1).nonzero()[:, 0]
        down, across = index[here].T
        flat = maps[0].flatten(1).index_select(1, down * maps.shape[3] + across)  # its gradient has one order of sums
        covered = flat.T.to(precise) * weights[here, None].to(precise)
        return covered.new_zeros(count, maps.shape[1]).index_add(0, here % count, covered)

    def _covered(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The positions of the grid that the square around each place covers, (M K, 2), and their shares, (M K,)."""
        most, whole = self.places.new_tensor(grid), self.places.new_tensor(self.size)
        middle = (self.places * (most / whole) - 0.5).clamp_min(0).minimum(most - 1)
        half = (self.window * most / whole).clamp_min(1) / 2
        first = (middle - half + 0.5).floor()
        index, weights = [], []
        for down in range(int(2 * half[0]) + 2):
            for across in range(int(2 * half[1]) + 2):
                here = first + first.new_tensor([down, across])
                share = ((here + 0.5).minimum(middle + half) - (here - 0.5).maximum(middle - half)).clamp_min(0)
                index.append(here.clamp_min(0).minimum(most - 1).long())
                weights.append((share / (2 * half)).prod(1))
        return torch.cat(index), torch.cat(weights)


def palette(colours: Tensor) -> Tensor:
    """(K, 3) of red, green and blue -> on axes that are nearly uncorrelated in pictures: light and opponent colours."""
    return colours @ opponent_axes().to(colours).T


class Transport(SummedObjective):
    """The losses "content", "transport", "moments" and "palette" of an image, and those of the regularisers.

    With alpha what the content counts beside the style, they are (alpha content + transport + moments + palette / a) /
    (2 + alpha + 1 / a), a = max(alpha, 1).
    """

    def __init__(
        self,
        profile: Profile,
        weights: Weights,
        positions: Positions,
        scales: Mapping[str, float],
        content: Tensor,
        targets: Sequence[SampleTarget],
        evaluate: Evaluator,
        wrap: int = 0,
    ) -> None:
        """positions: in the picture as `wrapped` enlarges it. scales: what each layer is multiplied by. content: the
        content's `self_similarity` at the positions.

        Raises `RecipeError` where neither content nor style counts.
        """
        self.profile, self.weights, self.evaluate, self.wrap = profile, weights, evaluate, wrap
        self.positions, self.scales, self.content, self.targets = positions, scales, content, targets
        self.layers = list(scales)
        self.parts = _parts(weights)

    def statistics(
        self, layer: str, maps: Tensor, grid: tuple[int, int], box: Box = ALL, value: bool = True
    ) -> dict[Key, Tensor]:
        """The features at the positions, (K, N); those of parts add up to those of the layer."""
        return {(None, layer): self.positions.sampled(maps, grid, box)}

    def losses(self, sums: Mapping[Key, Tensor], grids: Grids) -> dict[str, Tensor]:
        """The losses that follow from the statistics of layers, and from the sizes of these."""
        columns = torch.cat([sums[None, layer] * self.scales[layer] for layer in self.layers], 1)
        unit, losses = F.normalize(columns, dim=1), dict[str, Tensor]()
        if self.parts["content"]:
            losses["content"] = (self_similarity(unit) - self.content).abs().mean()
        if self.parts["transport"]:
            losses["transport"] = self._shared(lambda one: relaxed_emd(unit[one.own], one.samples.unit, cosine))
            losses["moments"] = self._shared(
                lambda one: moment_distance(moments(columns[one.own] * one.samples.spread), one.samples.moments)
            )
        return {name: self.parts[name] * loss for name, loss in losses.items()}

    def pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """The losses on the pixels themselves, one by one: each takes some memory."""
        yield from regularised(image, self.weights, self.profile)
        if not self.parts["palette"]:
            return
        height, width = image.shape[-2], image.shape[-1]
        margins = self.positions.places.new_tensor([min(self.wrap, height), min(self.wrap, width)])
        inner = Positions(self.positions.places - margins, (height, width), self.positions.window)
        colours = palette(inner.sampled(image, (height, width)))
        loss = self._shared(lambda one: relaxed_emd(colours[one.own], one.samples.colours, euclidean))
        yield "palette", self.parts["palette"] * loss

    def _shared(self, loss: Callable[[SampleTarget], Tensor]) -> Tensor:
        """The sum of a loss over all styles, each by its share."""
        return torch.stack([one.share * loss(one) for one in self.targets]).sum()


def _parts(weights: Weights) -> dict[str, float]:
    """What each loss counts of all."""
    alpha, beta = (max(part.values(), default=0.0) for part in (weights.content, weights.style))
    if not alpha and not beta:
        seen = "Nothing is left to match: the weights of content and style are 0."
        raise RecipeError(seen, "Raise one of them.")
    colours = beta * beta / max(alpha, beta)
    total = alpha + 2 * beta + colours
    return {"content": alpha / total, "transport": beta / total, "moments": beta / total, "palette": colours / total}
