"""The real exporter, one call of a store at a time: it waits where it is told to, goes on, or is cut off."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from migrate.core.ports import Clock, Source, Target
from migrate.errors import StoreUnavailable
from migrate.exporting import Exporter, Order
from migrate.stores.memory import with_faults

END, SLEEP = "its end", "sleep"
_PATIENCE = 30.0  # seconds that nobody waits for, unless the exporter hangs


class Stepped:
    """An export on a thread of its own, which runs only while somebody waits for it.

    `to(point)` lets it run until just before a call of that name ("source.read", "target.apply"), or
    until it would SLEEP, or to its END; every other call on the way is made.
    """

    def __init__(self, source: Source, target: Target, clock: Clock, order: Order) -> None:
        self._wanted = ""
        self._at = ""
        self._cut = False
        self._ours, self._its = threading.Semaphore(0), threading.Semaphore(0)
        self._failed: BaseException | None = None
        self.clock = _Waiting(clock, lambda: self._arrived(SLEEP))
        exporter = Exporter(
            with_faults(source, self._hook("source")),
            with_faults(target, self._hook("target")),
            order,
            self.clock,
            lambda info, tally: None,
        )
        self._thread = threading.Thread(target=self._run, args=(exporter,), daemon=True)

    def to(self, point: str) -> str:
        """Go on to this point, or to the end; where it is then. Raises what the exporter raised."""
        self._wanted = point
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._its.release()
        self._wait()
        return self._at

    def cut(self) -> None:
        """End it here, as if it had been killed: the call that it stands before is not made."""
        if self._at not in ("", END):
            self._cut = True
            self.to(END)

    def _run(self, exporter: Exporter) -> None:
        try:
            for _ in exporter.run():
                pass
        except BaseException as error:
            self._failed = None if self._cut else error
        self._at = END
        self._ours.release()

    def _wait(self) -> None:
        assert self._ours.acquire(timeout=_PATIENCE), "the exporter hangs"
        if self._failed is not None:
            raise self._failed

    def _hook(self, store: str) -> Callable[[str, int, Any], None]:
        def hook(name: str, index: int, when: str) -> None:
            if when == "before":
                self._arrived(f"{store}.{name}")

        return hook

    def _arrived(self, point: str) -> None:
        if self._cut:
            raise StoreUnavailable("the exporter was killed")
        if point in (self._wanted, SLEEP):
            self._at = point
            self._ours.release()
            self._its.acquire()
            if self._cut:
                raise StoreUnavailable("the exporter was killed")


class _Waiting:
    """A clock by which the exporter does not sleep, but stands still until it is told to go on."""

    def __init__(self, clock: Clock, waits: Callable[[], None]) -> None:
        self._clock = clock
        self._waits = waits

    def now(self) -> float:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._waits()
