"""The calls of namespaces: which they are, with which keys and options, on which ways."""
