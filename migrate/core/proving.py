"""Proving: how much of the target a verify has before it when it compares, and what it is known by.

Rows that come with digests are asked for their values where a digest decides nothing: where the bytes
differ, the JSON in them may be the same. They are read some at a time, so a store that is far away is
asked once for many of them, and never for those that are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from migrate.core.ports import Answer, Holder
from migrate.core.record import Head, Key, Origin, Record, Row, Unseen, holds

AT_ONCE = 200
"""Rows whose values are read in one call."""

_HELD = 2000
"""Pairs that wait for the values of those among them."""

_PORTION, _PORTION_BYTES = 2000, 16 * 1024 * 1024
"""Pairs, and bytes of values of the target, that are compared at once."""

Pair = tuple[Key, tuple[Head, Answer] | None, Row | None]
"""A key, what the source showed under it, and what the target did, as `comparing.merge` gives them."""

Undecided = Callable[[Answer, Row | None], bool]
"""Does this pair need the row's value?"""


def with_values(pairs: Iterable[Pair], target: Holder, undecided: Undecided) -> Iterator[Pair]:
    """The pairs in their order, those that are undecided with their row read again, now with its value.

    A target whose values are concealed is not asked for any. Raises what `Holder.shown` raises.
    """
    if target.concealed is not None:
        yield from pairs
        return
    held: list[Pair] = []
    wanted: list[Key] = []
    for pair in pairs:
        key, entry, row = pair
        if undecided(entry[1] if entry is not None else None, row):
            wanted.append(key)
        if not wanted:
            yield pair
            continue
        held.append(pair)
        if len(wanted) >= AT_ONCE or len(held) >= _HELD:
            yield from _revealed(held, wanted, target)
            held, wanted = [], []
    if held:
        yield from _revealed(held, wanted, target)


def portions(pairs: Iterable[Pair]) -> Iterator[tuple[list[Pair], bool]]:
    """The pairs in their order, so many at a time as memory allows, and whether there are more behind
    them. At least one portion, which may be empty."""
    some: list[Pair] = []
    size = 0
    for pair in pairs:
        if len(some) >= _PORTION or size >= _PORTION_BYTES:
            yield some, True
            some, size = [], 0
        some.append(pair)
        row = pair[2]
        size += len(row.value) if row is not None and isinstance(row.value, bytes) else 0
    yield some, False


def rows_with_values(
    keys: Sequence[Key], answers: Mapping[Key, Answer], target: Holder, undecided: Undecided
) -> Mapping[Key, Row]:
    """What the target holds under these keys, read now; see `with_values`."""
    rows = dict(target.rows(keys))
    if target.concealed is None:
        wanted = [key for key in keys if undecided(answers[key], rows.get(key))]
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            found = target.shown(some)
            for key in some:
                del rows[key]
            rows.update(found)
    return rows


def revealed(rows: Mapping[Key, Row], answers: Iterable[object], target: Holder) -> Mapping[Key, Row]:
    """The rows, those of other bytes than the source's with their values, as far as a copy may decide
    about them; see `with_values`. A row that has changed since it was read stays as it was."""
    if target.concealed is not None:
        return rows
    found = dict(rows)
    wanted = [one.key for one in answers if isinstance(one, Record) and _differs(one, rows.get(one.key))]
    for start in range(0, len(wanted), AT_ONCE):
        shown = target.shown(wanted[start : start + AT_ONCE])
        found |= {key: row for key, row in shown.items() if row.version == rows[key].version}
    return found


def _differs(record: Record, row: Row | None) -> bool:
    if row is None or row.origin not in (Origin.COPY, Origin.DUAL):
        return False
    return isinstance(row.value, Unseen) and not holds(row.value, record.value)


def _revealed(pairs: list[Pair], wanted: list[Key], target: Holder) -> Iterator[Pair]:
    found = target.shown(wanted)
    asked = set(wanted)
    for key, entry, row in pairs:
        yield key, entry, found.get(key) if key in asked else row
