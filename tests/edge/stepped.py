"""The exporter of the product, standing still before each of its calls until it is told to go on.

It runs in a thread of its own, with the real flow of a sweep (`migrate.exporting`). What it asks of its
source and its target, and every wait, is a step; between two steps it can be killed, like a process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.core.ports import Answer, Batch, Checkpoint, Claim, RunId, TooLate
from migrate.core.record import Key, Row
from migrate.exporting import Exporter, Order

_CLAIM = Claim("walks", "walks", "here", 1)
_ANSWERS_WITHIN = 60.0


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the exporter is about to do: "rows", "read" or "apply", with the keys, or "wait"."""

    name: str
    keys: tuple[Key, ...] = ()


class Gate:
    """Between the exporter's thread and whoever leads it: one of them runs at a time."""

    def __init__(self) -> None:
        self._said: queue.Queue[Call | BaseException | None] = queue.Queue()
        self._told: queue.Queue[bool] = queue.Queue()
        self.found: Mapping[Key, Row] = {}
        """What the last look at rows has found."""
        self.late = False
        """Was the last transaction refused, because it came too late?"""

    def stop(self, call: Call) -> None:
        """Of the exporter: stand still here. Raises Killed."""
        self._said.put(call)
        if not self._told.get():
            raise Killed

    def end(self, error: BaseException | None) -> None:
        """Of the exporter: there is nothing more to do."""
        self._said.put(error)

    def next(self) -> Call | None:
        """Where it stands still now, None when it has ended. Raises what it has raised."""
        said = self._said.get(timeout=_ANSWERS_WITHIN)
        if isinstance(said, BaseException):
            raise said
        return said

    def go(self, *, on: bool) -> None:
        """Let it go on, or kill it."""
        self._told.put(on)


class _Held:
    """A store whose calls stand still first."""

    def __init__(self, store: Any, gate: Gate) -> None:
        self._store, self._gate = store, gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class HeldSource(_Held):
    """Stands still before each read of values."""

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        self._gate.stop(Call("read", tuple(keys)))
        answers: Mapping[Key, Answer] = self._store.read(keys)
        return answers


class HeldTarget(_Held):
    """Stands still before each look at rows and each transaction."""

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        self._gate.stop(Call("rows", tuple(keys)))
        self._gate.found = self._store.rows(keys)
        return self._gate.found

    def apply(self, batch: Batch, checkpoint: Checkpoint) -> Checkpoint:
        self._gate.stop(Call("apply"))
        self._gate.late = False
        try:
            saved: Checkpoint = self._store.apply(batch, checkpoint)
        except TooLate:
            self._gate.late = True
            raise
        return saved


class HeldClock:
    """The test's time, which does not pass while the exporter waits: it stands still until it has."""

    def __init__(self, now: Callable[[], float], gate: Gate) -> None:
        self.now, self.monotonic, self._gate = now, now, gate

    def sleep(self, seconds: float) -> None:
        until = self.now() + seconds
        while self.now() < until:
            self._gate.stop(Call("wait"))


class Stepped:
    """One sweep of an exporter: a new one, or what a killed one has left of it. `run`: its sweeps belong
    together."""

    def __init__(
        self, source: Any, open_target: Callable[[Any], Any], now: Callable[[], float], prefix: str, run: int
    ) -> None:
        self.gate = Gate()
        self._clock = HeldClock(now, self.gate)
        self._source = HeldSource(source, self.gate)
        self._open = open_target
        self._order = Order(RunId(f"{run:016x}"), (prefix,), horizon=150.0)
        self._thread = threading.Thread(target=self._run, name="exporter", daemon=True)
        self._thread.start()
        self.at = self.gate.next()

    def go(self) -> Call | None:
        """Let it do what it stands before; where it stands still then."""
        self.gate.go(on=True)
        self.at = self.gate.next()
        return self.at

    def kill(self) -> None:
        """End it where it stands."""
        self.gate.go(on=False)
        while True:
            try:
                if self.gate.next() is None:
                    break
            except Killed:
                break
            self.gate.go(on=False)
        self._thread.join(_ANSWERS_WITHIN)
        self.at = None

    def _run(self) -> None:
        error: BaseException | None = None
        target = self._open(self._clock)
        try:
            target.acquire(_CLAIM)
            held = HeldTarget(target, self.gate)
            exporter = Exporter(self._source, held, self._order, self._clock, lambda *_: None)  # type: ignore[arg-type]
            for _ in exporter.run():
                pass
            target.release()
        except BaseException as raised:  # it is raised where the exporter is led
            error = raised
        finally:
            target.close()
        self.gate.end(error)
