"""The objective of a picture that is looked at in tiles: the losses and gradient of the whole, the memory of a part.

The losses see a picture only through sums over the positions of its layers, and these are sums over tiles. So a first
pass, without gradients, gathers them for the whole picture; from them follow the losses and how these change with every
sum. A second pass goes back from each tile's share of the sums to its pixels. What they give is what the whole would
give, up to the order of sums.

Where there is memory to spare, the first pass keeps of some tiles what their gradient needs, and these are not looked
at again. So larger pictures cost more only as far as there is no memory for them.

A network with checkpoints is gone back through part by part, the deepest first. The gradient of what a part begins
from takes the place of these maps row by row of tiles, where no other tile looks at them any more.

The idea of two passes is that of Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer" (2024); there for
VGG-19 and Gram matrices and means, here for any network and every loss, and with parts that begin at checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

import torch
from torch import Tensor

from ..features.tiles import Cut, Looked, Mosaic, Place, Tile, Tiling
from ..memory import allocator
from .objective import Key, Objective, wrapped


class Tiled:
    """`objective` on images of one size, (1, 3, H, W), in tiles."""

    def __init__(self, objective: Objective, image: Tensor, tiling: Tiling) -> None:
        self.objective = objective
        self._held: dict[Place, Looked] = {}
        self._tidy = allocator.release if tiling.tidy else lambda: None
        self.mosaic = Mosaic(objective.evaluate, objective.layers, wrapped(image, objective.wrap), tiling)

    def slope(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses by name, as `Objective` gives them, and the gradient of their sum, (1, 3, H, W)."""
        image = image.detach().requires_grad_()
        self._tidy()  # what the step before has left
        losses, gradient = self._looked([wrapped(image.detach(), self.objective.wrap)])
        if self.objective.wrap:
            (gradient,) = torch.autograd.grad(wrapped(image, self.objective.wrap), image, gradient)
        for name, loss in self.objective.others(image):
            gradient += _grad({name: loss}, [image])[0]
            losses[name] = loss.detach()
        return losses, gradient

    def _looked(self, kept: list[Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """The losses of layers, and their gradient with the picture, which is all that is `kept` so far."""
        try:
            sums = self._gathered(kept)
            losses, far, after, slopes = self._ended(sums, kept)
            self._tidy()
            return losses, self._return(far, kept, after, slopes)
        finally:
            self._held.clear()  # where memory ran out

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        """The sum of the losses, without a gradient."""
        whole, sums, grids = wrapped(image, self.objective.wrap), dict[Key, Tensor](), {}
        for layer, maps, grid, box in self.mosaic.pieces(whole):
            grids[layer] = grid
            _add(sums, self.objective.sums(layer, maps, grid, box))
        losses = self.objective.losses(sums, grids) | dict(self.objective.others(image))
        return float(torch.stack(list(losses.values())).sum())

    @torch.no_grad()
    def _gathered(self, kept: list[Tensor]) -> dict[Key, Tensor]:
        """The layers near, summed up over all tiles; what the losses' slopes are asked for."""
        sums: dict[Key, Tensor] = {}
        for layer, maps, box in self.mosaic.near(kept, self._held):
            _add(sums, self.objective.sums(layer, maps, self.mosaic.grids[layer], box))
        return {key: value.detach().requires_grad_() for key, value in sums.items()}  # styles may have one in common

    def _ended(
        self, sums: Mapping[Key, Tensor], kept: list[Tensor]
    ) -> tuple[dict[str, Tensor], Tensor | None, Tensor | None, dict[Key, Tensor]]:
        """The losses, and how they change with the pixels by the layers far, with what the tail begins from, and with
        the `sums`; what the tail begins from is taken off `kept`.
        """
        mosaic, whole = self.mosaic, kept[0].detach()
        base = kept.pop() if mosaic.tail else whole
        leaves = [begin.requires_grad_() for begin, used in ((whole, mosaic.far), (base, mosaic.tail)) if used]
        maps, grids = self.objective.summed(mosaic.others(whole, base))
        losses = self.objective.losses({**sums, **maps}, {**mosaic.grids, **grids})
        del maps
        slopes = list(_grad(losses, [*leaves, *sums.values()]))
        far = slopes.pop(0).contiguous() if mosaic.far else None
        after = slopes.pop(0) if mosaic.tail else None
        losses = {name: loss.detach() for name, loss in losses.items()}
        return losses, far, after, dict(zip(sums, slopes, strict=True))

    def _return(
        self, far: Tensor | None, kept: list[Tensor], after: Tensor | None, slopes: Mapping[Key, Tensor]
    ) -> Tensor:
        """What the slopes of the sums mean for the pixels, and `far` too; `after` is the gradient of the tail's base.

        Of what is `kept` only the first is left, the picture; the others become the gradients of themselves.
        """
        for cut in reversed(self.mosaic.cuts[1:]):
            maps = kept.pop()
            for rows, band in self._bands(cut, maps, after, slopes):
                maps[:, :, rows] = band
            after = maps
        (whole,) = kept
        gradient = torch.zeros_like(whole) if far is None else far  # not before: the deepest parts take most memory
        for cut in self.mosaic.cuts[:1]:
            for rows, band in self._bands(cut, whole, after, slopes):
                gradient[:, :, rows] += band
        return gradient

    def _bands(
        self, cut: Cut, maps: Tensor, after: Tensor | None, slopes: Mapping[Key, Tensor]
    ) -> Iterator[tuple[slice, Tensor]]:
        """The gradient of `maps` from the top down, each band to where the next row of tiles begins to look."""
        rest: Tensor | None = None
        for row, below in zip_longest(cut.rows, cut.rows[1:]):
            seen = row[0].seen[0]
            band = torch.zeros_like(maps[:, :, seen])
            if rest is not None:
                band[:, :, : rest.shape[2]] = rest
            for tile in row:
                band[..., tile.seen[1]] += self._back(cut, tile, maps, after, slopes)
            end = below[0].seen[0].start if below else seen.stop
            yield slice(seen.start, end), band[:, :, : end - seen.start]
            self._tidy()
            rest = band[:, :, end - seen.start :].clone()

    def _back(self, cut: Cut, tile: Tile, maps: Tensor, after: Tensor | None, slopes: Mapping[Key, Tensor]) -> Tensor:
        """The gradient of what `tile` sees of `maps`; `after` is that of what comes `then`."""
        looked = self._held.pop((cut.part.after, tile.first), None) or cut.looked(tile, maps, graph=True)
        found, gradients = list[Tensor](), list[Tensor]()
        for layer, own, box in looked.own:
            if layer in cut.part.layers:
                shares = self.objective.sums(layer, own, cut.grids[layer], box, value=False)
                found += shares.values()
                gradients += [slopes[key] for key in shares]
            if layer == cut.part.then and after is not None:
                found.append(own)
                gradients.append(after[:, :, box[0], box[1]])
        seen = looked.seen
        del looked, own  # on the way back, layers are needed no more than the graph needs them
        return torch.autograd.grad(found, seen, gradients)[0]


def _grad(losses: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """How the sum of the losses changes with each of the inputs."""
    total = sum(losses.values(), torch.zeros((), device=inputs[0].device, requires_grad=True))
    return torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)


def _add(sums: dict[Key, Tensor], more: Mapping[Key, Tensor]) -> None:
    for key, share in more.items():
        sums[key] = sums[key] + share if key in sums else share
