"""GIMP's profiles, and its plug-in in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from .archive import zipped
from .editor import NAME, Editor
from .extension import ID, as_extension


class Gimp(Editor):
    """GIMP 3. To it the plug-in's folder and the file in it that it starts must have the same name."""

    name, title, plugins = "gimp", "GIMP 3", "plug-ins"
    flatpak = "org.gimp.GIMP"
    after = "Start GIMP anew: Filters > Artistic > Neural Style..."
    unpack = "unpack it into a folder that GIMP lists in Preferences > Folders > Plug-ins, then start GIMP anew."

    def places(self) -> list[str]:
        """Where GIMP keeps a profile for each of its versions, as its documentation has it."""
        if chosen := os.environ.get("GIMP3_DIRECTORY"):
            return [chosen]
        home = Path.home()
        if sys.platform == "win32":
            roots = [Path(os.environ.get("APPDATA", home / "AppData" / "Roaming"))]
        elif sys.platform == "darwin":
            roots = [home / "Library" / "Application Support"]
        else:
            own = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
            flatpak, snap = (
                home / ".var" / "app" / "org.gimp.GIMP" / "config",
                home / "snap" / "gimp" / "current" / ".config",
            )
            roots = [own, flatpak, snap]
        return [str(root / "GIMP" / "3.*") for root in roots]

    def extension(self) -> bytes:
        """See `Editor`."""
        program = f"{NAME}/{NAME}.py"
        return zipped(as_extension(self.handed_on(), program), f"{ID}/{program}")

    def flatpak_reads(self, profile: Path) -> bool:
        """See `Editor`: all of them, for Flatpak's GIMP shares ~/.config/GIMP with others."""
        return True

    def disabled(self, profile: Path) -> str:
        """See `Editor`."""
        program = self.folder(profile) / f"{NAME}.py"
        return "" if os.access(program, os.X_OK) else f"{program} is not executable, so GIMP passes over it"
