"""`python -m impasto` is the command line too."""

from .cli import main

main()
