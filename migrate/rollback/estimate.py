"""What a rollback would do, by one reading of both stores; nothing is written, and nothing waited for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from migrate.core.ports import LISTED, Tally, Unreadable
from migrate.core.record import Key, Origin, Row
from migrate.core.rolling_back import Act, Fate
from migrate.formats.rollback import DELETED, DYING, SETTLES, SHOWN, WRITTEN
from migrate.rollback.rows import PORTION, Reader
from migrate.rollback.wish import Work

_COUNTED = {Act.PUT: WRITTEN, Act.DELETE: DELETED, Act.WAIT: DYING, Act.SIGHT: SHOWN, Act.AGAIN: SETTLES}
_FATES = {Act.KEEP: Fate.KEPT, Act.FORGET: Fate.GONE, Act.NEWER: Fate.NEWER, Act.UNREADABLE: Fate.FAILED}


def estimate(work: Work) -> Tally:
    """Count the rows by what would be done with each."""
    tally, reader, progress = Tally(), Reader(work), work.desk.progress
    progress.start("rollback")
    try:
        for prefix in work.prefixes:
            rows = work.holder.rows_between(prefix, None, None)
            while some := list(islice(rows, PORTION)):
                _count(some, reader, tally, work)
                progress.reach(tally[LISTED])
                work.desk.waits.over()
    finally:
        progress.finish()
    return tally


def _count(rows: Sequence[Row], reader: Reader, tally: Tally, work: Work) -> None:
    keys = [row.key for row in rows if row.deleted or row.origin is Origin.APP]
    tally[LISTED] += len(rows)
    tally[Fate.KEPT] += len(rows) - len(keys)
    readings = reader.read(keys)
    going = reader.going(work.now)
    for key, reading in readings.items():
        act = going.decide(reading, None)
        tally[_COUNTED.get(act) or _FATES[act]] += 1
        if isinstance(reading.answer, Unreadable):
            work.desk.note_failed(Key(key), reading.answer.reason)
