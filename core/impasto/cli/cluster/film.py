"""A film painted by a cluster: shot after shot goes out in runs of frames, each run after the one before it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ...film.painting import FilmPainting, FrameRun
from ...recipe.provenance import Source as Checked
from ...storage.files import replace
from ..job import Job
from ..progress import ShowPart, parts_done
from .connection import AHEAD, Cluster
from .tasks import Order, Source, paint_frames

MOST = 1e9
"""Bytes of frames that are handed over at a time."""


class ClusterFilm:
    """The frames of one film, handed over to a cluster; painted ones are kept where `work` keeps them."""

    def __init__(self, work: FilmPainting, job: Job, cluster: Cluster, show: ShowPart) -> None:
        self.work, self.cluster, self.show = work, cluster, show
        sums = {name: Checked.of(path, work.folder.parent).sha256 for name, path in work.sources.items()}
        self.order = Order(job, {name: Source.of(path, sums[name], True) for name, path in work.sources.items()})

    def paint(self) -> None:
        """Have all frames painted that are not done."""
        self.begin, self.painted, self.passed = time.perf_counter(), 0, 0
        shot, last = 0, None
        for run in self.work.runs():
            if all(self.work.is_done(number) for number, _ in run.frames):
                last, self.passed = None, self.passed + len(run.frames)
                continue
            while self._full():
                self._take()
            before = last if last and shot == run.shot else self._kept(run)
            last = self.cluster.submit(run, paint_frames, self.order, self.work.painter.told, run, before)
            shot = run.shot
        while self.cluster.going:
            self._take()

    def _full(self) -> bool:
        """Whether all workers have shots enough: of one shot, only one run can be painted at a time."""
        runs: list[FrameRun] = list(self.cluster.going.values())
        size = sum(picture.pixels.nbytes for run in runs for _, picture in run.frames)
        return len({run.shot for run in runs}) >= AHEAD * max(1, self.cluster.workers) or size > MOST

    def _kept(self, run: FrameRun) -> Mapping[str, bytes]:
        """The files of the frames before, which are painted."""
        paths = [self.work.painter.plain(number) for number, _ in run.before]
        return {path.name: path.read_bytes() for path in paths}

    def _take(self) -> None:
        run, files = self.cluster.next()
        if isinstance(files, Exception):
            raise files
        for name, data in files.items():
            replace(self.work.folder / name, data)
        self.painted += len(run.frames)
        share, seconds = self.painted / (self.work.count - self.passed), time.perf_counter() - self.begin
        self.show(parts_done("frame", self.passed + self.painted, self.work.count, share, seconds))
