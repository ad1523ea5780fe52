"""A verify of just some keys: streamed, settled, resumed, and the document that it ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

import migrate.checking
from migrate.checking import Check, check
from migrate.core.comparing import Rules, Stage
from migrate.core.difference import Difference
from migrate.core.document import Document
from migrate.core.ports import Answer, Holder, Source, Unreadable
from migrate.core.record import Key, Origin, Row
from migrate.core.rereading import Patience
from migrate.desk import desk_of
from migrate.formats import report
from migrate.opening import Settings
from migrate.stores.memory import MemoryKv, MemoryStore
from migrate.stores.sqlite import SqliteHolder, SqliteSessions
from tests.flows.world import LATER, FakeClock, Script, key, record, sweep


@dataclass(frozen=True)
class Looked:
    """What a check came to, read while the ledger was open."""

    document: Document
    exit: int
    agreed: list[Difference]
    against: list[Difference]


def look(
    source: Source,
    target: Holder,
    clock: FakeClock,
    ledger: Path,
    keys: Sequence[Key],
    *,
    stage: Stage = Stage.SHADOW_READ,
    mirrored: bool = False,
    since: float = 0.0,
) -> Looked:
    def behind(last: Key | None) -> Iterator[Key]:
        return (one for one in sorted(keys) if last is None or one > last)

    asked = Check(
        "a test", ("s:",), behind, Rules(stage=stage), Patience(120.0, 2), mirrored=mirrored, since=since
    )
    with desk_of(Settings(clock=clock, ledger=ledger, environ={}), None) as desk:
        checked = check(desk, source, target, asked)
        report.validate(checked.document, "key-check")
        assert checked.document["balanced"]
        assert report.render(checked.document, "text").startswith("verify of just ")
        return Looked(checked.document, checked.exit, list(checked.agreed()), list(checked.against()))


def found(document: Document) -> dict[str, int]:
    return {name: one["keys"] for name, one in document["classes"].items() if one["keys"]}


@pytest.fixture
def copied(kv: MemoryKv, store: MemoryStore, clock: FakeClock) -> MemoryStore:
    for number in range(8):
        kv.put(record(number))
    sweep(kv, store, clock)
    return store


def test_only_the_keys_that_were_asked_for_are_read(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of([record(number) for number in range(8)])
    checked = look(source, copied, clock, ledger, [key(1), key(3), key(7)])
    assert set(source.read_keys) == {key(1), key(3), key(7)}
    assert source.scans == []
    assert (checked.exit, checked.document["keys"], found(checked.document)) == (0, 3, {"equal": 3})
    assert clock.slept == []


def test_what_differs_is_read_again_and_counts(
    kv: MemoryKv, copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    kv.put(record(2, b"other"))
    kv.put(record(9))
    kv.remove(key(4))
    checked = look(kv, copied, clock, ledger, [key(n) for n in (1, 2, 4, 9, 77)])
    assert found(checked.document) == {"equal": 1, "value": 1, "extra": 1, "missing": 1}
    assert (checked.exit, checked.document["against"], checked.document["nothing"]) == (1, 3, 1)
    assert [one.key for one in checked.against] == [key(2), key(4), key(9)]
    assert sum(clock.slept) == 120.0


def test_before_shadow_read_an_agreement_must_be_seen_twice(
    kv: MemoryKv, copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    checked = look(kv, copied, clock, ledger, [key(1)], stage=Stage.DUAL_WRITE)
    assert (checked.exit, sum(clock.slept)) == (0, 120.0)
    assert [(one.key, one.target.version) for one in checked.agreed if one.target] == [(key(1), 1)]


def test_where_kv_is_to_mirror_the_target_an_old_value_in_it_counts(
    kv: MemoryKv, clock: FakeClock, ledger: Path, tmp_path: Path
) -> None:
    file = tmp_path / "app.db"
    with closing(SqliteSessions(file, origin="app", prefix="s:", clock=clock)) as sessions:
        for number in range(4):
            sessions.put(f"{number:02d}", b"value", expiration=LATER)
        sessions.delete("03")
    for number in (0, 2, 3):
        kv.put(record(number, b"value" if number != 2 else b"old"))
    holder = SqliteHolder(file)
    checked = look(kv, holder, clock, ledger, [key(n) for n in range(4)], mirrored=True)
    assert [one.key for one in checked.agreed] == [key(0)]
    assert [(one.key, one.kind.value) for one in checked.against] == [
        (key(1), "extra_app"),
        (key(2), "newer_in_target"),
        (key(3), "tombstoned"),
    ]
    holder.close()


def test_a_row_that_changes_while_kv_is_read_is_read_again(
    kv: MemoryKv, copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    class Meddled(Script):
        """The application writes the row while KV is read, once."""

        times = 0

        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            if not self.times:
                old = copied.rows(keys)[key(1)]
                copied._rows[key(1)] = Row(*old[:4], Origin.DUAL, old.version + 1, None)
            self.times += 1
            return super().read(keys)

    source = Meddled.of([record(1)])
    checked = look(source, copied, clock, ledger, [key(1)])
    assert (checked.exit, source.times, sum(clock.slept)) == (0, 2, 120.0)


def test_a_key_that_cannot_be_read_is_neither_for_nor_against(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of([record(number) for number in range(8)])
    source.answers[key(5)] = Unreadable("too large")
    checked = look(source, copied, clock, ledger, [key(4), key(5)])
    assert (checked.exit, checked.document["verdict"]) == (3, "unproven")
    assert checked.document["unreadable"]["count"] == 1
    assert checked.document["unreadable"]["samples"][0]["reason"] == "too large"


@pytest.mark.parametrize("killed_in", ["walk", "settle"])
def test_one_that_was_broken_off_goes_on_where_it_was(
    kv: MemoryKv,
    copied: MemoryStore,
    clock: FakeClock,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_in: str,
) -> None:
    monkeypatch.setattr(migrate.checking, "PORTION", 2)
    kv.put(record(3, b"other"))
    keys = [key(number) for number in range(8)]
    whole = look(kv, copied, clock, ledger.with_name("other.db"), keys).document

    class Dying(Script):
        """The process is interrupted in one of its reads."""

        times = 0

        def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
            Dying.times += 1
            if Dying.times == (3 if killed_in == "walk" else 5):
                raise KeyboardInterrupt
            return super().read(keys)

    source = Dying.of([record(n, b"other" if n == 3 else b"value") for n in range(8)])
    with pytest.raises(KeyboardInterrupt):
        look(source, copied, clock, ledger, keys)
    resumed = look(source, copied, clock, ledger, keys).document
    same = ("keys", "against", "classes", "verdict", "nothing", "unproven")
    assert {name: resumed[name] for name in same} == {name: whole[name] for name in same}
    assert max(source.read_keys.values()) == 2  # of the one that differs
    assert source.read_keys[key(0)] == 1


def test_one_that_began_before_the_keys_were_written_is_not_resumed(
    copied: MemoryStore, clock: FakeClock, ledger: Path
) -> None:
    source = Script.of([record(n, b"other" if n == 3 else b"value") for n in range(8)])
    clock.during = _interrupt
    with pytest.raises(KeyboardInterrupt):
        look(source, copied, clock, ledger, [key(1), key(3)])
    clock.during = None
    checked = look(source, copied, clock, ledger, [key(2)], since=clock.now())
    assert (checked.document["keys"], found(checked.document)) == (1, {"equal": 1})


def _interrupt() -> None:
    raise KeyboardInterrupt
