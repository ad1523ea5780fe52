"""The objects behind a bridge, in Cloudflare's local runtime: what the contract does not say."""

import dataclasses
import json
from collections import Counter
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from migrate.bridge_keys import VARIABLE
from migrate.core.ports import (
    Batch,
    Checkpoint,
    Claim,
    Cursor,
    Outcome,
    Quarantined,
    Replacement,
    RunId,
    TooLate,
)
from migrate.core.record import NEVER, Key, Record, holds
from migrate.errors import ConfigError, StoreRefused, StoreUnavailable
from migrate.stores.durable import Burial, DurableHolder, DurableSource, DurableTarget
from tests.stores.durable_side import DurableSide
from tests.stores.manual_clock import NOW, ManualClock

pytestmark = pytest.mark.xdist_group("edge")
RUN = RunId("0123456789abcdef")
ME = Claim("my-ledger", "me", "elsewhere", 11)


@pytest.fixture
def side(edge):
    side = DurableSide(edge, ManualClock())
    side.target.acquire(ME)
    yield side
    side.close()


@pytest.fixture
def target(side):
    return side.target


@pytest.fixture
def mark(target):
    return Checkpoint(target.open_sweep(RUN, 1).id, "p:")


def record(key="p:a", value=b"v", metadata=None, expiration=NEVER):
    return Record(Key(key), value, metadata, expiration)


class Losing(httpx.BaseTransport):
    """Passes requests on; of those imports whose number is in `lost` the answer gets lost."""

    def __init__(self, *lost):
        self.lost = lost
        self.imports = 0
        self._real = httpx.HTTPTransport()

    def handle_request(self, request):
        answer = self._real.handle_request(request)
        answer.read()
        if request.url.path.endswith("/import"):
            self.imports += 1
            if self.imports in self.lost:
                raise httpx.ReadTimeout("lost", request=request)
        return answer

    def close(self):
        self._real.close()


def test_what_no_object_can_hold_is_quarantined_with_the_reason_and_the_rest_is_copied(target, mark):
    most = 1_990_000
    records = [
        record("p:big", b"x" * (most + 1)),
        record("p:fits", b"x" * most),
        record("p:meta", metadata='"' + "m" * 9000 + '"'),
        record("p:late", expiration=253_402_300_800),
        record("p:long" + "x" * 600),
    ]
    saved = target.apply(Batch(records=records), mark)
    assert saved.tally == Counter({Outcome.COPIED: 1, Outcome.QUARANTINED: 4})
    reasons = {held.key: held.reason for held in target.quarantined("")}
    assert sorted(reasons) == ["p:big", "p:late", "p:long" + "x" * 600, "p:meta"]
    assert "1990000 bytes" in reasons[Key("p:big")]
    assert len(target.shown([Key("p:fits")])[Key("p:fits")].value) == most


def test_a_name_that_is_empty_behind_the_prefix_is_quarantined(edge):
    side = DurableSide(edge, ManualClock(), "keeping")
    target = side.target
    target.acquire(ME)
    mark = Checkpoint(target.open_sweep(RUN, 1).id, "spotify_session:")
    saved = target.apply(Batch(records=[record("spotify_session:"), record("spotify_session:a")]), mark)
    assert saved.tally == Counter({Outcome.COPIED: 1, Outcome.QUARANTINED: 1})
    assert [held.reason for held in target.quarantined("spotify_session:")] == [
        "its name is empty: nothing follows the prefix"
    ]
    assert [row.key for row in target.rows_between("spot", None, None)] == ["spotify_session:a"]
    assert [row.key for row in target.rows_between("", Key("a"), Key("z"))] == ["spotify_session:a"]
    assert list(target.rows_between("", Key("t"), None)) == []
    assert list(target.rows_between("", None, Key("s"))) == []
    with pytest.raises(StoreRefused, match="prefix"):
        target.apply(Batch(records=[record("other:a")]), mark)
    with pytest.raises(StoreRefused, match="prefix"):
        list(target.rows_between("other:", None, None))
    side.close()


def test_a_replacement_that_no_object_can_hold_leaves_the_row_as_it_was(target, mark):
    mark = target.apply(Batch(records=[record()]), mark)
    wanted = Replacement(record(value=b"x" * 2_000_000), 1, NOW + 300)
    saved = target.apply(Batch(replacements=[wanted]), replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.QUARANTINED: 1})
    assert target.shown([Key("p:a")])[Key("p:a")].value == b"v"


