"""Optimisers of an image, written out, with all their state in plain tensors.

Both take the image and the gradient of the loss and give the next image, kept in [0, 1].
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ranks import WHOLE, Strips
from .octave_curvature import InverseCurvature, inverse_curvature, scaled

FLAT = 1e-10
"""Cosine between a move and its change of gradient below which they tell nothing, whatever the scale of the loss."""

SUFFICIENT, LENGTHS = 1e-4, 10
"""Share of the promised fall that a step must bring, and how many lengths of it are tried."""


FAR = 4.0
"""Lengths of the longest step beyond which the curvatures of octaves are not trusted: a guess, as from noise."""


CARRIED = 12
"""Moves that are worth knowing at the next size."""


CHUNK = 2**20
"""Numbers of lower precision that are multiplied at once."""


class Optimiser(Protocol):
    """What the painting loop asks of an optimiser."""

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """The next image after `image`, (1, 3, H, W), where the loss has `gradient`.

        Where memory runs out in it, it can be taken again, with the same result.
        """
        ...

    def set_history(self, history: int, dtype: torch.dtype | None) -> None:
        """Make do with the memory of so many steps, kept as `dtype`, or as they come."""
        ...


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4) with a bounded step.

    There is no line search: one gradient makes one step, of length one along the quasi-Newton direction, shortened to
    move the mean pixel by at most `reach`. The first step is that long, along the gradient; each later one begins with
    an inverse curvature for each octave (`octave_curvature`), or with one for all where those would lead much further.
    Numbers at 0 or 1 that would go further take no part in a step, so that the others find the bottom between these
    bounds (Bertsekas, "Projected Newton methods for optimization problems with simple constraints", 1982).
    Of `strips`, each rank gives its own of image and gradient, and remembers what is its own.
    """

    def __init__(
        self, history: int, reach: float = 0.02, dtype: torch.dtype | None = None, strips: Strips = WHOLE
    ) -> None:
        """What it remembers is kept as `dtype`, or as it comes; with bfloat16 a loss is reached in as many steps."""
        self.reach, self.dtype, self.strips = reach, dtype, strips
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)
        self.last: tuple[Tensor, Tensor] | None = None
        self.inverse_curvature: InverseCurvature = []
        self.gamma = 1.0

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """See `Optimiser`."""
        self._remember(image, gradient)
        outward = ((image <= 0) & (gradient > 0)).logical_or_((image >= 1) & (gradient < 0))
        gradient = gradient.masked_fill(outward, 0)
        direction = self._direction(gradient, self.inverse_curvature).masked_fill_(outward, 0)
        length = self.strips.mean(direction.abs())
        if length > FAR * self.reach and self.pairs:
            del direction  # 12 bytes a pixel, where memory is at its most
            direction = self._direction(gradient, self.gamma).masked_fill_(outward, 0)
            length = self.strips.mean(direction.abs())
        if length > self.reach:
            direction *= self.reach / length
        return (image - direction).clamp_(0, 1)

    def carried(
        self, height: int, width: int, history: int, dtype: torch.dtype | None = None, strips: Strips = WHOLE
    ) -> LBFGS:
        """One that goes on at another size of the picture, knowing the last `CARRIED` moves and what they changed.

        A gradient there is shared out among more pixels, so that the curvature along a move stays what it was.
        """
        other = LBFGS(history, self.reach, dtype, strips)
        share = math.prod(self.strips.size(self.last[0])) / (height * width) if self.last else 1.0
        for move, change, _ in list(self.pairs)[-min(CARRIED, history) :]:
            move, change = (self._enlarged(maps, (height, width), strips) for maps in (move, change))
            change = change * share
            if product := other._curvature(move, change)[0]:
                other._append(move, change, product)
        if self.last:
            other.gamma = self.gamma / share
            other.inverse_curvature = [[number / share for number in numbers] for numbers in self.inverse_curvature]
        return other

    def _enlarged(self, maps: Tensor, size: tuple[int, int], strips: Strips) -> Tensor:
        """What it remembers at another size; of `strips` in the memory of one channel."""
        planes = torch.split(maps, 1, dim=1) if strips.shared else [maps]
        found = [
            strips.own(F.interpolate(self.strips.whole(plane).float(), size=size, mode="bicubic")) for plane in planes
        ]
        return torch.cat(found, dim=1) if strips.shared else found[0]

    def set_history(self, history: int, dtype: torch.dtype | None) -> None:
        """See `Optimiser`; now and from now on."""
        if (history, dtype) != (self.pairs.maxlen, self.dtype):
            self.pairs = deque(self.pairs, maxlen=history)
            for number, (move, change, inverse) in enumerate(self.pairs):  # one by one: memory may just have run out
                self.pairs[number] = move.to(dtype or move.dtype), change.to(dtype or change.dtype), inverse
            self.dtype = dtype

    def _remember(self, image: Tensor, gradient: Tensor) -> None:
        """Keep the last move and its change of gradient, if the curvature along it is positive."""
        if self.last is not None:
            move, change = image - self.last[0], gradient - self.last[1]
            product, gamma = self._curvature(move, change)
            if product:
                inverse = inverse_curvature(move, change, gamma, self.strips)
                self._append(move, change, product)
                self.gamma, self.inverse_curvature = gamma, inverse
        self.last = image, gradient

    def _append(self, move: Tensor, change: Tensor, product: float) -> None:
        dtype = self.dtype or move.dtype
        self.pairs.append((move.to(dtype), change.to(dtype), 1 / product))

    def _direction(self, gradient: Tensor, inverse_curvature: InverseCurvature | float) -> Tensor:
        """H * gradient by the two-loop recursion; without history, the gradient scaled to the full reach."""
        direction = gradient.clone()
        if not self.pairs:
            return direction.mul_(self.reach / max(self.strips.mean(gradient.abs()), 1e-30))
        factors = []
        for move, change, inverse in reversed(self.pairs):
            factors.append(inverse * self._dot(move, direction))
            direction.add_(change, alpha=-factors[-1])
        direction = (
            direction.mul_(inverse_curvature)
            if isinstance(inverse_curvature, float)
            else scaled(direction, inverse_curvature, self.strips)
        )
        for (move, change, inverse), factor in zip(self.pairs, reversed(factors), strict=True):
            direction.add_(move, alpha=factor - inverse * self._dot(change, direction))
        return direction

    def _curvature(self, move: Tensor, change: Tensor) -> tuple[float, float]:
        """s.y and s.y / y.y of a move s and a change y (Nocedal and Wright, eq. 7.20); 0 where they tell nothing."""
        product, square = self._dot(move, change), self._dot(change, change)
        if product <= FLAT * math.sqrt(self._dot(move, move) * square):
            return 0.0, 0.0
        return product, product / square

    def _dot(self, a: Tensor, b: Tensor) -> float:
        return self.strips.ranks.sums([_dot(a, b)])[0]


