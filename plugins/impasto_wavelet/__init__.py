"""The embedded network: designed filters, no weights, works offline at once. Registered without importing torch."""

from __future__ import annotations

from collections.abc import Iterable

from impasto.plugin import Cost, Finish, Network, NetworkInfo, hookimpl


def _build() -> Network:
    from .network import Wavelet

    return Wavelet()


@hookimpl
def impasto_networks() -> Iterable[NetworkInfo]:
    """The network `wavelet`."""
    return [
        NetworkInfo(
            "wavelet",
            "Rectified oriented wavelets, designed, no download",
            build=_build,
            finish=Finish(steps=0),
            rank=0,
            cost=Cost(seconds=1.5e-6, step=650, tile=1150, far=10, halo=32, whole=4e6),
        )
    ]
