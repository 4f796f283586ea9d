"""The patches of a painting at one size, in numbers that can be compared with what a content asks for.

The score of a patch for a place is one product of a row of `queries` and one of `keys`: colours, light, tint and the
direction of strokes, each with its square, and a price. Colours and light stand there as their principal components.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..features.largest import largest
from ..pictures.filters import blurred
from ..recipe.schedule import MATCHED
from .flow import strokes
from .guide import Guide, light, tint

SIDE, HALF = 7, 3
"""Pixels of a patch."""
SHARPNESS = 0.3
"""Deviation of a patch's window, beside its side."""
SEEN, LIT, SAMPLE = 32, 8, 4000
"""Numbers that stand for the colours of a patch and for its light, and patches by which these are chosen (PCA)."""
DENSE = 96
"""Longest side up to which a patch is taken at each pixel, above at each other."""
BARRED = 1e6
STRICT, FADING = 16.0, 0.35
"""What light counts beside colour at `MATCHED`, and by which power of the size it counts less at others."""
TINTED, PALING = 4.0, 0.7
"""The same of tint."""
FLOWING = 1.0
"""What the direction of strokes counts beside colour."""
EDGE, LEAST = 0.06, 0.05
"""Deviation of light in a patch at which it counts half of `STRICT`, and the share that it always has."""
OFTEN = 0.4
"""Price of a patch of usual use, beside the median distance."""
ROWS, KEYS = 512, 2048
"""Patches that are compared at once."""


