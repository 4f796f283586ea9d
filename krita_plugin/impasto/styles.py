"""Choosing styles: those included, in a gallery; picture files (dropped too), layers; one, or several with weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from krita import Krita

from .controls import Named, calm
from .layers import is_open, thumbnail
from .qt import (
    QBuffer,
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QIcon,
    QImage,
    QIODevice,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPen,
    QPixmap,
    QSize,
    QStyle,
    QStyledItemDelegate,
    Qt,
    QToolButton,
    QVBoxLayout,
    QWidget,
    guarded,
    pyqtSignal,
)
from .settings import DROPPED, STYLE, StyleChoice, folder
from .words import _, said

SIDE, MOST, NARROW = 42, 8, 90
"""Pixels of a thumbnail; styles that the worker takes; pixels of the button for kinds, which else gets its own line."""
ROW, TALL = 4, SIDE + 18
"""Styles in a row of the gallery, and its height in pixels."""
OWN, FILE, LAYER, SEVERAL = _("Included"), _("A picture file"), _("A layer"), _("Several, mixed")
NAME = Qt.ItemDataRole.UserRole
"""What an item of the gallery has its style's own name in."""
KINDS = {"name": OWN, "file": FILE, "layer": LAYER}
FILES = _("Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.exr);;All files (*)")


