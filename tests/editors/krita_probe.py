"""A plug-in for Krita that runs a script of scenarios in it: generators, which yield milliseconds to wait."""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

from krita import Extension, Krita

PYQT = "PyQt6" if "PyQt6.QtCore" in sys.modules else "PyQt5"  # whichever this Krita is made with, by one name
for part in ("", ".QtCore", ".QtGui", ".QtTest", ".QtWidgets"):
    sys.modules[f"PyQt{part}"] = importlib.import_module(PYQT + part)
from PyQt.QtCore import QTimer
from PyQt.QtWidgets import QApplication

LIMIT = 300
"""Seconds for a scenario."""


class Probe(Extension):
    def setup(self):
        self.modals = []
        QTimer.singleShot(1200, self.begin)

    def createActions(self, window):
        pass

    def begin(self):
        self.names = {"__name__": "scenarios"}
        self.out = Path(os.environ["PROBE_OUT"]).open("a", buffering=1)  # noqa: SIM115
        try:
            script = os.environ["PROBE_SCRIPT"]
            exec(compile(Path(script).read_text(), script, "exec"), self.names)
            wanted = os.environ.get("PROBE_ONLY", "").split()
            self.left = [
                name for name in self.names if name.startswith("scenario_") and name.split("_", 1)[1] in wanted
            ]
            self.watch = QTimer()
            self.watch.timeout.connect(self.look)
            self.watch.start(50)
            self.next()
        except Exception:
            print("FAIL scenario_begin", json.dumps(traceback.format_exc().splitlines()), file=self.out)

    def look(self):
        window = QApplication.activeModalWidget()
        if window is not None and not self.names["answer"](window):
            self.modals.append(f"{type(window).__name__} {window.windowTitle()!r}")
            print("modal window:", self.modals[-1], flush=True)
            window.close()

    def next(self):
        if not self.left:
            self.names["leave"]()
            return
        self.name = self.left.pop(0)
        self.modals.clear()
        self.begun = time.monotonic()
        self.steps = self.names[self.name]()
        self.step()

    def step(self):
        try:
            if time.monotonic() - self.begun > LIMIT:
                self.steps.throw(TimeoutError(f"longer than {LIMIT} s"))
            wait = next(self.steps)
        except StopIteration:
            self.tell(["modal windows:", *self.modals] if self.modals else [])
        except BaseException:
            self.tell(traceback.format_exc().splitlines())
        else:
            QTimer.singleShot(wait, self.step)

    def tell(self, why):
        seconds = time.monotonic() - self.begun
        print("FAIL" if why else "PASS", self.name, json.dumps(why or [f"{seconds:.1f} s"]), file=self.out)
        QTimer.singleShot(0, self.next)


Krita.instance().addExtension(Probe(Krita.instance()))
