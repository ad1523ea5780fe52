import json

import pytest

from migrate.core.ports import Batch, Checkpoint, Claim, CursorRefused, Outcome, RunId, Source, Target
from migrate.core.record import NEVER, Head, Key, Origin, Record
from migrate.core.writing import Reason
from migrate.stores.memory import MemoryKv, MemoryKvWriter, MemoryStore, with_faults
from tests.stores.manual_clock import NOW, ManualClock


@pytest.fixture
def clock():
    return ManualClock()


def record(key, value=b"v", expiration=NEVER, metadata=None):
    return Record(Key(key), value, metadata, expiration)


def pages(source, prefix=""):
    found = [source.scan(prefix, None)]
    while found[-1].next is not None:
        found.append(source.scan(prefix, found[-1].next))
    return found


def listed(source, prefix=""):
    return [head.key for page in pages(source, prefix) for head in page.heads]


# ---------------------------------------------------------------- the store


def test_a_store_lists_its_live_rows_page_by_page_in_key_order(clock):
    store = MemoryStore(clock=clock, page=2)
    for key in ("p:\U0001f600", "p:\uffee", "p:a", "p:b", "q", "o"):
        store.put(record(key))
    store.put(record("p:late", expiration=int(NOW)))
    store.put(record("p:gone"))
    store.remove(Key("p:gone"))
    found = pages(store, "p:")
    assert [[head.key for head in page.heads] for page in found] == [
        ["p:a", "p:b"],
        ["p:\uffee", "p:\U0001f600"],
    ]
    assert [list(page.heads) for page in found] == [
        [Head(r.key, r.metadata, r.expiration) for r in page.records] for page in found
    ]
    answers = store.read([Key("p:a"), Key("p:late"), Key("p:gone"), Key("none")])
    assert answers == {"p:a": record("p:a"), "p:late": None, "p:gone": None, "none": None}


def test_rows_may_change_between_two_pages(clock):
    store = MemoryStore(clock=clock, page=1)
    for key in "abd":
        store.put(record(key))
    cursor = store.scan("", None).next
    store.remove(Key("b"))
    store.put(record("c"))
    assert [head.key for head in store.scan("", cursor).heads] == ["c"]


def test_the_applications_side_keeps_versions_origins_and_tombstones(clock):
    store = MemoryStore(clock=clock)
    key = Key("a")
    assert store.put(record("a"), Origin.DUAL)
    assert store.put(record("a", b"2"), Origin.APP)
    assert store.put(record("a", b"3"), Origin.DUAL)
    assert store.rows([key])[key] == (*record("a", b"3")[:4], Origin.APP, 3, None)
    store.remove(key, Origin.DUAL)
    store.remove(key)
    assert store.rows([key])[key] == ("a", None, None, NEVER, Origin.APP, 4, None)
    assert not store.put(record("a"))


# ---------------------------------------------------------------- Workers KV


def test_kv_shows_an_old_truth_for_as_long_as_the_script_says(clock):
    ages = {}
    kv = MemoryKv(clock=clock, horizon=60, age=lambda key: ages.get(key, 0.0))
    key = Key("a")
    kv.put(record("a", b"old"))
    clock.time += 100
    kv.put(record("a", b"new"))
    kv.put(record("b"))
    assert kv.read([key])[key].value == b"new"
    ages.update(a=30.0, b=30.0)
    assert kv.read([key])[key].value == b"old"
    assert listed(kv) == ["a"]
    assert kv.read([Key("b")]) == {"b": None}
    clock.time += 30
    assert kv.read([key])[key].value == b"new"
    assert listed(kv) == ["a", "b"]


def test_kv_shows_an_export_no_more_than_the_application_has_put(clock):
    kv = MemoryKv(clock=clock)
    stamp = {"d": "a4ayc_80_OGda4BO_1o_Vg", "e": int(NOW) + 50}
    put = Record(Key("a"), b"1", json.dumps({"m": 1, "_kvferry": stamp}), int(NOW) + 50)
    kv.put(put)
    assert kv.entry(Key("a")) == put
    (head,) = kv.scan("", None).heads
    assert (head.metadata, head.expiration) == ('{"m":1}', NOW + 50)
    assert head.stamped is not None
    assert kv.read([Key("a")]) == {"a": put._replace(metadata='{"m":1}', stamped=head.stamped)}


def test_kv_is_never_staler_than_its_horizon(clock):
    kv = MemoryKv(clock=clock, horizon=60, age=lambda _: 1e9)
    kv.put(record("a"))
    clock.time += 60
    assert kv.read([Key("a")]) == {"a": record("a")}
    kv.remove(Key("a"))
    clock.time += 59
    assert kv.read([Key("a")]) == {"a": record("a")}
    clock.time += 1
    assert kv.read([Key("a")]) == {"a": None}


