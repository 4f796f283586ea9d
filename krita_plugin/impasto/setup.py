"""What the docker offers where there is no worker: to install one or find one, the command for that, and help."""

from __future__ import annotations

from pathlib import Path

from . import locate
from .installer import Installer, command, means, size
from .qt import (
    QApplication,
    QDesktopServices,
    QFileDialog,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    Qt,
    QTimer,
    QUrl,
    QVBoxLayout,
    QWidget,
    RefusedError,
    guarded,
)
from .words import _, said

FOLDER, MANUAL, LOOK, OTHER = Path(__file__).resolve().parent, "manual.html", 200, 10
"""The plug-in's folder, its page in it, milliseconds between looks at how installing goes, and every how many of them
whether a worker has come from elsewhere."""
MISSING = (
    _("Painting is done by a program of its own, impasto, which is not here yet."),
    _("Press Install it to have it: some {download} GB to download, {disk} GB on disk."),
)
BROKEN = (
    _("Painting is done by a program of its own, impasto, which does not start."),
    _("Install it anew, or show where it is."),
)
WORKING = _("impasto is being installed, which takes some minutes. Go on drawing meanwhile.")
FILES = _("impasto, or its wheel (impasto*);;All files (*)")


class SetUp(QWidget):
    """Shown while there is no worker. The painter has the installer, so that all windows show the same."""

    def __init__(self, painter) -> None:
        super().__init__()
        self.painter = painter
        self.what, self.line, self.bar = QLabel(), QLabel(), QProgressBar()
        self.install, self.find = QPushButton(_("Install it")), QPushButton(_("Find it..."))
        self.copy, self.help = QPushButton(_("Copy the command")), QPushButton(_("Help"))
        self.stop = QPushButton(_("Cancel"))
        self.watch, self._looks = QTimer(self), 0
        self._known: list = []
        self._build()
        self.hide()

    def _build(self) -> None:
        for label in (self.what, self.line):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.bar.setRange(0, 0)
        column, grid = QVBoxLayout(self), QGridLayout()
        column.setContentsMargins(0, 0, 0, 0)
        for button, slot, tip, place in (
            (self.install, self._install, _("Get it, into a folder of your own"), (0, 0, 1, 2)),
            (self.find, self._find, _("Where the program impasto is, or a wheel of it to install"), (1, 0)),
            (self.help, self._help, _("What this is, and other ways"), (1, 1)),
            (self.copy, self._copy, _("The commands that install it, for a terminal"), (2, 0, 1, 2)),
        ):
            button.setToolTip(tip)
            button.clicked.connect(slot)
            grid.addWidget(button, *place)
        self.install.setDefault(True)
        self.stop.setToolTip(_("Stop, and take away what was installed"))
        self.stop.clicked.connect(self._cancel)
        self.watch.timeout.connect(self._look)
        column.addWidget(self.what)
        column.addLayout(grid)
        for widget in (self.bar, self.line, self.stop):
            column.addWidget(widget)
        self.say("")

    @guarded
    def offer(self) -> bool:
        """Show what can be done; whether that is all there is to say, as there is no worker that could be started."""
        self._known = locate.known(FOLDER)
        how = _("By {program}, with all that it needs, into a folder of your own: {folder}")
        self.install.setToolTip(how.format(program=means(), folder=locate.own_place()))
        self.show()
        self.watch.start(LOOK)
        self._look()
        return not self._known

    def say(self, text: str) -> None:
        """Tell how it goes, here where one looks."""
        self.line.setText(text)
        self.line.setVisible(bool(text))

    def end(self) -> None:
        """There is a worker."""
        self.watch.stop()
        self.hide()

    @guarded
    def _install(self) -> None:
        self._begin(locate.wanted(FOLDER))

    def _begin(self, wanted: str) -> None:
        if self.painter.installer is None:  # another window's docker may have begun
            self.painter.installer = Installer(locate.own_place(), wanted)
            self.painter.installer.start()
        self.say("")
        self._look()

    @guarded
    def _find(self) -> None:
        path, __ = QFileDialog.getOpenFileName(self, _("Where impasto is"), str(Path.home()), FILES)
        if path:
            self._found(path)

    @guarded
    def _found(self, path: str) -> None:
        """Take a program, if it is impasto, or install from its wheel."""
        if path.endswith(".whl"):
            self._begin(path)
        else:
            self._take([path, "worker"])

    def _take(self, worker: list) -> None:
        try:
            locate.remember(FOLDER, worker)
        except (LookupError, OSError) as error:
            raise RefusedError(said(str(error))) from None
        self._known = locate.known(FOLDER)
        self.painter.say("")
        self.painter.process.close()
        self.painter.warm()

    @guarded
    def _copy(self) -> None:
        try:
            QApplication.clipboard().setText(self._installer().typed())
        except LookupError as error:
            raise RefusedError(said(str(error))) from None
        self.say(_("The command is copied: paste it into a terminal."))

    @guarded
    def _help(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(FOLDER / MANUAL)))

    @guarded
    def _cancel(self) -> None:
        if self.painter.installer:
            self.painter.installer.cancel()

    def _installer(self) -> Installer:
        return self.painter.installer or Installer(locate.own_place(), locate.wanted(FOLDER))

    def _state(self) -> str:
        if self.painter.installer:
            return WORKING
        download, disk = size()
        told = "\n\n".join(BROKEN if self._known else MISSING)
        return told.format(download=f"{download:g}", disk=f"{disk:g}")

    def _look_elsewhere(self) -> None:
        """Somebody may have installed one meanwhile, or told of one: there is no button to say so."""
        self._looks += 1
        if self._looks % OTHER == 0:
            known, before = locate.known(FOLDER), self._known
            self._known = known
            if known and known != before:
                self.painter.process.close()
                self.painter.warm()

    @guarded
    def _look(self) -> None:
        """Show how installing goes; at its end, take what there is then."""
        installer = self.painter.installer
        for button in (self.install, self.find, self.copy, self.help):
            button.setVisible(installer is None)
        for widget in (self.bar, self.stop):
            widget.setVisible(installer is not None)
        self.what.setText(self._state())
        if installer is None:
            self._look_elsewhere()
            return
        lines = installer.poll()
        if lines:
            self.say(lines[-1])
        if installer.ended:
            self.painter.installer = None
            self._look()
            if installer.failed:
                raise RefusedError(said(installer.failed))
            self._take(command(installer.place))
