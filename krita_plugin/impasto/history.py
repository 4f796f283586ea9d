"""What was painted in this sitting: a click shows the layer, a double click brings the settings back."""

from __future__ import annotations

from krita import Krita

from .layers import is_open
from .qt import (
    QIcon,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMdiArea,
    QPixmap,
    QSize,
    RefusedError,
    guarded,
    pyqtSignal,
)
from .words import _


class History(QListWidget):
    """The painter's results, the last one first."""

    recalled = pyqtSignal()
    """The settings of one are the painter's again."""

    def __init__(self, painter) -> None:
        super().__init__()
        self.painter, self.say = painter, painter.say
        self.label = QLabel(_("Earlier paintings"))
        self.setIconSize(QSize(40, 40))
        self.setFixedHeight(96)
        self.setAccessibleName(_("Painted in this sitting"))
        self.setToolTip(_("Painted in this sitting. Click: choose its layer. Double click: have its settings back"))
        self.itemClicked.connect(self._choose)
        self.itemDoubleClicked.connect(self._recall)
        painter.changed.connect(self.refresh)
        self.refresh()

    @guarded
    def refresh(self) -> None:
        """Show those that are new."""
        results = self.painter.results
        for widget in (self.label, self):
            widget.setVisible(bool(results))
        for result in results[: len(results) - self.count()][::-1]:
            self.insertItem(0, QListWidgetItem(QIcon(QPixmap.fromImage(result.image)), result.title))

    @guarded
    def _choose(self, item) -> None:
        document, identity = self.painter.results[self.row(item)].layer
        node = document.nodeByUniqueID(identity) if is_open(document) else None
        if node is None:
            raise RefusedError(_("Its layer is not there any more: double click to have its settings back."))
        _front(document)
        if not node.visible():
            node.setVisible(True)
            document.refreshProjection()
        document.setActiveNode(node)
        self.say("")

    @guarded
    def _recall(self, item) -> None:
        preview = self.painter.settings.preview
        self.painter.settings = self.painter.results[self.row(item)].settings.copy()
        self.painter.settings.preview = preview
        self.recalled.emit()


def _front(document) -> None:
    """Show a document. Krita's own call for that finds no view, so this goes through the windows of them."""
    krita = Krita.instance()
    area = krita.activeWindow().qwindow().findChild(QMdiArea)
    for each in area.subWindowList() if area else ():
        if krita.activeDocument() == document:
            return
        area.setActiveSubWindow(each)
