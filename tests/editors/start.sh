#!/bin/sh
# Inside the root filesystem: `impasto` from the virtual environment, and GIMP with a profile of its own that has the plug-in.
set -e
export HOME=/scratch/home XDG_CONFIG_HOME=/scratch/config XDG_STATE_HOME=/scratch/state PATH=$PATH:/scratch/venv/bin  # last: GIMP needs the system's Python
mkdir -p "$HOME" "$XDG_CONFIG_HOME"
if [ ! -d "$XDG_CONFIG_HOME/GIMP" ]; then
    gimp-console -idfs --batch-interpreter plug-in-script-fu-eval -b '(gimp-quit 0)' > /scratch/first.log 2>&1
fi
exec "$@"
