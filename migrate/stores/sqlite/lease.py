"""The lease: one operator at a time copies into a file, and a killed one never blocks its resume."""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from migrate.core.ports import Claim
from migrate.errors import StoreUnavailable

LEASE_SECONDS = 60.0
"""A lease that was not renewed for so long is overdue: anybody may take it."""


class _Held(NamedTuple):
    token: str
    who: str
    host: str
    pid: int
    process: str | None
    since: float
    until: float


def acquire(connection: sqlite3.Connection, claim: Claim, now: float, address: str) -> None:
    """Take the lease inside the open write transaction.

    It is free when there is none, when it is overdue, when it is this very process's, or when
    its process on this host is dead. Raises StoreUnavailable that names the holder.
    """
    row = connection.execute("SELECT token, who, host, pid, process, since, until FROM lease").fetchone()
    held = None if row is None else _Held(*row)
    process = process_mark(claim.pid)
    mine = held is not None and (held.token, held.host, held.pid, held.process) == (
        claim.token,
        claim.host,
        claim.pid,
        process,
    )
    if held is not None and not mine and now < held.until and not _dead(held, claim.host):
        since = datetime.fromtimestamp(held.since, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        raise StoreUnavailable(
            f"{address}: {held.who} on {held.host} (pid {held.pid}) has been writing to it since {since}",
            f"wait for that run, or stop it and run the same command again within {LEASE_SECONDS:.0f} s",
        )
    connection.execute(
        "INSERT INTO lease (id, token, who, host, pid, process, since, renewed, until)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET token = excluded.token, who = excluded.who, host = excluded.host,"
        " pid = excluded.pid, process = excluded.process, since = excluded.since,"
        " renewed = excluded.renewed, until = excluded.until",
        (
            claim.token,
            claim.who,
            claim.host,
            claim.pid,
            process,
            held.since if held is not None and mine else now,
            now,
            now + LEASE_SECONDS,
        ),
    )


def renew(connection: sqlite3.Connection, claim: Claim | None, now: float, address: str) -> None:
    """Renew the lease inside the open write transaction; raises StoreUnavailable when it is lost.

    An overdue lease that nobody took is still ours.
    """
    if claim is None:
        raise StoreUnavailable(f"{address}: no lease is held", "run the same command again")
    renewed = connection.execute(
        "UPDATE lease SET renewed = ?, until = ? WHERE token = ? AND host = ? AND pid = ?",
        (now, now + LEASE_SECONDS, claim.token, claim.host, claim.pid),
    )
    if renewed.rowcount != 1:
        raise StoreUnavailable(
            f"{address}: somebody else holds the lease now, nothing was written",
            "see who with kvferry status, then run the same command again",
        )


def release(connection: sqlite3.Connection, claim: Claim) -> None:
    """Give the lease back, if it is still ours."""
    connection.execute(
        "DELETE FROM lease WHERE token = ? AND host = ? AND pid = ?", (claim.token, claim.host, claim.pid)
    )


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


def _dead(held: _Held, host: str) -> bool:
    """Is the lease's process known to have ended? Only for this host and this pid namespace."""
    if held.host != host or held.pid <= 0:
        return False
    if held.process is not None and held.process.rpartition("/")[0] != _namespace():
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
