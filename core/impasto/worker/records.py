"""What the worker tells about itself: everything an editor needs to build its controls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .._version import __version__
from ..client import MOST, PROTOCOL
from ..pictures.bundled_styles import SUMMARIES
from ..plugin.registry import missing, registry
from ..recipe.knobs import KNOBS, Knob
from .streams import Log


def hello(log: Log, devices: list[str] | None = None) -> dict[str, Any]:
    """The fields of `hello`; `devices` are those that are really there, once that is known. Loads no torch."""
    found = registry()
    networks = [
        {"name": info.name, "summary": info.summary, **_state(missing(info)), "options": _lists(info.options)}
        for info in found.networks.values()
    ]
    backends = [
        {
            "name": info.name,
            "summary": info.summary,
            **_state(missing(info)),
            "paints": info.differentiable,
            "devices": list(info.devices),
        }
        for info in found.backends.values()
    ]
    kinds = dict.fromkeys(device for info in found.backends.values() for device in info.devices)
    about = {"protocol": PROTOCOL, "version": __version__, "networks": networks, "backends": backends}
    return about | {
        "devices": devices or ["auto", *kinds],
        "styles": [{"name": name, "summary": summary} for name, summary in SUMMARIES.items()],
        "most": MOST,
        "log": str(log.path) if log.path else None,
    }


def description() -> dict[str, Any]:
    """The fields of `description`: every knob."""
    return {"knobs": [_knob(name, knob) for name, knob in KNOBS.items()]}


def devices() -> list[str]:
    """What the knob `device` can be on this machine. Imports torch."""
    import torch

    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["auto", "cpu", *(["cuda"] if cuda else []), *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def _state(need: str) -> dict[str, Any]:
    return {"ready": not need, "missing": need}


def _lists(options: Any) -> dict[str, list[str]]:
    return {name: list(values) for name, values in options.items()}


def _knob(name: str, knob: Knob) -> dict[str, Any]:
    return {"name": name} | asdict(knob) | {"range": knob.range, "choices": list(knob.choices)}
