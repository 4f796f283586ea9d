"""The foot of the docker, which does not scroll away: what begins and ends a painting, how far it is, what is said."""

from __future__ import annotations

from .painter import State
from .qt import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSize,
    Qt,
    QVBoxLayout,
    QWidget,
    guarded,
)
from .words import _

STATES = {
    State.READING: _("Reading the layer..."),
    State.PAINTING: _("Painting..."),
    State.ADDING: _("Adding the layer..."),
}
"""What the bar says."""
WAITS = _("It begins once what was stopped has ended.")
TALL = 84
"""Pixels that sentences may take before they scroll."""


class Foot(QWidget):
    """Bar, message, and buttons: those of what can be done now, in one row if their words leave room for that."""

    def __init__(self, painter) -> None:
        super().__init__()
        self.painter, self._done = painter, False
        self.go = Button(_("P&aint"), _("Paint the layer, as a new layer above it"), self._paint)
        self.stop = Button(_("St&op"), _("Stop, and keep nothing (Escape)"), painter.cancel)
        self.keep = Button(_("Stop and &keep"), _("Stop, and make a layer of the picture so far"), painter.finish)
        self.discard = Button(_("Dis&card"), _("Take the new layer away"), painter.discard)
        self.retry = Button(_("Try &again"), _("Paint once more, in place of the new layer"), painter.retry)
        self.accept = Button(_("&Keep"), _("The new layer stays, whatever is painted next"), painter.keep)
        buttons = (self.go, self.stop, self.keep, self.discard, self.retry, self.accept)
        self.bar, self.message, self.row = QProgressBar(), Message(), Row(buttons)
        self.go.setDefault(True)
        self.bar.setAccessibleName(_("How far the painting is"))
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 6)
        column.setSpacing(4)
        for widget in (self.bar, self.message, self.row):  # so the buttons stay where they are, whatever is said
            column.addWidget(widget)
        painter.heard.connect(self._hear)
        painter.said.connect(self.say)
        painter.changed.connect(self.refresh)
        self.say("")
        self.refresh()

    def say(self, text: str) -> None:
        """Tell the one who paints."""
        self.message.tell(text)

    def offer(self, done: bool) -> None:
        """Whether there is a last result, to be kept, tried again or discarded."""
        if done != self._done:
            self._done = done
            self.refresh()

    @guarded
    def _paint(self) -> None:
        self.say("")
        self.painter.run()

    @guarded
    def _hear(self, event) -> None:
        if event.type == "queued" and event["ahead"]:
            self.say(WAITS)
        elif event.type == "progress":
            if self.message.label.text() == WAITS:
                self.say("")
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * event["fraction"]))
            self.bar.setFormat(self.painter.progress(event))

    @guarded
    def refresh(self) -> None:
        """Show what can be done now."""
        state = self.painter.state
        self.stop.setEnabled(state in (State.READING, State.PAINTING))
        self.keep.setEnabled(state is State.PAINTING)
        if state in STATES:
            self._swap(self.stop, self.keep)
        elif self._done:
            self._swap(self.discard, self.retry, self.accept)
        else:
            self._swap(self.go)
        self.bar.setVisible(state in STATES)
        if state in STATES:
            self.bar.setRange(0, 0)
            self.bar.setFormat(STATES[state])

    def _swap(self, *shown: QPushButton) -> None:
        """Only these buttons. The focus of one that goes stays here: it would go on to a control, or to Stop."""
        if any(each.hasFocus() and each not in shown for each in self.row.buttons):
            self.setFocus()
        self.row.show_only(shown)


class Row(QWidget):
    """Some of its buttons, side by side, and in further lines where the docker is too narrow for their words."""

    def __init__(self, buttons: tuple[Button, ...]) -> None:
        super().__init__()
        self.buttons, self._shown = buttons, buttons[:0]
        self._lines: list[list[Button]] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._rows = [QHBoxLayout() for each in buttons]
        for row in self._rows:
            self._column.addLayout(row)
        for each in buttons:
            each.setParent(self)

    def show_only(self, shown: tuple[Button, ...]) -> None:
        """These, and no others. Those go first: with all of them at once the docker would become wider."""
        self._shown = shown
        for each in self.buttons:
            if each not in shown:
                each.hide()
        for each in shown:
            each.show()
        self._spread()

    def minimumSizeHint(self) -> QSize:
        """As wide as the widest button at least: they need not be side by side."""
        wide = max((each.minimumWidth() for each in self._shown), default=0)
        return QSize(wide, super().minimumSizeHint().height())

    def resizeEvent(self, event) -> None:
        """Another width, other lines."""
        super().resizeEvent(event)
        self._spread()

    def _spread(self) -> None:
        gap, left, lines = self._rows[0].spacing(), -1, []
        for each in self._shown:
            left -= each.minimumWidth() + gap
            if left < 0:
                lines.append([])
                left = self.width() - each.minimumWidth()
            lines[-1].append(each)
        if lines != self._lines:
            self._lines = lines
            for row in self._rows:
                while row.count():
                    row.takeAt(0)
            for row, line in zip(self._rows, lines):
                for each in line:
                    row.addWidget(each)
            self.updateGeometry()


class Button(QPushButton):
    """One that a double click does not press a second time: by then another one may stand in its place."""

    def __init__(self, title: str, tip: str, slot) -> None:
        super().__init__(title)
        self.setToolTip(tip)
        self.clicked.connect(slot)
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance(title) + 16)  # some styles want more than there is

    def mouseDoubleClickEvent(self, event) -> None:
        """The second press."""
        event.accept()


class Message(QScrollArea):
    """Sentences; many of them scroll, so that they leave room for the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setWidget(self.label)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def tell(self, text: str) -> None:
        """Show this in place of what stands there."""
        self.label.setText(text)
        self.setVisible(bool(text))
        self._fit()

    def resizeEvent(self, event) -> None:
        """Another width, another height."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(max(1, min(TALL, self.label.heightForWidth(self.viewport().width()))))
