"""The losses, their formulas and weights, and the objective that adds them up, whole or in tiles."""
