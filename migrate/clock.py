"""The real clock; everything that waits or dates takes a `Clock` as an argument."""

from __future__ import annotations

import threading
import time

from migrate.errors import StoreUnavailable


class SystemClock:
    """The machine's own time. `stop` wakes every sleeper, so that an interrupted command ends."""

    def __init__(self) -> None:
        """Start running."""
        self._stopped = threading.Event()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some point, never going back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; raises StoreUnavailable when the command is being stopped."""
        if self._stopped.wait(max(0.0, seconds)):
            raise StoreUnavailable("stopped while waiting", "run the same command again: it resumes")

    def stop(self) -> None:
        """Wake all sleepers, for good."""
        self._stopped.set()
