"""Exporter and application write at once: at every point of a copy, and from several processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migrate.core.ports import balanced
from migrate.core.record import Key, Origin, Record, Row
from migrate.stores.memory import MemoryKv, MemoryStore, When, with_faults
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from tests.flows.world import LATER, FakeClock, classes, export, key, record, verify

ROOT = Path(__file__).parents[2]
H = 60.0
OLD = record(3, b"as KV has had it for long", '{"v":1}', LATER)
NEW = record(3, b"written while the copy runs", '{"v":2}', LATER + 500)
RENEWED = OLD._replace(expiration=LATER + 900)


class Application:
    """The application's side, on either kind of target."""

    def __init__(self, store: MemoryStore | SqliteTarget, clock: FakeClock) -> None:
        self.store = store
        file = store.address.removeprefix("sqlite:")
        dual, app = (
            (SqliteSessions(file, "dual", clock=clock), SqliteSessions(file, "app", clock=clock))
            if isinstance(store, SqliteTarget)
            else (None, None)
        )
        self._sqlite = {Origin.DUAL: dual, Origin.APP: app}

    def put(self, one: Record, origin: Origin) -> None:
        sessions = self._sqlite[origin]
        if sessions is None:
            assert isinstance(self.store, MemoryStore)
            self.store.put(one, origin)
            return
        assert isinstance(one.expiration, int)
        metadata = None if one.metadata is None else json.loads(one.metadata)
        sessions.put(one.key, one.value, expiration=one.expiration, metadata=metadata)

    def remove(self, one: Key, origin: Origin) -> None:
        sessions = self._sqlite[origin]
        if sessions is None:
            assert isinstance(self.store, MemoryStore)
            self.store.remove(one, origin)
        else:
            sessions.delete(one)

    def close(self) -> None:
        for sessions in self._sqlite.values():
            if sessions is not None:
                sessions.close()


Act = Callable[[MemoryKv, Application], None]


def put_dual(kv: MemoryKv, app: Application) -> None:
    app.put(NEW, Origin.DUAL)
    kv.put(NEW)


def put_app(kv: MemoryKv, app: Application) -> None:
    app.put(NEW, Origin.APP)


def put_and_put_back(kv: MemoryKv, app: Application) -> None:
    put_dual(kv, app)
    app.put(OLD, Origin.DUAL)
    kv.put(OLD)


def logout(kv: MemoryKv, app: Application) -> None:
    app.remove(OLD.key, Origin.DUAL)
    kv.remove(OLD.key)


def renew(kv: MemoryKv, app: Application) -> None:
    if app.store.rows([OLD.key]):
        app.put(RENEWED, Origin.DUAL)
    kv.put(RENEWED)


def login_and_logout(kv: MemoryKv, app: Application) -> None:
    put_dual(kv, app)
    logout(kv, app)


EXPECTED: dict[Act, Record | None] = {
    put_dual: NEW,
    put_app: NEW,
    put_and_put_back: OLD,
    logout: None,
    renew: RENEWED,
    login_and_logout: None,
}


class Interrupting:
    """Acts once, at the n-th moment of the calls of source and target."""

    def __init__(self, moment: int, act: Callable[[], None]) -> None:
        self.moment, self.act, self.passed = moment, act, 0

    def __call__(self, name: str, call: int, when: When) -> None:
        at, self.passed = self.passed, self.passed + 1
        if at == self.moment:
            self.act()


def fill(kv: MemoryKv, clock: FakeClock) -> None:
    for number in range(6):
        kv.put(OLD if number == 3 else record(number, b"%d" % number))
    clock.time += 10 * H


class Play:
    """Sweeps, with the action at one moment of the last of them."""

    def __init__(self, act: Act, age: float, sweeps: int, file: Path | None) -> None:
        self.clock = FakeClock()
        self.kv = MemoryKv(clock=self.clock, horizon=H, age=lambda _: age, page=3, width=100)
        fill(self.kv, self.clock)
        self.store: MemoryStore | SqliteTarget = (
            MemoryStore(clock=self.clock) if file is None else SqliteTarget(file, clock=self.clock)
        )
        self.app = Application(self.store, self.clock)
        self.act = act
        if sweeps == 2:
            self.kv.put(record(3, b"what the first sweep saw was older", None, LATER))
            self.clock.time += 10 * H
            self.sweep()
            self.kv.put(OLD)
            self.clock.time += 10 * H

    def sweep(self) -> None:
        done = export(self.kv, self.store, self.clock, horizon=H)
        assert balanced(done[-1].tally)

    def interrupted(self, moment: int) -> int:
        at = Interrupting(moment, lambda: self.act(self.kv, self.app))
        export(with_faults(self.kv, at), with_faults(self.store, at), self.clock, horizon=H)
        return at.passed

    def row(self) -> Row:
        return self.store.rows([OLD.key])[OLD.key]

    def close(self) -> None:
        self.app.close()
        self.store.close()


