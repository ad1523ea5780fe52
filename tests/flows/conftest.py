from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteTarget
from tests.flows.world import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kv(clock: FakeClock) -> MemoryKv:
    return MemoryKv(clock=clock, page=5, width=3)


@pytest.fixture
def store(clock: FakeClock) -> MemoryStore:
    return MemoryStore(clock=clock)


@pytest.fixture
def target(clock: FakeClock, tmp_path: Path) -> Iterator[SqliteTarget]:
    made = SqliteTarget(tmp_path / "sessions.db", clock=clock)
    yield made
    made.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / ".kvferry" / "ledger.db"