class LineSearch:
    """Another optimiser's steps, each halved until the loss falls enough (Nocedal and Wright, algorithm 3.1).

    Enough is what Armijo's condition says (eq. 3.4): `SUFFICIENT` of what the slope promises for that step. Where no
    length will do the image stays where it is. Costs the loss, without its gradient, once for each length tried.
    """

    def __init__(self, inner: Optimiser, loss: Callable[[Tensor], float], strips: Strips = WHOLE) -> None:
        self.inner, self.loss, self.strips = inner, loss, strips
        self.here: float | None = None

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """See `Optimiser`."""
        here = self.loss(image) if self.here is None else self.here
        move = self.inner.step(image, gradient) - image
        for halvings in range(LENGTHS):
            candidate = image.add(move, alpha=0.5**halvings)
            loss = self.loss(candidate)
            slope = self.strips.ranks.sums([_dot(gradient, candidate - image)])[0]
            if loss <= here + SUFFICIENT * slope:
                self.here = loss
                return candidate
        self.here = here
        return image

    def set_history(self, history: int, dtype: torch.dtype | None) -> None:
        """See `Optimiser`."""
        self.inner.set_history(history, dtype)


class Adam:
    """Adam (Kingma and Ba, ICLR 2015), beta = (0.9, 0.99); the rate falls to a twentieth by a cosine over `steps`."""

    def __init__(self, rate: float, steps: int, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.rate, self.steps, self.betas = rate, steps, betas
        self.count = 0
        self.moments: tuple[Tensor, Tensor] | None = None

    def step(self, image: Tensor, gradient: Tensor) -> Tensor:
        """See `Optimiser`."""
        first, second = self.betas
        fall = 0.5 + 0.5 * torch.cos(torch.tensor(torch.pi * min(self.count / self.steps, 1.0))).item()
        mean, square = self.moments = self.moments or (torch.zeros_like(gradient), torch.zeros_like(gradient))
        deviation, moved = torch.empty_like(gradient), torch.empty_like(image)
        # What follows changes the state, and takes no more memory that could run out half-way.
        self.count += 1
        mean.mul_(first).add_(torch.mul(gradient, 1 - first, out=deviation))
        square.mul_(second).add_(torch.square(gradient, out=deviation).mul_(1 - second))
        torch.div(square, 1 - second**self.count, out=deviation).sqrt_().add_(1e-8)
        scale = self.rate * (0.05 + 0.95 * fall) / (1 - first**self.count)
        return torch.addcdiv(image, mean, deviation, value=-scale, out=moved).clamp_(0, 1)

    def set_history(self, history: int, dtype: torch.dtype | None) -> None:
        """See `Optimiser`; it remembers no steps."""


def _dot(a: Tensor, b: Tensor) -> float:
    if a.dtype == b.dtype != torch.bfloat16:
        return float(torch.dot(a.flatten(), b.flatten()))
    parts = zip(*(torch.split(values.flatten(), CHUNK) for values in (a, b)), strict=True)
    return sum(float(torch.dot(one.float(), other.float())) for one, other in parts)
