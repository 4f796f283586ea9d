"""Laying a painting's patches where a photograph asks for them, before any network."""
