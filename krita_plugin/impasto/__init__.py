"""The docker Neural Style for Krita 5 and 6: a layer in the manner of a painting, as a new layer above it.

`pixels` knows bytes, `layers` Krita's layers, `process` the worker, `painter` one painting from layer to layer,
`settings` what was chosen, `docker` and what it is made of the window. Standard library and PyQt only.
"""

import time

from krita import DockWidgetFactory, DockWidgetFactoryBase, Extension, Krita

from .docker import Docker, painter
from .painter import State
from .qt import QIcon, guarded
from .words import _

SHOWN, BETWEEN = 4000, 10
"""Milliseconds that a message stays on the canvas, and seconds between two about the progress."""


class Again(Extension):
    """The action in Tools > Scripts; and what the docker says on the canvas, while the docker is hidden."""

    def setup(self):
        """Called before there are windows."""
        self.told = 0.0
        painter().said.connect(self.say)
        painter().changed.connect(self._changed)
        painter().heard.connect(self._heard)

    @guarded
    def say(self, text):
        """Over the picture."""
        krita = Krita.instance()
        view = krita.activeWindow() and krita.activeWindow().activeView()
        if view and text and not any(each.isVisible() for each in krita.dockers() if each.objectName() == "impasto"):
            view.showFloatingMessage(text, QIcon(), SHOWN, 1)
        self.told = time.monotonic()

    @guarded
    def _changed(self):
        if painter().state is State.READING:
            self.say(_("Painting {name}...").format(name=painter().settings.title()))

    @guarded
    def _heard(self, event):
        if event.type == "progress" and time.monotonic() > self.told + BETWEEN:
            self.say(f"{painter().settings.title()}: {painter().progress(event)}")

    def createActions(self, window):
        """Offer to paint again, in this window."""
        title = _("Neural Style: Paint Again")
        about = _("Paint the active layer with the settings of the docker Neural Style")
        action = window.createAction("impasto_again", title, "tools/scripts")
        action.setText(title)  # Krita has it from impasto.action, in English
        action.setToolTip(about)
        action.setWhatsThis(about)
        action.triggered.connect(painter().again)


_right = getattr(DockWidgetFactoryBase, "DockPosition", DockWidgetFactoryBase).DockRight
_krita = Krita.instance()
_krita.addExtension(Again(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory("impasto", _right, Docker))
_notifier = _krita.notifier()
_notifier.setActive(True)
_notifier.applicationClosing.connect(painter().close)
