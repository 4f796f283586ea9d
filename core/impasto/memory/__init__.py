"""What memory there is, what a painting takes of it, and how the C library keeps it."""
