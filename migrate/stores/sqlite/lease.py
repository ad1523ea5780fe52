"""The lease: one operator at a time copies into a file, and a killed one never blocks its resume."""

from __future__ import annotations

import math
import os
import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from migrate.core.ports import Claim
from migrate.errors import StoreUnavailable

LEASE_SECONDS = 60.0
"""A lease that was not renewed for so long is overdue: anybody may take it."""


class _Held(NamedTuple):
    nonce: str
    token: str
    who: str
    host: str
    pid: int
    process: str | None
    since: float
    until: float


def acquire(connection: sqlite3.Connection, claim: Claim, ours: str | None, now: float, address: str) -> str:
    """Take the lease inside the open write transaction; returns the nonce under which it is held.

    It is free when there is none, when it is overdue, when it is held under `ours` (the nonce that
    this target got before), or when its process on this host is dead. Another target of the same
    process is kept out like anybody else. Raises StoreUnavailable that names the holder.
    """
    row = connection.execute(
        "SELECT nonce, token, who, host, pid, process, since, until FROM lease"
    ).fetchone()
    held = None if row is None else _Held(*row)
    mine = held is not None and held.nonce == ours
    if held is not None and not mine and now < held.until and not _dead(held, claim.host):
        raise _taken(held, claim.host, now, address)
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
            held.since if held is not None and mine else now,
            now,
            now + LEASE_SECONDS,
        ),
    )
    return nonce


def _taken(held: _Held, host: str, now: float, address: str) -> StoreUnavailable:
    since = datetime.fromtimestamp(held.since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    message = f"{address}: {held.who} on {held.host} (pid {held.pid}) has been writing to it since {since}"
    if not _visible(held, host):
        # Another machine, or another container of this one: the process may be alive, also when it
        # has our token, for two containers can share a ledger and a host name.
        left = math.ceil(held.until - now)
        message += f"; whether it still runs cannot be seen from here: if not, this is over within {left} s"
    return StoreUnavailable(
        message,
        f"stop it, or wait: its lease is over {LEASE_SECONDS:.0f} s after its last sign of life,"
        " at the latest",
    )


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


def release(connection: sqlite3.Connection, nonce: str) -> None:
    """Give the lease back, if it is still ours."""
    connection.execute("DELETE FROM lease WHERE nonce = ?", (nonce,))


def process_mark(pid: int) -> str | None:
    """What tells a running process from a later one with its pid: pid namespace and start time.

    None when the system does not say (no /proc, or not for other users) or there is none.
    """
    seen = _look(pid)
    return None if seen is None else seen[1]


def _look(pid: int) -> tuple[bytes, str] | None:
    """The process's state letter and mark."""
    try:
        # Behind the command name in parentheses: state is field 3, start time field 22 (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return fields[0], f"{_namespace()}/{fields[19].decode('ascii')}"
    except (OSError, IndexError):
        return None


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"


def _visible(held: _Held, host: str) -> bool:
    """Can the lease's process be seen from here? Only on this host and in this pid namespace."""
    if held.host != host or held.pid <= 0:
        return False
    return held.process is None or held.process.rpartition("/")[0] == _namespace()


def _dead(held: _Held, host: str) -> bool:
    """Is the lease's process known to have ended?"""
    if not _visible(held, host):
        return False
    try:
        os.kill(held.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's process: it exists
    seen = _look(held.pid)
    if seen is None:
        return False
    state, mark = seen
    zombie = state in (b"Z", b"X")
    return zombie or (held.process is not None and mark != held.process)
