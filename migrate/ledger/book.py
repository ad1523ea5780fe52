"""One open ledger file, shared by the threads of a process: transactions and rows, nothing more."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from migrate.core.ports import Clock
from migrate.errors import LedgerError
from migrate.ledger.opening import database_failures


class Book:
    """What the nouns of the ledger (runs, verifies, differences) are written with."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, clock: Clock, random: Callable[[int], bytes]
    ) -> None:
        self.path = path
        self._connection = connection
        self._clock = clock
        self._random = random
        self._lock = threading.RLock()
        self._holding: dict[int, str] = {}
        """the verifies that this process works on, each with its proof of holding"""
        self._doing: dict[int, str] = {}
        """the same of tasks"""

    def close(self) -> None:
        """Close the file. May be called twice."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing. Other processes wait until it ends."""
        with self._lock, database_failures(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        with self._lock, database_failures(self.path):
            return self._connection.execute(sql, parameters).fetchall()


def to_json(value: object) -> str:
    """JSON text for a column."""
    return orjson.dumps(value).decode()


def from_json(text: str) -> Any:
    """The value of a JSON column. Raises LedgerError when the text is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise LedgerError(
            "a row of the ledger is damaged", "move the ledger away: it is rebuilt from the target"
        ) from None


def tally_to_json(tally: Mapping[str, int]) -> str:
    """A tally without its zeros."""
    return to_json({str(name): count for name, count in tally.items() if count})
