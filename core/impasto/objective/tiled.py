"""The objective in tiles: losses and gradient of the whole picture, within the activation memory of one tile.

The losses see a picture only through sums over the positions of its layers, and these are sums over tiles. So a first
pass, without gradients, gathers them for the whole picture; from them follow the losses and how these change with every
sum. A second pass goes back from each tile's share of the sums to its pixels. What they give is what the whole would
give, up to the order of sums.

Where there is memory to spare, the first pass retains the activations of some tiles, and these are not evaluated
again. So larger pictures cost more only as far as there is no memory for them.

A network with checkpoints is gone back through segment by segment, the deepest first. The gradient of a segment's
source overwrites the source's maps, one row of tiles after the other, where no other tile reads them any more.

The idea of two passes is that of Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer" (2024); there for
VGG-19 and Gram matrices and means, here for any network and every loss, and with segments between checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest

import torch
from torch import Tensor

from ..features.tiles import Place, Tile, TileActivations, TiledForward, TiledSegment, Tiling, moved
from ..memory import allocator
from ..ranks import WHOLE, Strips
from .summed import Key, SummedObjective, wrapped


class Tiled:
    """`objective` on images of one size, (1, 3, H, W), in tiles.

    Of `strips`, each rank gives its own of an image, and gets its own of the gradient; without `wrap`.
    """

    def __init__(self, objective: SummedObjective, image: Tensor, tiling: Tiling, strips: Strips = WHOLE) -> None:
        self.objective, self.strips = objective, strips
        self._held: dict[Place, TileActivations] = {}
        self._trim = allocator.release if tiling.trim else lambda: None
        image = wrapped(image, objective.wrap)
        self.forward = TiledForward(objective.evaluate, objective.layers, image, tiling, strips)

    def value_and_grad(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses by name, as `Objective` gives them, and the gradient of their sum, (1, 3, H, W)."""
        image = image.detach().requires_grad_()
        self._trim()  # what the step before has left
        losses, gradient = self._evaluated(wrapped(image.detach(), self.objective.wrap))
        if self.objective.wrap:
            (gradient,) = torch.autograd.grad(wrapped(image, self.objective.wrap), image, gradient)
        for name, loss in self._pixel_losses(image):
            gradient += _grad({name: loss}, [image])[0]
            losses[name] = loss.detach()
        return losses, gradient

    def _pixel_losses(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        objective, strips = self.objective, self.strips
        return objective.strip_losses(image, strips) if strips.shared else objective.pixel_losses(image)

    def _evaluated(self, image: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The losses of layers, and their gradient with the picture."""
        sources = [self.forward.begun(image)]
        try:
            sums = self._gathered(sources, self._held)
            losses, far, after, slopes = self._ended(sums, image, sources)
            self._trim()
            return losses, self._return(far, sources, after, slopes)
        finally:
            self._held.clear()  # where memory ran out

    @torch.no_grad()
    def loss(self, image: Tensor) -> float:
        """The sum of the losses, without a gradient."""
        picture = wrapped(image, self.objective.wrap)
        sources = [self.forward.begun(picture)]
        sums = self._gathered(sources)
        whole = self.strips.whole(picture) if self.forward.far else picture
        more, grids = self.objective.layer_statistics(self.forward.others(whole, sources[-1]))
        losses = self.objective.losses({**sums, **more}, {**self.forward.grids, **grids})
        losses |= dict(self._pixel_losses(image))
        return float(torch.stack(list(losses.values())).sum())

    @torch.no_grad()
    def _gathered(self, sources: list[Tensor], held: dict[Place, TileActivations] | None = None) -> dict[Key, Tensor]:
        """Statistics of the layers in tiles, of all ranks, as leaves of a graph: the losses can be derived by them."""
        sums: dict[Key, Tensor] = {}
        for layer, maps, box in self.forward.near(sources, held):
            _add(sums, self.objective.statistics(layer, maps, self.forward.grids[layer], box))
        total = self.strips.ranks.total(list(sums.values()))
        return {key: value.detach().requires_grad_() for key, value in zip(sums, total, strict=True)}  # some in common

    def _ended(
        self, sums: Mapping[Key, Tensor], image: Tensor, sources: list[Tensor]
    ) -> tuple[dict[str, Tensor], Tensor | None, Tensor | None, dict[Key, Tensor]]:
        """The losses, and how they change with the pixels by the layers far, with what the tail begins from, and with
        the `sums`; what the tail begins from is taken off `sources`.
        """
        forward = self.forward
        whole = self.strips.whole(image).detach() if forward.far else sources[0]
        base = sources.pop() if forward.tail else whole
        leaves = [begin.requires_grad_() for begin, used in ((whole, forward.far), (base, forward.tail)) if used]
        maps, grids = self.objective.layer_statistics(forward.others(whole, base))
        losses = self.objective.losses({**sums, **maps}, {**forward.grids, **grids})
        del maps
        slopes = list(_grad(losses, [*leaves, *sums.values()]))
        far = self.strips.own(slopes.pop(0)).contiguous() if forward.far else None
        after = slopes.pop(0)[:, :, forward.tiled[-1].made[self.strips.ranks.rank]] if forward.tail else None
        losses = {name: loss.detach() for name, loss in losses.items()}
        return losses, far, after, dict(zip(sums, slopes, strict=True))

    def _return(
        self, far: Tensor | None, sources: list[Tensor], after: Tensor | None, slopes: Mapping[Key, Tensor]
    ) -> Tensor:
        """What the slopes of the sums mean for the pixels, and `far` too; `after` is the gradient of the tail's base.

        Of the `sources` only the first is left, of the picture; the others become the gradients of themselves.
        """
        ranks = self.strips.ranks
        for before, tiled in reversed([*pairwise(self.forward.tiled)]):
            maps = sources.pop()
            for rows, band in self._bands(tiled, maps, after, slopes):
                maps[:, :, rows] = band
            after = ranks.returned(maps, tiled.seen, before.made)
            del maps
        (whole,) = sources
        shared = self.strips.shared
        gradient = torch.zeros_like(whole) if far is None or shared else far  # late: deep parts take most memory
        for tiled in self.forward.tiled[:1]:
            for rows, band in self._bands(tiled, whole, after, slopes):
                gradient[:, :, rows] += band
            gradient = ranks.returned(gradient, tiled.seen, self.strips.rows)
        return gradient + far if shared and far is not None else gradient

    def _bands(
        self, tiled: TiledSegment, maps: Tensor, after: Tensor | None, slopes: Mapping[Key, Tensor]
    ) -> Iterator[tuple[slice, Tensor]]:
        """The gradient of `maps` from the top down, in bands, each to where the next row of input windows begins."""
        rest: Tensor | None = None
        for row, below in zip_longest(tiled.rows, tiled.rows[1:]):
            seen = row[0].input_window[0]
            band = torch.zeros_like(maps[:, :, moved(seen, -tiled.first)])
            if rest is not None:
                band[:, :, : rest.shape[2]] = rest
            for tile in row:
                band[..., tile.input_window[1]] += self._back(tiled, tile, maps, after, slopes)
            end = below[0].input_window[0].start if below else seen.stop
            yield moved(slice(seen.start, end), -tiled.first), band[:, :, : end - seen.start]
            self._trim()
            rest = band[:, :, end - seen.start :].clone()

    def _back(
        self, tiled: TiledSegment, tile: Tile, maps: Tensor, after: Tensor | None, slopes: Mapping[Key, Tensor]
    ) -> Tensor:
        """The gradient of the window of `tile` in `maps`; `after` is that of the segment's checkpoint."""
        held = self._held.pop((tiled.segment.source, tile.start), None)
        activations = held or tiled.activations(tile, maps, graph=True)
        found, gradients = list[Tensor](), list[Tensor]()
        for layer, core, box in activations.core:
            if layer in tiled.segment.layers:
                shares = self.objective.statistics(layer, core, tiled.grids[layer], box, value=False)
                found += shares.values()
                gradients += [slopes[key] for key in shares]
            if layer == tiled.segment.checkpoint and after is not None:
                found.append(core)
                box = tiled.own(box)[1]
                gradients.append(after[:, :, box[0], box[1]])
        window = activations.input
        del held, activations, core  # on the way back, maps are needed no more than the graph needs them
        return torch.autograd.grad(found, window, gradients)[0]


def _grad(losses: Mapping[str, Tensor], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """How the sum of the losses changes with each of the inputs."""
    total = sum(losses.values(), torch.zeros((), device=inputs[0].device, requires_grad=True))
    return torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)


def _add(sums: dict[Key, Tensor], more: Mapping[Key, Tensor]) -> None:
    for key, share in more.items():
        sums[key] = sums[key] + share if key in sums else share
