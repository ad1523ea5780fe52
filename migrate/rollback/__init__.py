"""Rollback: what only the target knows is brought back into KV, so that dual-write may be gone back to."""
