"""The docker: what to paint with, how far it is, and what was painted before."""

from __future__ import annotations

from krita import DockWidget, Krita

from .controls import Choice, Named, Number, about, control
from .draft import Draft
from .foot import Foot
from .history import History
from .layers import notices
from .painter import Painter, State
from .preview import Before, Preview
from .qt import (
    QFormLayout,
    QKeySequence,
    QLabel,
    QMenu,
    QScrollArea,
    QShortcut,
    QStyle,
    Qt,
    QTimer,
    QToolButton,
    QVBoxLayout,
    QWidget,
    RefusedError,
    guarded,
)
from .settings import DEFAULTS, SHOWN
from .setup import SetUp
from .styles import Styles, walk
from .words import _, bare, said

COLOURS = {
    "style": _("The style's"),
    "keep": _("The layer's own"),
    "match": _("The style's, matched to the layer"),
    "palette": _("The style's, and no strokes"),
}
QUALITIES = {"draft": _("Draft: seconds"), "normal": _("Normal"), "fine": _("Fine: takes its time")}
USUAL = {"": _("The usual")}
TITLES = {
    "strength": _("Stren&gth"),
    "colour": _("Colo&urs"),
    "stroke_size": _("Stroke wi&dth"),
    "quality": _("&Quality"),
}
"""Of what is always there. The letters are none that Krita's menus and usual dockers have."""
TIPS = {
    "strength": _("How far towards the style: 0 leaves the layer as it is, 100 forgets it"),
    "colour": _(
        "Whose colours the result has: the style's, the layer's own, or the style's made to fit the layer.\n"
        "No strokes: the layer keeps its forms, and takes the style's colours"
    ),
    "stroke_size": _(
        "How wide brush strokes get, up to 1000 pixels of the layer; 0: as wide as they come with the style"
    ),
    "quality": _("Draft: half the size or less, to try things. Fine: twice as long as normal"),
    "seed": _("Another number, up to 2147483647, gives another picture of the same kind"),
    "size": _(
        "Longest side in pixels that is painted at, 16 to 32768; smaller is sooner done. "
        "The result is as large as the layer in any case"
    ),
}
"""What is said of controls in place of the worker's words, which are those of its command line."""
WIDTH, LEAST, MARGIN = 242, 60, 6
"""Pixels of what scrolls at least, with margins and a scroll bar, so that the docker may have 250 x 300."""
LOOK = 300
"""Milliseconds between looks at which layer is active: Krita does not tell."""
_painters: list[tuple[Painter, Draft]] = []


def painter() -> Painter:
    """The one for all windows."""
    if not _painters:
        one = Painter()
        _painters.append((one, Draft(one)))
    return _painters[0][0]


