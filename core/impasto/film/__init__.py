"""Films: frames in and out, what moves between them, and painting one frame after the other."""
