from __future__ import annotations

import contextlib
import copy
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from migrate.core.ports import Target
from migrate.errors import StoreUnavailable
from migrate.stores.memory import Faults, MemoryStore, When, with_faults
from tests.flows import scenario
from tests.flows.world import FakeClock


class Died(StoreUnavailable):
    """What a store raises in these tests."""


class At:
    """Raise at the n-th moment: a moment is before or after a call."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.passed = 0
        self._lock = threading.Lock()

    def __call__(self, name: str, call: int, when: When) -> None:
        with self._lock:
            at, self.passed = self.passed, self.passed + 1
        if at == self.moment:
            raise Died(f"{when} {name}")


def run(command: str, target: Target, clock: FakeClock, at: At) -> None:
    source = with_faults(scenario.source(command), at)
    scenario.perform(command, source, with_faults(target, at), clock)


def crashed(command: str, target: Target, moment: int) -> bool:
    """Run with a failure at the moment, then again without; was there such a moment?"""
    clock = FakeClock()
    failed = False
    try:
        run(command, target, clock, At(moment))
    except Died:
        failed = True
    if failed and not scenario.finished(command, target):
        clock.time += 1000
        with contextlib.suppress(StoreUnavailable):
            target.release()
        run(command, target, clock, At(-1))
    return failed


def memory(command: str) -> MemoryStore:
    store = MemoryStore(clock=FakeClock())
    if command in scenario.AFTER_FIRST:
        run("first", store, FakeClock(), At(-1))
        scenario.prepare(store, scenario.write_memory(store))
    return store


def sqlite(command: str, file: Path) -> None:
    with contextlib.closing(scenario.opened(file, FakeClock())) as target:
        if command in scenario.AFTER_FIRST:
            run("first", target, FakeClock(), At(-1))
            scenario.prepare(target, scenario.write_sqlite(file))


def moments(command: str) -> int:
    at = At(-1)
    run(command, memory(command), FakeClock(), at)
    return at.passed


@pytest.mark.parametrize("command", scenario.COMMANDS)
def test_failing_at_any_call_and_resuming_gives_what_an_uninterrupted_run_gives(command: str) -> None:
    begun = memory(command)
    whole = _copy(begun)
    run(command, whole, FakeClock(), At(-1))
    expected = scenario.outcome(whole)
    total = moments(command)
    assert total > (40 if command == "retry" else 150)
    reached = 0
    tried = range(0, total, 41 if command == "parts" else 1)  # there are 32 parts, all alike
    for moment in tried:
        store = _copy(begun)
        reached += crashed(command, store, moment)
        assert scenario.outcome(store) == expected, moment
    assert reached == len(tried)


@pytest.mark.parametrize("command", ["first", "later"])
def test_failing_twice_and_resuming_gives_what_an_uninterrupted_run_gives(command: str) -> None:
    begun = memory(command)
    whole = _copy(begun)
    run(command, whole, FakeClock(), At(-1))
    expected = scenario.outcome(whole)
    total = moments(command)
    for first in range(3, total, 17):
        for second in range(7, total, 53):
            store, clock = _copy(begun), FakeClock()
            for moment in (first, second, -1):
                if not scenario.finished(command, store):
                    with contextlib.suppress(Died):
                        run(command, store, clock, At(moment))
                clock.time += 100
                with contextlib.suppress(StoreUnavailable):
                    store.release()
            assert scenario.outcome(store) == expected, (first, second)


@pytest.mark.parametrize("command", ["first", "later", "retry"])
def test_sqlite_ends_as_the_store_in_memory_does(command: str, tmp_path: Path) -> None:
    sqlite(command, tmp_path / "begun.db")
    store = memory(command)
    run(command, store, FakeClock(), At(-1))
    for moment in (-1, *range(0, moments(command), 9)):
        file = tmp_path / "again.db"
        shutil.copy(tmp_path / "begun.db", file)
        with contextlib.closing(scenario.opened(file, FakeClock())) as target:
            crashed(command, target, moment)
            assert scenario.outcome(target) == scenario.outcome(store), moment
    assert not list(tmp_path.glob("again.db-wal"))


def _copy(store: MemoryStore) -> MemoryStore:
    made = MemoryStore(clock=FakeClock())
    for name, value in vars(store).items():
        if name not in ("_clock", "_lock"):
            setattr(made, name, copy.copy(value))
    return made


def test_a_fault_is_a_moment_before_or_after_a_call() -> None:
    at = At(1)
    store: Any = with_faults(MemoryStore(clock=FakeClock()), at)
    assert isinstance(store, Faults)
    with pytest.raises(Died, match="after rows"):
        store.rows(["s:1"])
