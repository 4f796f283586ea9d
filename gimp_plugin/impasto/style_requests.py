"""The styles of a painting: which are set, and what is sent of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import gi

gi.require_version("Gimp", "3.0")
from client import Pixels
from gi.repository import Gimp, Gio, GLib

import layers
from words import _

StyleRequests = list[dict[str, Any]]
"""One for each style, as the worker takes them."""
Read = Callable[[Gimp.Layer], Pixels]


def read(config: Gimp.ProcedureConfig, pixels: Read) -> tuple[str, StyleRequests]:
    """The styles' name, and what to send, where a picture is as `pixels` gives it.

    GIMP reads files: all kinds that it opens, and for a worker far away too. Raises `layers.RefusedError`.
    """
    layer, wanted = config.get_property("style-layer"), config.get_property("style")
    if layer and wanted:
        raise layers.RefusedError(_("Choose a style picture or a style layer, not both."))
    if not (layer or wanted):
        raise layers.RefusedError(_("Choose a style first: one of impasto's own, a picture file, or another layer."))
    if layer and not layer.is_valid():
        raise layers.RefusedError(_("The style layer is not there any more: choose another one."))
    found = [(layer.get_name(), {"picture": pixels(layer)})] if layer else []
    found += [_request(each, pixels) for each in texts(config)]
    return " + ".join(name for name, *__ in found), [request for *__, request in found]


def texts(config: Gimp.ProcedureConfig) -> list[str]:
    """All that are set as text: names of impasto's own, or files."""
    first = config.get_property("style")
    return [*([first] if first else []), *(config.get_property("more-styles") or [])]


def is_name(style: str) -> bool:
    """Whether it is no file, but may be the name of one of impasto's own styles; the worker knows which there are."""
    return bool(re.fullmatch(r"[\w-]+", style)) and not Path(path(style)).is_file()


def path(style: str) -> str:
    """The path in a path or file URI."""
    return unquote(urlparse(style).path) if style.startswith("file://") else str(Path(style).expanduser())


def stamp(style: str) -> int:
    """When its file was written; 0 if it is none."""
    file = Path(path(style))
    return file.stat().st_mtime_ns if style and file.is_file() else 0


def _request(style: str, pixels: Read) -> tuple[str, dict[str, Any]]:
    """One that is set as text: its name, and what to send."""
    if is_name(style):
        return style, {"name": style}
    file = Path(path(style))
    if not file.is_file():
        raise layers.RefusedError(
            _("The style picture {file} is not there (any more): choose another.").format(file=file)
        )
    try:
        opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(file)))
    except GLib.Error as error:
        raise layers.RefusedError(_unread(file, error.message)) from None
    if opened is None:
        raise layers.RefusedError(_unread(file, Gimp.get_pdb().get_last_error()))
    try:
        return file.stem, {"picture": pixels(opened.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE))}
    finally:
        opened.delete()


def _unread(file: Path, reason: str) -> str:
    message = _("The style picture {file} cannot be read: {reason}")
    return message.format(file=file, reason=reason)
