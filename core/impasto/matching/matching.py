"""A start by matching: each patch of the picture becomes a patch of the painting, so that strokes are real ones.

Coarse to fine. At each size every patch of the picture so far takes its nearest patch of the painting, compared by what
is there and by the guide, patches that overlap are averaged, and the same again. At small sizes all patches of the
painting are tried, by blocked products of matrices; at larger ones those that neighbours found, and some at random.

Sources: texture optimisation by nearest patches: Kwatra, Essa, Bobick and Kwatra (SIGGRAPH 2005); guides: Hertzmann
et al., "Image analogies" (SIGGRAPH 2001); looking where neighbours found: Barnes et al., "PatchMatch" (SIGGRAPH 2009);
the price of a patch that is used often: Kaspar et al., "Self tuning texture optimization" (Eurographics 2015). Ours are
the guide in plain places, and the contrast that averaging took, given back from the patches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..objective.temporal import Warped
from ..pictures.filters import blurred, resized
from .guide import guide, light
from .hues import Hues
from .patches import HALF, SIDE, Grid, Patches

ALL_TRIED = 2.2e8
"""Comparisons up to which every patch is tried."""
LARGEST = 8e5
"""Pixels above which patches are taken at the places found at a smaller size, but larger."""
ROUNDS, BALANCED = 3, 40
"""Times that a size is matched; and that the parts of several paintings are weighed."""
UNSHARED = 1e-6
FINE, MOST = 1.5, 3.0
"""Pixels of the Gaussian below which contrast is given back, and by how much at most."""
CONTRAST, LEGIBLE = 0.06, 0.6
"""Deviation of light below which a painting has too little for the content, and the share of it that it gets then."""
CRISP = 2.0
"""Power that windows are raised to in the end, against blur."""


@dataclass(frozen=True)
class Aim:
    """A painting at the scale of the picture; how much each of its pixels counts; and where its patches belong.

    painting: (1, 3, h, w). weight: (1, 1, h, w), None for all alike. share: (1, 1, H, W) of the picture, None for
    anywhere, in which case `part` is its share of the picture beside that of other paintings.
    """

    painting: Tensor
    weight: Tensor | None = None
    share: Tensor | None = None
    part: float = 1.0


@dataclass(frozen=True)
class Match:
    """The picture at one size, (1, 3, h, w) in [0, 1], and how far its patches are from those of the paintings."""

    picture: Tensor
    distance: float
    """Mean square difference of a number of a patch, guide included."""


class Matching:
    """Matches a content to paintings, size after size. The same for the same `seed`, in the same environment."""

    def __init__(
        self, odds: float, detail: float, seed: int, hues: Sequence[Hues] = (), warped: Warped | None = None
    ) -> None:
        """odds: what the content counts beside the painting, above 0; 1 is the middle. detail: see `guide`.

        hues: of each painting, those that belong to the content; without any, hues do not count. warped: what stays of
        the frame of a film before, so that patches beside it go with it.
        """
        self.odds, self.detail, self.seed, self.hues, self.warped = odds, detail, seed, hues, warped
        self.picture: Tensor | None = None
        self.known: Mapping[int, Sequence[Tensor]] = {}
        """Fields by the longest side at which they were found with other odds, to go on from."""
        self.found: dict[int, Sequence[Tensor]] = {}
        """Those of this one."""
        self.grids: Sequence[Grid] = []
        self.fields: list[Tensor] = []
        self.shares: list[Tensor | None] = []
        self.longest = 0

    def recall(self, picture: Tensor, content: Tensor, aims: Sequence[Aim]) -> None:
        """Go on from `picture`, (1, 3, h, w), which was matched before, as if at the size of `content` and below."""
        self.picture = picture
        self.at(content, aims, rounds=1)
        self.picture = picture

    @torch.no_grad()
    def at(self, content: Tensor, aims: Sequence[Aim], rounds: int = ROUNDS) -> Match:
        """The picture at the size of `content`, (1, 3, H, W); sizes are to come as `schedule.matching` has them.

        Where memory runs out in it, a size can be matched again, with the same result.
        """
        shape = content.shape[-2:]
        grids = [Grid(aim.painting, shape) for aim in aims]
        if content[0, 0].numel() > LARGEST and self.fields:
            indices = [grid.index(field) for grid, field in zip(grids, self._enlarged(grids, max(shape)), strict=True)]
            rough, shares, distance = self.picture, self._kept(grids), 0.0
        else:
            rough, indices, shares, distance = self._matched(content, aims, rounds)
        fields = [grid.field(index) for grid, index in zip(grids, indices, strict=True)]
        if rough is not self.picture:
            self.found[max(shape)] = fields
        picture = _averaged(grids, indices, shares, shape, CRISP)
        match = Match(_legible(_crisp(picture, grids, indices, shares), content, aims), distance)
        self.picture, self.grids, self.fields, self.shares, self.longest = rough, grids, fields, shares, max(shape)
        return match

    def _matched(
        self, content: Tensor, aims: Sequence[Aim], rounds: int
    ) -> tuple[Tensor | None, list[Tensor], list[Tensor | None], float]:
        """Match and average, a few times: the picture, numbers of patches, how much each counts, how far they are."""
        shape, longest = content.shape[-2:], max(content.shape[-2:])
        generator = torch.Generator().manual_seed(self.seed + longest)
        hues: Sequence[Hues | None] = self.hues or [None] * len(aims)
        guides = [guide(content, aim.painting, self.detail, own) for aim, own in zip(aims, hues, strict=True)]
        pairs = zip(aims, guides, strict=True)
        patches = [Patches(aim.painting, aim.weight, asked, self.odds, generator) for aim, asked in pairs]
        known = self.known.get(longest)
        fields = known or (self._enlarged(patches, longest) if self.fields else None)
        picture = None if self.picture is None else resized(self.picture, *shape).clamp_(0, 1)
        use: list[Tensor | None] = [None] * len(aims)
        for _ in range(rounds):
            indices, distances = [], []
            for number, one in enumerate(patches):
                queries = one.queries(picture)
                if fields is None or (known is None and len(queries) * len(one.keys) <= ALL_TRIED):
                    index = one.all_tried(queries)
                    use[number] = one.price(index, one.distance(queries, index), use[number])
                else:
                    index = one.neighbours_tried(queries, fields[number], generator)
                indices.append(index)
                distances.append(one.distance(queries, index))
            fields = [one.field(index) for one, index in zip(patches, indices, strict=True)]
            shares = _shares(aims, patches, distances)
            picture = _averaged(patches, indices, shares, shape)
            picture = self.warped.over(picture) if self.warped else picture
        return picture, indices, shares, float(torch.stack(distances).amin(0).mean()) / (SIDE * SIDE * 3)

    def _enlarged(self, grids: Sequence[Grid], longest: int) -> list[Tensor]:
        scale = longest / self.longest
        last = zip(grids, self.grids, self.fields, strict=True)
        return [grid.enlarged(before, field, scale) for grid, before, field in last]

    def _kept(self, grids: Sequence[Grid]) -> list[Tensor | None]:
        """The shares of the size before, for this one."""
        last = zip(grids, self.grids, self.shares, strict=True)
        return [
            None if share is None else F.interpolate(share.view(1, 1, *before.places), size=grid.places).flatten()
            for grid, before, share in last
        ]


def _shares(aims: Sequence[Aim], grids: Sequence[Grid], distances: Sequence[Tensor]) -> list[Tensor | None]:
    """How much each painting's patch counts at each place, (Q,): by its mask, or all for the nearest.

    Where there are no masks, the distances of each are raised until about its part of all places is its own.
    """
    if len(aims) == 1:
        return [None]
    if aims[0].share is not None:
        masks = [aim.share for aim in aims if aim.share is not None]
        return [grid.at_places(mask)[:, 0] + UNSHARED for grid, mask in zip(grids, masks, strict=True)]
    far = torch.stack(list(distances))
    far = far / far.mean(1, keepdim=True)
    raised, part = far.new_zeros(len(aims), 1), far.new_tensor([[aim.part] for aim in aims])
    for _ in range(BALANCED):
        owner = (far + raised).argmin(0)
        owned = F.one_hot(owner, len(aims)).to(far).mean(0)[:, None]
        raised = raised + 0.2 * (owned - part)
    return [(owner == number).to(far) + UNSHARED for number in range(len(aims))]


def _legible(picture: Tensor, content: Tensor, aims: Sequence[Aim]) -> Tensor:
    """`picture` with light and dark of `content`, as far as no painting has any: on a plain wall it is still seen."""
    most = max(float(light(aim.painting).std()) for aim in aims)
    lack = max(0.0, 1 - most / CONTRAST)
    seen = light(content)
    return (picture + lack * LEGIBLE * (seen - seen.mean())).clamp_(0, 1)


def _averaged(
    grids: Sequence[Grid],
    indices: Sequence[Tensor],
    shares: Sequence[Tensor | None],
    shape: Sequence[int],
    power: float = 1.0,
    images: Sequence[Tensor] | None = None,
) -> Tensor:
    """The picture that the patches make together, (1, C, *shape); of `images` in place of the paintings, if given."""
    images = images or [grid.image for grid in grids]
    laid = zip(grids, images, indices, shares, strict=True)
    sums = [grid.laid(image, index, share, power) for grid, image, index, share in laid]
    total, weight = (sum(parts[1:], parts[0]) for parts in zip(*sums, strict=True))
    whole: Tensor = total / weight
    return whole[..., HALF : HALF + shape[0], HALF : HALF + shape[1]].contiguous()


def _crisp(
    picture: Tensor, grids: Sequence[Grid], indices: Sequence[Tensor], shares: Sequence[Tensor | None]
) -> Tensor:
    """`picture`, changed, with as much fine contrast of light as its patches have where they come from."""
    energies = [_fine(light(grid.image)).square_() for grid in grids]
    wanted = blurred(_averaged(grids, indices, shares, picture.shape[-2:], CRISP, energies), 2 * FINE)
    there = blurred(_fine(light(picture)).square_(), 2 * FINE)
    more = wanted.div_(there.clamp_min_(1e-7)).sqrt_().clamp_(1, MOST).sub_(1)
    for channel in torch.split(picture, 1, dim=1):  # one by one, for the memory of large pictures
        channel += more * _fine(channel)
    return picture.clamp_(0, 1)


def _fine(maps: Tensor) -> Tensor:
    return maps - blurred(maps, FINE)
