"""What was chosen in the docker, kept in a file of ours: Krita writes its own only when it ends well."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .qt import QStandardPaths

NAME, DROPPED, STYLE = "impasto-settings.json", "impasto-dropped", "oil"
"""The file, the folder for what was dropped, and the style at first."""
SHOWN = ("strength", "stroke_size", "colour", "quality", "network", "seed")
"""Knobs with controls of their own; the others are folded away."""
DEFAULTS = {"strength": 50, "stroke_size": 0, "colour": "style", "quality": "normal", "network": "", "seed": 0}


@dataclass
class StyleChoice:
    """A picture to paint in the manner of: `kind` is file, name (of a bundled style) or layer (`value`: its id)."""

    kind: str
    value: Any
    title: str
    weight: float = 1.0
    document: Any = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.kind, self.value if isinstance(self.value, str) else self.value.toString()

    def request(self) -> dict[str, Any]:
        """What to ask the worker for, unless it is a layer."""
        return {self.kind: self.value}


@dataclass
class Settings:
    """All of it. `knobs` are those of the recipe that were set, by name."""

    styles: list[StyleChoice] = field(default_factory=list)
    knobs: dict[str, Any] = field(default_factory=lambda: dict(DEFAULTS))
    preview: bool = True
    """Whether a draft follows the controls."""

    def recipe(self) -> dict[str, Any]:
        """The recipe to ask for: without what the worker is to choose."""
        free = {name for name in ("stroke_size", "network") if not self.knobs.get(name)}
        return {name: value for name, value in self.knobs.items() if name not in free}

    def title(self) -> str:
        """A name for the layer."""
        return f"{' + '.join(style.title for style in self.styles)} {self.knobs['strength']:g} %"

    def copy(self) -> Settings:
        """Another that can be changed."""
        return Settings([StyleChoice(**vars(style)) for style in self.styles], dict(self.knobs), self.preview)

    def know(self, names: list[str]) -> None:
        """The bundled styles of the worker: what is none of them gives way, so that there always is a style."""
        self.styles = [style for style in self.styles if style.kind != "name" or style.value in names]
        if not self.styles and names:
            name = STYLE if STYLE in names else names[0]
            self.styles = [StyleChoice("name", name, name)]

    def save(self) -> None:
        """Keep it for the next sitting, all but layers."""
        kept = [[each.kind, each.value, each.title, each.weight] for each in self.styles if each.kind != "layer"]
        new = _file().with_suffix(".new")
        new.parent.mkdir(parents=True, exist_ok=True)
        whole = {"styles": kept, "knobs": self.knobs, "preview": self.preview}
        new.write_text(json.dumps(whole, indent=1), encoding="utf-8")
        new.replace(_file())

    @classmethod
    def load(cls) -> Settings:
        """That of the last sitting; what is missing or makes no sense is as at first."""
        found = cls([StyleChoice("name", STYLE, STYLE)])
        try:
            kept = json.loads(_file().read_text(encoding="utf-8"))
            styles = [
                StyleChoice(str(kind), str(value), str(title), float(weight))
                for kind, value, title, weight in kept["styles"]
            ]
            found.styles = [style for style in styles if style.kind in ("file", "name")] or found.styles
            found.preview = kept.get("preview") is not False
            knobs = {str(name): value for name, value in kept["knobs"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return found
        wrong = {name for name, value in DEFAULTS.items() if isinstance(knobs.get(name), str) != isinstance(value, str)}
        found.knobs.update({name: value for name, value in knobs.items() if name not in wrong})
        return found


def folder() -> Path:
    """Krita's own, for what belongs to its user."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation))


def _file() -> Path:
    return folder() / NAME
