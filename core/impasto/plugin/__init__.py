"""The one door for authors: what a network or a backend says of itself, and the hooks through which it joins.

    from impasto.plugin import NetworkInfo, hookimpl

See docs/plugins.md.
"""

from ..weights.store import Recognised, Stored, WeightsInfo, Wheel
from .backend import Backend, BackendInfo, Evaluator
from .hooks import hookimpl
from .network import Capabilities, Cost, Finish, Network, NetworkInfo

__all__ = [
    "Backend",
    "BackendInfo",
    "Capabilities",
    "Cost",
    "Evaluator",
    "Finish",
    "Network",
    "NetworkInfo",
    "Recognised",
    "Stored",
    "WeightsInfo",
    "Wheel",
    "hookimpl",
]
