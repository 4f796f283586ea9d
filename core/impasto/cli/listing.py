"""What the installed plug-ins offer, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..backend import BackendInfo
from ..network import NetworkInfo
from ..registry import PluginFailure, Registry, missing

HEAD = ("NAME", "KIND", "FROM", "STATE", "WHAT IT IS")
Info = NetworkInfo | BackendInfo


def listing(found: Registry) -> Iterator[str]:
    """A table of networks and backends, then each failure with its error and the next action."""
    rows = [HEAD]
    rows += _rows("network", found.networks.values(), found.origins)
    rows += _rows("backend", found.backends.values(), found.origins)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
    infos: list[Info] = [*found.networks.values(), *found.backends.values()]
    for info in infos:
        if need := missing(info):
            yield f"\n{info.name}: {need}"
    for failure in found.failures:
        yield from _failure(failure)


def _rows(kind: str, infos: Iterable[Info], origins: Mapping[str, str]) -> Iterator[tuple[str, str, str, str, str]]:
    for info in infos:
        yield info.name, kind, origins[info.name], "not ready" if missing(info) else "ready", info.summary


def _failure(failure: PluginFailure) -> Iterator[str]:
    yield f"\nThe plug-in {failure.entry_point!r} of {failure.distribution} cannot be used."
    yield f"  {failure.error}"
    yield f"  {failure.action}"
