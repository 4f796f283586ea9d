"""Controls for knobs: each has a value, None where the worker is to choose, and tells when it changes."""

from __future__ import annotations

import re

from .qt import (
    QCheckBox,
    QComboBox,
    QEvent,
    QHBoxLayout,
    QLineEdit,
    QObject,
    QPushButton,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    Qt,
    QWidget,
    pyqtSignal,
)
from .words import _, said

ARROW = 30
"""Pixels of a button that its frame takes, and the arrow of its menu."""
RANGE = re.compile(r"(?P<above>above )?(?P<low>\S+) to (?P<high>\S+)")


class _Calm(QObject):
    """Passes the wheel on to what scrolls, where a control was not chosen before."""

    def eventFilter(self, widget, event) -> bool:
        away = event.type() == QEvent.Type.Wheel and not widget.hasFocus()
        if away:
            event.ignore()
        return away


_calm = _Calm()


def calm(widget: QWidget) -> QWidget:
    """`widget`, which the wheel does not change as the docker is scrolled over it."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_calm)
    return widget


class Named(QPushButton):
    """With a name on it that may be long: what of it has no room is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(40)

    def paintEvent(self, event) -> None:
        """As ever, with as many letters as there is room for."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        room = max(0, self.width() - ARROW)
        option.text = self.fontMetrics().elidedText(option.text, Qt.TextElideMode.ElideMiddle, room)
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)


class Control(QWidget):
    """The common part."""

    edited = pyqtSignal()

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.widgets = widgets
        for widget in widgets:
            row.addWidget(calm(widget))
        self.setFocusProxy(widgets[0])

    def call(self, title: str) -> None:
        """What it is called, for those who do not see the label beside it."""
        for widget in self.widgets:
            widget.setAccessibleName(title)


class Number(Control):
    """A whole number: `special` is what the lowest value means, `slide` up to where there is a slider."""

    def __init__(self, low: int, high: int, special: str = "", slide: int = 0, suffix: str = "") -> None:
        self.spin = QSpinBox()
        self.spin.setRange(low, high)
        self.spin.setSpecialValueText(special)
        self.spin.setSuffix(suffix)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(low, slide)
        slider.setMinimumWidth(30)
        super().__init__(*([slider] if slide else []), self.spin)
        slider.valueChanged.connect(self.spin.setValue)
        self.slider = slider
        self.spin.valueChanged.connect(self._slide)
        self.spin.valueChanged.connect(self.edited)

    def _slide(self, value: int) -> None:
        self.slider.blockSignals(True)  # it may end before the number does, and would take it back
        self.slider.setValue(value)
        self.slider.blockSignals(False)

    def value(self) -> int:
        """The number."""
        return self.spin.value()

    def set(self, value) -> None:
        """Show a number."""
        self.spin.setValue(round(value))


class Choice(Control):
    """One of several, each with what it is called."""

    def __init__(self, choices: dict[str, str]) -> None:
        self.box = QComboBox()
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(8)
        super().__init__(self.box)
        self.offer(choices)
        self.box.currentIndexChanged.connect(self.edited)

    def offer(self, choices: dict[str, str]) -> None:
        """Other choices; the chosen one stays, if it can."""
        value = self.value()
        self.box.blockSignals(True)
        self.box.clear()
        for name, title in choices.items():
            self.box.addItem(title, name)
        self.set(value)
        self.box.blockSignals(False)

    def value(self):
        """The name of the one chosen."""
        return self.box.currentData() or None

    def set(self, value) -> None:
        """Choose one."""
        self.box.setCurrentIndex(max(0, self.box.findData(value or "")))


class Flag(Control):
    """Yes or no."""

    def __init__(self) -> None:
        self.box = QCheckBox()
        super().__init__(self.box)
        self.box.toggled.connect(self.edited)

    def value(self):
        """True, or None."""
        return self.box.isChecked() or None

    def set(self, value) -> None:
        """Show it."""
        self.box.setChecked(bool(value))


class Text(Control):
    """Anything, as on the command line; the worker says what is wrong with it."""

    def __init__(self, default) -> None:
        self.line = QLineEdit()
        self.line.setPlaceholderText(_("automatic") if default is None else str(default))
        super().__init__(self.line)
        self.line.editingFinished.connect(self.edited)

    def value(self):
        """The text, if there is any."""
        return self.line.text().strip() or None

    def set(self, value) -> None:
        """Show it."""
        self.line.setText("" if value is None else str(value))


def control(knob: dict) -> Control:
    """One for any knob of the worker's `description`."""
    if knob["kind"] == "flag":
        return Flag()
    if knob["kind"] == "choice":
        default = knob["default"] and _("{choice} (usual)").format(choice=said(knob["default"]))
        others = {name: said(name) for name in knob["choices"] if name != knob["default"]}
        return Choice({"": default or _("automatic"), **others})
    return Text(knob["default"])


def about(knob: dict) -> str:
    """What to say of a knob when the mouse rests on it."""
    return f"{said(knob['description'])} {_range(knob['range'])}".strip()


def _range(text: str) -> str:
    """The worker's "0 to 8", in which too little is words to know it by; of other things it gives names."""
    found = RANGE.fullmatch(text)
    if found is None:
        return text
    words = _("above {low} to {high}") if found["above"] else _("{low} to {high}")
    return words.format(low=found["low"], high=found["high"])
