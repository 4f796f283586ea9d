"""A plug-in for Krita that only looks: which buttons, menus, words and fields are on the screen, and where."""

import json
import os
import sys
from pathlib import Path

from krita import Extension, Krita

if "PyQt6.QtCore" in sys.modules:  # whichever this Krita is made with
    from PyQt6.QtCore import QPoint, QTimer
    from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMenu, QMenuBar, QWidget
else:
    from PyQt5.QtCore import QPoint, QTimer
    from PyQt5.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QMenu, QMenuBar, QWidget

LOOK = 200
"""Milliseconds between looks."""


class Eyes(Extension):
    def setup(self):
        self.file = Path(os.environ["EYES"])
        self.timer = QTimer()
        self.timer.timeout.connect(self.look)
        self.timer.start(LOOK)

    def createActions(self, window):
        pass

    def look(self):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps([each for widget in QApplication.allWidgets() for each in seen(widget)]))
        new.rename(self.file)


def seen(widget):
    """Kind, text (of a field its name), the middle on the screen, whether it is enabled, and which window it is in."""
    if not widget.isVisible():
        return
    if isinstance(widget, (QMenu, QMenuBar)):
        for action in widget.actions():
            if action.isVisible():
                yield told("menu", action.text(), widget, widget.actionGeometry(action).center(), action.isEnabled())
    elif isinstance(widget, QAbstractButton) and not widget.visibleRegion().isEmpty():
        yield told("button", widget.text(), widget, widget.rect().center(), widget.isEnabled())
    elif isinstance(widget, QLabel):
        yield told("label", widget.text(), widget, widget.rect().center(), True)
    elif isinstance(widget, QLineEdit):
        yield told("field", widget.objectName(), widget, widget.rect().center(), True)
    elif isinstance(widget, QWidget) and widget.isWindow():
        yield told("window", widget.windowTitle(), widget, widget.rect().center(), widget.isActiveWindow())


def told(kind, text, widget, middle, enabled):
    place = widget.mapToGlobal(QPoint(middle))
    text = text.replace("&", "").partition("\t")[0]
    return [kind, text, place.x(), place.y(), enabled, widget.window().windowTitle()]


Krita.instance().addExtension(Eyes(Krita.instance()))
