#!/usr/bin/env python3
"""A plug-in for tests, which runs from GIMP's start on: it does what it finds in /scratch/meddle.py, beside any other.

What that calls `result` goes as JSON into /scratch/meddled; None if it raised something, which GIMP's log has.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, GLib

TASK, DONE = Path("/scratch/meddle.py"), Path("/scratch/meddled")


class Meddler(Gimp.PlugIn):
    def do_set_i18n(self, _name):
        return False

    def do_query_procedures(self):
        return ["plug-in-meddler"]

    def do_create_procedure(self, name):
        return Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, run, None)


def run(procedure, _config, _data):
    Gegl.init(None)
    procedure.persistent_ready()
    parent = os.getppid()
    while os.getppid() == parent:
        if TASK.exists():
            scope = {"Gimp": Gimp, "Gegl": Gegl, "result": None}
            code = TASK.read_text()
            TASK.unlink()
            try:
                exec(code, scope)
            except Exception:
                traceback.print_exc()
                scope["result"] = None
            new = DONE.with_suffix(".new")
            new.write_text(json.dumps(scope["result"]))
            new.replace(DONE)
        time.sleep(0.05)
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())


if __name__ == "__main__":
    Gimp.main(Meddler.__gtype__, sys.argv)
