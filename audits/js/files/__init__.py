"""Which files of a folder are read, what their bytes say, and what of it is remembered."""
