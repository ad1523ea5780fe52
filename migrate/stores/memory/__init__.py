"""Stores in memory: a source and target, a Workers KV that goes stale, faults at every call, a veil.

The real stores are tested against them, and they ship, so that programs built on kvferry can be
tested in the same way.
"""

from __future__ import annotations

from migrate.stores.memory.faults import Faults, Hook, When, with_faults
from migrate.stores.memory.kv import MemoryKv
from migrate.stores.memory.store import MemoryStore
from migrate.stores.memory.veiled import Veiled, veiled
from migrate.stores.memory.writing import MemoryKvWriter

__all__ = [
    "Faults",
    "Hook",
    "MemoryKv",
    "MemoryKvWriter",
    "MemoryStore",
    "Veiled",
    "When",
    "veiled",
    "with_faults",
]