class Grid:
    """Where the patches of one size lie, in the painting and in the picture."""

    def __init__(self, painting: Tensor, shape: Sequence[int]) -> None:
        """painting: (1, 3, h, w); shape: (H, W) of the picture."""
        self.image = painting
        self.height, self.width = (side - SIDE + 1 for side in painting.shape[-2:])
        self.step = 2 if max(shape) > DENSE else 1
        self.extra = [(1 - side) % self.step for side in shape]
        self.places = [(side + extra - 1) // self.step + 1 for side, extra in zip(shape, self.extra, strict=True)]

    def at_places(self, maps: Tensor) -> Tensor:
        """Rows of (1, C, H, W) at the centres of patches."""
        whole = F.pad(maps, (0, self.extra[1], 0, self.extra[0]), mode="replicate")
        return _rows(whole[..., :: self.step, :: self.step])

    def index(self, field: Tensor) -> Tensor:
        """(2, rows, columns) of top left corners -> the numbers of the patches there, or of the nearest inside."""
        down, across = field[0].clamp(0, self.height - 1), field[1].clamp(0, self.width - 1)
        return (down * self.width + across).flatten()

    def field(self, index: Tensor) -> Tensor:
        """The other way round."""
        return torch.stack([index // self.width, index % self.width]).view(2, *self.places)

    def enlarged(self, before: Grid, field: Tensor, scale: float) -> Tensor:
        """The field of the size before, for this one, `scale` times as large: patches around the same places."""
        centres, moves = [], []
        for axis in (0, 1):
            here = torch.arange(self.places[axis], device=field.device) * self.step / scale
            centre = (here / before.step).round().long().clamp(max=before.places[axis] - 1)
            centres.append(centre)
            moves.append(here - centre * before.step)
        there = field[:, centres[0]][:, :, centres[1]]
        move = torch.stack(torch.meshgrid(*moves, indexing="ij"))
        return ((there + HALF + move) * scale).round().long() - HALF

    def laid(self, image: Tensor, index: Tensor, counts: Tensor | None, power: float) -> tuple[Tensor, Tensor]:
        """Patches of `image`, of the painting's size, at `index`, each in its place: their sum and their weight.

        counts: (Q,), how much each is to count; None for all alike. power: of the window.
        """
        shape = [self.step * (side - 1) + SIDE for side in self.places]
        total, weight = image.new_zeros(1, image.shape[1], *shape), image.new_zeros(1, 1, *shape)
        flat, wide = image[0].flatten(1), image.shape[-1]
        corner = index // self.width * wide + index % self.width
        share = image.new_ones(len(index)) if counts is None else counts
        window = window_of(image).pow(power)
        for down in range(SIDE):
            for across in range(SIDE):
                here = share * window[down, across]
                part = (flat[:, corner + down * wide + across] * here).view(1, -1, *self.places)
                rows = slice(down, down + self.step * self.places[0], self.step)
                columns = slice(across, across + self.step * self.places[1], self.step)
                total[..., rows, columns] += part
                weight[..., rows, columns] += here.view(1, 1, *self.places)
        return total, weight


class Patches(Grid):
    """The patches of one painting at one size, in numbers, and what the content asks for at each place there."""

    def __init__(
        self, painting: Tensor, weight: Tensor | None, asked: Guide, odds: float, generator: torch.Generator
    ) -> None:
        """weight: (1, 1, h, w), how much each pixel of the painting counts, or None. odds: see `Matching`."""
        super().__init__(painting, asked.light.shape[-2:])
        longest = max(asked.light.shape[-2:])
        window = window_of(painting)
        self.mean = painting.mean((2, 3), keepdim=True)
        own, hues = light(painting), tint(painting)
        self.colours = _components(painting - self.mean, window, SEEN, generator)
        lights = _components(own, window, LIT, generator)
        middle, flow = hues.mean((2, 3), keepdim=True), strokes(own)
        lit = STRICT * odds * (MATCHED / longest) ** FADING * (LEAST + (1 - LEAST) * self._edges(asked.form, window))
        hued = TINTED * min(1.0, odds) * (MATCHED / longest) ** PALING * self.at_places(asked.strict)
        flowing = FLOWING * min(1.0, odds) * self.at_places(asked.flow.sure)
        self.counts = torch.cat([lit, hued, flowing], 1)
        wanted = [
            _rows(F.conv2d(self._framed(asked.light), lights, stride=self.step)),
            SIDE * self.at_places(asked.tint - middle),
            SIDE * flow.square().sum(1).mean().sqrt() * self.at_places(asked.flow.direction),
        ]
        counted = list(zip(torch.split(self.counts, 1, 1), wanted, strict=True))
        self.asked = torch.cat([count * numbers for count, numbers in counted], 1)
        self.squares = sum((count[:, 0] * numbers.square().sum(1) for count, numbers in counted), torch.zeros(()))
        seen = F.conv2d(painting - self.mean, self.colours)
        parts = [_rows(seen), _rows(F.conv2d(own, lights)), self._inner(hues - middle), self._inner(flow)]
        squares = [-part.square().sum(1, keepdim=True) / 2 for part in parts]
        self.keys = torch.cat([*parts, *squares, self._barred(weight)], 1)

    def _inner(self, maps: Tensor) -> Tensor:
        """Of (1, C, h, w) of the painting, the rows at the centres of its patches, as large as a whole patch is."""
        return SIDE * _rows(maps[..., HALF : HALF + self.height, HALF : HALF + self.width])

    def _edges(self, form: Tensor, window: Tensor) -> Tensor:
        """0 to 1, (Q, 1): how much there is in each patch to follow."""
        maps = self._framed(form)
        variance = _weighted(maps.square(), window) - _weighted(maps, window).square()
        deviation = variance.clamp_min(0).sqrt()[..., :: self.step, :: self.step]
        return _rows(deviation / (deviation + EDGE))

    def _barred(self, weight: Tensor | None) -> Tensor:
        """A price that no patch is worth, (K, 1), for those that do not count."""
        if weight is None:
            return self.image.new_zeros(self.height * self.width, 1)
        least, mean = -F.max_pool2d(-weight, SIDE, stride=1), F.avg_pool2d(weight, SIDE, stride=1)
        counted = _rows(least if least.any() else mean)  # of a narrow part, no patch lies inside of it whole
        return torch.where(counted < counted.max() / 2, -BARRED, 0.0)

    def _framed(self, maps: Tensor) -> Tensor:
        """With what patches see beyond the border, mirrored; and as many steps as there are places."""
        mirrored = F.pad(maps, (HALF,) * 4, mode="reflect")
        return F.pad(mirrored, (0, self.extra[1], 0, self.extra[0]), mode="replicate")

    def queries(self, picture: Tensor | None) -> Tensor:
        """For each place what its patch is to be like: times `keys`, the larger the nearer.

        Without a `picture`, (1, 3, H, W), only what the guide asks for.
        """
        one = torch.ones_like(self.counts[:, :1])
        if picture is None:
            seen, on = one.new_zeros(len(one), SEEN), 0 * one
        else:
            seen, on = _rows(F.conv2d(self._framed(picture - self.mean), self.colours, stride=self.step)), one
        return torch.cat([seen, self.asked, on, self.counts, one], 1)

    def distance(self, queries: Tensor, nearest: Tensor) -> Tensor:
        """Of each query to its patch, squared, but for the price; (Q,)."""
        product = (queries[:, :-1] * self.keys[nearest, :-1]).sum(1)
        return torch.clamp_min(queries[:, :SEEN].square().sum(1) + self.squares - 2 * product, 0)

    def price(self, index: Tensor, distance: Tensor, use: Tensor | None) -> Tensor:
        """Put a price on patches that are used often; `use`, and what is returned: how often, over the last rounds."""
        count = torch.bincount(index, minlength=len(self.keys)).to(distance).view(1, 1, self.height, self.width)
        count = blurred(count, HALF)
        use = count if use is None else (use + count) / 2
        price = OFTEN * distance.median() * use.flatten() / use.mean() / 2
        self.keys[:, -1] = torch.where(self.keys[:, -1] <= -BARRED, -BARRED, -price)
        return use

    def all_tried(self, queries: Tensor) -> Tensor:
        """The nearest patch of all for each query, (Q,)."""
        found = []
        for asked in torch.split(queries, ROWS):
            best = asked.new_full((len(asked),), -math.inf)
            index = torch.zeros(len(asked), dtype=torch.long, device=asked.device)
            for begin in range(0, len(self.keys), KEYS):
                score, place = (each[:, 0] for each in largest(asked @ self.keys[begin : begin + KEYS].T))
                index = torch.where(score > best, begin + place, index)
                best = torch.maximum(score, best)
            found.append(index)
        return torch.cat(found)

    def neighbours_tried(self, queries: Tensor, field: Tensor, generator: torch.Generator) -> Tensor:
        """The nearest of what is in `field`, of what neighbours have, and of some at random, (Q,)."""
        nearest = self.index(field)
        best = (queries * self.keys[nearest]).sum(1)
        for places in self._candidates(field, generator):
            index = self.index(places)
            score = (queries * self.keys[index]).sum(1)
            better = score > best
            best, nearest = torch.where(better, score, best), torch.where(better, index, nearest)
        return nearest

    def _candidates(self, field: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        near = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
        far = [(sign * by, 0) for by in (2, 4) for sign in (-1, 1)]
        for down, across in [*near, *far, *((across, down) for down, across in far)]:
            move = field.new_tensor([down, across])[:, None, None] * self.step
            yield torch.roll(field, (down, across), (1, 2)) + move
        for reach in (2, 8, max(self.height, self.width) / 8, max(self.height, self.width) / 2):
            noise = torch.rand(field.shape, generator=generator).to(field.device)
            yield field + ((2 * noise - 1) * reach).round().long()


def window_of(like: Tensor) -> Tensor:
    """How much each pixel of a patch counts, (SIDE, SIDE), 1 on the average."""
    place = torch.arange(SIDE, dtype=like.dtype, device=like.device) - HALF
    row = torch.exp(-0.5 * (place / (SIDE * SHARPNESS)) ** 2)
    window = row[:, None] * row
    return window / window.mean()


def _weighted(maps: Tensor, window: Tensor) -> Tensor:
    """Means of (1, 1, h, w) over each patch, by `window`."""
    return F.conv2d(maps, (window / window.sum())[None, None])


def _components(image: Tensor, window: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Filters (count, C, SIDE, SIDE) that give the principal components of patches, distances by `window`."""
    rows = F.unfold(image, SIDE)[0].T
    some = rows[torch.randint(len(rows), (SAMPLE,), generator=generator).to(rows.device)]
    root = window.sqrt().flatten().repeat(image.shape[1])
    some = (some - some.mean(0)) * root
    values = torch.linalg.eigh((some.T @ some).double())[1][:, -count:].T.to(image)
    filters: Tensor = (values * root).view(-1, image.shape[1], SIDE, SIDE)
    return filters


def _rows(maps: Tensor) -> Tensor:
    """(1, C, h, w) -> (h * w, C)."""
    return maps[0].flatten(1).T
