"""Finds networks and backends through entry points, one by one, so that a broken plug-in harms nobody else.

pluggy's own `load_setuptools_entrypoints` stops at the first entry point that fails; ours turns each failure into a
named `PluginFailure`. `IMPASTO_PLUGIN_ERRORS=raise` raises it instead, for authors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import TYPE_CHECKING, TypeVar

import pluggy

from ..errors import PluginError
from . import hooks
from .backend import BackendInfo
from .network import NetworkInfo

if TYPE_CHECKING:
    from ..recipe.recipe import Recipe

Info = TypeVar("Info", NetworkInfo, BackendInfo)
BUILT_IN = "impasto"
AUTO = "auto"


@dataclass(frozen=True)
class PluginFailure:
    """A plug-in that could not be used, and why."""

    distribution: str
    entry_point: str
    error: str
    action: str


@dataclass
class Registry:
    """Everything the installed plug-ins offer, and what went wrong with the others."""

    networks: dict[str, NetworkInfo] = field(default_factory=dict)
    backends: dict[str, BackendInfo] = field(default_factory=dict)
    origins: dict[tuple[str, str], str] = field(default_factory=dict)
    """("network" or "backend", its name) -> the distribution it came from."""
    failures: list[PluginFailure] = field(default_factory=list)

    def network(self, name: str) -> NetworkInfo:
        """The network called `name`; `PluginError` lists those that exist."""
        return _named(self.networks, name, "network")

    def backend(self, name: str) -> BackendInfo:
        """The backend called `name`; `PluginError` lists those that exist."""
        return _named(self.backends, name, "backend")

    def differentiable(self, name: str) -> BackendInfo:
        """The backend called `name`, if it is differentiable; `PluginError` for one that only evaluates."""
        info = self.backend(name)
        if not info.differentiable:
            able = ", ".join(sorted(other.name for other in self.backends.values() if other.differentiable)) or "none"
            seen = f"The backend {name} computes no gradients, so it cannot paint; those that can: {able}."
            raise PluginError(seen, f"Use --targets {name} to let it compute what the picture is to match.")
        return info

    def check(self, recipe: Recipe) -> None:
        """Raise `PluginError` or `RecipeError` unless what `recipe`, settled, names is there and ready."""
        targets = self.backend(recipe.targets or recipe.backend)
        for info in (self.network(recipe.network), self.differentiable(recipe.backend), targets):
            if need := missing(info):
                raise PluginError(f"{info.name} is not ready: {need}")
        self.network(recipe.network).chosen(recipe.network_options or {})

    def settled(self, recipe: Recipe) -> Recipe:
        """`recipe` with the network that `auto` stands for here.

        That is the one of the highest rank that is ready: for a start by matching, and for profiles that others wrote
        for networks with weights. What is painted from content or noise by ours takes one that needs no weights.
        """
        if recipe.network != AUTO:
            return recipe
        ranked = [info for info in self.networks.values() if info.rank is not None and not missing(info)]
        if not recipe.matched and recipe.profile in ("impasto", "mahendran"):
            ranked = [info for info in ranked if info.weights is None]
        if not ranked:
            raise PluginError("No network is ready.", "`impasto plugins` says what is missing.")
        best = max(ranked, key=lambda info: info.rank or 0)
        return recipe.model_copy(update={"network": best.name})

    def add(self, entry_point: EntryPoint) -> None:
        """Take in one plug-in whole, or not at all."""
        manager = pluggy.PluginManager(hooks.GROUP)
        manager.add_hookspecs(hooks)
        manager.register(entry_point.load())
        manager.check_pending()  # a misspelt hook would otherwise be a plug-in that offers nothing
        networks = _records(manager.hook.impasto_networks(), NetworkInfo, self.networks)
        backends = _records(manager.hook.impasto_backends(), BackendInfo, self.backends)
        self.networks |= networks
        self.backends |= backends
        added = [*(("network", name) for name in networks), *(("backend", name) for name in backends)]
        self.origins |= dict.fromkeys(added, _distribution(entry_point))

    def note(self, error: BaseException, distribution: str, entry_point: str) -> None:
        """Keep that something of a distribution could not be used; raises `error` instead for authors."""
        if os.environ.get("IMPASTO_PLUGIN_ERRORS") == "raise":
            raise error
        action = f"Update it (pip install -U {distribution}), or remove it (pip uninstall {distribution})."
        seen = f"{type(error).__name__}: {error}"
        self.failures.append(PluginFailure(distribution, entry_point, seen, action))


@cache
def registry() -> Registry:
    """All plug-ins installed in this environment, built-in ones first. Imports no torch."""
    found = Registry()
    for entry_point in sorted(_entry_points(found), key=_order):
        try:
            found.add(entry_point)
        except (Exception, SystemExit) as error:  # a stranger's code may raise anything, or try to leave
            found.note(error, _distribution(entry_point), f"{entry_point.name} = {entry_point.value}")
    return found


def _entry_points(found: Registry) -> Iterator[EntryPoint]:
    """Those of our group, of the first distribution of each name on the path. `found` notes those that are damaged."""
    seen: set[str] = set()
    for distribution in distributions():
        try:
            own = distribution.entry_points.select(group=hooks.GROUP)
        except Exception as error:  # `importlib.metadata.entry_points` would stop here, and give nobody's
            found.note(error, _name(distribution), "entry_points.txt")
            continue
        name = _name(distribution) if own else ""
        if name not in seen:
            yield from own
        seen.add(name)


def missing(info: NetworkInfo | BackendInfo) -> str:
    """What `info` still needs and how to get it; "" when it is ready. A plug-in that cannot say is not ready."""
    try:
        return info.missing()
    except Exception as error:  # as above
        return f"{info.name} cannot say whether it is ready ({type(error).__name__}: {error})."


def _order(entry_point: EntryPoint) -> tuple[bool, str, str]:
    distribution = _distribution(entry_point)
    return distribution != BUILT_IN, distribution, entry_point.name


def _distribution(entry_point: EntryPoint) -> str:
    return _name(entry_point.dist) if entry_point.dist else "unknown"


def _name(distribution: Distribution) -> str:
    try:
        return distribution.name or "unknown"
    except Exception:  # its metadata is not there, or no text
        return "unknown"


def _records(answers: Iterable[Iterable[object]], kind: type[Info], taken: dict[str, Info]) -> dict[str, Info]:
    """The hook's answers by name, each checked to be a `kind` under a free name."""
    records: dict[str, Info] = {}
    for record in (record for answer in answers for record in answer):
        if not isinstance(record, kind):
            raise PluginError(f"The hook gave {record!r}; expected {kind.__name__}.")
        _check_words(record)
        if record.name in taken or record.name in records:
            raise PluginError(f"The name {record.name!r} is taken already.", "Choose another name.")
        records[record.name] = record
    return records


def _check_words(record: NetworkInfo | BackendInfo) -> None:
    """Refuse what could not be listed beside the others."""
    words: list[object] = [record.name, record.summary]
    lists = {"options": (), **record.options} if isinstance(record, NetworkInfo) else {"devices": record.devices}
    for what, values in lists.items():
        if not isinstance(values, tuple):
            raise PluginError(f"{what} of {record.name!r} is {values!r}; expected a tuple of strings.")
        words += [what, *values]
    for word in words:
        if not isinstance(word, str):
            raise PluginError(f"The record {record.name!r} has {word!r} where a string is expected.")


def _named(found: dict[str, Info], name: str, kind: str) -> Info:
    if name in found:
        return found[name]
    names = ", ".join(sorted(found)) or "none"
    raise PluginError(f"There is no {kind} {name!r}; installed: {names}.", "`impasto plugins` says more.")
