"""Repair: what a verify has found and nothing else mends, mended by the laws, and looked at again."""
