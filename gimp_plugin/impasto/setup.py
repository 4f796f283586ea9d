"""What is offered where there is no worker: to install one or find one, the command for that, and help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
import locate
from gi.repository import Gdk, Gio, GLib, Gtk
from installer import Installer, command

import widgets
from words import _, said

FOLDER, MANUAL, LOOK = Path(__file__).resolve().parent, "manual.html", 200
"""The plug-in's folder, its page in it, and milliseconds between looks at how installing goes."""
INSTALL, FIND, COPY = 1, 2, 3
TITLE = _("Neural Style: Set Up")


class SetUp:
    """A window that is there until the plug-in has a worker, or its user does not want one."""

    def __init__(self, why: str) -> None:
        self.installer: Installer | None = None
        self.ready = False
        self.loop = GLib.MainLoop()
        self.dialog = Gtk.Dialog(title=TITLE)
        self.buttons = {
            answer: self.dialog.add_button(label, answer)
            for label, answer in (
                (_("_Help"), Gtk.ResponseType.HELP),
                (_("Copy the co_mmand"), COPY),
                (_("_Find it..."), FIND),
                (_("_Install it"), INSTALL),
                (_("_Cancel"), Gtk.ResponseType.CANCEL),
            )
        }
        self.what, self.said, self.bar = widgets.label(), widgets.label(why), Gtk.ProgressBar()
        area = self.dialog.get_content_area()
        for widget in (self.what, self.bar, self.said):
            area.pack_start(widget, False, False, 6)
        area.set_border_width(12)
        area.show_all()
        self.dialog.set_default_response(INSTALL)
        self.dialog.connect("response", self._answer)

    def run(self) -> bool:
        """Whether there is a worker then."""
        self._show()
        watch = GLib.timeout_add(LOOK, self._look)
        self.dialog.present()
        self.loop.run()
        GLib.source_remove(watch)
        self.dialog.destroy()
        return self.ready

    def _show(self) -> None:
        """What can be done now."""
        for answer in (INSTALL, FIND, COPY):
            self.buttons[answer].set_sensitive(self.installer is None)
        self.bar.set_visible(self.installer is not None)
        self.what.set_text(said((self.installer or self._new()).offer()))

    def _new(self, wheel: str = "") -> Installer:
        return Installer(locate.own_place(), wheel or locate.wanted(FOLDER))

    def _answer(self, _dialog: Gtk.Dialog, answer: int) -> None:
        try:
            if answer == INSTALL:
                self._install(self._new())
            elif answer == FIND:
                self._find()
            elif answer == COPY:
                Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD).set_text(self._new().typed(), -1)
                self.said.set_text(_("The command is copied: paste it into a terminal."))
            elif answer == Gtk.ResponseType.HELP:
                Gio.AppInfo.launch_default_for_uri((FOLDER / MANUAL).as_uri(), None)
            elif self.installer:
                self.installer.cancel()
            else:
                self.loop.quit()
        except (LookupError, OSError, GLib.Error) as error:
            self.said.set_text(said(str(error)))

    def _install(self, work: Installer) -> None:
        self.installer = work
        self.said.set_text("")
        work.start()
        self._show()

    def _find(self) -> None:
        title, action = _("Where impasto is, or its wheel"), Gtk.FileChooserAction.OPEN
        chooser = Gtk.FileChooserNative.new(title, self.dialog, action, None, None)
        path = chooser.get_filename() if chooser.run() == Gtk.ResponseType.ACCEPT else None
        chooser.destroy()
        if path and path.endswith(".whl"):
            self._install(self._new(path))
        elif path:
            self._take([path, "worker"])

    def _take(self, worker: list[str]) -> None:
        locate.remember(FOLDER, worker)
        self.ready = True
        self.loop.quit()

    def _look(self, *_: Any) -> bool:
        """How installing goes."""
        work = self.installer
        if work:
            self.bar.pulse()
            lines = work.poll()
            if lines:
                self.said.set_text(said(lines[-1]))
            if work.ended:
                self.installer = None
                self._show()
                self.said.set_text(said(work.failed))
                if not work.failed:
                    self._end(work)
        return bool(GLib.SOURCE_CONTINUE)

    def _end(self, work: Installer) -> None:
        try:
            self._take(command(work.place))
        except (LookupError, OSError) as error:
            self.said.set_text(said(str(error)))
