"""`--cluster`: pictures and films painted by the workers of a Dask cluster."""
