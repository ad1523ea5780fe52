"""Who holds a store's lease: whether it is known to be dead, and what is said to whoever is kept out."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from migrate.errors import StoreUnavailable

LEASE_SECONDS = 60.0
"""A lease that was not renewed for so long is overdue: anybody may take it."""


class Held(NamedTuple):
    """A lease as the store keeps it. `nonce` names the opening that has it, `process` tells the process
    from a later one with its pid (`process_mark`); `since` and `until` in Unix seconds."""

    nonce: str
    who: str
    host: str
    pid: int
    process: str | None
    since: float
    until: float


def taken(held: Held, host: str, now: float, address: str) -> StoreUnavailable:
    """The error for somebody on `host` who is kept out."""
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


def _visible(held: Held, host: str) -> bool:
    """Can the lease's process be seen from here? Only on this host and in this pid namespace."""
    if held.host != host or held.pid <= 0:
        return False
    return held.process is None or held.process.rpartition("/")[0] == _namespace()


def dead(held: Held, host: str) -> bool:
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
