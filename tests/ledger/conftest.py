from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.ledger.ledger import Ledger


@dataclass
class SetClock:
    time: float = 1_763_600_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".kvferry" / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: SetClock) -> Iterator[Ledger]:
    with Ledger.open(path, clock=clock) as opened:
        yield opened
