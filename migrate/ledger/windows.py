"""The requests of the last window, in a file that all processes of an operator share.

The file lies beside the ledger (`ledger.db` → `ledger.requests.db`): its many small transactions
would otherwise wait for the ledger's long ones. A commit is not synced to disk one by one: what
was written survives kill -9, and a power loss outlives no request.

How a slot is counted, with W = the rate's seconds:

    reserve ──────── the server counts it somewhere in here ──────── complete ──── W ────▶ free
    reserve ── W/30 ── W ──▶ free            when its process died and `complete` never came

A request of a living process is held until it completes, however slow, up to `LONGEST`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from migrate.core.limiting import Rate, Slot, Wait
from migrate.ledger import opening

APPLICATION_ID = 0x6B767271
"""`kvrq` in ASCII."""

VERSION = 1

LONGEST = 900.0
"""Seconds after which a request is over, whatever its process says: it cannot starve the others."""

_SLACK = 60.0
"""By how many seconds the clock may go back before answers that lie in the future are re-dated."""

_MARGIN = 1e-6
"""Added to a wait, so that no rounding makes the caller come a moment too early."""

_TABLES = (
    """CREATE TABLE IF NOT EXISTS slots (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        reserved REAL NOT NULL,
        answered REAL NOT NULL,                -- while it is open: when it would count as answered
        pid INTEGER                            -- the process that waits for the answer; NULL = answered
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS slots_answered ON slots (name, answered, pid)",
    "CREATE INDEX IF NOT EXISTS slots_open ON slots (name, pid, reserved) WHERE pid IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS spent (
        name TEXT NOT NULL,
        kind TEXT NOT NULL,
        day TEXT NOT NULL,                     -- UTC, YYYY-MM-DD
        amount INTEGER NOT NULL,
        PRIMARY KEY (name, kind, day)
    ) STRICT""",
)


def windows_path(ledger: Path) -> Path:
    """The file of request windows that belongs to a ledger."""
    return ledger.with_name(f"{ledger.stem}.requests.db")


def alive(pid: int) -> bool:
    """Does a process with this number run here?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class LedgerRequestLog:
    """`RequestLog` over SQLite. `name` tells limits apart: a fingerprint of API base and token.

    Any thread may use it. Raises LedgerError. `alive` tells whether a process still runs.
    """

    def __init__(
        self,
        ledger: Path | str,
        name: str,
        *,
        alive: Callable[[int], bool] = alive,
        pid: Callable[[], int] = os.getpid,
    ) -> None:
        self._path = windows_path(Path(ledger))
        self._name = name
        self._alive = alive
        self._pid = pid
        self._lock = threading.Lock()
        opening.create_private(self._path)
        self._connection = opening.connect(self._path, APPLICATION_ID, VERSION)
        try:
            with self._transaction() as db:
                for statement in _TABLES:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {VERSION}")
            opening.tighten(self._path)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._connection.close()

    def reserve(self, rate: Rate, now: float) -> Slot | Wait:
        """Take a slot if fewer than `rate.requests` are held, atomically; else how long to wait.

        `now`: Unix seconds, read before the call. The time to wait is the earliest at which a
        slot may be free: if nobody else takes it, and all open requests are answered, it is.
        """
        grace = rate.seconds / 30
        with self._transaction() as db:
            self._redate(db, now, grace)
            slow = self._slow(db, rate, now)
            held = db.execute(
                "SELECT count(*) FROM (SELECT 1 FROM slots WHERE name = ? AND answered >= ? LIMIT ?)",
                (self._name, now - rate.seconds, rate.requests),
            ).fetchone()[0]
            if held + len(slow) >= rate.requests:
                return Wait(self._earliest(db, rate, now, slow) - now + _MARGIN)
            # rows stay longer than this rate needs them, for a process with another rate
            db.execute(
                "DELETE FROM slots WHERE name = ? AND answered < ? AND pid IS NULL",
                (self._name, now - max(rate.seconds, LONGEST)),
            )
            taken = db.execute(
                "INSERT INTO slots (name, reserved, answered, pid) VALUES (?, ?, ?, ?)",
                (self._name, now, now + grace, self._pid()),
            )
            return Slot(taken.lastrowid or 0)

    def complete(self, slot: Slot, now: float) -> None:
        """The answer to the slot's request came back (or never will) at `now`, Unix seconds."""
        with self._transaction() as db:
            db.execute("UPDATE slots SET answered = ?, pid = NULL WHERE id = ?", (now, slot))

    def spend(self, kind: str, amount: int, limit: int, day: str) -> bool:
        """Add `amount` to what was spent of `kind` on `day` (UTC); False when that would pass `limit`."""
        with self._transaction() as db:
            if self._spent(db, kind, day) + amount > limit:
                return False
            db.execute(
                """INSERT INTO spent VALUES (?, ?, ?, ?)
                   ON CONFLICT (name, kind, day) DO UPDATE SET amount = amount + excluded.amount""",
                (self._name, kind, day, amount),
            )
        return True

    def spent(self, kind: str, day: str) -> int:
        """How much of `kind` was spent on `day`."""
        with self._lock, opening.database_failures(self._path):
            return self._spent(self._connection, kind, day)

    def _spent(self, db: sqlite3.Connection, kind: str, day: str) -> int:
        row = db.execute(
            "SELECT amount FROM spent WHERE name = ? AND kind = ? AND day = ?", (self._name, kind, day)
        ).fetchone()
        return row[0] if row else 0

    def _redate(self, db: sqlite3.Connection, now: float, grace: float) -> None:
        """After the clock went back, what lies in its future was answered now at the latest."""
        latest = now + grace + _SLACK
        row = db.execute("SELECT max(answered) FROM slots WHERE name = ?", (self._name,)).fetchone()
        if row[0] is not None and row[0] > latest:
            db.execute(
                "UPDATE slots SET reserved = min(reserved, ?), answered = ? WHERE name = ? AND answered > ?",
                (now, now, self._name, latest),
            )

    def _slow(self, db: sqlite3.Connection, rate: Rate, now: float) -> list[int]:
        """Open requests past their term whose process still waits. Those of the dead are closed."""
        overdue = db.execute(
            """SELECT id, pid, reserved FROM slots
               WHERE name = ? AND pid IS NOT NULL AND answered < ?""",
            (self._name, now - rate.seconds),
        ).fetchall()
        slow = [slot for slot, pid, reserved in overdue if now - reserved < LONGEST and self._alive(pid)]
        db.executemany(
            "UPDATE slots SET pid = NULL WHERE id = ?",
            [(slot,) for slot, _, _ in overdue if slot not in slow],
        )
        return slow

    def _earliest(self, db: sqlite3.Connection, rate: Rate, now: float, slow: list[int]) -> float:
        """When one more slot may be free, at the earliest."""
        rows: list[tuple[float, int | None]] = db.execute(
            "SELECT answered, pid FROM slots WHERE name = ? AND answered >= ?",
            (self._name, now - rate.seconds),
        ).fetchall()
        # an open request may be answered this very moment
        free = [
            min(answered, now) + rate.seconds if pid else answered + rate.seconds for answered, pid in rows
        ]
        free += [now + rate.seconds] * len(slow)
        free.sort()
        return free[len(free) - rate.requests]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, opening.database_failures(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
