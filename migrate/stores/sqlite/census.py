"""What is in a `sqlite:` store, counted without reading a value: for who plans to copy into it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from migrate.core.ports import RunId, SweepInfo
from migrate.core.record import Origin
from migrate.stores.sqlite.connection import BUSY_SECONDS, errors_named, open_reader, resolve
from migrate.stores.sqlite.lease import held
from migrate.stores.sqlite.reading import bounds


@dataclass(frozen=True, slots=True)
class Holding:
    """Who holds the lease, and since when and until when (Unix seconds) unless it is renewed."""

    who: str
    host: str
    pid: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Census:
    """The rows under some prefixes by origin, expired ones too; tombstones and quarantine apart.

    `sweeps`: those of one run, oldest first. `lease`: the one that is written down, overdue or not.
    """

    origins: Mapping[Origin, int]
    tombstones: int
    quarantined: int
    sweeps: Sequence[SweepInfo]
    lease: Holding | None


def take(
    path: str | os.PathLike[str], prefixes: Sequence[str], run: RunId, *, busy: float = BUSY_SECONDS
) -> Census:
    """Count, read-only. `prefixes` must not overlap (`migrate.core.partition.disjoint`).

    Raises StoreRefused (no such file, not ours, another version), StoreUnavailable, StoreBroken.
    """
    file = resolve(path)
    origins: Counter[Origin] = Counter()
    tombstones = quarantined = 0
    with closing(open_reader(file, busy)) as reader, errors_named(file):
        for prefix in prefixes:
            span = bounds(prefix, None, None)
            # The + keeps SQLite from walking the index and looking up every row by itself.
            rows = reader.execute(
                "SELECT origin, value IS NULL, count(*) FROM sessions"
                " WHERE +key >= ? AND +key < ? GROUP BY 1, 2",
                span,
            )
            for origin, deleted, count in rows:
                if deleted:
                    tombstones += count
                else:
                    origins[Origin(origin)] += count
            quarantined += reader.execute(
                "SELECT count(*) FROM quarantine WHERE key >= ? AND key < ?", span
            ).fetchone()[0]
        sweeps = reader.execute(
            "SELECT id, run, number, started, finished FROM sweeps WHERE run = ? ORDER BY number", (run,)
        ).fetchall()
        holder = held(reader)
    return Census(
        origins,
        tombstones,
        quarantined,
        [SweepInfo(*row) for row in sweeps],
        None if holder is None else Holding(holder.who, holder.host, holder.pid, holder.since, holder.until),
    )
