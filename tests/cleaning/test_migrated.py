"""Keys of a migration: only by the verdict, and only what the target holds."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from migrate.cleaning import removing
from migrate.cleaning.removing import must_hold
from migrate.clock import SystemClock
from migrate.core.names import CANARY
from migrate.core.record import Key, Row
from migrate.stores.sqlite import SqliteHolder, SqliteSessions
from tests.cleaning.world import KV, NAME, OTHER, SESSION, TARGET, World, dumped, record_of
from tests.fake_api import NAMESPACE, Entry
from tests.gate.finishing import heard

STORES = ["--target", TARGET, "--rate", "100000/1"]


def test_what_the_target_holds_is_dumped_and_deleted_and_nothing_else_is_touched(world: World) -> None:
    sessions, others = world.load(SESSION, 25), world.load(OTHER, 5)
    world.fake.namespace.put(CANARY, b"alive")
    before = world.fake.namespace.entries(time.time())
    world.migrate()
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["state"], found["balanced"]) == (0, "complete", True)
    assert (found["listed"], found["tally"]["deleted"]) == (25, 25)
    assert found["relisted"] == {"at": found["relisted"]["at"], "still": 0, "kept": 0}
    assert world.keys() == sorted([*others, CANARY])
    assert dumped(found) == {key: record_of(key, before[key]) for key in sessions}


def test_a_dry_run_counts_everything_and_sends_nothing_that_deletes(world: World) -> None:
    world.load(SESSION, 25)
    world.migrate()
    world.fake.stats.reset()
    found = world.cleanup(*STORES)
    assert (found["exit"], found["state"]) == (0, "dry run")
    assert (found["listed"], found["tally"]["selected"], found["tally"]["deleted"]) == (25, 25, 0)
    assert set(world.fake.stats.by_kind) == {"list"}
    assert len(world.keys()) == 25
    assert found["next"].endswith(f"--execute --name {NAMESPACE}")
    assert found["dump"] is None


def test_expired_rows_and_logouts_count_as_held(world: World) -> None:
    sessions = world.load(SESSION, 3)
    world.migrate()
    with closing(sqlite3.connect("sessions.db")) as db, db:
        db.execute("UPDATE sessions SET expiration = 1000, version = 2 WHERE key = ?", (sessions[0],))
    clock = SystemClock()
    with closing(SqliteSessions("sessions.db", clock=clock)) as store:
        store.delete(sessions[1].removeprefix(SESSION))
    clock.stop()
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["tally"]["deleted"]) == (0, 3)
    assert world.keys() == []


def test_what_the_target_lacks_is_the_only_copy_and_is_kept_and_reported(world: World) -> None:
    sessions = world.load(SESSION, 12)
    world.fake.namespace.delete(sessions[7])
    world.migrate()
    world.fake.namespace.put(sessions[7], b"planted-value of a login that nobody copied")
    dry = world.cleanup(*STORES)
    assert (dry["exit"], dry["tally"]["kept_foreign"], dry["foreign"]["count"]) == (1, 1, 1)
    found = world.cleanup(*STORES, *NAME)
    assert world.keys() == [sessions[7]]
    assert (found["exit"], found["tally"]["deleted"], found["tally"]["kept_foreign"]) == (1, 11, 1)
    assert found["foreign"]["samples"][0]["fingerprint"].startswith(SESSION + "#")
    assert found["relisted"]["kept"] == 1
    assert sessions[7] not in dumped(found)
    assert "verify" in found["next"]


def test_a_row_that_vanishes_between_the_look_and_the_deletion_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The survey is no permission: the target is asked again for each portion."""
    sessions = world.load(SESSION, 4)
    world.migrate()
    rows, calls = SqliteHolder.rows, []

    def vanishing(holder: SqliteHolder, keys: Sequence[Key]) -> dict[Key, Row]:
        calls.append(keys)
        return {key: row for key, row in rows(holder, keys).items() if len(calls) < 2 or key != sessions[2]}

    monkeypatch.setattr(SqliteHolder, "rows", vanishing)
    found = world.cleanup(*STORES, *NAME)
    assert (found["tally"]["deleted"], found["tally"]["kept_foreign"]) == (3, 1)
    assert world.keys() == [sessions[2]]


@pytest.mark.parametrize("execute", [[], NAME])
def test_without_a_verdict_nothing_is_deleted(world: World, execute: list[str]) -> None:
    world.load(SESSION, 3)
    world.migrate()
    code, err = world.refused(*STORES, "--ledger", "other.db", "--migrated", SESSION, *execute)
    assert code == 2
    assert "there is no verdict on cleanup" in err
    assert "→ kvferry gate --for cleanup" in err
    assert len(world.keys()) == 3


