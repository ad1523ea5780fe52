"""The pure part: what decides. Standard library only; no clock, no network, no files."""
