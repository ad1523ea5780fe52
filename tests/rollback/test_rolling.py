"""Going back from shadow-read to dual-write: KV shows what the target holds before a row is KV's again."""

from pathlib import Path
from typing import Any

import pytest

from migrate.core.ports import Claim
from migrate.core.record import Key, Origin
from migrate.core.writing import Reason
from migrate.errors import BudgetSpent, ConfigError, StoreUnavailable
from migrate.ledger.ledger import Ledger
from migrate.rollback import conditions, rolling
from migrate.stores.memory import MemoryKvWriter, with_faults
from migrate.stores.sqlite import SqliteHolder, SqliteTarget
from tests.flows.world import START
from tests.rollback.world import LATER, NEVER, World, tally

H = 110.0
"""What a gate calls for: the staleness of KV, and what is on its way."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def everything(world: World) -> None:
    """One of each kind of row, with KV as it may be by then."""
    world.row("lacking", metadata='{"a":1}')
    world.row("older", b'{"v":2}')
    world.put("older", b'{"v":1}')
    world.row("shown", b'{"v":3}', until=NEVER)
    world.put("shown", b'{"v":3}', until=NEVER)
    world.row("expired", until=int(START) + 20)
    world.put("expired", until=LATER)
    world.row("over", until=int(START) + 20)
    world.row("deleted")
    world.delete("deleted")
    world.put("deleted")
    world.row("buried")
    world.delete("buried")
    world.both("dual")
    world.clock.time += 300


def test_everything_that_only_the_target_knows_is_brought_back(world: World) -> None:
    everything(world)
    ended = world.roll_back()
    assert (ended.exit, ended.error) == (0, None)
    assert tally(ended) == {"reverted": 3, "expired": 2, "proven_empty": 2, "kept": 1}
    assert ended.document["kv"] == {"written": 2, "deleted": 2, "dying": 0}
    assert ended.document["check"]["verdict"] == "clean"
    assert ended.document["check"]["keys"] == 7
    world.expect_gone_back()
    assert world.shown("lacking") == (b'{"v":1}', '{"a":1}', LATER)
    assert ended.document["next"] == "deploy SESSION_STAGE=dual-write"


def test_what_is_written_carries_the_stores_stamp(world: World) -> None:
    world.row("a", metadata='{"a":1}')
    world.roll_back()
    (found,) = world.kv.read([Key("s:a")]).values()
    assert found is not None
    assert found.marked, "a verify that lists KV only knows it, and nobody takes it for a stranger's"


def test_a_row_is_given_back_only_once_kv_was_seen_to_show_it_for_long_enough(world: World) -> None:
    world.row("a")
    world.clock.time += 300
    looks: list[tuple[float, Origin]] = []
    world.clock.during = lambda: looks.append((world.clock.now(), world.rows()["a"].origin))
    began = world.clock.now()
    world.roll_back()
    assert looks
    for at, origin in looks:
        assert at > began + H or origin is Origin.APP, at - began


def test_readers_of_kv_that_see_the_past_are_waited_for(world: World) -> None:
    everything(world)
    world.kv.age = lambda _: 59.0
    ended = world.roll_back()
    assert ended.exit == 0
    world.clock.time += 60
    world.expect_gone_back()


def test_a_row_that_the_application_changes_meanwhile_is_settled_anew(world: World) -> None:
    world.row("a", b'{"v":1}')
    world.clock.time += 300
    changes = iter([b'{"v":2}', b'{"v":3}'])

    def change() -> None:
        if (value := next(changes, None)) is not None:
            world.row("a", value, origin="dual")  # stays the application's
            world.put("a", value)

    world.clock.during = change
    ended = world.roll_back()
    assert ended.exit == 0
    assert tally(ended) == {"reverted": 1}
    assert world.shown("a") == (b'{"v":3}', None, LATER)
    world.expect_gone_back()


def test_a_logout_meanwhile_stays_one(world: World) -> None:
    world.row("a")
    world.clock.time += 300

    def log_out() -> None:
        world.clock.during = None
        world.delete("a")  # and its half in KV is lost

    world.clock.during = log_out
    ended = world.roll_back()
    assert (ended.exit, tally(ended)) == (0, {"proven_empty": 1})
    assert world.shown("a") is None


def test_what_kv_has_that_the_row_has_never_been_is_reported_and_left(world: World) -> None:
    world.row("a", b'{"v":1}')
    world.row("b")
    world.clock.time += 300

    def stranger() -> None:
        world.clock.during = None
        world.put("a", b"a stranger's")

    world.clock.during = stranger
    ended = world.roll_back()
    assert (ended.exit, tally(ended)) == (1, {"reverted": 1, "newer_in_kv": 1})
    assert world.shown("a") == (b"a stranger's", None, LATER)
    assert world.rows()["a"].origin is Origin.APP
    assert ended.document["open"]["newer_in_kv"]["count"] == 1
    assert not ended.document["fence_lifted"]


@pytest.mark.parametrize("gone", ["it ends", "by --fresh"])
def test_what_was_reported_is_left_until_it_is_gone_or_the_operator_says_so(world: World, gone: str) -> None:
    world.row("a", b'{"v":1}')
    world.clock.time += 300

    def stranger() -> None:
        world.clock.during = None
        world.put("a", b"a stranger's")

    world.clock.during = stranger
    assert world.roll_back().exit == 1
    again = world.roll_back()
    assert (again.exit, tally(again)) == (1, {"newer_in_kv": 1})
    assert world.shown("a") == (b"a stranger's", None, LATER)
    if gone == "it ends":
        world.kv.remove(Key("s:a"))
    ended = world.roll_back(fresh=gone == "by --fresh")
    assert (ended.exit, tally(ended)) == (0, {"reverted": 1})
    world.expect_gone_back()


def test_a_session_with_less_than_a_minute_to_live_is_left_to_end(world: World) -> None:
    world.row("a", until=int(START) + 340)
    world.clock.time += 300
    ended = world.roll_back()
    assert (ended.exit, tally(ended)) == (0, {"expired": 1})
    assert ended.document["kv"] == {"written": 0, "deleted": 0, "dying": 1}
    world.expect_gone_back()


def test_what_kv_does_not_take_is_told_with_the_reason(world: World) -> None:
    world.row("a")
    world.row("b")

    def stubborn(_: object) -> MemoryKvWriter:
        refuse = {Key("s:a"): Reason.REFUSED}.get
        return MemoryKvWriter(world.kv, clock=world.clock, refuse=refuse)

    ended = world.roll_back(writer=stubborn)
    assert (ended.exit, tally(ended)) == (3, {"reverted": 1, "failed": 1})
    (sample,) = ended.document["open"]["failed"]["samples"]
    assert sample["reason"] == "the store refuses it"
    assert world.roll_back().exit == 0


def test_a_write_that_nobody_answered_is_settled_from_h_later_on(world: World) -> None:
    world.row("a")
    world.clock.time += 300
    began = world.clock.now()

    def lost(name: str, call: int, when: str) -> None:
        if name == "put" and when == "after" and world.clock.now() == began:
            raise StoreUnavailable("no answer", "wait")

    ended = world.roll_back(writer=lambda real: with_faults(real, lost))
    assert (ended.exit, tally(ended)) == (0, {"reverted": 1})
    assert world.clock.now() >= began + 2 * H, "H for what may be on its way, and H to settle"
    world.expect_gone_back()


def test_where_nobody_answers_at_all_it_ends_and_goes_on_later(world: World) -> None:
    world.row("a")

    def lost(name: str, call: int, when: str) -> None:
        if name == "put" and when == "before":
            raise StoreUnavailable("no answer", "wait")

    ended = world.roll_back(writer=lambda real: with_faults(real, lost))
    assert ended.exit == 3
    assert ended.error is not None
    assert world.rows()["a"].origin is Origin.APP
    assert (world.roll_back().exit, world.rows()["a"].origin) == (0, Origin.DUAL)


def test_a_budget_that_is_used_up_ends_it_at_once_and_it_goes_on_another_day(world: World) -> None:
    world.row("a")

    def spent(name: str, call: int, when: str) -> None:
        if name == "put" and when == "before":
            raise BudgetSpent("the budget of writes is used up", "tomorrow")

    ended = world.roll_back(writer=lambda real: with_faults(real, spent))
    assert isinstance(ended.error, BudgetSpent)
    assert (ended.exit, world.clock.slept) == (3, [])
    assert (world.roll_back().exit, world.rows()["a"].origin) == (0, Origin.DUAL)


def test_a_session_that_is_written_all_the_time_is_told(world: World) -> None:
    world.row("a")
    world.clock.time += 300
    number = iter(range(10_000))

    def busy() -> None:
        value = b'{"n":%d}' % next(number)
        world.row("a", value, origin="dual")
        world.put("a", value)

    world.clock.during = busy
    ended = world.roll_back(rounds=3)
    assert (ended.exit, tally(ended)) == (3, {"unsettled": 1})
    assert world.rows()["a"].origin is Origin.APP
    world.clock.during = None
    assert world.roll_back().exit == 0


# ---------------------------------------------------------------- twice, and in order


def test_without_execute_nothing_is_changed_and_it_is_said_what_would_be(world: World) -> None:
    everything(world)
    rows, entries = world.rows(), world.kv.entry(Key("s:older"))
    ended = world.roll_back(execute=False, confirmed=pytest.fail)
    assert ended.exit == 0
    assert ended.document["dry_run"]
    assert ended.document["kv"] == {"written": 2, "deleted": 2, "dying": 0}
    assert tally(ended) == {"kept": 1, "written": 2, "deleted": 2, "shown": 3}
    assert (world.rows(), world.kv.entry(Key("s:older"))) == (rows, entries)
    assert "--execute --name memory" in ended.document["next"]
    assert world.clock.slept == []


def test_the_name_is_asked_for(world: World) -> None:
    world.row("a")
    for given in (None, "other"):
        with pytest.raises(ConfigError, match="nothing was written back"):
            world.roll_back(confirmed=lambda _, given=given: given)
    assert world.shown("a") is None


@pytest.mark.parametrize(
    ("stage", "exit_code", "word"),
    [(None, 3, "unproven"), ("object-first", 1, "failed"), ("dual-write", 1, "failed")],
)
def test_without_shadow_read_nothing_is_done(
    world: World, stage: str | None, exit_code: int, word: str
) -> None:
    world.row("a")
    ended = world.roll_back(stage=stage)
    assert ended.exit == exit_code
    assert ended.document["dry_run"]
    (line,) = [one for one in ended.document["conditions"] if one["name"] == "stage"]
    assert (line["word"], bool(line["next"])) == (word, True)
    assert world.shown("a") is None
    assert ended.document["next"] == line["next"]
    assert tally(ended) == {}, "whoever is refused does not wait for an estimate"


def test_while_somebody_holds_the_lease_nothing_is_done(world: World) -> None:
    world.row("a")
    other = SqliteTarget(world.path, clock=world.clock)
    other.acquire(Claim("other", "somebody", "elsewhere", 7))
    ended = world.roll_back()
    assert (ended.exit, ended.document["dry_run"]) == (3, True)
    assert world.shown("a") is None
    other.release()
    other.close()
    world.clock.time += 61
    assert world.roll_back().exit == 0


def test_after_the_end_there_is_no_way_back(world: World) -> None:
    world.row("a")
    target = SqliteTarget(world.path, clock=world.clock)
    target.finish()
    target.close()
    ended = world.roll_back()
    assert (ended.exit, ended.document["dry_run"]) == (1, True)
    assert world.shown("a") is None


def test_the_fence_is_lifted_at_the_end_and_verdicts_are_void_from_the_beginning(world: World) -> None:
    world.row("a")
    target = SqliteTarget(world.path, clock=world.clock)
    target.begin_gate_verify()
    target.close()
    holder = SqliteHolder(world.path)
    fences: list[bool] = []
    world.clock.during = lambda: fences.append(holder.fenced_since() is not None)
    with world.work() as work:
        migration = work.migration
    ended = world.roll_back()
    assert ended.document["fence_lifted"]
    assert holder.fenced_since() is None
    assert fences == [True] * len(fences), "no sweep comes in between"
    assert fences
    holder.close()
    with Ledger.open(world.folder / ".kvferry" / "ledger.db", clock=world.clock) as ledger:
        told = [one for one in ledger.evidence(migration) if one.kind == "rolled-back"]
    assert [one.document["finished"] is None for one in told] == [True, False]
    assert told[0].at < told[1].at


def test_a_row_that_becomes_the_applications_behind_the_reader_is_found_too(world: World) -> None:
    world.both("a")
    world.row("b")
    world.clock.time += 300

    def late() -> None:
        world.clock.during = None
        world.row("a", b'{"v":9}')  # somebody at object-first, whom nobody has heard

    world.clock.during = late
    ended = world.roll_back()
    assert ended.exit == 0
    assert world.shown("a") == (b'{"v":9}', None, LATER)
    world.expect_gone_back()


@pytest.mark.parametrize("name", ["a", "new"])
def test_what_object_first_wrote_since_it_was_broken_off_is_brought_back_too(world: World, name: str) -> None:
    world.row("a")
    world.row("b")

    def refuse(_: object) -> MemoryKvWriter:
        return MemoryKvWriter(world.kv, clock=world.clock, refuse={Key("s:b"): Reason.REFUSED}.get)

    assert world.roll_back(writer=refuse).exit == 3
    assert world.rows()["a"].origin is Origin.DUAL
    world.row(name, b'{"v":2}')  # the application went on to object-first instead, and its half in KV failed
    world.clock.time += 20_000
    ended = world.roll_back()
    assert ended.exit == 0
    assert world.shown(name) == (b'{"v":2}', None, LATER)
    assert tally(ended) == {"reverted": 3 if name == "new" else 2}
    world.expect_gone_back()


def test_whoever_stood_still_while_object_first_was_at_work_looks_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.row("a")
    world.clock.time += 300
    heard: list[float] = []
    monkeypatch.setattr(conditions, "ahead", lambda asked: max(heard, default=float("-inf")))
    check = rolling.check

    def stand_still(*given: Any) -> Any:
        found = check(*given)
        if not heard:  # it is asleep for two hours, and whoever was at work is gone again when it wakes up
            world.row("a", b'{"v":2}')
            heard.append(world.clock.now() + 3600)
            world.clock.time += 7200
        return found

    monkeypatch.setattr(rolling, "check", stand_still)
    ended = world.roll_back()
    assert (ended.exit, ended.document["fence_lifted"]) == (3, False)
    assert ended.error is not None
    assert "object-first was at work" in ended.error.message
    assert world.roll_back().exit == 0
    assert world.shown("a") == (b'{"v":2}', None, LATER)
    world.expect_gone_back()


def test_who_was_logged_out_since_it_was_broken_off_is_not_shown_by_kv(world: World) -> None:
    world.row("a")
    world.row("b")

    def refuse(_: object) -> MemoryKvWriter:
        return MemoryKvWriter(world.kv, clock=world.clock, refuse={Key("s:b"): Reason.REFUSED}.get)

    assert world.roll_back(writer=refuse).exit == 3
    world.delete("a")  # at object-first, and its half in KV failed
    world.clock.time += 300
    ended = world.roll_back()
    assert (ended.exit, tally(ended)) == (0, {"reverted": 1, "proven_empty": 1})
    assert world.shown("a") is None


def test_whoever_lost_the_lease_writes_nothing_into_kv(world: World) -> None:
    world.row("a")
    world.clock.time += 300
    other = SqliteTarget(world.path, clock=world.clock)
    began = world.clock.now()

    def taken() -> None:
        world.clock.during = None
        world.row("a", b'{"v":2}', origin="dual")
        world.clock.time += 3600  # it was suspended for an hour
        other.acquire(Claim("other", "somebody", "elsewhere", 7))

    world.clock.during = taken
    ended = world.roll_back()
    assert ended.exit == 3
    assert ended.error is not None
    assert world.shown("a") == (b'{"v":1}', None, LATER), "as it was written before"
    assert world.rows()["a"].origin is Origin.APP
    assert world.clock.now() > began + 3600
    other.release()
    other.close()
    assert world.roll_back().exit == 0
    world.expect_gone_back()
