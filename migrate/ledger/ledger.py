"""The operator's ledger: one private SQLite file that remembers runs, verifies and evidence.

It holds keys and the secret behind their fingerprints, hence is a secret itself. It may be used by
several processes at once and be killed at any instant: every change is one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from migrate.core.fingerprint import SECRET_BYTES, Fingerprints
from migrate.core.ports import Clock
from migrate.ledger import opening, schema
from migrate.ledger.differences import DifferenceBook
from migrate.ledger.runs import RunBook
from migrate.ledger.tasks import TaskBook

DEFAULT = Path(opening.FOLDER) / "ledger.db"
"""Where the ledger is when --ledger does not say."""

_SECRET = "fingerprint-secret"  # noqa: S105 (a name)
_TOKEN = "token"  # noqa: S105 (a name)


class Ledger(RunBook, DifferenceBook, TaskBook):
    """An open ledger; see the nouns for what it can do: runs, verifies, differences, tasks."""

    fingerprints: Fingerprints
    """how this operator's reports show keys"""
    token: str
    """names the ledger in leases: 32 hex digits, the same for every process of this operator"""

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        clock: Clock,
        random: Callable[[int], bytes] = os.urandom,
        read_only: bool = False,
        patience: float = opening.PATIENCE,
    ) -> Self:
        """Open the ledger, making it (0600, in a folder of mode 0700) unless `read_only`.

        `patience`: seconds to wait for another process's transaction, here and later.

        Raises LedgerError when it is not a ledger, is newer than this program, is damaged,
        cannot be written, or stays locked by another process.
        """
        path = Path(path)
        if read_only:
            connection = opening.connect_to_read(path, schema.APPLICATION_ID, schema.VERSION, patience)
        else:
            opening.create_private(path)
            connection = opening.connect(path, schema.APPLICATION_ID, schema.VERSION, patience)
        try:
            with opening.failures(path):
                if not read_only:
                    schema.migrate(connection)
                    _make_secrets(connection, random)
                    opening.tighten(path)
                ledger = cls(connection, path, clock, random)
                meta: dict[str, bytes] = dict(connection.execute("SELECT name, value FROM meta").fetchall())
                ledger.fingerprints = Fingerprints(meta[_SECRET])
                ledger.token = meta[_TOKEN].hex()
        except BaseException:
            connection.close()
            raise
        return ledger

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _make_secrets(connection: sqlite3.Connection, random: Callable[[int], bytes]) -> None:
    """Of two processes that make them at once, the first one's stay."""
    if connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 2:
        return
    connection.execute(
        "INSERT OR IGNORE INTO meta VALUES (?, ?), (?, ?)",
        (_SECRET, random(SECRET_BYTES), _TOKEN, random(16)),
    )
