"""What GIMP wants of an extension, which comes as a .gex file: its id, and who it is, as AppStream has it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from importlib.metadata import metadata

from ..._version import __version__

ID = "org.gimp.GIMP.Plugin.Impasto"
"""As Flathub names other people's plug-ins. GIMP wants it to be the name of the folder too."""
OLDEST = "3.0.0"
"""GIMP that the plug-in works in."""


def as_extension(files: Mapping[str, bytes], program: str) -> dict[str, bytes]:
    """A plug-in's files, of which GIMP is to start `program`, as those of an extension."""
    placed = {f"{ID}/{name}": content for name, content in files.items()}
    return placed | {f"{ID}/{ID}.metainfo.xml": _metainfo(program).encode()}


def _metainfo(program: str) -> str:
    about = metadata("impasto")
    # AppStream wants the day of the release, which nothing here knows. The variable is that of reproducible builds.
    day = datetime.fromtimestamp(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()), UTC).date()
    # GIMP 3.2 reads <custom>, as AppStream calls it; GIMP 3.0 knows it beside its former name, <metadata>.
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="addon">
  <id>{ID}</id>
  <extends>org.gimp.GIMP</extends>
  <name>{escape(about["Name"])}</name>
  <summary>{escape(about["Summary"])}</summary>
  <description>
    <p>Paints a layer in the manner of a painting: Filters, Artistic, Neural Style. The program impasto does it, which
    this looks for, and offers to install.</p>
  </description>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>{escape(about["License-Expression"])}</project_license>
  <releases>
    <release version="{escape(__version__)}" date="{day}"/>
  </releases>
  <requires>
    <id version="{OLDEST}" compare="ge">org.gimp.GIMP</id>
  </requires>
  <custom>
    <value key="GIMP::plug-in-path">{escape(program)}</value>
  </custom>
</component>
"""
