"""What the installed plug-ins offer, as lines of text."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

from ..memory.process import unloadable
from ..plugin.backend import BackendInfo
from ..plugin.network import NetworkInfo
from ..plugin.registry import PluginFailure, Registry, missing

HEAD = ("NAME", "KIND", "FROM", "STATE", "DEVICES", "WHAT IT IS")


def listing(found: Registry) -> Iterator[str]:
    """A table of networks and backends, then what there is to choose or to do, and each failure with the next action.

    A network runs wherever its backend does, so it has no devices of its own.
    """
    infos: list[NetworkInfo | BackendInfo] = [*found.networks.values(), *found.backends.values()]
    rows = [HEAD, *(_row(info, found) for info in infos)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD) - 1)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
    for network in found.networks.values():
        yield from _options(network)
    for info in infos:
        if need := missing(info):
            yield f"\n{info.name}: {need}"
    for failure in found.failures:
        yield from _failure(failure)


def with_torch_tried(found: Registry) -> Registry:
    """`found` with the backend `torch` not ready where torch cannot be imported, tried in a process of its own."""
    done = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, text=True, check=False)
    if not done.returncode or "torch" not in found.backends:
        return found
    killed = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
    problem = str(unloadable(killed or (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]))
    tried = replace(found.backends["torch"], missing=lambda: problem)
    return replace(found, backends=found.backends | {"torch": tried})


def _row(info: NetworkInfo | BackendInfo, found: Registry) -> tuple[str, ...]:
    kind = "network" if isinstance(info, NetworkInfo) else "backend"
    state = "not ready" if missing(info) else "ready"
    devices, summary = "-", info.summary
    if isinstance(info, BackendInfo):
        devices = " ".join(info.devices)
        summary += "" if info.differentiable else "; no gradients, for --targets only"
    return info.name, kind, found.origins[kind, info.name], state, devices, summary


def _options(network: NetworkInfo) -> Iterator[str]:
    """What --network-options takes, the default of each first."""
    if network.options:
        yield f"\n{network.name}: --network-options, of each the first by default"
    for option, values in network.options.items():
        yield f"  {option}={'|'.join(values)}"


def _failure(failure: PluginFailure) -> Iterator[str]:
    yield f"\nThe plug-in {failure.entry_point!r} of {failure.distribution} cannot be used."
    yield f"  {failure.error}"
    yield f"  {failure.action}"
