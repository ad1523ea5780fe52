"""Copying, as decisions: what becomes of each key, given what the source and the target say of it.

Strategy: the listing is cut into *slices* (one read each). A slice is sorted into a `Batch` by
`sort`, the target applies it together with the checkpoint, and only then does the next one count.
In the first sweep nothing that is there is ever changed: records are inserted if absent. A later
sweep looks at the target's rows before it reads the source, and what differs becomes a `Sighting`:
it is read again after H (`migrate.core.settling`), and only an unchanged pair replaces a row.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from migrate.core.authority import Authority, judged
from migrate.core.names import ALL, Names
from migrate.core.ports import (
    EQUAL_BY_JSON,
    EQUAL_BY_PROJECTION,
    LISTED,
    Answer,
    Batch,
    Checkpoint,
    Cursor,
    Outcome,
    Phase,
    Quarantined,
    Sighting,
    Target,
    Unreadable,
)
from migrate.core.projecting import NOTHING, Projection, same_value
from migrate.core.proving import revealed
from migrate.core.record import (
    UNKNOWN,
    Head,
    Key,
    Origin,
    Record,
    Row,
    digest,
    expired,
    holds,
    same_expiration,
    same_json,
    same_metadata,
)

Validate = Callable[[bytes], str | None]
"""Says why a value must not be copied, or None. The reason holds no part of the value."""

Failed = Callable[[Key, str], None]
"""Told of a key that could not be read, and why."""

NOT_AFTER = 300.0
"""Seconds after the source's answer within which the target may still take what was read."""


class NotRead(enum.Enum):
    """The answer of a key that was not asked for, because the target has it already."""

    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Slice:
    """Some consecutive heads of a listing with the answer to each, in the same order.

    `rows`: what the target held under these keys before the source was read; None: not looked.
    `read_at`: Unix seconds when the last answer had come. `next`: where a listing that starts
    again goes on behind the slice: its own page's cursor while the page has more, else the next
    page's, None at the end of the listing (then `last`).
    """

    heads: Sequence[Head]
    answers: Sequence[Answer | NotRead]
    rows: Mapping[Key, Row] | None
    read_at: float
    next: Cursor | None
    last: bool


def same(record: Record, row: Row, projection: Projection = NOTHING) -> bool:
    """Value (bytes, or their digest), expiration (within a second) and metadata (as JSON) all agree.

    With a projection, values also agree that differ in nothing but what it names.
    """
    return (
        same_value(record, row, projection)
        and same_expiration(record.expiration, row.expiration)
        and same_metadata(record.metadata, row.metadata)
    )


def standing(record: Record, row: Row, projection: Projection = NOTHING) -> Outcome:
    """How a record stands to the row that is already there, and which nothing may replace."""
    if row.deleted:
        return Outcome.TOMBSTONED
    if same(record, row, projection):
        return Outcome.EQUAL
    if row.origin is Origin.APP:
        return Outcome.NEWER
    if row.origin is Origin.LEGACY:
        return Outcome.LEGACY
    return Outcome.WAITING


def counted(outcome: Outcome, record: Record, row: Row, projection: Projection) -> tuple[str, ...]:
    """The counters of a standing: an equality that only the projection made is counted as such, too."""
    if outcome is not Outcome.EQUAL or holds(row.value, record.value):
        return (outcome,)
    assert isinstance(row.value, bytes), "no more than equality is known of a value that was not shown"
    formal = projection.form and same_json(record.value, row.value)
    return outcome, EQUAL_BY_JSON if formal else EQUAL_BY_PROJECTION


def nobody(key: Key, reason: str) -> None:
    """Do not tell anybody."""


def sort(
    piece: Slice,
    sweep: int,
    validate: Validate | None,
    now: float,
    failed: Failed = nobody,
    *,
    live: bool = False,
    projection: Projection = NOTHING,
    names: Names = ALL,
    authority: Authority | None = None,
) -> Batch:
    """Decide what becomes of each key of a slice; `now` is the source's clock, Unix seconds.

    What a `live` source gives is alive, whatever the clocks say; a snapshot gives the dead as well.
    `names` are left alone. `authority`: who is right about legacy rows.
    """
    tally: Counter[str] = Counter({LISTED: len(piece.heads)})
    records: list[Record] = []
    sightings: list[Sighting] = []
    quarantined: list[Quarantined] = []
    released: list[Key] = []
    rows = piece.rows or {}
    for head, answer in _without(names, piece, tally):
        row = rows.get(head.key)
        if isinstance(answer, Record):
            if not live and isinstance(answer.expiration, int) and answer.expiration <= now:
                tally[Outcome.EXPIRED] += 1
            elif (reason := refusal(answer, validate)) is not None:
                tally[Outcome.QUARANTINED] += 1
                quarantined.append(Quarantined(head.key, reason))
            elif row is None:
                records.append(answer)
            else:
                outcome = judged(standing(answer, row, projection), authority)
                tally.update(counted(outcome, answer, row, projection))
                released.append(head.key)
                if outcome is Outcome.WAITING:
                    sightings.append(sighted(head.key, row, answer, piece.read_at, outcome))
        elif isinstance(answer, NotRead):
            assert row is not None, "only keys that the target has are left unread"
            tally[_present(row, sweep)] += 1
        elif isinstance(answer, Unreadable):
            tally[Outcome.FAILED] += 1
            failed(head.key, answer.reason)
        elif expired(head.expiration, now):
            tally[Outcome.EXPIRED] += 1
        else:
            tally[Outcome.DELETED] += 1
            sightings.append(sighted(head.key, row, None, piece.read_at, Outcome.DELETED))
    return Batch(
        records=records, quarantined=quarantined, released=released, sightings=sightings, tally=tally
    )


