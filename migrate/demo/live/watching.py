"""Watches the demonstration while it runs: draws the table, and stops it when something is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from migrate.clock import SystemClock
from migrate.demo.live.counting import BAD, ERRORS, Counts
from migrate.demo.live.screen import Screen
from migrate.errors import MigrateError
from migrate.formats.figures import duration

Stores = Callable[[], Mapping[str, Mapping[str, int]]]
"""Gives the counters of the session stores, by stage and by their own names. Raises MigrateError."""

_EVERY = 0.5  # seconds
_BUSY = "try again when the machine is less busy"
_DEFECT = "unless its session store was changed, this is a defect of kvferry; please report it"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the roll-out does not go on, and what to do."""

    why: str
    hint: str


class Watch:
    """Used as a context. `stores`: what the session stores count. `within`: seconds after `began` (by the
    clock's `monotonic`) in which it must end. Any trouble stops the clock, so that nobody goes on waiting."""

    def __init__(
        self, clock: SystemClock, began: float, within: float, screen: Screen, counts: Counts, stores: Stores
    ) -> None:
        self._clock, self._began, self._within = clock, began, within
        self._screen, self._counts, self._stores = screen, counts, stores
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watched, name="watch", daemon=True)
        self._late = False

    def trouble(self) -> Trouble | None:
        """What is wrong so far, if anything is."""
        found = [f"{name}: {number:,}" for name in BAD if (number := self._counts.total(name))]
        if found:
            only_errors = not any(self._counts.total(name) for name in BAD if name != ERRORS)
            hint = f"{_BUSY}; otherwise, {_DEFECT}" if only_errors else _DEFECT
            return Trouble(f"what users saw was wrong ({', '.join(found)})", hint)
        if self._late:
            return Trouble(f"it did not come to its end in {duration(self._within)}", _BUSY)
        return None

    def look(self) -> None:
        """Fetch the counters of the session store, and draw the table."""
        with suppress(MigrateError):  # whoever does not answer gets no request through either
            self._counts.stores_say(self._stores())
        self._screen.refresh()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watched(self) -> None:
        while not self._ended.wait(_EVERY):
            self.look()
            self._late = self._clock.monotonic() - self._began > self._within
            if self.trouble() is not None:
                self._clock.stop()
                return
