"""Pixels in and out: files of any depth and colour space, and what can be told and changed without a network."""
