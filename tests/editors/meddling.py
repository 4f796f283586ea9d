"""What tests do inside GIMP while it is busy, through the plug-in of gimp_meddler.py."""

import json
import time
from pathlib import Path

TASK, DONE = Path("/scratch/meddle.py"), Path("/scratch/meddled")


def meddle(code, seconds=60):
    """Run `code` in GIMP, which has Gimp and Gegl, and return what it calls `result`."""
    DONE.unlink(missing_ok=True)
    new = TASK.with_suffix(".new")
    new.write_text(code)
    new.replace(TASK)
    end = time.monotonic() + seconds
    while not DONE.exists():
        assert time.monotonic() < end, f"GIMP has not done this in {seconds} s: {code}"
        time.sleep(0.05)
    return json.loads(DONE.read_text())
