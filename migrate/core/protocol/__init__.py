"""The staged protocol as decisions: which halves a write has, what a read serves, what an object allows."""
