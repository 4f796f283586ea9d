"""Feature maps of a whole picture or of its tiles, how far layers see, and targets that are computed once."""