def _without(names: Names, piece: Slice, tally: Counter[str]) -> Iterator[tuple[Head, Answer | NotRead]]:
    """What is to be sorted; the rest is counted."""
    for head, answer in zip(piece.heads, piece.answers, strict=True):
        if names.match(head.key):
            tally[Outcome.IGNORED] += 1
        else:
            yield head, answer


def refusal(record: Record, validate: Validate | None) -> str | None:
    """Why this record may not be copied, or None."""
    if record.expiration is UNKNOWN:
        return "its expiration is unknown"
    return validate(record.value) if validate is not None else None


def sighted(
    key: Key, row: Row | None, answer: Record | None, seen_at: float, outcome: Outcome | None
) -> Sighting:
    """Remember what a first reading saw, so that a second one can be held against it."""
    version = row.version if row is not None else None
    if answer is None:
        return Sighting(key, version, None, None, UNKNOWN, seen_at, outcome)
    return Sighting(key, version, digest(answer.value), answer.metadata, answer.expiration, seen_at, outcome)


def _present(row: Row, sweep: int) -> Outcome:
    """The outcome of a key that was listed again and not read again."""
    if row.sweep == sweep:
        return Outcome.COPIED
    return Outcome.TOMBSTONED if row.deleted else Outcome.UNCOMPARED


def lacking(rows: Iterable[Row], listed: Container[Key], read_at: float, now: float) -> Iterator[Sighting]:
    """The target's rows that the listing passed over and should have had: candidates for deleted
    at the source. Application rows, legacy rows, tombstones and the expired are none."""
    for row in rows:
        mirrors = row.origin in (Origin.COPY, Origin.DUAL)
        if mirrors and not row.deleted and not expired(row.expiration, now) and row.key not in listed:
            yield sighted(row.key, row, None, read_at, None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a sweep goes by. `later`: not the first one, so rows are compared and may be updated.

    `now`: the source's clock. `live`: see `Source.live`; from a snapshot what is there is kept, for
    it may be newer. `flush`: how many sightings of rows that the source lacks are
    held before they are written. `projection`: which fields of a value may differ.
    `names` are neither copied nor missed. `authority`: who is right about legacy rows.
    """

    sweep: int
    prefix: str
    later: bool
    validate: Validate | None
    now: Callable[[], float]
    failed: Failed = nobody
    live: bool = True
    flush: int = 1000
    projection: Projection = NOTHING
    names: Names = ALL
    authority: Authority | None = None


def copy(slices: Iterable[Slice], target: Target, mark: Checkpoint, rules: Rules) -> Iterator[Checkpoint]:
    """The core loop: each slice and its checkpoint become one transaction of the target.

    Yields the checkpoint after each. Stopping at any point and starting again from the target's
    own checkpoint gives what an uninterrupted loop gives.
    """
    for piece in slices:
        if piece.rows and rules.projection.form:
            piece = replace(piece, rows=revealed(piece.rows, piece.answers, target))
        batch = sort(
            piece,
            rules.sweep,
            rules.validate,
            rules.now(),
            rules.failed,
            live=rules.live,
            projection=rules.projection,
            names=rules.names,
            authority=rules.authority,
        )
        upto = piece.heads[-1].key if piece.heads else mark.last_key
        if rules.later and (piece.heads or piece.last):
            listed = {head.key: None for head in piece.heads}
            rows = target.rows_between(rules.prefix, mark.last_key, None if piece.last else upto)
            extra: list[Sighting] = []
            for sighting in lacking(rows, listed, piece.read_at, rules.now()):
                if rules.names.match(sighting.key):
                    continue
                extra.append(sighting)
                if len(extra) >= rules.flush:
                    target.apply(Batch(sightings=extra), mark)
                    extra = []
            # What is listed now may have been flushed as lacking by a process that ended since.
            batch = replace(batch, sightings=[*batch.sightings, *extra], settled=tuple(listed))
        kept = Outcome.WAITING if rules.live else Outcome.NEWER
        batch = replace(batch, not_after=piece.read_at + NOT_AFTER, differing=kept)
        phase = Phase.SETTLING if piece.last else mark.phase
        mark = target.apply(batch, replace(mark, phase=phase, cursor=piece.next, last_key=upto))
        yield mark
