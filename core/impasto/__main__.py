"""`python -m impasto` is the command line too."""

from .cli import run

run()