def test_a_batch_larger_than_a_request_is_copied_whole_with_one_checkpoint(side, target, mark):
    records = [record(f"p:{number}", bytes([number]) * 1_500_000) for number in range(12)]
    saved = target.apply(Batch(records=records), mark)
    assert saved.tally == Counter({Outcome.COPIED: 12})
    bytes_of = {one.key: one.value for one in records}
    with closing(DurableHolder(side.connection("values"), values=True)) as whole:
        assert {row.key: row.value for row in whole.rows_between("p:", None, None)} == bytes_of
        assert {row.key: row.value for row in whole.rows(list(bytes_of)).values()} == bytes_of
    assert all(holds(row.value, bytes_of[row.key]) for row in target.rows_between("p:", None, None))
    assert len(target.shown([one.key for one in records])) == 12


def test_lost_answers_change_nothing_in_the_counts(side, mark):
    side.target.release()
    transport = Losing(1, 2, 4, 5)
    target = DurableTarget(side.connection(transport=transport), clock=side.clock)
    target.acquire(ME)
    saved = target.apply(Batch(records=[record("p:0"), record("p:1")]), mark)
    saved = target.apply(Batch(records=[record("p:2"), record("p:3")]), saved)
    assert saved.tally == Counter({Outcome.COPIED: 4})
    target.heartbeat()
    assert target.checkpoint(mark.sweep, "p:") == saved
    assert transport.imports > 5
    target.close()


def test_a_batch_that_was_broken_off_counts_what_it_wrote_as_its_own(side, target, mark):
    records = [record(f"p:{number}") for number in range(5000)]
    side.target.release()
    # The first of its two imports is done, then the process is gone: nobody gives the lease back.
    transport = Losing()
    broken = DurableTarget(side.connection(transport=transport, patience=0.0), clock=side.clock)
    broken.acquire(ME)
    transport.lost = (2,)
    with pytest.raises(StoreUnavailable):
        broken.apply(Batch(records=records), mark)
    assert len(target.rows([one.key for one in records])) == 4000
    assert target.checkpoint(mark.sweep, "p:") is None
    side.clock.sleep(61)
    target.acquire(ME)
    assert target.apply(Batch(records=records), mark).tally == Counter({Outcome.COPIED: 5000})
    broken.close()


def test_an_import_under_a_lease_that_was_lost_and_given_back_is_refused(side, target, mark):
    side.clock.sleep(61)
    other = side.again()
    other.acquire(dataclasses.replace(ME, token="other"))
    other.release()
    with pytest.raises(StoreUnavailable, match="somebody else"):
        target.apply(Batch(records=[record()]), mark)
    assert target.rows([Key("p:a")]) == {}


@pytest.mark.parametrize("renewals", range(4))
def test_a_lease_that_others_had_in_between_is_lost_however_often_they_renewed_it(
    side, target, mark, renewals
):
    side.clock.sleep(61)
    other = dataclasses.replace(ME, token="other")
    second, third = side.again(), side.again()
    second.acquire(other)
    second.release()
    third.acquire(other)
    for _ in range(renewals):
        third.heartbeat()
    with pytest.raises(StoreUnavailable, match="somebody else"):
        target.apply(Batch(records=[record()]), mark)
    assert target.rows([Key("p:a")]) == {}
    third.heartbeat()


class Narrow(Losing):
    """A Worker that has no time for more than so many records; `late`: it does them, and dies then."""

    def __init__(self, most, late=False):
        super().__init__()
        self.most, self.late, self.sizes = most, late, []

    def handle_request(self, request):
        size = len(json.loads(request.content).get("records", ())) if request.content else 0
        self.sizes.append(size)
        if size > self.most:
            if self.late:
                super().handle_request(request).close()
            return httpx.Response(503, text="error code: 1102", request=request)
        return super().handle_request(request)


@pytest.mark.parametrize("late", [False, True])
def test_batches_become_smaller_when_the_worker_has_no_time_for_them(side, mark, late):
    side.target.release()
    transport = Narrow(150, late)
    target = DurableTarget(side.connection(transport=transport), clock=side.clock)
    target.acquire(ME)
    first = [record(f"p:{number:04}") for number in range(600)]
    saved = target.apply(Batch(records=first), mark)
    assert saved.tally == Counter({Outcome.COPIED: 600})
    second = [record(f"q:{number:04}") for number in range(600)]
    saved = target.apply(Batch(records=second), saved)
    assert saved.tally == Counter({Outcome.COPIED: 1200})
    assert {row.key for row in target.rows_between("", None, None)} == {one.key for one in first + second}
    third = [record(f"r:{number:04}") for number in range(600)]
    transport.sizes.clear()
    assert target.apply(Batch(records=third), saved).tally == Counter({Outcome.COPIED: 1800})
    assert late or max(transport.sizes) <= 150
    target.close()


