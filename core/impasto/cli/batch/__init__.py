"""`impasto batch`: many photographs, each in the manner of every style."""
