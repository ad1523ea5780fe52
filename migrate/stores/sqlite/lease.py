"""The lease: one operator at a time copies into a file, and a killed one never blocks its resume."""

from __future__ import annotations

import secrets
import sqlite3

from migrate.core.ports import Claim
from migrate.errors import StoreUnavailable
from migrate.stores.leasing import LEASE_SECONDS, Held, dead, process_mark, taken

_HELD = "SELECT nonce, who, host, pid, process, since, until FROM lease"
_NOBODY = ""
"""The nonce of a lease that was given back."""


def acquire(connection: sqlite3.Connection, claim: Claim, ours: str | None, now: float, address: str) -> str:
    """Take the lease inside the open write transaction; returns the nonce under which it is held.

    It is free when there is none, when it is overdue, when it is held under `ours` (the nonce that
    this target got before), or when its process on this host is dead. Another target of the same
    process is kept out like anybody else. Raises StoreUnavailable that names the holder.
    """
    there = held(connection)
    mine = there is not None and there.nonce == ours
    if there is not None and not mine and now < there.until and not dead(there, claim.host):
        raise taken(there, claim.host, now, address)
    nonce = secrets.token_hex(8)
    connection.execute(
        "INSERT INTO lease (id, nonce, token, who, host, pid, process, since, renewed, until)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET nonce = excluded.nonce, token = excluded.token,"
        " who = excluded.who, host = excluded.host,"
        " pid = excluded.pid, process = excluded.process, since = excluded.since,"
        " renewed = excluded.renewed, until = excluded.until",
        (
            nonce,
            claim.token,
            claim.who,
            claim.host,
            claim.pid,
            process_mark(claim.pid),
            there.since if there is not None and mine else now,
            now,
            now + LEASE_SECONDS,
        ),
    )
    return nonce


def renew(connection: sqlite3.Connection, nonce: str | None, now: float, address: str) -> None:
    """Renew the lease inside the open write transaction; raises StoreUnavailable when it is lost.

    An overdue lease that nobody took is still ours.
    """
    if nonce is None:
        raise StoreUnavailable(f"{address}: no lease is held", "run the same command again")
    renewed = connection.execute(
        "UPDATE lease SET renewed = ?, until = ? WHERE nonce = ?", (now, now + LEASE_SECONDS, nonce)
    )
    if renewed.rowcount != 1:
        raise StoreUnavailable(
            f"{address}: somebody else holds the lease now, nothing was written",
            "see who with kvferry status, then run the same command again",
        )


def release(connection: sqlite3.Connection, nonce: str, now: float) -> None:
    """Give the lease back, if it is still ours; until when it was held stays written."""
    connection.execute(
        "UPDATE lease SET nonce = ?, renewed = ?, until = ? WHERE nonce = ?", (_NOBODY, now, now, nonce)
    )


def held(connection: sqlite3.Connection) -> Held | None:
    """The lease that is written down, overdue or not; None: it was given back, or never taken."""
    row = connection.execute(_HELD).fetchone()
    return None if row is None or row[0] == _NOBODY else Held(*row)


def leased_until(connection: sqlite3.Connection) -> float | None:
    """Until when somebody has held it (Unix seconds); None: nobody ever did."""
    row = connection.execute("SELECT until FROM lease").fetchone()
    return None if row is None else float(row[0])
