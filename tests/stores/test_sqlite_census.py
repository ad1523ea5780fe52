from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.ports import Batch, Checkpoint, Claim, Quarantined, RunId
from migrate.core.record import NEVER, Key, Origin, Record
from migrate.errors import StoreRefused
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from migrate.stores.sqlite.census import take

RUN = RunId("0123456789abcdef")
CLAIM = Claim("token", "bo@host", "host", os.getpid())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three copied sessions (one expired), two of the application's, a tombstone, one in quarantine."""
    path = tmp_path / "sessions.db"
    target = SqliteTarget(path, clock=SystemClock())
    target.acquire(CLAIM)
    sweep = target.open_sweep(RUN, 1)
    records = [Record(Key(f"a:{n}"), b"v", None, 1 if n == 2 else NEVER) for n in range(3)]
    target.apply(
        Batch(records=records, quarantined=[Quarantined(Key("a:q"), "bad")]), Checkpoint(sweep.id, "a:")
    )
    target.close_sweep(sweep.id)
    target.release()
    target.close()
    sessions = SqliteSessions(path, origin="app", prefix="b:")
    for name in "xyz":
        sessions.put(name, {})
    sessions.delete("z")
    sessions.close()
    return path


def test_rows_are_counted_by_origin_and_tombstones_apart(file: Path) -> None:
    census = take(file, [""], RUN)
    assert census.origins == {Origin.COPY: 3, Origin.APP: 2}
    assert (census.tombstones, census.quarantined, census.lease) == (1, 1, None)
    assert [(sweep.number, sweep.finished is not None) for sweep in census.sweeps] == [(1, True)]


@pytest.mark.parametrize(
    ("prefixes", "copied", "app", "quarantined"),
    [(["a:"], 3, 0, 1), (["b:"], 0, 2, 0), (["a:", "b:"], 3, 2, 1), (["c:"], 0, 0, 0), (["a:1"], 1, 0, 0)],
)
def test_only_rows_under_the_prefixes_count(
    file: Path, prefixes: list[str], copied: int, app: int, quarantined: int
) -> None:
    census = take(file, prefixes, RUN)
    assert census.origins.get(Origin.COPY, 0) == copied
    assert census.origins.get(Origin.APP, 0) == app
    assert census.quarantined == quarantined


def test_the_sweeps_are_those_of_the_run(file: Path) -> None:
    assert take(file, [""], RunId("f" * 16)).sweeps == []


def test_a_lease_names_its_holder(file: Path) -> None:
    target = SqliteTarget(file, clock=SystemClock())
    target.acquire(CLAIM)
    lease = take(file, [""], RUN).lease
    target.release()
    target.close()
    assert lease is not None
    assert (lease.who, lease.host, lease.pid) == ("bo@host", "host", os.getpid())
    assert lease.since <= lease.until


def test_counting_changes_nothing_and_makes_no_store(file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    take(file, [""], RUN)
    assert file.read_bytes() == before
    log = tmp_path / "sessions.db-wal"  # SQLite's own, made by whoever opens the file
    assert not log.exists() or log.stat().st_size == 0
    with pytest.raises(StoreRefused, match="no such file"):
        take(tmp_path / "none.db", [""], RUN)
    assert not (tmp_path / "none.db").exists()
