"""Verifies: where each stands, page by page, so that one which was killed goes on where it was.

A page's position, counters, differences, errors and skips are one transaction. Whoever opens a
verify last holds it: an earlier process that still works on it is stopped at its next commit,
so nothing is counted twice, and a killed process never blocks anybody.
"""

from __future__ import annotations

import enum
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NewType

from migrate.core.difference import Difference, ReadError, Skip
from migrate.core.ports import Cursor, RunId, Tally
from migrate.core.record import Key
from migrate.errors import LedgerError
from migrate.ledger.book import Book, from_json, tally_to_json
from migrate.ledger.rows import INSERT_DIFFERENCE, INSERT_ERROR, INSERT_SKIP, difference_row

VerifyId = NewType("VerifyId", int)
"""One verify of one run."""

KEPT = 5
"""How many verifies of a run keep their differences; older ones keep their verdict only."""


class VerifyState(enum.StrEnum):
    """How a verify stands; the first three may be resumed or followed by a new one."""

    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    COMPLETE = "complete"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Verify:
    """One verify as remembered. `number` counts from 1 within the run; times are Unix seconds."""

    id: VerifyId
    run: RunId
    number: int
    state: VerifyState
    started_at: float
    finished_at: float | None
    verdict: str | None
    note: str


@dataclass(frozen=True, slots=True)
class Position:
    """How far a verify is under one prefix: everything up to `last_key` was compared and counted."""

    prefix: str
    cursor: Cursor | None = None
    last_key: Key | None = None
    done: bool = False
    tally: Tally = field(default_factory=Counter)


class VerifyBook(Book):
    """The tables verifies and positions, and the transaction of a page."""

    def open_verify(self, run: RunId, fresh: bool = False) -> VerifyId:
        """Resume the run's last verify if it is unfinished, else (or when `fresh`) begin a new one."""
        holder = self._random(8).hex()
        with self._transaction() as db:
            last = db.execute(
                "SELECT id, number, state FROM verifies WHERE run = ? ORDER BY number DESC LIMIT 1", (run,)
            ).fetchone()
            unfinished = last is not None and last[2] not in (VerifyState.COMPLETE, VerifyState.ABANDONED)
            if unfinished and not fresh:
                verify = VerifyId(last[0])
                db.execute("UPDATE verifies SET state = 'running', holder = ? WHERE id = ?", (holder, verify))
            else:
                if unfinished:
                    db.execute("UPDATE verifies SET state = 'abandoned', holder = '' WHERE id = ?", last[:1])
                verify = self._begin(db, run, 1 + (last[1] if last else 0), holder)
        self._holding[verify] = holder
        return verify

    def _begin(self, db: sqlite3.Connection, run: RunId, number: int, holder: str) -> VerifyId:
        old = "SELECT id FROM verifies WHERE run = ? AND number <= ?"
        for table in ("positions", "differences", "read_errors", "skips"):
            db.execute(f"DELETE FROM {table} WHERE verify IN ({old})", (run, number - KEPT))  # noqa: S608 (ours)
        cursor = db.execute(
            """INSERT INTO verifies (run, number, state, started_at, note, holder)
               VALUES (?, ?, 'running', ?, '', ?)""",
            (run, number, self._clock.now(), holder),
        )
        return VerifyId(cursor.lastrowid or 0)

    def close_verify(self, verify: VerifyId, state: VerifyState, verdict: str | None, note: str = "") -> None:
        """Say how it ended: complete (with the verdict), failed or interrupted (to be resumed)."""
        with self._transaction() as db:
            self._must_hold(db, verify)
            db.execute(
                "UPDATE verifies SET state = ?, finished_at = ?, verdict = ?, note = ? WHERE id = ?",
                (VerifyState(state), self._clock.now(), verdict, note, verify),
            )

    def verifies(self, run: RunId) -> list[Verify]:
        """The run's verifies, oldest first."""
        rows = self._rows(
            """SELECT id, run, number, state, started_at, finished_at, verdict, note
               FROM verifies WHERE run = ? ORDER BY number""",
            (run,),
        )
        return [Verify(VerifyId(r[0]), RunId(r[1]), r[2], VerifyState(r[3]), *r[4:]) for r in rows]

    def last_verify(self, run: RunId, complete: bool = False) -> Verify | None:
        """The run's newest verify (the newest complete one), None when there is none."""
        found = [v for v in self.verifies(run) if not complete or v.state is VerifyState.COMPLETE]
        return found[-1] if found else None

    def position(self, verify: VerifyId, prefix: str) -> Position:
        """How far the verify is under this prefix; the beginning when it has not begun there."""
        rows = self._rows(
            "SELECT cursor, last_key, done, tally FROM positions WHERE verify = ? AND prefix = ?",
            (verify, prefix),
        )
        if not rows:
            return Position(prefix)
        cursor, last_key, done, tally = rows[0]
        return Position(prefix, cursor, last_key, bool(done), Counter(from_json(tally)))

    def tally(self, verify: VerifyId) -> Tally:
        """The counters of all prefixes together."""
        total: Tally = Counter()
        for (text,) in self._rows("SELECT tally FROM positions WHERE verify = ?", (verify,)):
            total.update(from_json(text))
        return total

    def commit_page(
        self,
        verify: VerifyId,
        prefix: str,
        cursor: Cursor | None,
        last_key: Key | None,
        tally_delta: Tally,
        differences: Iterable[Difference] = (),
        errors: Iterable[ReadError] = (),
        skips: Iterable[Skip] = (),
        *,
        done: bool = False,
    ) -> Position:
        """Save what a page brought and where the next one begins, in one transaction.

        `differences` may be a generator of any length: it is written as it comes, and nothing of
        it is visible before the end. It must not send requests, since all other processes wait
        meanwhile. `tally_delta` is read last, so the generator may still add to it. A difference
        that was known before keeps `first_seen`, and its clock unless a side has changed.
        """
        with self._transaction() as db:
            self._must_hold(db, verify)
            db.executemany(INSERT_DIFFERENCE, (difference_row(verify, one) for one in differences))
            db.executemany(INSERT_ERROR, ((verify, e.key, e.side, e.reason, e.at) for e in errors))
            db.executemany(INSERT_SKIP, ((verify, s.key, s.reason, s.at) for s in skips))
            total = self.position(verify, prefix).tally
            total.update(tally_delta)
            db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?, ?)",
                (verify, prefix, cursor, last_key, done, tally_to_json(total)),
            )
        return Position(prefix, cursor, last_key, done, total)

    def _must_hold(self, db: sqlite3.Connection, verify: VerifyId) -> None:
        found = db.execute("SELECT holder FROM verifies WHERE id = ?", (verify,)).fetchone()
        if found is None or found[0] != self._holding.get(verify):
            raise LedgerError(
                "this verify was taken over by another process, or is not open here",
                "let the other one end, or begin another with kvferry verify --fresh",
            )