def test_a_key_that_a_batch_put_into_quarantine_is_released_although_its_answer_got_lost(side, mark):
    side.target.release()
    target = DurableTarget(side.connection(transport=Narrow(150, late=True)), clock=side.clock)
    target.acquire(ME)
    many = [record(f"p:{number:04}") for number in range(200)]
    bad = Quarantined(Key("p:held"), "for now")
    saved = target.apply(Batch(records=many, quarantined=[bad]), mark)
    assert list(target.quarantined("")) == [bad]
    target.apply(Batch(records=[record("p:held")]), saved)
    assert list(target.quarantined("")) == []
    target.close()


class Weak(Losing):
    """A Worker that has no time to list more than so many rows."""

    def handle_request(self, request):
        asked = json.loads(request.content) if request.url.path.endswith("/scan") else {}
        if asked.get("limit", 0) > 12:
            return httpx.Response(503, text="error code: 1102", request=request)
        return super().handle_request(request)


def test_pages_become_smaller_when_the_worker_has_no_time_for_them(side, target, mark):
    records = [record(f"p:{number:03}") for number in range(40)]
    target.apply(Batch(records=records), mark)
    holder = DurableHolder(side.connection(transport=Weak()))
    assert [row.key for row in holder.rows_between("", None, None)] == [one.key for one in records]
    source = DurableSource(side.connection(transport=Weak()))
    assert source.scan("p:", None).heads
    for store in (holder, source):
        store.close()


class Down(Losing):
    """Something in front of the bridge fails for a while: so many times for each question's verb."""

    def __init__(self, times):
        super().__init__()
        self.left = Counter(dict.fromkeys(("heads", "read", "scan"), times))

    def handle_request(self, request):
        verb = request.url.path.rpartition("/")[2]
        if self.left[verb] > 0:
            self.left[verb] -= 1
            return httpx.Response(502, text="error code: 502", request=request)
        return super().handle_request(request)


@pytest.mark.parametrize("values", [False, True])
def test_an_outage_is_waited_for_whatever_is_asked(side, target, mark, values):
    records = [record(f"p:{number:03}") for number in range(40)]
    target.apply(Batch(records=records), mark)
    keys = [one.key for one in records]
    with closing(DurableHolder(side.connection(transport=Down(30)), values=values)) as holder:
        assert list(holder.rows(keys)) == keys
        assert [row.key for row in holder.rows_between("", None, None)] == keys


def test_batches_grow_again_when_the_worker_has_time_again(side, mark):
    side.target.release()
    transport = Narrow(40)
    target = DurableTarget(side.connection(transport=transport), clock=side.clock)
    target.acquire(ME)
    saved = target.apply(Batch(records=[record(f"p:{number:04}") for number in range(100)]), mark)
    assert max(size for size in transport.sizes if size <= 40) < 40
    transport.most = 1000
    transport.sizes.clear()
    for batch in range(6):
        records = [record(f"q:{batch}:{number:04}") for number in range(200)]
        saved = target.apply(Batch(records=records), saved)
    assert saved.tally == Counter({Outcome.COPIED: 1300})
    assert max(transport.sizes) > 40
    target.close()


def test_a_lease_that_cannot_be_given_back_keeps_nobody_waiting_for_long(side):
    side.target.release()
    transport = Narrow(150)
    target = DurableTarget(side.connection(transport=transport), clock=side.clock)
    target.acquire(ME)
    transport.handle_request = lambda request: httpx.Response(502, request=request)
    before = side.clock.now()
    target.release()
    assert side.clock.now() - before <= 10
    target.close()


def test_records_of_a_batch_are_still_inserted_behind_the_fence(target, mark):
    mark = target.apply(Batch(records=[record()], quarantined=[Quarantined(Key("p:q"), "bad")]), mark)
    target.begin_gate_verify()
    wanted = Replacement(record(value=b"x"), 1, NOW + 300)
    batch = Batch(records=[record("p:b")], replacements=[wanted])
    saved = target.apply(batch, replace(mark, tally=Counter()))
    assert saved.tally == Counter({Outcome.COPIED: 1, Outcome.WAITING: 1})


def test_since_when_the_fence_holds_is_told_by_our_clock_and_a_key_for_verify(side, target):
    looking = DurableHolder(side.connection("verify"))
    assert looking.fenced_since() is None
    side.bridge.set_clock(NOW + 500)
    target.begin_gate_verify()
    assert looking.fenced_since() == pytest.approx(NOW, abs=1)
    side.bridge.set_clock(NOW + 200)
    assert looking.fenced_since() == pytest.approx(NOW + 300, abs=1)
    looking.close()