def test_kv_gives_empty_pages_before_the_end(clock):
    kv = MemoryKv(clock=clock, page=2)
    for key in "abcde":
        kv.put(record(key, expiration=int(NOW) + 5 if key in "bcd" else NEVER))
    kv.remove(Key("a"))
    clock.time += 5
    assert [[head.key for head in page.heads] for page in pages(kv)] == [[], [], ["e"]]
    assert kv.scan("", None).next is not None
    assert kv.scan("", None).records is None


# ---------------------------------------------------------------- faults


def test_the_hook_sees_what_is_written_to_a_key_value_store(clock):
    kv = MemoryKv(clock=clock)
    seen = []
    writer = with_faults(MemoryKvWriter(kv, clock=clock), lambda *call: seen.append(call))
    assert writer.put([record("a")]) == {"a": None}
    assert writer.delete([Key("a")]) == {"a": None}
    assert seen == [
        ("put", 0, "before"),
        ("put", 0, "after"),
        ("delete", 1, "before"),
        ("delete", 1, "after"),
    ]
    assert kv.entry(Key("a")) is None


def test_a_key_that_is_refused_stays_as_it_is(clock):
    kv = MemoryKv(clock=clock)
    writer = MemoryKvWriter(kv, clock=clock, refuse=lambda key: Reason.FAILED if key == "a" else None)
    kv.put(record("a"))
    assert writer.delete([Key("a"), Key("b")]) == {"a": Reason.FAILED, "b": None}
    assert kv.entry(Key("a")) == record("a")


def test_the_hook_sees_every_port_call_in_order_and_nothing_else(clock):
    store = MemoryStore(clock=clock)
    seen = []
    wrapped = with_faults(store, lambda *call: seen.append(call))
    wrapped.put(record("a"))
    assert wrapped.address == "memory:"
    wrapped.scan("", None)
    rows = wrapped.rows_between("", None, None)
    assert seen == [("scan", 0, "before"), ("scan", 0, "after"), ("rows_between", 1, "before")]
    assert [row.key for row in rows] == ["a"]
    assert seen[3:] == [("rows_between", 1, "after")]
    wrapped.remove(Key("a"))
    assert len(seen) == 4


def test_every_method_of_the_ports_is_wrapped(clock):
    seen = set()
    wrapped = with_faults(MemoryStore(clock=clock), lambda name, index, when: seen.add(name))
    calls = {
        "acquire": (Claim("t", "w", "h", 1),),
        "open_sweep": (RunId("r"), 1),
        "apply": (Batch(), Checkpoint(1, "")),
        "scan": ("", None),
        "read": ([],),
        "rows": ([],),
        "rows_between": ("", None, None),
        "shown": ([],),
        "quarantined": ("",),
        "sweeps": (RunId("r"),),
        "checkpoint": (1, ""),
        "checkpoints": (1,),
        "sightings": (1, "", 1, 0.0),
        "begin_gate_verify": (),
        "end_gate_verify": (),
        "fenced_since": (),
        "finished_since": (),
        "leased_until": (),
        "heartbeat": (),
        "close_sweep": (1,),
        "finish": (),
        "release": (),
        "close": (),
    }
    for name, arguments in calls.items():
        getattr(wrapped, name)(*arguments)
    values = {"address", "concealed", "horizon", "identity", "live", "verbatim", "width", "skew"}
    public = {name for port in (Source, Target) for name in dir(port) if not name.startswith("_")}
    assert seen == set(calls) == public - values


def test_a_fault_before_prevents_and_a_fault_after_only_hides_the_effect(clock):
    class Fault(Exception):
        pass

    plan = {}

    def hook(name, index, when):
        if plan.get(name) == when:
            raise Fault

    store = MemoryStore(clock=clock)
    wrapped = with_faults(store, hook)
    wrapped.acquire(Claim("t", "w", "h", 1))
    mark = Checkpoint(wrapped.open_sweep(RunId("r"), 1).id, "")
    plan["apply"] = "before"
    with pytest.raises(Fault):
        wrapped.apply(Batch(records=[record("a")]), mark)
    assert store.rows([Key("a")]) == {}
    plan["apply"] = "after"
    with pytest.raises(Fault):
        wrapped.apply(Batch(records=[record("a")]), mark)
    assert store.checkpoint(mark.sweep, "").tally[Outcome.COPIED] == 1


def test_a_hook_may_refuse_a_cursor(clock):
    def hook(name, index, when):
        if index == 1:
            raise CursorRefused

    kv = MemoryKv(clock=clock, page=1)
    for key in "abc":
        kv.put(record(key))
    wrapped = with_faults(kv, hook)
    cursor = wrapped.scan("", None).next
    with pytest.raises(CursorRefused):
        wrapped.scan("", cursor)
    assert [head.key for head in wrapped.scan("", cursor).heads] == ["b"]
