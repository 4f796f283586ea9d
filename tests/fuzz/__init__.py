"""Damaged input: thousands of mutated files and streams, each read in a process that is watched.

The ordinary run takes a few of each. `pytest tests/fuzz --fuzz-count 5000 --fuzz-seed 1 -k png` takes many of one kind.

mutation   bytes and JSON with something wrong in them
child      a process that works through cases, and sees what each leaves behind
watch      that process from outside: crashes, hangs
pictures, recipes, weights, remembered, plugin_metadata, streams   what is mutated, and what reads it
"""
