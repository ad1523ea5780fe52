"""What a command opens again and again is closed again, however long it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate import desk as desks
from migrate.clock import SystemClock
from migrate.core.record import Key
from migrate.desk import desk_of
from migrate.errors import StoreError
from migrate.opening import Opener, Settings
from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteTarget
from tests.flows.test_burials import Ground
from tests.flows.world import FakeClock


def test_a_desk_apart_closes_what_it_opened_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    SqliteTarget(file, clock=SystemClock()).close()
    settings = Settings(clock=SystemClock(), ledger=tmp_path / "ledger.db", environ={})
    with desk_of(settings, None) as desk:
        mine = desk.opener.holder(f"sqlite:{file}")
        with desk.apart() as apart:
            theirs = apart.opener.holder(f"sqlite:{file}")
            assert theirs.rows([Key("s:1")]) == {}
        assert mine.rows([Key("s:1")]) == {}
        assert apart.ledger is desk.ledger
        with pytest.raises(StoreError, match="ProgrammingError"):
            theirs.rows([Key("s:1")])


def test_who_is_at_work_is_asked_over_connections_that_are_closed(
    kv: MemoryKv, store: MemoryStore, clock: FakeClock, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Opener] = []
    closed: list[Opener] = []

    class Counted(Opener):
        def __init__(self, *words: object) -> None:
            super().__init__(*words)  # type: ignore[arg-type]
            opened.append(self)

        def close(self) -> None:
            super().close()
            closed.append(self)

    ground = Ground(kv, store, clock, ledger)
    monkeypatch.setattr(desks, "Opener", Counted)
    ground.bury()
    assert len(opened) >= 3, "the command's own, one before the first reading, and one before the burial"
    assert closed == [*opened[1:], opened[0]]
