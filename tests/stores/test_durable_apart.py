"""One object per session behind a bridge, in Cloudflare's local runtime: what the contract does not say."""

import os
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.core.ports import EMPTY, UNNAMED, Batch, Checkpoint, Countable, Cursor, Outcome
from migrate.core.record import Head, Key
from migrate.errors import ConfigError, StoreRefused, StoreUnavailable
from migrate.stores.durable import DurableHolder, DurableSource, DurableTarget
from migrate.stores.durable.sorting import Sorted, Sorter
from tests.stores.durable_side import DurableSide
from tests.stores.manual_clock import NOW, ManualClock
from tests.stores.test_durable import ME, RUN, record

pytestmark = pytest.mark.xdist_group("edge")


@pytest.fixture
def side(edge):
    side = DurableSide(edge, ManualClock(), "apart-bare")
    side.target.acquire(ME)
    yield side
    side.bridge.set_budget(None)
    side.close()


@pytest.fixture
def target(side):
    return side.target


@pytest.fixture
def mark(target):
    return Checkpoint(target.open_sweep(RUN, 1).id, "p:")


def keys(rows):
    return [row.key for row in rows]


def many(number, stem="p"):
    return [record(f"{stem}:{one:03}", b"%d" % one) for one in range(number)]


# ---------------------------------------------------------------- the listing


def test_a_source_gives_every_live_session_once_in_order_and_its_values_when_they_are_read(
    side, target, mark
):
    records = many(90)
    target.apply(Batch(records=[*records, record("p:dead", expiration=int(NOW) - 1), record("q:x")]), mark)
    side.delete(Key("p:007"))
    source = DurableSource(side.connection("values"), side.namespace, page=20)
    found, cursor, pages = [], None, 0
    while True:
        page = source.scan("p:", cursor)
        assert page.records is None
        found += page.heads
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    wanted = [one for one in records if one.key != "p:007"]
    assert found == [Head(one.key, one.metadata, one.expiration) for one in wanted]
    assert pages == 5
    assert source.read(keys(found))[Key("p:010")] == records[10]
    lists = len(side.objects.requests)
    assert source.scan("q:", None).heads[0].key == "q:x"
    assert len(side.objects.requests) == lists, "another prefix belongs to the same list"
    resumed = DurableSource(side.connection("values"), side.namespace, page=20)
    assert resumed.scan("p:", Cursor("p:080")).heads[0].key == "p:081"
    source.close()
    resumed.close()


def test_rows_are_as_they_are_when_their_turn_comes(side, target, mark):
    target.apply(Batch(records=many(3)), mark)
    holder = DurableHolder(side.connection("values"), side.namespace, values=True)
    assert keys(holder.rows_between("p:", None, Key("p:000"))) == ["p:000"]
    side.put(record("p:001", b"newer"), "app")
    rows = list(holder.rows_between("p:", Key("p:000"), None))
    assert [(row.key, row.value) for row in rows] == [("p:001", b"newer"), ("p:002", b"2")]
    side.put(record("p:003"), "app")
    assert keys(holder.rows_between("p:", None, None)) == [f"p:00{n}" for n in range(4)]
    holder.close()


def test_what_the_target_writes_belongs_to_its_own_list(side, target, mark):
    saved = target.apply(Batch(records=many(2)), mark)
    assert keys(target.rows_between("p:", None, Key("p:000"))) == ["p:000"]
    lists = len(side.objects.requests)
    target.apply(Batch(records=[record("p:0005")]), saved)
    assert keys(target.rows_between("p:", Key("p:000"), None)) == ["p:0005", "p:001"]
    assert len(side.objects.requests) == lists


def test_objects_that_vanish_or_hold_nothing_are_empty(side, target, mark, edge):
    target.apply(Batch(records=many(2)), mark)
    side._call("nobody", "getSession", "nobody")
    edge.call("APART", side.world + "scribbled", "scribble", 0)
    edge.call("APART", side.world + "other", "scribble", 1)
    holder = DurableHolder(side.connection("values"), side.namespace)
    assert isinstance(holder, Countable)
    assert holder.aside == {}
    assert keys(holder.rows_between("", None, None)) == ["p:000", "p:001"]
    assert holder.aside == {UNNAMED: 1, EMPTY: 2}
    holder.close()


def test_a_session_in_the_object_of_another_is_not_found_there(side, target, mark, edge):
    target.apply(Batch(records=many(1)), mark)
    edge.call("APART", side.world + "wrong", "putSession", "p:lost", "v")
    edge.call("APART", side.world + "p:000", "putSession", "p:guest", "v")
    holder = DurableHolder(side.connection("values"), side.namespace)
    assert keys(holder.rows_between("", None, None)) == ["p:000"]
    assert holder.aside == {UNNAMED: 2, EMPTY: 0}
    holder.close()


