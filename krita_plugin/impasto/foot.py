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
    Qt,
    QVBoxLayout,
    QWidget,
    guarded,
)

STATES = {State.READING: "Reading the layer...", State.PAINTING: "Painting...", State.ADDING: "Adding the layer..."}
"""What the bar says."""
WAITS = "It begins after what was cancelled has come to its end."
TALL = 84
"""Pixels that sentences may take before they scroll."""


class Foot(QWidget):
    """Buttons, bar, message, and what may be done with the last result."""

    def __init__(self, painter) -> None:
        super().__init__()
        self.painter = painter
        self.go, self.stop, self.keep = QPushButton("P&aint"), QPushButton("St&op"), QPushButton("Stop and &keep")
        self.bar, self.message, self.tries = QProgressBar(), Message(), QWidget()
        self.bar.setAccessibleName("How far the painting is")
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(self._buttons())
        self._offer_tries()
        for widget in (self.bar, self.tries, self.message):
            column.addWidget(widget)
        painter.heard.connect(self._hear)
        painter.said.connect(self.say)
        painter.changed.connect(self.refresh)
        self.say("")
        self.refresh()

    def say(self, text: str) -> None:
        """Tell the one who paints."""
        self.message.tell(text)

    def _buttons(self) -> QHBoxLayout:
        buttons = QHBoxLayout()
        for button, slot, tip in (
            (self.go, self._paint, "Paint the layer, as a new layer above it"),
            (self.stop, self.painter.cancel, "Stop, and keep nothing (Escape)"),
            (self.keep, self.painter.finish, "Stop, and make a layer of the picture so far"),
        ):
            button.setToolTip(tip)
            button.clicked.connect(slot)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(button.text()) + 16)  # some styles want more
            buttons.addWidget(button)
        return buttons

    def _offer_tries(self) -> None:
        row = QHBoxLayout(self.tries)
        row.setContentsMargins(0, 0, 0, 0)
        for title, slot, tip in (
            ("&Keep", self.painter.keep, "The new layer stays, whatever is painted next"),
            ("Tr&y again", self.painter.retry, "Paint once more, in place of the new layer"),
            ("Dis&card", self.painter.discard, "Take the new layer away"),
        ):
            button = QPushButton(title)
            button.setToolTip(tip)
            button.clicked.connect(slot)
            row.addWidget(button)

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
        self.go.setEnabled(state is State.IDLE)
        self.stop.setEnabled(state in (State.READING, State.PAINTING))
        self.keep.setEnabled(state is State.PAINTING)
        self.bar.setVisible(state in STATES)
        if state in STATES:
            self.bar.setRange(0, 0)
            self.bar.setFormat(STATES[state])


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
