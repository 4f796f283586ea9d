"""Krita's resource folders, and its plug-in in them."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from ...storage.files import write_atomically
from .editor import NAME, Editor

SECTION = "[python]"


class Krita(Editor):
    """Krita, which is told in its kritarc to load the plug-in."""

    name, title, plugins = "krita", "Krita", "pykrita"
    flatpak = "org.kde.krita"
    after = "Start Krita anew: Settings > Dockers > Neural Style."
    unpack = "in Krita, Tools > Scripts > Import Python Plugin from File, then start Krita anew."

    def places(self) -> list[str]:
        """The resource folders: as a package or AppImage, Flatpak, Snap, on Windows (and its store) and macOS."""
        return [str(resources) for resources, _ in _known()]

    def files(self, profile: Path) -> dict[Path, bytes]:
        """See `Editor`."""
        # In the repository it has another name, so that Krita finds no plug-in in a ZIP file of that, where it would
        # take the core's folder for it.
        described, actions = self.source() / f"{NAME}.desktop.in", self.source() / f"{NAME}.action"
        return super().files(profile) | {
            profile / self.plugins / described.stem: described.read_bytes(),
            profile / "actions" / actions.name: actions.read_bytes(),
        }

    def enable(self, profile: Path, on: bool) -> None:
        """See `Editor`."""
        path = kritarc(profile)
        text = _text(path)
        new = enabled(text, on)
        if new != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, new.encode("utf-8", "surrogateescape"))

    def disabled(self, profile: Path) -> str:
        """See `Editor`."""
        path = kritarc(profile)
        return "" if f"enable_{NAME}=true" in _section(_text(path)) else f"it is not enabled in {path}"


def kritarc(profile: Path) -> Path:
    """The settings that go with a resource folder; those of this user where it is none that Krita has by itself."""
    known = _known()
    for resources, config in known:
        if profile.resolve() in (path.resolve() for path in resources.parent.glob(resources.name)):
            return config
    return known[0][1]


def enabled(text: str, on: bool) -> str:
    """The text of a kritarc with our plug-in enabled or without a word of it; all else stays as it is."""
    ours = rf"(?m)^enable_{NAME}=.*(?:\r?\n|\Z)"
    end = "\r\n" if "\r\n" in text else "\n"
    if on and text and not text.endswith("\n"):
        text += end
    head = re.search(rf"(?m)^{re.escape(SECTION)}[ \t]*(?=\r?$)", text)
    if head is None:
        extra = f"{end}{SECTION}{end}enable_{NAME}=true{end}"
        return text + extra if on else text
    after = re.search(r"(?m)^\[", text[head.end() :])
    until = head.end() + after.start() if after else len(text)
    section = re.sub(ours, "", text[head.end() : until])
    return text[: head.end()] + (f"{end}enable_{NAME}=true" if on else "") + section + text[until:]


def _known() -> list[tuple[Path, Path]]:
    """Resource folders, the last part a pattern, each with its settings; this platform's usual one first."""
    home = Path.home()
    if sys.platform == "win32":
        roaming = Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
        stores = [path / "LocalCache" for path in local.glob("Packages/*Krita*")]
        return [(roaming / "krita", local / "kritarc")] + [
            (path / "Roaming" / "krita", path / "Local" / "kritarc") for path in stores
        ]
    if sys.platform == "darwin":
        library = home / "Library"
        return [(library / "Application Support" / "krita", library / "Preferences" / "kritarc")]
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    flatpak, snap = home / ".var" / "app" / "org.kde.krita", home / "snap" / "krita" / "current"
    return [
        (data / "krita", config / "kritarc"),
        (flatpak / "data" / "krita", flatpak / "config" / "kritarc"),
        (snap / ".local" / "share" / "krita", snap / ".config" / "kritarc"),
    ]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""


def _section(text: str) -> list[str]:
    """The lines of the section of Python plug-ins."""
    _, _, after = text.replace("\r\n", "\n").partition(f"{SECTION}\n")
    return re.split(r"(?m)^\[", after)[0].splitlines()