def test_a_class_that_cloudflare_does_not_have_is_named_with_those_that_it_has(side):
    side.objects._class = "Another"
    holder = DurableHolder(side.connection("values"), side.namespace)
    with pytest.raises(ConfigError, match="no class Apart of a Worker application") as caught:
        list(holder.rows_between("", None, None))
    assert "Another of elsewhere" in caught.value.hint
    holder.close()


def test_objects_of_another_class_are_refused(side, edge):
    side.objects._folder = edge.state / "do" / "application-UserSessions"
    side.objects._before = set()
    edge.call("USER_SESSIONS", "somebody", "putSession", "somebody", "v")
    holder = DurableHolder(side.connection("values"), side.namespace)
    with pytest.raises(StoreRefused, match="not of the bridge's class"):
        list(holder.rows_between("", None, None))
    holder.close()


# ---------------------------------------------------------------- limits


def test_requests_become_smaller_when_the_worker_may_not_ask_so_many_objects(side, target, mark):
    side.bridge.set_budget(60)
    saved = target.apply(Batch(records=many(200)), mark)
    assert saved.tally == Counter({Outcome.COPIED: 200})
    assert keys(target.rows_between("p:", None, None)) == keys(many(200))
    again = target.apply(Batch(records=many(200)), replace(saved, tally=Counter()))
    assert again.tally == Counter({Outcome.EQUAL: 200})


@pytest.mark.parametrize("budget", [0, 5])
def test_a_worker_that_may_do_next_to_nothing_ends_it(side, target, mark, budget):
    side.bridge.set_budget(budget)
    with pytest.raises(StoreUnavailable, match="so much in one request"):
        target.apply(Batch(records=many(50)), mark)
    side.bridge.set_budget(None)
    assert target.checkpoint(mark.sweep, "p:") is None
    assert target.apply(Batch(records=many(50)), mark).tally == Counter({Outcome.COPIED: 50})


# ---------------------------------------------------------------- the sorter


def test_heads_come_in_the_order_of_their_bytes_within_bounds(side):
    sorter = Sorter()
    names = ["a", "p:", "p:\x00", "p:a", "p:é", "p:\uffee", "p:\U0001f600", "q"]
    sorter.add(Sorted(Head(Key(name), None, 5), deleted=False) for name in reversed(names))
    sorter.add([Sorted(Head(Key("p:a"), "{}", 6), deleted=True)])
    found = list(sorter.between("p:", None, None))
    assert [one.head.key for one in found] == names[1:-1]
    assert found[2] == Sorted(Head(Key("p:a"), "{}", 6), deleted=True)
    assert [one.head.key for one in sorter.between("p:", "p:a", "p:\uffee")] == ["p:é", "p:\uffee"]
    assert [one.head.key for one in sorter.between("", None, "a")] == ["a"]
    assert sorter.unseen(["00", "01", "00"]) == ["00", "01"]
    assert sorter.unseen(["01", "02"]) == ["02"]
    sorter.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the files of a process are seen in /proc")
def test_what_is_sorted_lies_in_a_file_that_is_deleted_already_and_private():
    sorter = Sorter()
    heads = (Sorted(Head(Key(f"planted-{n:0200}"), None, 5), deleted=False) for n in range(60_000))
    sorter.add(heads)
    mine = [path for path in Path("/proc/self/fd").iterdir() if "/etilqs_" in _target(path)]
    assert mine, "it is on disk, and not in memory"
    assert all(_target(path).endswith("(deleted)") for path in mine)
    assert [stat.S_IMODE(path.stat().st_mode) for path in mine] == [0o600] * len(mine)
    assert sum(1 for _ in sorter.between("planted-", None, None)) == 60_000
    sorter.close()


def _target(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


# ---------------------------------------------------------------- the end


NOTE = "finished"


def told(side, key):
    return side._edge.call("APART", side.world + key, "kvferryNotes", [NOTE])[0] is not None


@pytest.mark.parametrize("budget", [None, 12])
def test_at_the_end_every_object_that_is_listed_is_told(side, target, mark, budget):
    records = many(40)
    target.apply(Batch(records=records), mark)
    side.bridge.set_budget(budget)  # the Worker may ask so many objects for a request
    before = side.clock.now()
    side.finish()
    assert side.clock.now() - before >= 330, "what was on its way has run out of time"
    side.bridge.set_budget(None)
    assert [told(side, one.key) for one in records] == [True] * 40
    assert not told(side, "p:never")


def test_without_a_list_of_the_objects_the_bridge_knows_and_they_are_not_told(side, target, mark):
    target.apply(Batch(records=[record("p:a")]), mark)
    unlisted = DurableTarget(side.connection("import", "delete"), clock=side.clock)
    unlisted.finish()
    unlisted.close()
    assert target.finished_since() is not None
    assert not told(side, "p:a")
    with pytest.raises(StoreRefused, match="migration is finished"):
        target.apply(Batch(records=[record("p:b")]), mark)
    side.finish()  # the same again, with the list, completes it
    assert told(side, "p:a")


def test_the_end_needs_a_key_for_deletions(side, target):
    with pytest.raises(ConfigError, match="delete"):
        target.finish()
    assert target.finished_since() is None
