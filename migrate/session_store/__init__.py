"""The session store of a program outside Workers: sessions in KV, in a SQLite file, or in both, by stages."""

from __future__ import annotations

from migrate.session_store.kv_namespace import KvNamespace, TooOften, Unanswered
from migrate.session_store.memory_namespace import MemoryNamespace
from migrate.session_store.settings import Settings
from migrate.session_store.store import SessionStore, SessionStoreError, StoredSession

__all__ = [
    "KvNamespace",
    "MemoryNamespace",
    "SessionStore",
    "SessionStoreError",
    "Settings",
    "StoredSession",
    "TooOften",
    "Unanswered",
]
