"""What the store counts in this process, none of it about any one session."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

NAMES = (
    # halves that did not end well
    *(f"{half}_{end}" for half in ("object", "kv") for end in ("failed", "unanswered", "late")),
    "kv_429",
    # what a read at shadow-read found in the object beside KV
    *(f"shadow_{found}" for found in ("equal", "missing", "extra", "value", "metadata", "expiration")),
    # what a read at object-first found in KV alone
    *(f"fallback_{found}" for found in ("hit", "miss", "unknown", "failed")),
    # what KV metadata had no room for
    "stamp_shortened",
    "stamp_left_out",
    "expiration_lengthened",
    # renewals that were not due, and those of a session that has two values at shadow-read
    "touch_skipped",
    "touch_disputed",
    "write_gone",
)
"""The same words as the session store's in Workers."""


class Counters:
    """Counts by name. Safe for threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        """One more."""
        assert name in NAMES, "a counter has a name that is known"
        with self._lock:
            self._counts[name] += 1

    def all(self) -> Mapping[str, int]:
        """Those that are not 0, by name."""
        with self._lock:
            return dict(sorted(self._counts.items()))
