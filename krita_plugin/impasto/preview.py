"""The small picture in the docker: a draft, or a painting in work; and below it what it is."""

from __future__ import annotations

from .draft import LONGEST
from .qt import (
    QCheckBox,
    QEvent,
    QHBoxLayout,
    QImage,
    QLabel,
    QLineEdit,
    QObject,
    QPixmap,
    Qt,
    QVBoxLayout,
    QWidget,
    guarded,
)
from .words import _

WIDE, TALL = 384, 240
"""Pixels that the picture has at most."""


class Preview(QWidget):
    """Shows what the painter and its draft have."""

    def __init__(self, painter, draft) -> None:
        super().__init__()
        self.painter, self.draft, self.say = painter, draft, painter.say
        self.picture, self.follow, self.caption = Picture(), QCheckBox(_("Preview")), QLabel()
        self.follow.setChecked(painter.settings.preview)
        about = _("A draft of at most {pixels} pixels follows the controls; it makes no layer")
        self.follow.setToolTip(about.format(pixels=LONGEST))
        font = self.caption.font()
        font.setPointSizeF(font.pointSizeF() * 0.85)
        self.caption.setFont(font)
        row, column = QHBoxLayout(), QVBoxLayout(self)
        self.caption.setWordWrap(True)
        self.caption.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.follow)
        row.addWidget(self.caption, 1)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.picture)
        column.addLayout(row)
        self.follow.toggled.connect(self._follow)
        draft.changed.connect(self.refresh)
        painter.changed.connect(self.refresh)
        painter.heard.connect(self.refresh)
        self.refresh()

    @guarded
    def refresh(self) -> None:
        """Show what there is now."""
        self.follow.setChecked(self.painter.settings.preview)
        draft = self.draft
        drafted = not draft.image.isNull()
        image = draft.image if drafted else self.painter.image
        self.picture.set(image, draft.before if drafted else self.painter.before)
        caption = _("Rough draft at {pixels} pixels").format(pixels=max(image.width(), image.height()))
        self.caption.setText(caption if drafted else "")

    @guarded
    def _follow(self, on: bool) -> None:
        self.painter.settings.preview = on
        self.painter.settings.save()
        self.draft.look()


class Before(QObject):
    """Shows the picture as it was as long as the key B is held in what this watches, except where letters are typed."""

    KINDS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease)

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.picture = picture

    def watch(self, whole: QWidget) -> None:
        """All that is in `whole`."""
        for each in (whole, *whole.findChildren(QWidget)):
            each.removeEventFilter(self)
            each.installEventFilter(self)

    def eventFilter(self, widget, event) -> bool:
        """Krita has B for its brush, and lists look for a name with it: neither gets to know."""
        kind = event.type()
        if kind == QEvent.Type.FocusOut:
            self.picture.hold(False)  # where the key is let go of is not told here
        if kind not in self.KINDS or event.key() != Qt.Key.Key_B or isinstance(widget, QLineEdit):
            return False
        if event.modifiers() != Qt.KeyboardModifier.NoModifier:
            return False
        event.accept()
        if kind != QEvent.Type.ShortcutOverride and not event.isAutoRepeat():
            self.picture.hold(kind == QEvent.Type.KeyPress)
        return True


class Picture(QLabel):
    """A picture in its own shape; while the mouse is held down on it, or a key, the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setToolTip(_("Hold the mouse down here, or hold the key B, to see the layer as it is"))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # so that the keyboard is the docker's after a click
        self.setAccessibleName(_("Preview of the painting"))
        self._now, self._before, self._held, self._room = QImage(), QImage(), False, TALL
        self.hide()

    def fit(self, room: int) -> None:
        """Be no wider than that."""
        room = max(40, min(WIDE, room))
        if room != self._room:
            self._room = room
            self._draw()

    def set(self, now: QImage, before: QImage) -> None:
        """Show `now`, or `before` while the mouse or B is held."""
        if (now.cacheKey(), before.cacheKey()) != (self._now.cacheKey(), self._before.cacheKey()):
            self._now, self._before = now, before
            self._draw()

    def mousePressEvent(self, event) -> None:
        """Before."""
        self.hold(event.button() == Qt.MouseButton.LeftButton)

    def mouseReleaseEvent(self, event) -> None:
        """Now."""
        self.hold(False)

    def hold(self, held: bool) -> None:
        """Before, or now again."""
        if held != self._held:
            self._held = held
            self._draw()

    def _draw(self) -> None:
        image = self._before if self._held and not self._before.isNull() else self._now
        self.setVisible(not self._now.isNull())
        if not image.isNull():
            how = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            self.setPixmap(QPixmap.fromImage(image.scaled(self._room, TALL, *how)))
