"""A batch painted by a cluster: pictures go out as orders, and come back as files that are written here."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from ...errors import ImageWarning
from ...storage.files import check_output, replace
from ..cluster.connection import Cluster
from ..cluster.tasks import Order, Source, Unseen, paint_picture
from ..job import Job, check_outputs
from ..progress import ShowPart, parts_done
from .events import Events
from .plan import Planned

Turn = Callable[[Job], AbstractContextManager[str | None]]


class Ordered(NamedTuple):
    """A picture that a worker is to paint: what was there of it, and what gives up our claim on it."""

    one: Planned
    was: str
    claimed: ExitStack


class ClusterBatch:
    """Pictures handed over to a cluster, a few for each worker at a time. `turn` claims a picture, as `Batch.turn`."""

    def __init__(self, cluster: Cluster, events: Events, turn: Turn, show: ShowPart) -> None:
        self.cluster, self.events, self.turn, self.show = cluster, events, turn, show
        self.sent = False
        """Whether files go out with what is in them, since a worker did not see one."""

    def paint(self, plan: Sequence[Planned], begin: float) -> None:
        """Have all pictures painted that nobody else paints; `begin` is when that began."""
        self.seconds, self.ended, self.count = sum(one.seconds for one in plan), list[float](), len(plan)
        self.begin = begin
        try:
            for one in plan:
                while self.cluster.full:
                    self._take()
                self._hand_over(one)
            while self.cluster.going:
                self._take()
        finally:
            for ordered in self.cluster.going.values():
                ordered.claimed.close()

    def _hand_over(self, one: Planned) -> None:
        claimed = ExitStack()
        try:
            was = claimed.enter_context(self.turn(one.job))
            if was is not None:
                check_outputs(one.job)
                self._order(Ordered(one, was, claimed))
        except Exception as error:
            claimed.close()
            self.events.fail(one.job, error)

    def _order(self, ordered: Ordered) -> None:
        job = ordered.one.job
        carried = job.provenance
        sources = {name: Source.of(path, carried.sources[name].sha256, self.sent) for name, path in job.sources.items()}
        self.cluster.submit(ordered, paint_picture, Order(job, sources), carried)

    def _take(self) -> None:
        ordered, outcome = self.cluster.next()
        try:
            if isinstance(outcome, Unseen):
                self.sent = True
                self._order(ordered)
                return
            self._keep(ordered, outcome)
        except Exception as error:  # whatever it is, it stops no other picture
            self.events.fail(ordered.one.job, error)
        ordered.claimed.close()
        self.ended.append(ordered.one.seconds)
        share = sum(self.ended) / self.seconds
        self.show(parts_done("picture", len(self.ended), self.count, share, time.perf_counter() - self.begin))

    def _keep(self, ordered: Ordered, outcome: Any) -> None:
        """Write the picture that came back; raises the error that came in its place."""
        if isinstance(outcome, Exception):
            raise outcome
        job = ordered.one.job
        for line in outcome.warnings:
            warnings.warn(line, ImageWarning, stacklevel=1)
        for line in outcome.notices:
            self.events.tell(f"{job.output}: {line}")
        replace(check_output(job.output, longest=max(outcome.size)), outcome.data)
        self.events.painted(job, outcome.size, outcome.seconds, ordered.was)
