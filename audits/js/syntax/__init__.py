"""One file at a time: a syntax tree in, facts out."""
