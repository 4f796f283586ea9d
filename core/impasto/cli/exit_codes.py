"""Exit codes besides 0, which is done."""

REFUSED, FAILED, STOPPED = 2, 1, 130
"""Refused before any work, failed at work, stopped by a signal."""
