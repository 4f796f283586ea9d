"""The docker Neural Style for Krita 5 and 6: a layer in the manner of a painting, as a new layer above it.

`pixels` knows bytes, `layers` Krita's layers, `process` the worker, `painter` one painting from layer to layer,
`settings` what was chosen, `docker` and what it is made of the window. Standard library and PyQt only.
"""

from krita import DockWidgetFactory, DockWidgetFactoryBase, Extension, Krita

from .docker import Docker, painter


class Again(Extension):
    """The action in Tools > Scripts, and the end of the worker with Krita."""

    def setup(self):
        """Called before there are windows."""

    def createActions(self, window):
        """Offer to paint again, in this window."""
        action = window.createAction("impasto_again", "Neural Style: Paint Again", "tools/scripts")
        action.triggered.connect(painter().again)


_right = getattr(DockWidgetFactoryBase, "DockPosition", DockWidgetFactoryBase).DockRight
_krita = Krita.instance()
_krita.addExtension(Again(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory("impasto", _right, Docker))
_notifier = _krita.notifier()
_notifier.setActive(True)
_notifier.applicationClosing.connect(painter().close)
