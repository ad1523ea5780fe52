"""Settling: what a second reading, at least H after the first, makes of what the first one saw.

A key waits as a `Sighting`. Read again, it either agrees with the first reading, and then may
replace the target's row by compare-and-set on the version that was read before both; or it has
changed, and its clock starts again. Corrections move a key from the outcome under which it waited
to the one it has earned, so the accounting equation holds after every transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from migrate.core.authority import Authority, judged
from migrate.core.copying import NOT_AFTER, Failed, Validate, counted, nobody, refusal, sighted, standing
from migrate.core.ports import (
    DELETED_AT_SOURCE,
    LISTED,
    Answer,
    Batch,
    Checkpoint,
    Outcome,
    Quarantined,
    Replacement,
    Sighting,
    Source,
    Target,
    TooLate,
    Unreadable,
)
from migrate.core.projecting import NOTHING, Projection
from migrate.core.proving import revealed
from migrate.core.record import Key, Origin, Record, Row, digest, expired, same_expiration, same_metadata


class Resettling:
    """One pass over due sightings: `take` each, then `batch()` is what the target is to do."""

    def __init__(
        self,
        validate: Validate | None,
        now: float,
        read_at: float,
        failed: Failed = nobody,
        *,
        live: bool = False,
        projection: Projection = NOTHING,
        authority: Authority | None = None,
    ) -> None:
        """`now`: the source's clock; `read_at`: Unix seconds when the second answer had come.

        `live`: what the source gives is alive (`ports.Source.live`). `projection`: which fields of a
        value may differ. `authority`: who is right about legacy rows.
        """
        self._authority = authority
        self._projection = projection
        self._live = live
        self._validate = validate
        self._failed = failed
        self._now = now
        self._read_at = read_at
        self._tally: Counter[str] = Counter()
        self._records: list[Record] = []
        self._replacements: list[Replacement] = []
        self._quarantined: list[Quarantined] = []
        self._released: list[Key] = []
        self._sightings: list[Sighting] = []
        self._settled: list[Key] = []

    def take(self, old: Sighting, row: Row | None, answer: Answer) -> None:
        """Decide about one key; `row` was read before `answer`."""
        if isinstance(answer, Record):
            self._found(old, row, answer)
        elif isinstance(answer, Unreadable):
            self._failed(old.key, answer.reason)
            self._done(old, Outcome.FAILED)
        elif old.digest is None:
            self._gone_twice(old, row)
        elif expired(old.expiration, self._now):
            self._done(old, Outcome.EXPIRED)
        else:
            self._again(old, row, None, Outcome.DELETED)

    def batch(self) -> Batch:
        """All decisions as one batch."""
        return Batch(
            records=self._records,
            replacements=self._replacements,
            quarantined=self._quarantined,
            released=self._released,
            sightings=self._sightings,
            settled=self._settled,
            tally=self._tally,
            not_after=self._read_at + NOT_AFTER,
        )

    def _found(self, old: Sighting, row: Row | None, record: Record) -> None:
        reason = refusal(record, self._validate)
        if not self._live and expired(record.expiration, self._now):
            self._done(old, Outcome.EXPIRED)
        elif reason is not None:
            self._quarantined.append(Quarantined(old.key, reason))
            self._done(old, Outcome.QUARANTINED)
        elif row is None:
            self._records.append(record)
            self._done(old, None)
        else:
            self._released.append(old.key)
            self._against(old, row, record)

    def _against(self, old: Sighting, row: Row, record: Record) -> None:
        outcome = judged(standing(record, row, self._projection), self._authority)
        if outcome is not Outcome.WAITING:
            self._done(old, outcome)
            self._tally.update(counted(outcome, record, row, self._projection)[1:])
        elif row.version == old.version and saw(old, record):
            over = row.origin is Origin.LEGACY
            self._replacements.append(Replacement(record, row.version, self._read_at + NOT_AFTER, over))
            self._done(old, None)
        else:
            self._again(old, row, record, Outcome.WAITING)

    def _gone_twice(self, old: Sighting, row: Row | None) -> None:
        mirrored = row is not None and not row.deleted and row.origin in (Origin.COPY, Origin.DUAL)
        if row is not None and mirrored and not expired(row.expiration, self._now):
            if row.version != old.version:
                self._sightings.append(sighted(old.key, row, None, self._read_at, old.outcome))
                return
            self._tally[DELETED_AT_SOURCE] += 1
        self._settled.append(old.key)

    def _done(self, old: Sighting, outcome: Outcome | None) -> None:
        """The key needs no further reading. Outcome None: the target will name it."""
        self._settled.append(old.key)
        self._move(old.outcome, outcome)

    def _again(self, old: Sighting, row: Row | None, record: Record | None, outcome: Outcome) -> None:
        """It changed between the readings: its clock starts again."""
        self._sightings.append(sighted(old.key, row, record, self._read_at, outcome))
        self._move(old.outcome, outcome)

    def _move(self, before: Outcome | None, after: Outcome | None) -> None:
        if before is None:
            self._tally[LISTED] += 1  # the listing had missed it, and here it is
        else:
            self._tally[before] -= 1
        if after is not None:
            self._tally[after] += 1


def saw(old: Sighting, record: Record) -> bool:
    """Did the first reading see just this?"""
    return (
        old.digest == digest(record.value)
        and same_expiration(old.expiration, record.expiration)
        and same_metadata(old.metadata, record.metadata)
    )


Read = Callable[[Sequence[Key]], Mapping[Key, Answer]]
"""Reads any number of keys from the source, in as many requests as it takes."""


def settle(
    source: Source,
    target: Target,
    mark: Checkpoint,
    *,
    read: Read,
    validate: Validate | None,
    horizon: float,
    rounds: int,
    now: Callable[[], float],
    wait: Callable[[float], None],
    failed: Failed = nobody,
    width: int = 1000,
    projection: Projection = NOTHING,
    authority: Authority | None = None,
) -> Iterator[Checkpoint]:
    """Read the partition's sightings again, each at least `horizon` seconds after it was made.

    What still changes after `rounds` horizons stays under the outcome it waits with. `now` is
    our clock (Unix seconds), `wait` sleeps. Yields the checkpoint after each transaction.
    """
    deadline = now() + rounds * horizon
    while True:
        due = target.sightings(mark.sweep, mark.partition, width, min(now(), deadline) - horizon)
        if not due:
            left = target.sightings(mark.sweep, mark.partition, 1, float("inf"))
            if not left or left[0].seen_at + horizon > deadline:
                return
            wait(max(0.0, left[0].seen_at + horizon - now()))
            continue
        keys = [old.key for old in due]
        rows = target.rows(keys)
        answers = read(keys)
        read_at = now()
        if projection.form:
            rows = revealed(rows, answers.values(), target)
        skewed = read_at + source.skew
        again = Resettling(
            validate,
            skewed,
            read_at,
            failed,
            live=source.live,
            projection=projection,
            authority=authority,
        )
        for old in due:
            again.take(old, rows.get(old.key), answers[old.key])
        try:
            mark = target.apply(again.batch(), mark)
        except TooLate:
            continue  # this process stood still since it read; nothing was done, so read again
        yield mark
