"""The worker as a QProcess: started when it is needed, kept warm, gone with Krita."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from .client import CHECK, HARMFUL, TAIL, Session, failure
from .locate import worker_command
from .qt import QObject, QProcess, QProcessEnvironment, QTimer, guarded, pyqtSignal
from .words import _

AHEAD, PIECE = 2**23, 2**20
"""Bytes that may wait in the pipe, and that are handed to it at once."""
START, SILENT, STOP = 120, 60, 10
"""Seconds for the first event, without a byte in or out while it paints, and for a cancel, before it counts as dead."""


class Process(QObject):
    """A worker, or none. `heard` has its events; after one with a code in `client.LOST` there is none any more."""

    heard = pyqtSignal(object)

    def __init__(self, parent) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self._process: QProcess | None = None
        self._outgoing: deque[memoryview] = deque()
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._watch = QTimer(self)
        self._watch.timeout.connect(self._look)

    def start(self) -> Session:
        """The session, with a new worker if there is none."""
        if self.session is None:
            self.session = Session(self._write)
            self._outgoing.clear()
            self._tail.clear()
            QTimer.singleShot(0, self._begin)
        return self.session

    @guarded
    def _begin(self) -> None:
        if self.session is None or self._process is not None:
            return None
        try:
            program, *arguments = worker_command(Path(__file__).parent)
        except LookupError as error:
            return self._lose(failure("not_started", str(error), ""))
        environment = QProcessEnvironment.systemEnvironment()
        for name in HARMFUL:
            environment.remove(name)
        process = self._process = QProcess(self)
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read)
        process.readyReadStandardError.connect(self._read_errors)
        process.bytesWritten.connect(self._sent)
        process.started.connect(self._send)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        process.start(program, arguments)
        self._watch.start(1000)
        return None

    def cancel(self, job: str) -> None:
        """Give a job up; a worker that does not obey is ended."""
        if self.session and job in self.session.jobs:
            session = self.session
            session.cancel(job)
            QTimer.singleShot(STOP * 1000, lambda: self._insist(session, job))

    def close(self) -> None:
        """End the worker, whatever it is doing; nothing is heard of it any more."""
        self._watch.stop()
        process, self._process, self.session = self._process, None, None
        if process is not None:
            process.blockSignals(True)  # what is still in the pipe would come to windows that are gone
            process.kill()
            process.waitForFinished(1000)
            process.deleteLater()

    def say(self, text: str) -> None:
        """Called by `guarded`."""
        self._lose(failure("crashed", text, _("Paint again.")))

    def _insist(self, session: Session, job: str) -> None:
        if session is self.session and job in session.jobs:
            self.close()

    def _lose(self, event) -> None:
        self.close()
        self.heard.emit(event)

    def _write(self, data: bytes) -> None:
        self._outgoing.append(memoryview(data))
        self._send()

    @guarded
    def _send(self) -> None:
        process = self._process
        if process is None or process.state() != QProcess.ProcessState.Running:
            return
        while self._outgoing and process.bytesToWrite() < AHEAD:
            data = self._outgoing.popleft()
            process.write(bytes(data[:PIECE]))
            if len(data) > PIECE:
                self._outgoing.appendleft(data[PIECE:])

    @guarded
    def _sent(self) -> None:
        if self.session is not None:
            self.session.moved = time.monotonic()
        self._send()

    @guarded
    def _read(self) -> None:
        if self._process is None or self.session is None:
            return None
        for event in self.session.feed(self._process.readAllStandardOutput().data()):
            if event.fields.get("code") == "garbled":
                return self._lose(event)
            self.heard.emit(event)
        return None

    @guarded
    def _read_errors(self) -> None:
        if self._process is not None:
            text = self._process.readAllStandardError().data().decode(errors="replace")
            self._tail.extend(line[:2000] for line in text.splitlines())

    @guarded
    def _finished(self, code: int, status) -> None:
        if self.session is not None:
            self._read()
            self._read_errors()
        if self.session is not None:
            crashed = status == QProcess.ExitStatus.CrashExit
            self._lose(self.session.died(-code if crashed else code, self._tail))

    @guarded
    def _failed(self, error) -> None:
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            why = _("impasto cannot be started: {why}.").format(why=self._process.errorString())
            self._lose(failure("not_started", why, CHECK))

    @guarded
    def _look(self) -> None:
        session = self.session
        if session is None:
            return
        silent = time.monotonic() - session.moved
        if silent > (SILENT if session.hello else START) and (session.jobs or not session.hello):
            self._lose(session.lost(f"has been silent for {silent:.0f} seconds", _("Paint again."), self._tail))
