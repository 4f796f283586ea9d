"""Trained weights: which there are, how to get them, and how they are stored."""
