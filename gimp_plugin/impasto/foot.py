"""The foot of the window: one row of buttons, which are those of the moment, and how far a painting is."""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gtk

from words import _

IDLE, AT_WORK, DONE = "idle", "at work", "done"
PAINT, CLOSE, RESET = Gtk.ResponseType.OK, Gtk.ResponseType.CANCEL, 1
"""GIMP's own buttons: it knows what to do for its "Reset"."""
STOP, FINISH, DISCARD, AGAIN, KEEP = range(1001, 1006)
ADDED = {
    STOP: _("_Stop"),
    FINISH: _("Stop and _keep"),
    DISCARD: _("D_iscard"),
    AGAIN: _("_Try again"),
    KEEP: _("K_eep"),
}
ROWS = {IDLE: (RESET, CLOSE, PAINT), AT_WORK: (STOP, FINISH), DONE: (RESET, DISCARD, AGAIN, KEEP)}
TELLING = {
    DISCARD: _("Take the new layer out of the image"),
    AGAIN: _("Paint with the settings as they are now, in place of the new layer"),
    KEEP: _("Leave the new layer in the image, and paint others"),
}


class Foot:
    """The buttons of a ProcedureDialog, each with its response. `bar` is for whoever has room for it."""

    def __init__(self, dialog: GimpUi.ProcedureDialog) -> None:
        self.dialog, self.state = dialog, IDLE
        dialog.set_ok_label(_("_Paint"))
        dialog.get_widget_for_response(CLOSE).set_label(_("_Close"))
        dialog.get_widget_for_response(Gtk.ResponseType.HELP).destroy()  # it leads into GIMP's own manual
        for answer, label in ADDED.items():
            dialog.add_button(label, answer).set_tooltip_text(TELLING.get(answer))
        self.help = Gtk.Button.new_with_mnemonic(_("_Help"))
        self.row = dialog.get_action_area()
        self.row.pack_start(self.help, False, False, 0)
        self.row.set_child_secondary(self.help, True)
        self.bar = Gtk.ProgressBar(show_text=True, no_show_all=True)

    def show(self, state: str) -> None:
        """Offer what can be done in this state."""
        self.state = state
        for answer in (RESET, CLOSE, PAINT, *ADDED):
            if button := self.dialog.get_widget_for_response(answer):
                button.set_visible(answer in ROWS[state])
        self.help.set_visible(state != AT_WORK)
        self.bar.set_visible(state == AT_WORK)
        if state == AT_WORK:
            self.bar.set_fraction(0)
            self.bar.set_text(_("Starting..."))
            self.dialog.set_response_sensitive(FINISH, False)
        else:
            self.dialog.set_default_response(ROWS[state][-1])
            self.dialog.get_widget_for_response(ROWS[state][-1]).grab_focus()

    def allow(self, painting: bool) -> None:
        """Whether there is all that a painting needs."""
        for answer in (PAINT, AGAIN):
            self.dialog.set_response_sensitive(answer, painting)

    def tell(self, fraction: float, text: str) -> None:
        """How far it is; there is something to keep now."""
        self.dialog.set_response_sensitive(FINISH, True)
        self.bar.set_fraction(fraction)
        self.bar.set_text(text)
