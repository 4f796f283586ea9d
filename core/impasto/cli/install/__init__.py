"""`impasto install`: an editor plug-in into the editor's profile."""
