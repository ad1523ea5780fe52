"""Quarantine as a verify asks for it: which of some keys are in it, without holding all that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.core.partition import disjoint
from migrate.core.ports import Holder, Quarantined
from migrate.core.record import Key


class Quarantine:
    """Membership in a stream of quarantined keys, asked for in key order."""

    def __init__(self, entries: Iterator[Quarantined]) -> None:
        self._entries = entries
        self._at = next(entries, None)

    def __contains__(self, key: Key) -> bool:
        while self._at is not None and self._at.key < key:
            self._at = next(self._entries, None)
        return self._at is not None and self._at.key == key


def quarantined(target: Holder, prefixes: Sequence[str], keys: Sequence[Key]) -> set[Key]:
    """Which of these keys are in the target's quarantine."""
    found: set[Key] = set()
    for prefix in disjoint(prefixes):
        mine = sorted(key for key in keys if key.startswith(prefix))
        if mine:
            known = Quarantine(target.quarantined(prefix))
            found.update(key for key in mine if key in known)
    return found