def test_rows_that_the_source_lacks_are_buried_under_the_lease(side, mark):
    target = side.deleting()
    target.acquire(ME)
    records = [record(f"p:{number:04}") for number in range(1200)]
    target.apply(Batch(records=records), mark)
    side.put(record("p:app"), "app")
    side.delete(Key("p:0007"))
    wanted = {one.key: 1 for one in records} | {Key("p:app"): 1, Key("p:none"): 1}
    found = target.bury("sweep-1", wanted, NOW + 300)
    assert found == {
        **{one.key: Burial.BURIED for one in records},
        Key("p:0007"): Burial.TOMBSTONED,
        Key("p:app"): Burial.NEWER,
        Key("p:none"): Burial.MISSING,
    }
    assert Counter(row.value is None for row in target.rows_between("p:", None, None)) == {
        True: 1200,
        False: 1,
    }
    target.heartbeat()  # the lease is still ours, and its version known
    with pytest.raises(TooLate):
        target.bury("sweep-1", {Key("p:app"): 1}, NOW - 1)
    side.clock.sleep(61)
    side.target.acquire(dataclasses.replace(ME, token="other"))
    with pytest.raises(StoreUnavailable, match="somebody else"):
        target.bury("sweep-1", {Key("p:app"): 1}, NOW + 300)


@pytest.mark.parametrize(("bridge", "wait"), [("copied-into", 0), ("apart", 60)])
def test_a_gates_verify_begins_when_nothing_is_on_its_way_any_more(edge, bridge, wait):
    side = DurableSide(edge, ManualClock(), bridge)
    before = side.clock.now()
    side.target.begin_gate_verify()
    assert side.clock.now() - before == wait
    side.close()


def test_a_legacy_row_is_buried_where_kv_is_right_and_only_there(side):
    target = side.deleting()
    target.acquire(ME)
    side.put(record(), "legacy")
    assert target.bury("a", {Key("p:a"): 1}, NOW + 300) == {Key("p:a"): Burial.LEGACY}
    assert target.bury("b", {Key("p:a"): 2}, NOW + 300, legacy=True) == {Key("p:a"): Burial.CHANGED}
    assert target.bury("c", {Key("p:a"): 1}, NOW + 300, legacy=True) == {Key("p:a"): Burial.BURIED}
    assert target.rows([Key("p:a")])[Key("p:a")].deleted


def test_nothing_is_buried_behind_the_fence(side, mark):
    target = side.deleting()
    target.acquire(ME)
    target.apply(Batch(records=[record()]), mark)
    target.begin_gate_verify()
    assert target.bury("b", {Key("p:a"): 1}, NOW + 300) == {Key("p:a"): Burial.FENCED}
    assert target.shown([Key("p:a")])[Key("p:a")].value == b"v"


def test_a_source_gives_every_live_session_once_in_order_whatever_the_pages(side, target, mark):
    records = [record(f"p:{number:03}", b"%d" % number) for number in range(300)]
    target.apply(Batch(records=[*records, record("p:dead", expiration=int(NOW) - 1), record("q:x")]), mark)
    side.delete(Key("p:007"))
    source = DurableSource(side.connection("values"), page=30)
    found, cursor, pages = [], None, 0
    while True:
        page = source.scan("p:", cursor)
        assert [head.key for head in page.heads] == [one.key for one in page.records]
        found += page.records
        pages += 1
        cursor = page.next
        if cursor is None:
            break
    assert pages > 3
    assert found == [one for one in records if one.key != "p:007"]
    assert source.scan("p:", Cursor("p:299")).heads == []
    asked = [Key("p:001"), Key("p:007"), Key("p:dead"), Key("p:none")]
    assert source.read(asked) == {asked[0]: records[1], asked[1]: None, asked[2]: None, asked[3]: None}
    source.close()


def test_each_opening_wants_the_keys_that_it_needs(side):
    with pytest.raises(ConfigError, match="for values"):
        DurableSource(side.connection("import"))
    with pytest.raises(ConfigError, match="for values"):
        DurableHolder(side.connection("import"), values=True)
    with pytest.raises(ConfigError, match="for import"):
        DurableTarget(side.connection("values"), clock=side.clock)
    for looking in (
        DurableTarget(side.connection("import"), clock=side.clock),
        DurableHolder(side.connection("verify")),
    ):
        assert looking.rows([Key("p:a")]) == {}
        assert looking.concealed == f"a key for values in {VARIABLE}"
        with pytest.raises(ConfigError, match="for values"):
            looking.shown([Key("p:a")])
        looking.close()


def test_a_clock_that_differs_from_the_objects_is_allowed_for(side, target, mark):
    side.bridge.set_clock(NOW + 500)
    side._edge.set_clock(NOW + 500)
    target.heartbeat()
    saved = target.apply(Batch(records=[record()], not_after=NOW + 300), mark)
    assert saved.tally == Counter({Outcome.COPIED: 1})
    source = DurableSource(side.connection("values"))
    assert source.skew == pytest.approx(500, abs=1)
    source.close()