def test_whoever_names_the_target_means_a_migration_that_this_ledger_need_not_know(world: World) -> None:
    world.load(OTHER, 2)
    world.load(SESSION, 2)
    world.migrate()
    code, err = world.refused(*STORES, "--prefix", OTHER, *NAME)
    assert code == 2
    assert "there is no verdict on cleanup" in err
    Path("kvferry.toml").write_text(f'target = "{TARGET}"\n')
    found = world.cleanup("--prefix", OTHER, "--rate", "100000/1", *NAME)
    assert (found["target"], found["tally"]["deleted"]) == (None, 2)


@pytest.mark.parametrize(("name", "value", "code"), [("verdict", "shut", 2), ("door", "object-only", 2)])
def test_a_verdict_that_was_edited_is_refused(world: World, name: str, value: str, code: int) -> None:
    world.load(SESSION, 3)
    verdict = world.migrate()
    Path("verdict.json").write_text(json.dumps({**verdict, name: value}))
    assert world.refused(*STORES, "--verdict", "verdict.json", *NAME)[0] == code
    assert len(world.keys()) == 3


def test_without_the_name_nothing_is_deleted_and_the_cost_was_shown_before(world: World) -> None:
    world.load(SESSION, 3)
    world.migrate()
    code, err = world.refused(*STORES, "--execute")
    assert code == 2
    assert "nothing was deleted: the name is missing" in err
    assert "deleting 3 keys costs" in err
    assert world.refused(*STORES, "--execute", "--name", "other")[0] == 2
    assert len(world.keys()) == 3
    assert not list(Path(".kvferry").glob("*.ndjson"))


def test_a_verdict_that_runs_out_ends_the_deleting_and_the_next_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.stores.kv.PAGE", 10)
    monkeypatch.setattr(removing, "PORTION", 10)
    world.load(SESSION, 30)
    verdict = world.migrate()
    until, times = verdict["expires"]["unix"], iter([0.0, 0.0, 1e12])

    def soon(valid_until: float, now: object, ask: str) -> object:
        assert valid_until == until
        return must_hold(valid_until, lambda: next(times), ask)

    with monkeypatch.context() as patched:
        patched.setattr("migrate.cleaning.run.must_hold", soon)
        code, _, err = world.run("cleanup", "--source", KV, *STORES, *NAME)
    assert code == 3
    assert "the verdict has run out" in err
    assert "kvferry gate" in err
    assert len(world.keys()) == 10
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["listed"]) == (0, 30, 30)
    assert len(dumped(found)) == 30


def test_a_token_that_may_only_read_is_told_what_it_needs_and_loses_nothing(world: World) -> None:
    world.load(SESSION, 3)
    world.migrate()
    world.fake.tokens[world.fake.token] = frozenset({"read"})
    code, out, err = world.run("cleanup", "--source", KV, *STORES, *NAME)
    assert code == 2
    assert '"Workers KV Storage Edit"' in err
    assert "pending 3" in out
    world.fake.tokens[world.fake.token] = frozenset({"read", "write"})
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["pending"]) == (0, 3, 0)


def test_keys_of_another_length_are_no_sessions_and_stay(world: World) -> None:
    world.load(SESSION, 2, lambda _: Entry(b"v"))
    world.migrate()
    world.fake.namespace.put("spotify_sessions", b"another application's")
    assert world.cleanup(*STORES, *NAME)["exit"] == 0
    assert world.keys() == ["spotify_sessions"]


def test_once_an_earlier_stage_is_heard_again_nothing_more_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going back needs nothing and nobody tells the ledger: KV is read, and the verdict is still open."""
    sessions = world.load(SESSION, 3)
    verdict = world.migrate()
    heard(monkeypatch, "shadow-read", verdict["issued"]["unix"] + 5)
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["tally"]["deleted"]) == (3, 0)
    assert world.keys() == sessions
    heard(monkeypatch, "shadow-read", verdict["issued"]["unix"] - 3600)
    assert world.cleanup(*STORES, *NAME)["tally"]["deleted"] == 3


def test_where_the_bridge_does_not_say_who_is_at_work_nothing_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = world.load(SESSION, 3)
    world.migrate()
    heard(monkeypatch, "object-only", time.time(), standing="unasked")
    found = world.cleanup(*STORES, *NAME)
    assert (found["exit"], found["tally"]["deleted"]) == (3, 0)
    assert world.keys() == sessions
