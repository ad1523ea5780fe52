"""Counters of the demonstration, each for one stage, told by many threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from migrate.core.comparing import AGAINST, Kind, Stage
from migrate.core.document import Document
from migrate.demo.live.knowledge import Wrong

REQUESTS, LOGINS, LOGOUTS, UPDATES, ERRORS = "requests", "logins", "logouts", "profile updates", "errors"
FAILED, SHADOW, FALLBACK = "failed halves", "shadow differences", "fallback hits"
EXPORTED, SWEPT, BURIED = "exported", "swept", "tombstones"
EQUAL, NEWER, DIFFERENT = "verify: equal", "verify: newer", "verify: against"

ROWS = (
    *(REQUESTS, LOGINS, LOGOUTS, UPDATES),
    *(FAILED, SHADOW, FALLBACK),
    *(EXPORTED, SWEPT, BURIED),
    *(EQUAL, NEWER, DIFFERENT),
    *(Wrong.LOGOUT, Wrong.STALE, Wrong.BACK, ERRORS),
)
"""Every row of the table, in its order."""

BAD = (Wrong.LOGOUT, Wrong.STALE, Wrong.BACK, ERRORS)
"""What keeps the demonstration from ending well."""

_STORE = {
    # the session store's own names (migrate/edge/src/store/counters.ts) -> ours
    **{f"{half}_{end}": FAILED for half in ("object", "kv") for end in ("failed", "unanswered", "late")},
    **{f"shadow_{one}": SHADOW for one in ("missing", "extra", "value", "metadata", "expiration")},
    "fallback_hit": FALLBACK,
}

_EQUAL = (Kind.EQUAL, Kind.SAME_JSON)
_OUT_OF_COUNT = (*_EQUAL, *AGAINST, Kind.PROJECTED)


class Counts:
    """So many of what at which stage. Any thread may add and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, stage: str, number: int = 1) -> None:
        """So many more."""
        with self._lock:
            self._counts[name, stage] += number

    def at(self, name: str, stage: str) -> int:
        """How many at one stage."""
        with self._lock:
            return self._counts[name, stage]

    def total(self, name: str) -> int:
        """How many at all stages together."""
        with self._lock:
            return sum(number for (one, _), number in self._counts.items() if one == name)

    def stores_say(self, told: Mapping[str, Mapping[str, int]]) -> None:
        """What the session store has counted so far at each stage."""
        with self._lock:
            for stage, counts in told.items():
                found = Counter[str]()
                for name, number in counts.items():
                    if name in _STORE:
                        found[_STORE[name]] += number
                for row in (FAILED, SHADOW, FALLBACK):
                    self._counts[row, stage] = found[row]

    def verified(self, stage: Stage, document: Document) -> None:
        """The classes of the last verify at this stage; its report. `newer`: the target's own word counts."""
        classes = {name: one["keys"] for name, one in document["classes"].items()}
        with self._lock:
            self._counts[EQUAL, stage] = sum(classes[kind] for kind in _EQUAL)
            self._counts[DIFFERENT, stage] = document["against"]
            others = (kind for kind in Kind if kind not in _OUT_OF_COUNT)
            self._counts[NEWER, stage] = sum(classes.get(kind, 0) for kind in others)

    def rows(self) -> list[list[str]]:
        """The table: a head, then a row for each name, a column for each stage."""
        with self._lock:
            lines = [[name, *(f"{self._counts[name, stage]:,}" for stage in Stage)] for name in ROWS]
        return [["", *Stage], *lines]
