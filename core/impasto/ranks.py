"""Several processes that paint one picture: each has a strip of it, and they exchange what they need of one another.

Such a process is a rank, and `torch.distributed` connects them: gloo on processors, nccl on graphics cards. What is a
sum over the picture, they add up; what lies beside a strip, they fetch. A process that paints alone is one rank of one,
for which nothing here computes or copies anything.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .errors import RankError

PATIENCE = timedelta(days=1)
"""How long a rank waits for another that computes. One that has ended is noticed at once."""


@dataclass(frozen=True)
class Ranks:
    """The processes that paint together; this one is number `rank`, from 0, of `size`.

    What asks another rank raises `RankError` where that has ended.
    """

    rank: int = 0
    size: int = 1
    beside: tuple[int, ...] = ()
    """The process numbers of the others on this machine."""

    @classmethod
    def joined(cls) -> Ranks:
        """Those that torchrun started, once all of them have come here."""
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        with _told():
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
            if torch.cuda.is_available():  # nccl wants all of them in the first exchange
                dist.all_reduce(torch.zeros(1, device="cuda"))
        found = cls(dist.get_rank(), dist.get_world_size())
        here = socket.gethostname(), os.getpid()
        others = tuple(number for host, number in found.objects(here) if host == here[0] and number != here[1])
        return cls(found.rank, found.size, others)

    def check(self) -> None:
        """Raise `RankError` where one on this machine has ended: sooner than the next exchange would tell."""
        for number in self.beside:
            try:
                os.kill(number, 0)
            except ProcessLookupError:
                raise _ended(f"process {number}") from None

    def leave(self) -> None:
        """End the connection, when all have come to the end."""
        dist.destroy_process_group()

    def objects(self, mine: Any) -> list[Any]:
        """What each rank says, by rank."""
        found = [mine] * self.size
        if self.size > 1:
            with _told():
                dist.all_gather_object(found, mine)
        return found

    def sums(self, values: Sequence[float]) -> list[float]:
        """The sum of each value over all ranks."""
        if self.size == 1:
            return list(values)
        return self.total([torch.tensor(values, dtype=torch.float64)])[0].tolist()

    def total(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sum of each tensor over all ranks, which have as many of them, in the same shapes."""
        found = list(tensors)
        for dtype in dict.fromkeys(each.dtype for each in tensors) if self.size > 1 else ():
            places = [place for place, each in enumerate(tensors) if each.dtype == dtype]
            flat = torch.cat([tensors[place].flatten() for place in places])
            with _told():
                dist.all_reduce(flat)
            for place, part in zip(
                places, torch.split(flat, [tensors[place].numel() for place in places]), strict=True
            ):
                found[place] = part.view_as(tensors[place])
        return found

    def spread(self, tensor: Tensor) -> Tensor:
        """`tensor` of rank 0, written over that of each other rank, which has the same shape."""
        if self.size > 1:
            with _told():
                dist.broadcast(tensor, 0)
        return tensor

    def fetched(self, own: Tensor, have: Sequence[slice], want: Sequence[slice]) -> Tensor:
        """Rows `want[rank]` of maps, (1, C, h, w), of which each rank has rows `have[rank]`, this one as `own`."""
        if self.size == 1:
            return own
        sent = {other: own[:, :, rows] for other, rows in _common(have[self.rank], want).items()}
        return self._gathered(own, sent, want[self.rank], have)

    def returned(self, own: Tensor, want: Sequence[slice], have: Sequence[slice]) -> Tensor:
        """The sum of what all ranks have for rows `have[rank]`, where this one's `own` is for rows `want[rank]`.

        It is the adjoint of `fetched`, the way back of gradients.
        """
        if self.size == 1:
            return own
        sent = {other: own[:, :, rows] for other, rows in _common(want[self.rank], have).items()}
        return self._gathered(own, sent, have[self.rank], want)

    def _gathered(self, own: Tensor, sent: Mapping[int, Tensor], into: slice, others: Sequence[slice]) -> Tensor:
        """Rows `into` as the sum of what the `others` send of theirs."""
        places, (_, channels, _, width) = _common(into, others), own.shape
        last = not own.is_contiguous() and own.is_contiguous(memory_format=torch.channels_last)
        form = torch.channels_last if last else torch.contiguous_format
        shapes = {other: (1, channels, extent(rows), width) for other, rows in places.items()}
        found = torch.empty((1, channels, extent(into), width), dtype=own.dtype, device=own.device, memory_format=form)
        found.zero_()
        for other, piece in self.swapped(sent, shapes, own).items():
            found[:, :, places[other]] += piece
        return found

    def swapped(
        self, sent: Mapping[int, Tensor], shapes: Mapping[int, Sequence[int]], like: Tensor
    ) -> dict[int, Tensor]:
        """What each rank of `shapes` has sent to this one, in their order; `sent` is for the ranks named there."""
        found = {other: like.new_empty(tuple(shape)) for other, shape in shapes.items()}
        out = {other: piece.contiguous() for other, piece in sent.items()}
        pairs = [(dist.isend, out), (dist.irecv, found)]
        work = [
            dist.P2POp(way, piece, other)
            for way, pieces in pairs
            for other, piece in pieces.items()
            if other != self.rank and piece.numel()
        ]
        if self.rank in found:
            found[self.rank] = out[self.rank]
        with _told():
            for each in dist.batch_isend_irecv(work) if work else ():
                each.wait()
        return found


