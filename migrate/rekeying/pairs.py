"""Old and new names side by side: two listings merged by what stands behind their prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice

from migrate.cleaning.judging import walk
from migrate.core.cleaning import own
from migrate.core.ports import Source
from migrate.core.record import Key
from migrate.core.rekeying import Names
from migrate.errors import StoreRefused


@dataclass(frozen=True, slots=True)
class Pair:
    """What stands behind the prefix, and under which of the two names a listing shows it."""

    rest: str
    old: bool
    new: bool


def pairs(source: Source, names: Names, after: str | None) -> Iterator[Pair]:
    """All pairs behind `after` in order, streamed. Raises as `walk` does; the canary's key is nobody's."""
    both = merge(
        ((rest, True) for rest in _rests(source, names.old, after)),
        ((rest, False) for rest in _rests(source, names.new, after)),
    )
    for rest, found in groupby(both, key=lambda one: one[0]):
        sides = {old for _, old in found}
        yield Pair(rest, True in sides, False in sides)


def portions(found: Iterator[Pair], width: int) -> Iterator[list[Pair]]:
    """So many at a time."""
    while some := list(islice(found, width)):
        yield some


def _rests(source: Source, prefix: str, after: str | None) -> Iterator[str]:
    last = None if after is None else Key(prefix + after)
    for page in walk(source, prefix, None, last):
        for head in page.heads:
            if head.stamped is not None:
                raise StoreRefused(
                    "an application's session store has written these keys: objects know them by their names",
                    "rename before a migration begins; a session store takes its prefix from its settings",
                )
            if not own(head):
                yield head.key[len(prefix) :]
