"""The two hooks a plug-in may implement, either or both.

    from impasto.plugin import hookimpl

    @hookimpl
    def impasto_networks():
        return [NetworkInfo("mine", "One line about it", build)]

The module that holds them is an entry point in the group `impasto`, which pluggy reads.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from .backend import BackendInfo
from .network import NetworkInfo

GROUP = "impasto"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def impasto_networks() -> Iterable[NetworkInfo]:  # type: ignore[empty-body]
    """Networks that this plug-in offers. Called once; must not import torch."""


@hookspec
def impasto_backends() -> Iterable[BackendInfo]:  # type: ignore[empty-body]
    """Backends that this plug-in offers. Called once; must not import torch."""
