"""Holding a target's lease through long waits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from migrate.core.ports import Claim, Target
from migrate.errors import StoreError

HEARTBEAT = 15.0
"""Seconds between two renewals of the lease while somebody waits."""


@contextlib.contextmanager
def holding(target: Target, claim: Claim) -> Iterator[None]:
    """Hold the lease, and give it back. Raises StoreUnavailable: somebody has it."""
    target.acquire(claim)
    stop = threading.Event()

    def beat() -> None:
        """Keep it alive; once it is lost, the next write will say so."""
        while not stop.wait(HEARTBEAT):
            with contextlib.suppress(StoreError):
                target.heartbeat()

    threading.Thread(target=beat, name="lease", daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        target.release()