class Styles(QWidget):
    """The styles of the painter's settings, and ways to choose others."""

    edited = pyqtSignal()

    def __init__(self, painter) -> None:
        super().__init__()
        self.painter, self.say = painter, painter.say
        self.gallery = _gallery()
        self.gallery.itemClicked.connect(self._picked)
        self.gallery.itemActivated.connect(self._picked)  # by the keyboard
        self.kind, self.mix, self.source = Named(), QCheckBox(_("Mix")), QWidget()
        self.menu = self._kinds()
        self.mix.setToolTip(_("Add to the styles chosen before, instead of taking their place"))
        row = QHBoxLayout(self.source)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.kind, 1)
        row.addWidget(self.mix)
        self.source.setFocusProxy(self.kind)
        self.rows = QVBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.gallery)
        column.addLayout(self.rows)
        self._shown: list = []

    def _kinds(self) -> QMenu:
        """Where a style may come from, on the button for that. Returns the part for layers."""
        kinds = QMenu(self)
        kinds.addAction(OWN).triggered.connect(self._own)
        kinds.addAction(_("A picture file...")).triggered.connect(self._browse)
        layers = kinds.addMenu(LAYER)
        layers.aboutToShow.connect(self._list_layers)
        self.kind.setMenu(kinds)
        self.kind.setMinimumWidth(NARROW)
        self.kind.setToolTip(
            _("One of those below, a picture file, which you can also drop here, or another layer, of any document")
        )
        return layers

    def refresh(self) -> None:
        """Show what the painter knows now."""
        own = self.painter.hello["styles"] if self.painter.hello else []
        if self.gallery.count() != len(own):
            self.gallery.clear()
            self._shown = []
            for style in own:
                item = QListWidgetItem(written(style["name"]))
                item.setData(NAME, style["name"])
                item.setToolTip(f"{item.text()}: {said(style['summary'])}")
                self.gallery.addItem(item)
        for number in range(self.gallery.count()):
            item = self.gallery.item(number)
            item.setIcon(_icon(self.painter.thumbnail(_included(item))))
        self.gallery.setVisible(bool(own))
        self.gallery.setFixedHeight(-(-len(own) // ROW) * TALL + 4)
        self._spread()
        self._fill()

    def resizeEvent(self, event) -> None:
        """Another width, as many in a row."""
        super().resizeEvent(event)
        self._spread()

    def _spread(self) -> None:
        width = max(SIDE, (self.width() - 6) // ROW)
        self.gallery.setGridSize(QSize(width, TALL))
        for number in range(self.gallery.count()):  # otherwise a narrow one is not in line
            self.gallery.item(number).setSizeHint(QSize(width, TALL - 6))

    def choose(self, style: StyleChoice, add: bool = False) -> None:
        """Take a style in place of the others, or with them."""
        before = self.painter.settings.styles
        others = before if self.mix.isChecked() or add else []
        if style.kind == "file":
            self.painter.doubt(style, before)
        self.painter.settings.styles = [*(each for each in others[: MOST - 1] if each.key != style.key), style]
        self._fill()
        self.edited.emit()

    def _fill(self) -> None:
        styles = self.painter.settings.styles
        state = [(style.key, style.weight, self.painter.thumbnail(style).cacheKey()) for style in styles]
        if state == self._shown:
            return
        self._shown = state
        self.kind.setText(SEVERAL if len(styles) > 1 else KINDS[styles[0].kind] if styles else "")
        self._mark()
        while self.rows.count():
            old = self.rows.takeAt(0).widget()
            old.hide()
            old.deleteLater()
        several = len(styles) > 1
        for style in styles:
            if several or style.kind != "name":  # the gallery has a frame around it
                self.rows.addWidget(self._row(style, several))
        if not styles:
            self.rows.addWidget(QLabel(_("Choose a style.")))

    def _mark(self) -> None:
        """Show in the gallery which of those included is chosen, the last one of several."""
        chosen = [style.value for style in self.painter.settings.styles if style.kind == "name"]
        names = self._names()
        self.gallery.clearSelection()
        self.gallery.setCurrentRow(names.index(chosen[-1]) if chosen and chosen[-1] in names else -1)

    def _names(self) -> list:
        """Of the styles in the gallery, as the worker calls them."""
        return [self.gallery.item(number).data(NAME) for number in range(self.gallery.count())]

    def _row(self, style: StyleChoice, several: bool) -> QWidget:
        widget = QWidget()
        row = QHBoxLayout(widget)
        row.setContentsMargins(0, 0, 0, 0)
        title = written(style.title) if style.kind == "name" else style.title
        small, name = QLabel(), QLabel(title)
        small.setFixedSize(SIDE, SIDE)
        small.setAlignment(Qt.AlignmentFlag.AlignCenter)
        small.setPixmap(_pixmap(self.painter.thumbnail(style)))
        name.setToolTip({"file": style.value, "layer": LAYER}.get(style.kind, title))
        name.setMinimumWidth(20)
        row.addWidget(small)
        row.addWidget(name, 1)
        if several:
            weight = QDoubleSpinBox()
            weight.setRange(0, 100)
            weight.setSingleStep(0.5)
            weight.setValue(style.weight)
            weight.setToolTip(_("How much this style counts beside the others"))
            weight.setAccessibleName(_("Weight of {style}").format(style=title))
            weight.valueChanged.connect(lambda value: self._weigh(style, value))
            row.addWidget(calm(weight))
            row.addWidget(self._remover(style, title))  # the only one stays, so that there always is one
        return widget

    def _remover(self, style: StyleChoice, title: str) -> QToolButton:
        remove = QToolButton()
        remove.setText("\u00d7")
        remove.setToolTip(_("Leave this style out"))
        remove.setAccessibleName(_("Leave {style} out").format(style=title))
        remove.clicked.connect(lambda: self._remove(style))
        return remove

    @guarded
    def _weigh(self, style: StyleChoice, value: float) -> None:
        style.weight = value
        self._shown = [
            (each.key, each.weight, cache) for each, (__, ___, cache) in zip(self.painter.settings.styles, self._shown)
        ]
        self.edited.emit()

    @guarded
    def _remove(self, style: StyleChoice) -> None:
        self.painter.settings.styles = [each for each in self.painter.settings.styles if each is not style]
        self._fill()
        self.edited.emit()

    @guarded
    def _picked(self, item) -> None:
        self.painter.wrong.clear()
        self.choose(_included(item))

    @guarded
    def _own(self) -> None:
        """The usual one; the others are a click away."""
        names = self._names()
        if names:
            self._picked(self.gallery.item(names.index(STYLE) if STYLE in names else 0))

    @guarded
    def _browse(self) -> None:
        path, __ = QFileDialog.getOpenFileName(self, _("Choose a style picture"), "", FILES)
        if path:
            self.painter.wrong.clear()
            self._choose_file(path)

    def _choose_file(self, path: str, title: str = "", add: bool = False) -> None:
        self.choose(StyleChoice("file", path, title or Path(path).stem), add)

    @guarded
    def _list_layers(self) -> None:
        self.menu.clear()
        for document in Krita.instance().documents():
            if not is_open(document):
                continue
            title = document.name() or Path(document.fileName()).name or _("Unnamed")
            part = self.menu.addMenu(title)
            for node in walk(document.rootNode()):
                part.addAction(node.name()).triggered.connect(
                    lambda *__, document=document, node=node: self._choose_layer(document, node)
                )

    @guarded
    def _choose_layer(self, document, node) -> None:
        style = StyleChoice("layer", node.uniqueId(), node.name(), document=document)
        self.painter.thumbnails[style.key] = thumbnail(node, 2 * SIDE)
        self.choose(style)

    def drop(self, dragged) -> None:
        """Pictures are styles: one takes the place of the others, several are mixed. A browser's come as samples."""
        self.painter.wrong.clear()
        paths = [url.toLocalFile() for url in dragged.urls() if url.isLocalFile()]
        folders = [path for path in paths if Path(path).is_dir()]
        files = [path for path in paths if path not in folders][:MOST]
        web = [url for url in dragged.urls() if not url.isLocalFile()]
        for number, path in enumerate(files):
            self._choose_file(path, add=number > 0)
        for path in folders:
            folder_ = _("{name} is a folder: drop the pictures in it.")
            self.painter.refuse(folder_.format(name=Path(path).name))
        if dragged.hasImage() and not paths:
            title = Path(web[0].path()).stem if web else ""
            self._choose_file(_stored(QImage(dragged.imageData())), title or _("dropped"))
        elif web:
            none = _("{host} gave no picture, only its address: save it, and drop the file.")
            self.painter.refuse(none.format(host=web[0].host()))


def written(name: str) -> str:
    """A style's name as a painter writes it: "Stained glass" for stained-glass."""
    words = name.replace("-", " ")
    return said(words[:1].upper() + words[1:])


def _included(item) -> StyleChoice:
    """That of an item of the gallery."""
    return StyleChoice("name", item.data(NAME), item.data(NAME))


def _stored(image: QImage) -> str:
    """A picture that is in no file, put into one of ours, for the next sitting too."""
    data = QBuffer()
    data.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(data, "PNG")
    name = hashlib.sha1(data.data().data(), usedforsecurity=False).hexdigest()[:16]
    path = folder() / DROPPED / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.data().data())
    return str(path)


class Framed(QStyledItemDelegate):
    """Draws a frame around the chosen style: a tint would change the colours of its picture."""

    def paint(self, painter, option, index) -> None:
        """As any other one, and the frame."""
        chosen = option.state & QStyle.StateFlag.State_Selected
        option.state &= ~(QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_HasFocus)
        super().paint(painter, option, index)
        if chosen:
            painter.save()
            painter.setPen(QPen(option.palette.highlight(), 2))
            painter.drawRect(option.rect.adjusted(1, 1, -1, -1))
            painter.restore()


def _gallery() -> QListWidget:
    gallery = QListWidget()
    gallery.setItemDelegate(Framed(gallery))
    gallery.setViewMode(QListView.ViewMode.IconMode)
    gallery.setIconSize(QSize(SIDE, SIDE))
    gallery.setMovement(QListView.Movement.Static)
    gallery.setResizeMode(QListView.ResizeMode.Adjust)
    gallery.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    gallery.setTextElideMode(Qt.TextElideMode.ElideRight)
    gallery.setAcceptDrops(False)
    gallery.setAccessibleName(_("Styles"))
    font = gallery.font()
    font.setPointSizeF(font.pointSizeF() * 0.75)
    gallery.setFont(font)
    return gallery


def walk(node):
    """Layers below a node, the topmost first; Krita lists its own selection mask among them."""
    for child in reversed(node.childNodes()):
        if child.type() and not child.type().endswith("mask"):
            yield child
            yield from walk(child)


def _pixmap(image: QImage) -> QPixmap:
    if image.isNull():
        return QPixmap()
    size = QSize(SIDE, SIDE)
    mode = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, mode))


def _icon(image: QImage) -> QIcon:
    return QIcon(_pixmap(image))