def judge(play: Play, moment: int, ledger: Path) -> None:
    expected = EXPECTED[play.act]
    if play.act is not renew:  # the import may have come before; a sweep brings what KV was told
        assert play.row().value == (expected.value if expected else None), moment
    play.clock.time += H + 1
    play.sweep()
    row = play.row()
    if expected is None:
        assert row.deleted, moment
    else:
        assert row.value is not None
        assert Record(row.key, row.value, row.metadata, row.expiration) == expected, moment
    assert sum(1 for _ in play.store.rows_between("", None, None)) == 6
    if moment % 7 == 0:
        ended = verify(play.kv, play.store, play.clock, ledger, settle=H)
        assert ended.document["against"] == 0, (moment, classes(ended))


@pytest.mark.parametrize("sweeps", [1, 2])
@pytest.mark.parametrize("age", [0.0, H])
@pytest.mark.parametrize("act", EXPECTED, ids=lambda act: act.__name__)
def test_whenever_the_application_writes_its_word_is_the_last(
    act: Act, age: float, sweeps: int, tmp_path: Path
) -> None:
    moments = Play(act, age, sweeps, None).interrupted(-1)
    assert moments >= 30
    for moment in range(moments):
        play = Play(act, age, sweeps, None)
        play.interrupted(moment)
        judge(play, moment, tmp_path / f"{moment}.db")


@pytest.mark.parametrize("act", EXPECTED, ids=lambda act: act.__name__)
def test_in_sqlite_too_its_word_is_the_last(act: Act, tmp_path: Path, memory_folder: Path) -> None:
    moments = Play(act, H, 2, None).interrupted(-1)
    for moment in range(moments):
        with closing(Play(act, H, 2, memory_folder / f"{moment}.db")) as play:
            play.interrupted(moment)
            judge(play, moment, tmp_path / f"{moment}.db")


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory where there is one: every acknowledged logout is written through to the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


@pytest.mark.parametrize("age", [0.0, 30.0, H])
def test_a_copy_never_lives_longer_than_what_was_read(age: float) -> None:
    clock = FakeClock()
    kv = MemoryKv(clock=clock, horizon=H, age=lambda _: age)
    store = MemoryStore(clock=clock)
    shorter = {key(number): LATER + number for number in range(5)}
    for one, until in shorter.items():
        kv.put(Record(one, b"v", None, until + 1000))
    clock.time += 2 * H
    export(kv, store, clock, horizon=H)
    for one, until in shorter.items():
        kv.put(Record(one, b"v", None, until))
    clock.time += 2 * H
    export(kv, store, clock, horizon=H)
    rows = store.rows(list(shorter))
    assert {one: row.expiration for one, row in rows.items()} == shorter


@pytest.mark.parametrize("age", [0.0, H])
def test_a_logout_before_the_copy_holds_whatever_the_source_shows(clock: FakeClock, age: float) -> None:
    kv = MemoryKv(clock=clock, horizon=H, age=lambda _: age)
    fill(kv, clock)
    store = MemoryStore(clock=clock)
    logout(kv, Application(store, clock))
    for _ in range(3):
        export(kv, store, clock, horizon=H)
        assert store.rows([OLD.key])[OLD.key].deleted
        clock.time += 1


def test_an_id_that_only_the_application_deleted_is_present_for_the_copy(clock: FakeClock) -> None:
    kv, store = MemoryKv(clock=clock), MemoryStore(clock=clock)
    fill(kv, clock)
    store.remove(Key("s:05"))
    done = export(kv, store, clock, horizon=H)[0]
    assert done.tally["tombstoned"] == 1
    assert store.rows([Key("s:05")])[Key("s:05")].deleted


def test_with_both_sides_writing_from_several_processes_nothing_is_lost_stale_or_resurrected(
    memory_folder: Path,
) -> None:
    words = [sys.executable, "-m", "tests.flows.crowd", str(memory_folder), "1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert found["verdict"] == "clean"
    assert found["deleted"] >= 5
    assert found["written"] >= 100
    assert found["sweeps"] >= 2
