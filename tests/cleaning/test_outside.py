"""Keys outside of a migration: which prefixes those are, which keys are old enough, and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from migrate.cleaning import removing
from migrate.core.cleaning import Print
from migrate.core.names import CANARY
from migrate.core.ports import Answer
from migrate.core.record import Key, Record, digest_text
from migrate.main import run
from migrate.stores.kv import KvSource
from migrate.stores.kv_writing import KvWriter
from migrate.stores.stamping import Stamp, stamped
from tests.cleaning.waiting import cleaned_while_blocked
from tests.cleaning.world import HOUR, KV, NAME, OTHER, SECRET, SESSION, World, dumped, record_of
from tests.fake_api import Cut, Entry, Reply, Unsuccessful, Verbatim
from tests.fake_api.wire import Kind

FAST = ["--rate", "100000/1"]
HERE = ["--prefix", OTHER, "--migrated", SESSION, *FAST]
DAY = 24 * HOUR


# ---------------------------------------------------------------- which prefixes


def test_twenty_five_thousand_keys_go_and_nothing_beside_them(world: World) -> None:
    others, sessions = world.load(OTHER, 25_000), world.load(SESSION, 3)
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["listed"], found["tally"]["deleted"]) == (0, 25_000, 25_000)
    assert found["target"] is None
    assert found["dump"]["records"] == 25_000
    assert world.keys() == sessions
    assert world.fake.stats.by_kind["bulk_delete"] == 25
    lines = Path(found["dump"]["file"]).read_text().splitlines()
    assert len(lines) == len({*lines}) == len(others)


def test_the_canary_of_the_session_store_is_left_alone(world: World) -> None:
    world.held_canary()
    found = world.cleanup("--prefix", "kvferry:", "--migrated", SESSION, *FAST, *NAME)
    assert (found["exit"], found["tally"]["kept_own"], found["tally"]["deleted"]) == (0, 1, 1)
    assert world.keys() == [CANARY]


def test_without_a_dump_fewer_requests_do(world: World) -> None:
    world.load(OTHER, 2500)
    found = world.cleanup(*HERE, *NAME, "--no-dump")
    assert (found["exit"], found["tally"]["deleted"], found["dump"]) == (0, 2500, None)
    assert (world.fake.stats.by_kind["bulk_delete"], world.fake.stats.by_kind["bulk_get"]) == (1, 0)
    assert not list(Path(".kvferry").glob("*.ndjson"))


@pytest.mark.parametrize(
    ("prefix", "migrated"),
    [("a:", "a:"), ("a:b:", "a:"), ("a", "a:"), ("", "a:"), ("a:", "")],
)
def test_a_prefix_that_overlaps_with_a_migrated_one_needs_the_verdict(
    world: World, prefix: str, migrated: str
) -> None:
    world.load("a:b:", 2)
    code, err = world.refused("--prefix", prefix, "--migrated", migrated, *NAME)
    assert code == 2
    assert "which is migrated: a verdict on cleanup is needed" in err
    assert "--for cleanup" in err
    assert len(world.keys()) == 2


def test_migrated_and_other_prefixes_are_not_cleaned_up_in_one_go(world: World) -> None:
    world.load(OTHER, 2)
    code, err = world.refused("--prefix", OTHER, "--prefix", SESSION, "--migrated", SESSION, *NAME)
    assert code == 2
    assert "one by one" in err


def test_where_no_migration_is_known_its_prefixes_must_be_named(world: World) -> None:
    world.load(OTHER, 2)
    code, err = world.refused("--prefix", OTHER, *NAME)
    assert code == 2
    assert "--migrated PREFIX" in err


def test_the_ledger_and_the_configuration_know_what_is_migrated(world: World) -> None:
    world.load(SESSION, 2)
    world.load(OTHER, 2)
    assert run(["export", "--source", KV, "--target", "sqlite:s.db", *FAST, "--quiet"]) == 0
    code, err = world.refused("--prefix", SESSION, *NAME)
    assert code == 2
    assert '"spotify_session:"' in err
    assert world.cleanup("--prefix", OTHER, *FAST)["tally"]["selected"] == 2
    Path("kvferry.toml").write_text(f'[gate]\nprefix = "{OTHER}"\n')
    code, err = world.refused("--prefix", OTHER, "--ledger", "new.db", *NAME)
    assert code == 2
    assert f'"{OTHER}"' in err


def test_keys_that_a_session_store_has_written_are_migrated_whatever_is_said(world: World) -> None:
    later = int(time.time()) + DAY
    world.load(OTHER, 2)
    own = Stamp(later, digest_text(b"{}"), 1, "dual-write@shop")
    marked = Entry(b"{}", stamped(None, own)[0], later)
    world.fake.namespace.load([(f"{OTHER}{SECRET}-x", marked)])
    code, err = world.refused(*HERE, *NAME)
    assert code == 2
    assert "session store has written keys under this prefix" in err
    assert len(world.keys()) == 3


@pytest.mark.parametrize(
    ("source", "hint"),
    [("wrangler:.#x", "kv+http://"), ("sqlite:a.db", "kv://"), ("dump:a.ndjson", "kv://")],
)
def test_only_workers_kv_is_cleaned_up(world: World, source: str, hint: str) -> None:
    code, _, err = world.run("cleanup", "--source", source, "--prefix", OTHER, "--migrated", SESSION)
    assert code == 2
    assert hint in err


# ---------------------------------------------------------------- how old


def test_only_keys_that_are_known_to_be_old_enough_go(world: World) -> None:
    """With a TTL of 14 days, a key that expires in 6 was written 8 days ago."""
    now = int(time.time())
    ends = [now + 6 * DAY, now + 8 * DAY, None, now + 15 * DAY]
    old, young, never, odd = world.load(OTHER, 4, lambda number: Entry(b"v", None, ends[number]))
    found = world.cleanup(*HERE, *NAME, "--older-than", "7d", "--ttl", "14d")
    tally = found["tally"]
    assert (tally["deleted"], tally["kept_young"], tally["kept_age_unknown"]) == (1, 1, 2)
    assert (found["exit"], found["relisted"]["still"], found["relisted"]["kept"]) == (0, 0, 3)
    assert world.keys() == [young, never, odd]
    assert set(dumped(found)) == {old}


def test_metadata_may_tell_the_age(world: World) -> None:
    now = time.time()
    told = [
        f'{{"meta":{{"at":{now - 8 * DAY}}}}}',
        f'{{"meta":{{"at":{int((now - 8 * DAY) * 1000)}}}}}',
        f'{{"meta":{{"at":{now - DAY}}}}}',
        '{"meta":{"at":"2020-01-01T00:00:00Z"}}',
        '{"meta":{"at":"2020-01-01T00:00:00"}}',
        '{"meta":{}}',
        None,
    ]
    keys = world.load(OTHER, 7, lambda number: Entry(b"v", told[number]))
    found = world.cleanup(*HERE, *NAME, "--older-than", "7d", "--age-field", "/meta/at")
    tally = found["tally"]
    assert (tally["deleted"], tally["kept_young"], tally["kept_age_unknown"]) == (3, 1, 3)
    assert world.keys() == [keys[2], *keys[4:]]


@pytest.mark.parametrize(
    "words",
    [
        ["--older-than", "7d"],
        ["--ttl", "7d"],
        ["--age-field", "/a"],
        ["--older-than", "7d", "--ttl", "14d", "--age-field", "/a"],
        ["--older-than", "7d", "--ttl", "7d"],
        ["--older-than", "7 days", "--ttl", "14d"],
        ["--older-than", "0", "--ttl", "14d"],
        ["--older-than", "7d", "--age-field", "a"],
        ["--dump", "a.ndjson", "--no-dump"],
    ],
)
def test_an_age_that_cannot_be_known_is_not_asked_for(world: World, words: list[str]) -> None:
    world.load(OTHER, 1)
    assert world.refused(*HERE, *NAME, *words)[0] == 2
    assert len(world.keys()) == 1


def test_a_key_that_is_written_anew_after_the_listing_is_young_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, read = int(time.time()), KvSource.read
    keys = world.load(OTHER, 2, lambda _: Entry(b"v", None, now + DAY))

    def written(source: KvSource, some: Sequence[Key]) -> Mapping[Key, Answer]:
        world.fake.namespace.put(keys[0], b"new", None, now + 14 * DAY)
        return read(source, some)

    monkeypatch.setattr(KvSource, "read", written)
    found = world.cleanup(*HERE, *NAME, "--older-than", "7d", "--ttl", "14d")
    assert (found["tally"]["deleted"], found["tally"]["kept_young"]) == (1, 1)
    assert world.keys() == [keys[0]]


# ---------------------------------------------------------------- what it costs, and whether to wait


def test_it_says_what_it_costs_and_that_waiting_is_better(world: World) -> None:
    last = int(time.time()) + 3 * DAY
    world.load(OTHER, 2000, lambda number: Entry(b"v", None, last - number))
    found = world.cleanup(*HERE)
    assert found["expiring"]["all_gone"]["unix"] == last
    assert (found["cost"]["keys"], found["cost"]["deletes"]) == (2000, "0.01")
    assert (found["cost"]["waiting"], found["cost"]["free_days"]) == ("0", 2)
    _, out, _ = world.run("cleanup", "--source", KV, *HERE)
    assert "waiting is better: they will all be gone by" in out
    assert "deleting 2,000 keys costs $0.01 USD at most, letting them expire $0" in out
    assert "2 days (1,000 deletes a day)" in out


def test_what_never_expires_is_not_waited_for(world: World) -> None:
    later = int(time.time()) + DAY
    world.load(OTHER, 3, lambda number: Entry(b"v", None, later if number else None))
    found = world.cleanup(*HERE)
    assert (found["expiring"]["never"], found["expiring"]["all_gone"]) == (1, None)
    _, out, _ = world.run("cleanup", "--source", KV, *HERE)
    assert "1 key of them never expire" in out
    assert "waiting is better" not in out


def test_nothing_to_delete_is_nothing_to_ask_for(world: World) -> None:
    found = world.cleanup(*HERE, "--execute")
    assert (found["exit"], found["listed"], found["next"]) == (0, 0, "kvferry status")


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "action", [Reply(503), Verbatim(524), Cut(0), Reply(429, 10046, retry_after=0)], ids=repr
)
def test_answers_that_are_lost_lose_no_key(world: World, action: object) -> None:
    keys = world.load(OTHER, 30)
    before = world.fake.namespace.entries(time.time())
    world.fake.faults.add(action, on=[Kind.BULK_DELETE, Kind.BULK_GET, Kind.LIST], nth=[1, 3])  # type: ignore[arg-type]
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["balanced"]) == (0, 30, True)
    assert dumped(found) == {key: record_of(key, before[key]) for key in keys}


def test_keys_that_the_store_does_not_delete_are_counted_and_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migrate.stores.kv_bulk._BREAK", 0.0)
    world.load(OTHER, 5)
    world.fake.faults.add(Unsuccessful(2), on=Kind.BULK_DELETE)
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["tally"]["failed"]) == (3, 3, 2)
    assert (found["failed"]["count"], found["relisted"]["still"]) == (2, 2)
    assert len(world.keys()) == 2
    world.fake.faults.clear()
    again = world.cleanup(*HERE, *NAME)
    assert (again["exit"], again["listed"], again["tally"]["deleted"]) == (0, 2, 2)


def test_a_listing_that_lags_is_not_taken_for_success(world: World) -> None:
    keys = world.load(OTHER, 3)
    entry = world.fake.namespace.entries(0)[keys[1]]
    world.fake.namespace.hold(keys[1], entry, until=time.time() + 60, listed=True)
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["relisted"]["still"]) == (3, 3, 1)
    assert "A listing lags" in world.run("cleanup", "--source", KV, *HERE, *NAME)[1]


def test_a_value_that_cannot_be_read_is_not_deleted(world: World) -> None:
    keys = world.load(OTHER, 2, lambda number: Entry(b"\xff" if number else b"v", None, None))
    world.fake.faults.add(Reply(404, 10009), on=Kind.GET)
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["tally"]["deleted"], found["tally"]["kept_unread"]) == (3, 1, 1)
    assert world.keys() == [keys[1]]


def test_a_process_that_died_after_the_dump_deletes_only_what_has_not_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = world.load(OTHER, 4)
    later = int(time.time()) + DAY

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KvWriter, "delete", dies)
        assert world.run("cleanup", "--source", KV, *HERE, *NAME)[0] == 130
    assert len(world.keys()) == 4
    world.fake.namespace.put(keys[1], b"planted-value, newer", None, later)
    world.fake.namespace.delete(keys[2])
    found = world.cleanup(*HERE, *NAME)
    tally = found["tally"]
    assert (tally["deleted"], tally["kept_changed"], tally["gone"]) == (2, 1, 1)
    assert (found["listed"], found["balanced"], found["exit"]) == (4, True, 3)
    assert world.keys() == [keys[1]]
    assert set(dumped(found)) == set(keys)


def test_a_deletion_that_had_to_wait_reads_its_keys_again(world: World) -> None:
    """A block of the token while keys are on their way to be deleted: one of them is written meanwhile."""
    found, left, value = cleaned_while_blocked()
    assert (found["tally"]["deleted"], found["tally"]["kept_changed"]) == (3, 1)
    assert left == value


def test_another_selection_does_not_go_on_with_an_unfinished_cleanup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.load(OTHER, 2)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KvWriter, "delete", dies)
        assert world.run("cleanup", "--source", KV, *HERE, *NAME)[0] == 130
    code, err = world.refused(*HERE, *NAME, "--older-than", "1h", "--ttl", "2d")
    assert code == 2
    assert "--fresh" in err
    found = world.cleanup(*HERE, *NAME, "--older-than", "1h", "--ttl", "2d", "--fresh")
    assert found["tally"]["deleted"] == 2


def test_a_dump_is_never_written_over(world: World) -> None:
    world.load(OTHER, 2)
    Path("there.ndjson").write_text("mine")
    code, err = world.refused(*HERE, *NAME, "--dump", "there.ndjson")
    assert (code, Path("there.ndjson").read_text()) == (2, "mine")
    assert world.refused(*HERE, *NAME, "--dump", "dump.json")[0] == 2
    assert world.refused(*HERE, *NAME, "--dump", "nowhere/dump.ndjson")[0] == 2
    found = world.cleanup(*HERE, *NAME, "--dump", "new.ndjson")
    assert Path(found["dump"]["file"]) == Path("new.ndjson").absolute()
    assert "is there already" in err


def test_the_free_plans_limit_ends_it_and_tomorrow_it_goes_on(world: World) -> None:
    world.load(OTHER, 30)
    code, out, err = world.run("cleanup", "--source", KV, *HERE, *NAME, "--budget", "deletes=20/day")
    assert code == 3
    assert "--budget deletes=20/day" in err
    assert "pending 10" in out or "pending 30" in out
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["listed"], found["pending"]) == (0, 30, 0)
    assert found["tally"]["deleted"] + found["tally"]["gone"] == 30
    assert world.keys() == []


def test_small_pages_and_a_refused_cursor_lose_no_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.stores.kv.PAGE", 10)
    monkeypatch.setattr(removing, "PORTION", 10)
    keys = world.load(OTHER, 95)
    before = world.fake.namespace.entries(time.time())
    world.fake.faults.add(Reply(400, 10041, "invalid cursor"), on=Kind.LIST, nth=[14, 17])
    found = world.cleanup(*HERE, *NAME)
    assert (found["exit"], found["listed"], found["tally"]["deleted"]) == (0, 95, 95)
    assert dumped(found) == {key: record_of(key, before[key]) for key in keys}


def test_a_record_is_known_again_by_value_metadata_and_expiration() -> None:
    one = Record(Key("a"), b"v", '{"a":1}', 1000)
    for other in (one._replace(value=b"w"), one._replace(metadata=None), one._replace(expiration=1001)):
        assert not Print.of(one).fits(other)
    assert Print.read(Print.of(one).body()).fits(one)
