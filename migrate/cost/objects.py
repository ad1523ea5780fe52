"""What a copy into Durable Objects takes and costs: requests, rows written, duration, room, money.

Counted as Cloudflare bills it, for the session class of this package (`migrate/edge/src`). A batch is
one request of the bridge Worker, which asks each object that the batch concerns once, and the object
of the notes twice. A session is two rows, its value and who wrote it; an object's tables are two
entries each of its schema, and its alarm is one row. The copy keeps two notes in every batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from migrate.cost.effort import Cost, charged
from migrate.cost.prices import Prices
from migrate.cost.room import ASSUMED_VALUE
from migrate.cost.survey import Survey

PER_SESSION = 0
"""Shards of the placement `per-session`: an object for each session."""

USUAL_SHARDS = 16
"""What `shards:N` is compared by where the bridge has one object per session."""

_SESSION_ROWS, _TABLE_ROWS, _NOTE_ROWS = 2, 4, 2
"""Rows written, by the runtime's own count (`rowsWritten`): of a session, of an object's two tables, of a
batch's notes."""

_CALL_SECONDS = 0.01
"""Assumed for one call of an object. It is billed while it answers, not while it could hibernate."""

_MEMORY_GB = 0.128

_EMPTY_OBJECT = 16_384
"""Bytes of an object with one small session, measured as `databaseSize` in the local runtime."""

_PAGE, _IN_PAGE, _BESIDE = 4096, 1002, 489
"""SQLite's pages: what is longer than 1,002 bytes in a table without rowids keeps 489 and the rest beside
it, in pages of its own (https://sqlite.org/fileformat2.html#b_tree_pages)."""

_ROW, _ORIGIN_ROW, _SLACK = 15, 75, 1.15
"""Bytes of a row besides key, value and metadata: of the value's, of who wrote it; and unused room."""


@dataclass(frozen=True, slots=True)
class Writing:
    """A copy of all sessions that have not expired, by one placement.

    `objects`: how many are written. `bridge_requests`: of the Worker, one a batch. `stored_bytes`: in all
    objects afterwards; `assumed`: values were not seen, 1 KiB each. `monthly`: for what is stored, when
    what the plan includes is used up. `free_days`: UTC days on a free plan that nothing else uses.
    `prices`: the table that it was reckoned by.
    """

    shards: int
    objects: int
    bridge_requests: int
    object_requests: int
    rows_written: int
    gb_seconds: int
    stored_bytes: int
    assumed: bool
    cost: Cost
    monthly: Decimal
    free_days: int
    prices: Prices

    @property
    def placement(self) -> str:
        """As the bridge calls it."""
        return f"shards:{self.shards}" if self.shards else "per-session"


def writing(survey: Survey, shards: int, prices: Prices) -> Writing:
    """What the copy of a listing takes. `shards`: of `shards:N`, or PER_SESSION."""
    sessions = survey.keys - survey.expired
    batches = min(survey.bulk_reads, sessions)
    objects = min(shards, sessions) if shards else sessions
    if shards:
        asked = min(shards, -(-sessions // batches)) if batches else 0
        requests = batches * (asked + 1 if shards > 1 else 1)
    else:
        requests = sessions + 2 * batches
    alarms = min(objects, survey.dated)
    rows = sessions * _SESSION_ROWS + objects * _TABLE_ROWS + alarms + batches * _NOTE_ROWS
    used = {
        "requests": requests,
        "rows_written": rows,
        "gb_seconds": round(requests * _CALL_SECONDS * _MEMORY_GB),
        "worker_requests": batches,
    }
    stored = _stored(survey, sessions, objects, one_each=not shards)
    price = prices.objects_storage.per_gb_month
    return Writing(
        shards=shards,
        objects=objects,
        bridge_requests=batches,
        object_requests=requests,
        rows_written=rows,
        gb_seconds=used["gb_seconds"],
        stored_bytes=stored,
        assumed=survey.values < survey.keys,
        cost=charged(used, prices.objects),
        monthly=price * stored / 10**9,
        free_days=max(-(-amount // prices.objects[name].free_per_day) for name, amount in used.items()),
        prices=prices,
    )


def _stored(survey: Survey, sessions: int, objects: int, *, one_each: bool) -> int:
    """Bytes in all objects, taking each session for an average one."""
    if not sessions:
        return 0
    unseen = survey.keys - survey.values
    value = (survey.value_bytes + unseen * ASSUMED_VALUE) / survey.keys
    key, metadata = survey.key_bytes / survey.keys, survey.metadata_bytes / survey.keys
    row = key + value + _ROW
    pages = 0 if row <= _IN_PAGE else -(-int(row - _BESIDE) // (_PAGE - 4))
    if one_each:
        return int(objects * (_EMPTY_OBJECT + pages * _PAGE))
    local = row if not pages else _BESIDE
    packed = (local + key + metadata + _ORIGIN_ROW) * _SLACK
    return int(objects * _EMPTY_OBJECT + sessions * (packed + pages * _PAGE))
