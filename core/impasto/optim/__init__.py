"""Steps: L-BFGS and Adam, the curvature to begin with, and what a picture starts from."""
