"""Where things lie on this machine: folders, files written whole or not at all, claims on them, the cache."""