ALONE = Ranks()


@dataclass(frozen=True)
class Strips:
    """The rows of a picture of this `height`, shared out evenly among `ranks`: each has a strip, (1, C, h, W)."""

    ranks: Ranks = ALONE
    height: int = 0
    """Of no use for one rank."""

    @property
    def shared(self) -> bool:
        """Whether there is more than one."""
        return self.ranks.size > 1

    @property
    def rows(self) -> list[slice]:
        """Those of each rank."""
        return split(self.height, self.ranks.size)

    def own(self, whole: Tensor) -> Tensor:
        """The strip of this rank, of a picture that all ranks have."""
        return whole[:, :, self.rows[self.ranks.rank]].clone() if self.shared else whole

    def own_index(self, index: Tensor | None, width: int) -> Tensor | None:
        """Those of the pixels `index`, (K,), in order, of a picture of this width that are in this rank's strip."""
        if index is None or not self.shared:
            return index
        rows = self.rows[self.ranks.rank]
        ends = index.new_tensor([rows.start * width, rows.stop * width])
        first, last = torch.searchsorted(index, ends).tolist()
        found: Tensor = index[first:last] - rows.start * width
        return found

    def whole(self, strip: Tensor, everywhere: bool = True) -> Tensor:
        """The picture, from the strips of all ranks; on rank 0 alone unless `everywhere`, on others then the strip."""
        if not self.shared:
            return strip
        want = [slice(0, self.height if everywhere or not rank else 0) for rank in range(self.ranks.size)]
        found = self.ranks.fetched(strip, self.rows, want)
        return found if extent(want[self.ranks.rank]) else strip

    def reduced(self, strip: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
        """What `work` makes of the picture, for all ranks; of strips channel by channel, for the memory."""
        if not self.shared:
            return work(strip)
        return torch.cat([work(self.whole(plane)) for plane in torch.split(strip, 1, dim=1)], dim=1)

    def size(self, strip: Tensor) -> tuple[int, int]:
        """(H, W) of the picture."""
        height, width = strip.shape[-2:]
        return (self.height if self.shared else height), width

    def mean(self, strip: Tensor) -> float:
        """Of all numbers of the picture."""
        if not self.shared:
            return float(strip.mean())
        total, count = self.ranks.sums([float(strip.sum(dtype=torch.float64)), strip.numel()])
        return total / count

    def by_columns(self, waves: Tensor) -> Tensor:
        """(h, w), complex, this rank's rows, as all rows of its share of the columns, (H, w / size)."""
        columns, mine = split(waves.shape[1], self.ranks.size), self.ranks.rank
        sent = {other: torch.view_as_real(waves[:, span]) for other, span in enumerate(columns)}
        shapes = {other: (extent(span), extent(columns[mine]), 2) for other, span in enumerate(self.rows)}
        return torch.view_as_complex(torch.cat([*self.ranks.swapped(sent, shapes, sent[0]).values()]))

    def by_rows(self, waves: Tensor, width: int) -> Tensor:
        """The way back of `by_columns`, to rows of this `width`."""
        columns, mine = split(width, self.ranks.size), self.ranks.rank
        sent = {other: torch.view_as_real(waves[span]) for other, span in enumerate(self.rows)}
        shapes = {other: (extent(self.rows[mine]), extent(span), 2) for other, span in enumerate(columns)}
        return torch.view_as_complex(torch.cat([*self.ranks.swapped(sent, shapes, sent[0]).values()], dim=1))


WHOLE = Strips()
"""Of a process that paints alone."""


def split(count: int, parts: int) -> list[slice]:
    """So many rows, or whatever, in parts that are alike and follow one another; some empty if there are too few."""
    bounds = [count * number // parts for number in range(parts + 1)]
    return [slice(*span) for span in pairwise(bounds)]


def extent(rows: slice) -> int:
    """How many they are."""
    return int(rows.stop - rows.start)


def _common(mine: slice, others: Sequence[slice]) -> dict[int, slice]:
    """By rank: which of its rows are among `mine`, counted from the first of these; no rank that has none."""
    both = [slice(max(mine.start, rows.start), min(mine.stop, rows.stop)) for rows in others]
    return {
        other: slice(rows.start - mine.start, rows.stop - mine.start)
        for other, rows in enumerate(both)
        if rows.start < rows.stop
    }


@contextmanager
def _told() -> Iterator[None]:
    """While entered, what torch says of a rank that has gone is a `RankError`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise _ended(str(error).strip().splitlines()[-1]) from error


def _ended(reason: str) -> RankError:
    return RankError(f"Another rank has ended ({reason}).", "It may have said why; start all of them again.")
