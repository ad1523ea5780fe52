"""Live sessions get another prefix: nothing newer is written over, no logout undone, no only copy deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.names import CANARY
from migrate.core.record import Key, Record
from migrate.core.writing import Written
from migrate.ledger.tasks import Task
from migrate.main import run
from migrate.rekeying import copying
from migrate.rekeying.copying import counted
from migrate.rekeying.deleting import Deleting
from migrate.rekeying.run import _Work
from migrate.stores.kv_writing import KvWriter
from migrate.stores.stamping import Stamp, stamped
from tests.fake_api import NAMESPACE, Entry, Reply, Unsuccessful
from tests.fake_api.wire import Kind
from tests.rekeying.world import DAY, GO, KV, NEW, OLD, World, some

# ---------------------------------------------------------------- before the switch


def test_every_session_is_copied_exactly_and_looked_at_again(world: World) -> None:
    rests = world.load(1100)
    world.held.put("other:1", b"another application's")
    before = world.under(OLD)
    found = world.copy()
    assert (found["exit"], found["phase"], found["state"]) == (3, "copy", "complete")
    assert (some(found["copied"]), some(found["checked"])) == ({"copied": 1100}, {"equal": 1100})
    assert world.under(NEW) == world.under(OLD) == before
    assert set(before) == set(rests)
    assert "switch the code" in found["note"]
    assert "--delete-old --execute" in found["next"]


def test_the_canary_of_the_session_store_keeps_its_name(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in (CANARY, "kvferry:other"):
        world.held.put(key, b"planted-value")
    assert run(["rekey", "kvferry:", "n:", "--source", KV, "--rate", "100000/1", "--settle", "0", *GO]) == 3
    assert set(world.held.entries(time.time())) == {CANARY, "kvferry:other", "n:other"}


def test_a_dry_run_writes_nothing_and_says_what_it_would_cost(world: World) -> None:
    world.load(5)
    found = world.rekey()
    assert (found["exit"], found["state"], some(found["copied"])) == (0, "dry run", {"missing": 5})
    assert world.under(NEW) == {}
    assert "costs $0.00" in found["note"]
    assert found["next"].endswith(f"--execute --name {NAMESPACE}")
    assert world.run("--execute")[0] == 2
    assert world.under(NEW) == {}


def test_another_run_copies_what_has_changed_and_what_is_new(world: World) -> None:
    rests = world.load(4)
    world.copy()
    world.held.put(OLD + rests[1], b"planted-value, newer", '{"b":1}', int(time.time()) + 2 * DAY)
    world.held.put(OLD + "later", b"planted-value")
    found = world.copy()
    assert some(found["copied"]) == {"equal": 3, "updated": 1, "copied": 1}
    assert some(found["checked"]) == {"equal": 5}
    assert world.under(NEW) == world.under(OLD)


def test_a_logout_under_the_old_name_is_followed_after_two_looks(world: World) -> None:
    rests = world.load(3)
    world.copy()
    world.held.delete(OLD + rests[0])
    found = world.copy()
    assert some(found["copied"]) == {"equal": 2, "absent_once": 1}
    assert some(found["checked"]) == {"equal": 2, "logged_out": 1}
    assert world.under(NEW) == world.under(OLD)
    assert set(world.under(NEW)) == set(rests[1:])


def test_no_copy_is_deleted_once_new_names_are_in_use(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the switch the new code may delete old names: that is no logout, and copying comes too late."""
    monkeypatch.setattr(copying, "PORTION", 1)
    rests = world.load(3)
    world.copy()
    world.held.delete(OLD + rests[0])

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(_Work, "_settle", dies)
        assert world.run(*GO)[0] == 130  # it has seen the absence once
    time.sleep(0.1)
    world.held.put(NEW + rests[2], b"planted-value of the new code")
    code, _, err = world.run(*GO)
    assert code == 1
    assert "new names are in use" in err
    assert set(world.under(NEW)) == set(rests)


