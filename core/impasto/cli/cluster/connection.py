"""A Dask cluster, reached or started here. What runs where and when, and again where a worker died, is up to Dask."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from ..._version import __version__
from ...errors import ImpastoError

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

LOCAL = re.compile(r"local:([1-9]\d*)")
REMOTE = re.compile(r"\w+://.+")
REACH = 10
"""Seconds in which a scheduler has to answer."""
AHEAD = 2
"""Tasks for each worker that are handed over at a time: one to paint, and one that waits for that."""
ONE_PAINTING = {"impasto": 1}
"""The resource of Dask that a painting takes, of workers that declare it."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
QUIET = {"distributed.admin.large-graph-warning-threshold": 2**60}
"""Dask warns of tasks above 10 MB, as those with photographs in them are."""

LOGS = ("distributed", "distributed.client", "tornado.application", "asyncio")
"""Where Dask writes of errors: what people are to know of them is told them by us.

Ctrl-C while it asks the scheduler something would else print a traceback of its own.
"""


class ClusterError(ImpastoError):
    """A cluster cannot be used."""


class LostError(click.ClickException):
    """A cluster was lost: the work failed, and was not refused before it began."""


def check_cluster(address: str | None) -> None:
    """Raise `ClusterError` unless `address` is None, or may be one and Dask is there. Connects to nothing."""
    if address is None:
        return
    if not (find_spec("dask") and find_spec("distributed")):
        raise ClusterError("--cluster needs Dask:", "pip install 'impasto[cluster]'")
    if not (LOCAL.fullmatch(address) or REMOTE.fullmatch(address)):
        seen = f"--cluster is {address!r}; expected the address of a Dask scheduler, as tcp://HOST:8786"
        raise ClusterError(f"{seen}, or local:N for N processes on this machine.")


@contextmanager
def connected(address: str, tell: Callable[[str], None]) -> Iterator[Cluster]:
    """While entered, the cluster at `address`, whose workers were checked; `tell` is given a line about it.

    At the end, what waits is cancelled, and a cluster that was started here ends. Raises `ClusterError`.
    """
    import dask
    from distributed import Client

    with ExitStack() as stack:
        stack.enter_context(dask.config.set(QUIET))
        for name in LOGS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        local = LOCAL.fullmatch(address)
        place = stack.enter_context(_local(int(local[1]))) if local else address
        try:
            client = stack.enter_context(Client(place, timeout=REACH, set_as_default=False))
        except (OSError, ValueError):
            seen = f"{address}: no scheduler answers there within {REACH} seconds."
            raise ClusterError(seen, "Start one with: dask scheduler") from None
        # A lambda is sent as code, so that it can be asked of any version.
        for worker, found in client.run(lambda: import_module("impasto").__version__, on_error="return").items():
            check_version(worker, found, __version__)
        cluster = Cluster(client, address)
        tell(f"cluster {client.scheduler.address}, {cluster.workers} workers{_dashboard(client)}.")
        try:
            yield cluster
        finally:
            cluster.cancel()


def _local(count: int) -> LocalCluster:
    """So many processes on this machine, which share its threads."""
    import dask
    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    told = os.environ.get("OMP_NUM_THREADS", "")
    threads = max(1, (int(told) if told.isdecimal() else CPU_COUNT) // count)
    settings = {f"distributed.nanny.pre-spawn-environ.{name}": threads for name in THREADS}
    # Else Dask looks a hundred times a second at where a worker is, which took 1 % of a painting.
    with dask.config.set(settings | {"distributed.worker.profile.enabled": False}):
        return LocalCluster(
            n_workers=count,
            threads_per_worker=threads,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=None,  # a painting keeps to its own
            resources=ONE_PAINTING,
            preload=f"{__package__}.tasks",
            silence_logs="ERROR",
        )


def check_version(worker: str, found: str | Exception, expected: str) -> None:
    """Raise `ClusterError` unless `worker` has the `expected` version; `found` is why not where it has none."""
    if found != expected:
        seen = f"impasto {found}" if isinstance(found, str) else f"no impasto that can be imported ({found})"
        raise ClusterError(f"The worker {worker} has {seen}; expected {expected}.", "Install the same version there.")


def _dashboard(client: Client) -> str:
    drawn = client.run_on_scheduler(lambda: bool(import_module("importlib.util").find_spec("bokeh")))
    return f"; dashboard {client.dashboard_link}" if drawn else ""


class Cluster:
    """Hands tasks over to the workers of a cluster, and takes their results as they come."""

    def __init__(self, client: Client, address: str) -> None:
        self.client, self.address = client, address
        self.going: dict[Future[Any], Any] = {}
        """Tasks that are handed over and not taken back, each with what it is known by."""
        self._ended: SimpleQueue[Future[Any]] = SimpleQueue()
        workers = client.scheduler_info()["workers"].values()
        declared = any(ONE_PAINTING.keys() <= worker["resources"].keys() for worker in workers)
        self._resources = ONE_PAINTING if declared else None

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self.client.nthreads())

    @property
    def full(self) -> bool:
        """Whether all workers have enough to do."""
        return len(self.going) >= AHEAD * max(1, self.workers)

    def submit(self, known_by: Any, function: Callable[..., Any], *values: Any) -> Future[Any]:
        """Hand over a task; a future of another among `values` stands for its result."""
        future = self.client.submit(function, *values, pure=False, resources=self._resources)
        self.going[future] = known_by
        future.add_done_callback(self._ended.put)
        return future

    def next(self) -> tuple[Any, Any]:
        """What the next task to end is known by, and its result, or the exception that it ended with.

        `LostError` where the scheduler is lost.
        """
        from distributed.scheduler import KilledWorker

        future = self._ended.get()
        known_by = self.going.pop(future)
        try:
            return known_by, future.result()
        except CancelledError:
            lost = f"{self.address}: the scheduler has gone. What is painted is kept: start it, and repeat the command."
            raise LostError(lost) from None
        except KilledWorker as error:
            seen = f"Every worker that painted it has died, {error.allowed_failures + 1} of them."
            return known_by, ClusterError(seen, "See what their logs say; often memory runs out.")
        except Exception as error:  # of Dask itself, as where a worker cannot import what it is to run
            return known_by, error

    def cancel(self) -> None:
        """Forget the tasks that are handed over: those that wait are not begun."""
        if self.client.status == "running":  # else there is nobody to ask
            self.client.cancel(list(self.going), force=True)
        self.going.clear()