class Docker(DockWidget):
    """One for each window; all show the same painter."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(_("Neural Style"))
        self.painter = painter()
        self.draft = _painters[0][1]
        self.setup, self.styles = SetUp(self.painter), Styles(self.painter)
        self.controls = _controls()
        self.preview, self.foot = Preview(self.painter, self.draft), Foot(self.painter)
        self.origin, self.layers = Named(), QMenu(self)
        self.notice = QLabel()
        self.rest, self.fold, self.folded = QWidget(), QToolButton(), QWidget()
        self.history = History(self.painter)
        self.area = QScrollArea()
        self.escape = QShortcut(QKeySequence("Esc"), self)
        self.watch = QTimer(self)
        self._loading, self._looked = False, ""
        self._build()
        self.before = Before(self.preview.picture)
        self.before.watch(self)
        self._connect()
        self._load()
        self._changed()

    def canvasChanged(self, canvas) -> None:
        """Krita wants this; the document is looked up when it is needed."""

    @guarded
    def showEvent(self, event) -> None:
        """The worker gets ready as soon as the docker is looked at."""
        super().showEvent(event)
        self.painter.warm()

    @guarded
    def hideEvent(self, event) -> None:
        """No draft is made for nobody."""
        super().hideEvent(event)
        self.draft.rest()

    @guarded
    def resizeEvent(self, event) -> None:
        """The picture is as wide as there is room beside a scroll bar, be there one now or not."""
        super().resizeEvent(event)
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.preview.picture.fit(self.width() - 2 * MARGIN - bar - 8)

    @guarded
    def dragEnterEvent(self, event) -> None:
        """Pictures may be dropped, anywhere on the docker."""
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    @guarded
    def dropEvent(self, event) -> None:
        """They are styles."""
        event.acceptProposedAction()
        self.styles.drop(event.mimeData())

    def say(self, text: str) -> None:
        """Tell the one who paints."""
        self.foot.say(text)

    def _build(self) -> None:
        body, whole = QWidget(), QWidget()
        column, rows = QVBoxLayout(body), QVBoxLayout(whole)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        for widget in (self.setup, self._chosen()):
            column.addWidget(widget)
        column.addStretch(1)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(body)
        self.area.setMinimumSize(WIDTH, LEAST)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.area, 1)
        rows.addWidget(self.foot)
        self.setWidget(whole)
        self.setAcceptDrops(True)

    def _chosen(self) -> QWidget:
        """What one chooses and looks at; of no use where there is no worker."""
        column = QVBoxLayout(self.rest)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form())
        for widget in (self.fold, self.folded, self.history.label, self.history):
            column.addWidget(widget)
        return self.rest

    def _form(self) -> QFormLayout:
        """What is set before painting, in the order of GIMP's dialog, with the preview amid it, so in sight of all."""
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.origin.setMenu(self.layers)
        self.origin.setToolTip(_("The layer that is painted. Results are not: trying again begins with it anew"))
        form.addRow(_("Paint fro&m"), self.origin)
        self.notice.setWordWrap(True)
        form.addRow(self.notice)
        form.addRow(_("St&yle from"), self.styles.source)
        form.addRow(self.styles)
        form.addRow(self.preview)
        for name, title in TITLES.items():
            form.addRow(title, self.controls[name])
            self.controls[name].call(bare(title))
        self.fold.setText(_("Advanced"))
        self.fold.setCheckable(True)
        self.fold.setAutoRaise(True)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.folded.hide()
        return form

    def _connect(self) -> None:
        self.escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.escape.activated.connect(self.painter.cancel)
        self.fold.toggled.connect(self._fold)
        self.layers.aboutToShow.connect(self._list_layers)
        self.watch.timeout.connect(self._look)
        self.watch.start(LOOK)
        self.history.recalled.connect(self._recall)
        self.styles.edited.connect(self._edited)
        for each in self.controls.values():
            each.edited.connect(self._edited)
        self.painter.heard.connect(self._hear)
        self.painter.changed.connect(self._changed)

    @guarded
    def _look(self) -> None:
        """Show what would be painted, and whether it was."""
        if not self.isVisible():
            return
        try:
            document, node = self.painter.source()
            title, trial = node.name(), self.painter.trial()
        except RefusedError:
            document, title, trial = None, "", None
        identity = document and (node.uniqueId(), trial and trial.uniqueId())
        if identity != self._looked or (document and self.underMouse()):  # not all the time: it reads pixels
            notice = notices(document, node, trial) if document else ""
            self.notice.setText(notice)
            self.notice.setVisible(bool(notice))
            self._looked = identity
        if document and "size" in self.controls and self.folded.isVisible():
            self.controls["size"].line.setPlaceholderText(str(self.painter.painted_size(node.bounds())))
        self.origin.setText(title)
        self.foot.offer(trial is not None)
        self.draft.look()

    @guarded
    def _list_layers(self) -> None:
        self.layers.clear()
        document = Krita.instance().activeDocument()
        for node in walk(document.rootNode()) if document else ():
            self.layers.addAction(node.name()).triggered.connect(lambda *__, node=node: self._pick(document, node))

    @guarded
    def _pick(self, document, node) -> None:
        self.painter.pick(document, node)
        self._look()

    @guarded
    def _fold(self, opened: bool) -> None:
        self.folded.setVisible(opened)
        self.fold.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)

    @guarded
    def _edited(self) -> None:
        if not self._loading:
            values = {name: each.value() for name, each in self.controls.items()}
            unknown = {name: value for name, value in self.painter.settings.knobs.items() if name not in values}
            chosen = {name: value for name, value in values.items() if value is not None or name in DEFAULTS}
            self.painter.settings.knobs = {**unknown, **chosen, "network": values["network"] or ""}
            self.painter.settings.save()
            if self.isVisible():
                self.draft.look()

    def _load(self) -> None:
        """Show the painter's settings."""
        self._loading = True
        for name, each in self.controls.items():
            each.set(self.painter.settings.knobs.get(name))
        self._loading = False
        self.styles.refresh()

    @guarded
    def _recall(self) -> None:
        self._load()
        self._edited()

    @guarded
    def _hear(self, event) -> None:
        kind = event.type
        if kind == "hello":
            self.setup.end()
            self.rest.show()
            self.foot.row.show()
            self.area.setMinimumHeight(LEAST)
            self._networks(event["networks"])
            self.styles.refresh()
        elif kind == "description":
            self._offer(event["knobs"])
        elif kind == "failed" and event.fields.get("code") == "not_started":
            self.rest.hide()
            self.foot.row.hide()
            if self.setup.offer():
                self.say("")
            self.area.setMinimumHeight(self.setup.layout().heightForWidth(WIDTH - 2 * MARGIN) + 2 * MARGIN)

    def _networks(self, networks: list) -> None:
        self._loading = True
        unready = _("{network} (not ready)")
        names = {
            each["name"]: each["name"] if each["ready"] else unready.format(network=each["name"]) for each in networks
        }
        self.controls["network"].offer({**USUAL, **names})
        self.controls["network"].set(self.painter.settings.knobs["network"])
        lines = [f"{each['name']}: {said(each['missing'] or each['summary'])}" for each in networks]
        self.controls["network"].setToolTip("\n".join(lines))
        self._loading = False

    def _offer(self, knobs: list) -> None:
        """Controls for all other knobs of this worker, folded away."""
        for knob in knobs:
            if knob["name"] in SHOWN:
                known = self.controls[knob["name"]].toolTip()
                self.controls[knob["name"]].setToolTip(known or TIPS.get(knob["name"]) or about(knob))
        if self.folded.layout() is not None:
            return
        form = QFormLayout(self.folded)
        form.setContentsMargins(0, 0, 0, 0)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        group = ""
        for knob in knobs:
            if knob["name"] in TITLES or knob["name"] == "style_weights":
                continue
            if knob["group"] != group:
                group = knob["group"]
                form.addRow(QLabel(f"<b>{said(group)}</b>"))
            if knob["name"] not in SHOWN:
                each = self.controls[knob["name"]] = control(knob)
                each.setToolTip(TIPS.get(knob["name"]) or about(knob))
                each.edited.connect(self._edited)
            each = self.controls[knob["name"]]
            title = said(knob["name"].replace("_", " "))
            each.call(title)
            form.addRow(title, each)
        self.before.watch(self.folded)
        self._load()

    @guarded
    def _changed(self) -> None:
        self.escape.setEnabled(self.painter.busy)  # it means other things to Krita
        if self.painter.state is State.READING:
            self.area.ensureWidgetVisible(self.preview)
        self._look()
        self.styles.refresh()


def _controls() -> dict:
    return {
        "strength": Number(0, 100, slide=100, suffix=" %"),
        "colour": Choice(COLOURS),
        "stroke_size": Number(0, 1000, special=_("as in the style"), slide=100, suffix=" px"),
        "quality": Choice(QUALITIES),
        "network": Choice(USUAL),
        "seed": Number(0, 2**31 - 1),
    }