def test_one_absence_is_not_believed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stale listing that lacks a live session deletes nothing: it is there again H later."""
    rests = world.load(2)
    world.copy()
    entry = world.under(OLD)[rests[0]]
    world.held.delete(OLD + rests[0])
    settle = _Work._settle

    def back(work: _Work, task: Task) -> None:
        assert some({"tally": counted(task, "copy")})["absent_once"] == 1
        settle(work, task)
        world.held.put(OLD + rests[0], entry.value, entry.metadata, entry.expiration)

    monkeypatch.setattr(_Work, "_settle", back)
    found = world.copy()
    assert some(found["checked"]) == {"equal": 2}
    assert set(world.under(NEW)) == set(rests)


def test_an_absence_that_the_second_look_sees_first_is_followed_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = world.load(2)
    settle = _Work._settle

    def logout(work: _Work, task: Task) -> None:
        settle(work, task)
        world.held.delete(OLD + rests[0])

    with monkeypatch.context() as patched:
        patched.setattr(_Work, "_settle", logout)
        found = world.copy()
    assert some(found["checked"]) == {"equal": 1, "absent_once": 1}
    assert set(world.under(NEW)) == set(rests)
    time.sleep(0.1)
    assert some(world.copy()["checked"]) == {"equal": 1, "logged_out": 1}
    assert set(world.under(NEW)) == {rests[1]}


def test_once_old_names_are_deleted_no_absence_is_a_logout(world: World) -> None:
    """Some were kept, so the copying is not over by itself: run again, it would delete every copy."""
    rests = world.load(30)
    world.copy()
    world.held.put(OLD + "created", b"planted-value")
    assert world.delete()["exit"] == 1
    for _ in range(2):
        code, _, err = world.run(*GO)
        assert code == 2
        assert "no logout any more" in err
        time.sleep(0.1)
    assert set(world.under(NEW)) == set(rests)


def test_more_absences_than_are_left_are_no_logouts(world: World) -> None:
    """Old names that were deleted by other means, or a listing that is not whole."""
    rests = world.load(30)
    world.copy()
    for rest in rests[:16]:
        world.held.delete(OLD + rest)
    for _ in range(2):
        code, _, err = world.run(*GO)
        assert code == 3
        assert "these are no logouts" in err
        time.sleep(0.1)
    assert set(world.under(NEW)) == set(rests)


def test_new_names_that_somebody_uses_are_never_written_over(world: World) -> None:
    rests = world.load(3)
    world.copy()
    world.held.put(NEW + rests[1], b"planted-value of the new code")
    world.held.put(OLD + rests[1], b"planted-value of the old code")
    code, _, err = world.run(*GO)
    assert code == 1
    assert "new names are in use" in err
    assert world.under(NEW)[rests[1]].value == b"planted-value of the new code"


@pytest.mark.parametrize("how", ["a name of its own", "the same name, another value"])
def test_nothing_is_copied_where_new_names_were_in_use_before(world: World, how: str) -> None:
    rests = world.load(3)
    world.held.put(NEW + ("planted-id-x" if how == "a name of its own" else rests[0]), b"planted-value x")
    found = world.rekey(*GO)
    assert (found["exit"], found["state"]) == (1, "dry run")
    assert found["against"] == 1
    assert "new names are in use" in found["note"]
    assert len(world.under(NEW)) == 1
    assert world.server.api.stats.by_kind["bulk_put"] == 0


def test_a_copy_that_is_deleted_under_its_new_name_is_not_copied_again(world: World) -> None:
    """A logout in the new code, which deletes the new name only: copied again, it would be undone."""
    rests = world.load(2)
    world.copy()
    world.held.delete(NEW + rests[0])
    time.sleep(0.1)
    code, _, err = world.run(*GO)
    assert code == 1
    assert "new names are in use" in err
    assert set(world.under(NEW)) == {rests[1]}


def test_a_copy_that_expired_is_copied_again_when_its_session_was_prolonged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = world.load(1)
    soon = int(time.time()) + 62
    world.held.put(OLD + rests[0], b"planted-value", None, soon)
    world.copy()
    world.held.delete(NEW + rests[0])  # as if it had expired
    world.held.put(OLD + rests[0], b"planted-value", None, soon + DAY)
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + 63)
    found = world.copy()
    assert some(found["copied"]) == {"copied": 1}
    assert world.under(NEW)[rests[0]].expiration == soon + DAY


def test_sessions_about_to_expire_are_left_and_failures_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.stores.kv_bulk._BREAK", 0.0)
    rests = world.load(3)
    world.held.put(OLD + rests[2], b"planted-value", None, int(time.time()) + 30)
    world.server.api.faults.add(Unsuccessful(1), on=Kind.BULK_PUT)
    found = world.copy()
    assert some(found["copied"]) == {"copied": 1, "failed": 1, "expiring": 1}
    assert set(world.under(NEW)) == {rests[1]}
    world.server.api.faults.clear()
    assert some(world.copy()["copied"]) == {"equal": 1, "copied": 1, "expiring": 1}


@pytest.mark.parametrize(
    ("old", "new"), [("a:", "a:b:"), ("a:b:", "a:"), ("a:", "a:"), ("", "a:"), ("a:", "")]
)
def test_prefixes_that_begin_with_each_other_cannot_be_told_apart(
    world: World, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rekey", old, new, "--source", KV]) == 2
    assert "cannot be told apart" in capsys.readouterr().err


def test_once_a_migration_has_begun_its_sessions_keep_their_names(world: World) -> None:
    world.load(2)
    words = ["--source", KV, "--target", "sqlite:s.db", "--prefix", OLD, "--rate", "100000/1", "--quiet"]
    assert run(["export", *words]) == 0
    code, _, err = world.run(*GO)
    assert code == 2
    assert "a migration" in err
    assert world.under(NEW) == {}


def test_what_a_session_store_has_written_keeps_its_name(world: World) -> None:
    later = int(time.time()) + DAY
    own = Stamp(later, "x" * 22, 1, "dual-write@shop")
    world.held.put(OLD + "a", b"{}", stamped(None, own)[0], later)
    code, _, err = world.run(*GO)
    assert code == 2
    assert "session store" in err
    assert world.under(NEW) == {}


# ---------------------------------------------------------------- after the switch


def test_old_names_go_when_their_twins_are_the_same_or_were_written_since(world: World) -> None:
    rests = world.load(1100)
    world.copy()
    before = world.under(OLD)
    world.held.put(NEW + rests[3], b"planted-value of the new code")
    found = world.delete()
    assert (found["exit"], found["state"], found["left"]) == (0, "complete", 0)
    assert some(found["deleted"]) == {"deleted": 1100}
    assert world.under(OLD) == {}
    assert len(world.under(NEW)) == 1100
    lines = [json.loads(line) for line in Path(found["dump"]["file"]).read_text().splitlines()]
    assert {line["key"]: line["value"] for line in lines} == {
        OLD + rest: entry.value.decode() for rest, entry in before.items()
    }
    assert Path(found["dump"]["file"]).stat().st_mode & 0o777 == 0o600


def test_what_has_no_good_twin_is_kept_and_reported(world: World) -> None:
    rests = world.load(4)
    world.copy()
    world.held.put(OLD + rests[0], b"planted-value, after the last copy")
    world.held.delete(NEW + rests[1])
    world.held.put(OLD + "created", b"planted-value")
    found = world.delete()
    assert some(found["deleted"]) == {"deleted": 2, "kept_no_twin": 2, "kept_twin_behind": 1}
    assert (found["exit"], found["left"], found["against"]) == (1, 3, 3)
    assert set(world.under(OLD)) == {rests[0], rests[1], "created"}
    assert len(found["samples"]) == 3
    assert all(one["fingerprint"].startswith(OLD + "#") for one in found["samples"])


def test_a_write_under_an_old_name_between_two_looks_ends_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = world.load(2)
    world.copy()
    look = Deleting.look

    def written(work: Deleting) -> None:
        look(work)
        world.held.put(OLD + rests[0], b"planted-value of an old version", None, int(time.time()) + DAY)

    monkeypatch.setattr(Deleting, "look", written)
    code, out, err = world.run("--delete-old", *GO)
    assert code == 1
    assert "the code is not switched everywhere" in err
    assert "unfinished" in out
    assert set(world.under(OLD)) == set(rests)


def test_nothing_is_deleted_in_a_dry_run_or_without_a_copy_or_the_name(world: World) -> None:
    rests = world.load(2)
    assert world.run("--delete-old", *GO)[0] == 2
    world.copy()
    found = world.rekey("--delete-old")
    assert (found["exit"], found["left"]) == (0, 2)
    assert world.run("--delete-old", "--execute", "--name", "other")[0] == 2
    assert world.run("--delete-old", "--execute")[0] == 2
    assert set(world.under(OLD)) == set(rests)
    assert world.server.api.stats.by_kind["bulk_delete"] == 0


def test_old_names_that_a_dead_process_had_dumped_go_only_as_they_were(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = world.load(3)
    world.copy()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KvWriter, "delete", dies)
        assert world.run("--delete-old", *GO)[0] == 130
    world.held.put(OLD + rests[1], b"planted-value of an old version")
    code, _, err = world.run("--delete-old", *GO)
    assert code == 1
    assert "after it was dumped" in err
    assert set(world.under(OLD)) == set(rests)
    found = world.delete("--fresh")
    assert some(found["deleted"]) == {"deleted": 2, "kept_twin_behind": 1}
    assert set(world.under(OLD)) == {rests[1]}


@pytest.mark.parametrize("kind", [Kind.LIST, Kind.BULK_GET, Kind.BULK_PUT, Kind.BULK_DELETE])
def test_answers_that_are_lost_lose_nothing(world: World, kind: Kind) -> None:
    rests = world.load(20)
    world.server.api.faults.add(Reply(503), on=kind, nth=[1, 2])
    world.copy()
    assert world.under(NEW) == world.under(OLD)
    assert world.delete()["exit"] == 0
    assert set(world.under(NEW)) == set(rests)
    assert world.under(OLD) == {}


def test_a_copy_that_could_not_be_sent_in_time_is_not_sent_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read long ago is never put: the session may have changed since."""
    world.load(2)
    asked: list[float] = []
    put = KvWriter.put

    def late(writer: KvWriter, records: Sequence[Record], not_after: float = 0.0) -> Written:
        asked.append(not_after - time.time())
        return put(writer, records, time.time() - 1)

    with monkeypatch.context() as patched:
        patched.setattr(KvWriter, "put", late)
        found = world.copy()
    assert some(found["copied"]) == {"failed": 2}
    assert 100 < asked[0] <= 120
    assert world.under(NEW) == {}
    assert some(world.copy()["copied"]) == {"copied": 2}


def test_keys_whose_new_name_is_too_long_are_counted(world: World) -> None:
    world.held.load([(OLD + "k" * (512 - len(OLD)), Entry(b"planted-value"))])
    found = world.copy()
    assert some(found["copied"]) == {"failed": 1}
    assert Key(NEW) not in world.under("")
