"""`impasto sheet`: every combination of two knobs, in one labelled picture."""
