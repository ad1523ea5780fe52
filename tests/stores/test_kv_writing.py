import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from migrate.core.limiting import Budget
from migrate.core.record import NEVER, Key, Record
from migrate.core.writing import Reason
from migrate.errors import BudgetSpent, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores import kv_bulk
from migrate.stores.kv_writing import KvWriter
from tests.fake_api import (
    ACCOUNT,
    NAMESPACE,
    TOKEN,
    Cut,
    FakeApi,
    FakeServer,
    Namespace,
    Reply,
    Unsuccessful,
    Verbatim,
)
from tests.fake_api.faults import Action
from tests.fake_api.wire import Kind
from tests.stores.connected import connected
from tests.stores.manual_clock import ManualClock

INFINITE = float("inf")


@dataclass
class Setup:
    """A fake and a writer in one time."""

    server: FakeServer
    clock: ManualClock
    writers: list[KvWriter] = field(default_factory=list)

    @property
    def fake(self) -> FakeApi:
        return self.server.api

    @property
    def held(self) -> Namespace:
        return self.server.api.namespace

    def writer(
        self, *, budget: Budget | None = None, token: str = TOKEN, namespace: str = NAMESPACE
    ) -> KvWriter:
        api = connected(self.server, self.clock, token=token, budget=budget)
        self.writers.append(KvWriter(api, ACCOUNT, namespace, clock=self.clock))
        return self.writers[-1]

    def keys(self) -> list[str]:
        return list(self.held.entries(self.fake.now()))

    def requests(self, kind: Kind) -> int:
        return self.fake.stats.by_kind.get(kind, 0)


@pytest.fixture
def setup() -> Iterator[Setup]:
    clock = ManualClock()
    with FakeServer(FakeApi(clock=clock.now, monotonic=clock.monotonic)) as server:
        one = Setup(server, clock)
        yield one
        for writer in one.writers:
            writer.close()


def plain(count: int) -> list[Record]:
    return [Record(Key(f"k{number:05}"), b"v", None, NEVER) for number in range(count)]


# ---------------------------------------------------------------- how many requests


def test_a_request_holds_ten_thousand_keys_at_most(setup: Setup) -> None:
    wanted = plain(10_001)
    done = setup.writer().put(wanted)
    assert set(done.values()) == {None}
    assert setup.keys() == [record.key for record in wanted]
    assert setup.requests(Kind.BULK_PUT) == 2
    gone = setup.writer().delete([record.key for record in wanted])
    assert list(gone) == [record.key for record in wanted]
    assert set(gone.values()) == {None}
    assert setup.keys() == []
    assert setup.requests(Kind.BULK_DELETE) == 2


def test_large_values_are_sent_in_several_requests(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_bulk, "_BODY", 1000)
    wanted = [Record(Key(f"k{number}"), b"\xff" * 600, None, NEVER) for number in range(4)]
    assert set(setup.writer().put(wanted).values()) == {None}
    assert setup.requests(Kind.BULK_PUT) == 4
    assert len(setup.keys()) == 4


def test_a_key_that_is_given_twice_is_deleted_once(setup: Setup) -> None:
    setup.held.put("a", b"v")
    assert setup.writer().delete([Key("a"), Key("a")]) == {"a": None}
    assert setup.keys() == []


# ---------------------------------------------------------------- what passes

PASSING: list[Action] = [
    Reply(429, 10046, retry_after=300),
    Reply(500),
    Reply(503),
    Reply(200, 10001),
    Verbatim(524),
    Verbatim(200),
    Cut(0),
    Cut(0.5),
]


@pytest.mark.parametrize("action", PASSING, ids=repr)
def test_a_lost_answer_is_asked_for_again(setup: Setup, action: Action) -> None:
    later = int(setup.fake.now()) + 3600
    setup.fake.faults.add(action, on=Kind.BULK_PUT, nth=[1])
    setup.fake.faults.add(action, on=Kind.BULK_DELETE, nth=[1])
    wanted = [Record(Key("a"), b"1", '{"m":1}', later), Record(Key("b"), b"2", None, NEVER)]
    assert setup.writer().put(wanted) == {"a": None, "b": None}
    entry = setup.held.entries(setup.fake.now())["a"]
    assert (entry.value, entry.metadata, entry.expiration) == (b"1", '{"m":1}', later)
    assert setup.writer().delete([Key("a")]) == {"a": None}
    assert setup.keys() == ["b"]


def test_unsuccessful_keys_are_tried_again_and_only_they(setup: Setup) -> None:
    setup.fake.faults.add(Unsuccessful(3), on=Kind.BULK_PUT, nth=[1])
    setup.fake.faults.add(Unsuccessful(1), on=Kind.BULK_PUT, nth=[2])
    started = setup.clock.now()
    assert set(setup.writer().put(plain(5)).values()) == {None}
    assert len(setup.keys()) == 5
    assert setup.requests(Kind.BULK_PUT) == 3
    assert setup.clock.now() - started >= 1.5 + 3.0  # one write per second and key


def test_a_key_that_stays_unsuccessful_has_its_reason_and_the_others_are_done(setup: Setup) -> None:
    setup.held.put("k00000", b"old")
    setup.fake.faults.add(Unsuccessful(1), on=[Kind.BULK_PUT, Kind.BULK_DELETE])
    done = setup.writer().put(plain(3))
    assert done == {"k00000": Reason.FAILED, "k00001": None, "k00002": None}
    assert setup.held.entries(0)["k00000"].value == b"old"
    gone = setup.writer().delete([Key("k00000"), Key("k00001")])
    assert gone == {"k00000": Reason.FAILED, "k00001": None}


def test_a_refused_item_is_found_by_halves_and_costs_no_other(setup: Setup) -> None:
    bad = Record(Key("."), b"v", None, NEVER)
    wanted = [*plain(20), bad]
    done = setup.writer().put(wanted)
    assert {key for key, reason in done.items() if reason is not None} == {"."}
    assert done[bad.key] is Reason.REFUSED
    assert list(done) == [record.key for record in wanted]
    assert len(setup.keys()) == 20
    assert setup.requests(Kind.BULK_PUT) < 2 * 21
    assert setup.writer().delete([Key("k00000"), bad.key]) == {"k00000": None, bad.key: Reason.REFUSED}


def test_a_request_that_breaks_off_again_and_again_is_made_smaller(setup: Setup) -> None:
    setup.fake.faults.add(Verbatim(524), on=Kind.BULK_PUT, nth=range(1, 5))
    assert set(setup.writer().put(plain(4)).values()) == {None}
    assert setup.requests(Kind.BULK_PUT) == 6
    assert len(setup.keys()) == 4


def test_an_expiration_is_judged_by_the_servers_clock_each_time_it_is_sent(setup: Setup) -> None:
    """What was good for a minute before a block of five is not after it."""
    now = int(setup.fake.now())
    wanted = [Record(Key("soon"), b"v", None, now + 100), Record(Key("late"), b"v", None, now + 900)]
    setup.fake.faults.add(Unsuccessful(2), on=Kind.BULK_PUT, nth=[1])
    setup.fake.faults.add(Reply(429, 10046, retry_after=300), on=Kind.BULK_PUT, nth=[2])
    writer = setup.writer()
    done = writer.put(wanted)
    assert done == {"soon": Reason.EXPIRING, "late": None}
    setup.fake.skew = 3600.0
    ahead = setup.writer()
    assert ahead.delete([Key("late")]) == {"late": None}  # it has seen the server's clock now
    assert ahead.put([Record(Key("a"), b"v", None, now + 2000)]) == {"a": Reason.EXPIRING}


# ---------------------------------------------------------------- time that is over


def test_a_repeated_write_past_its_time_is_not_known_to_have_arrived(setup: Setup) -> None:
    setup.fake.faults.add(Cut(0), on=Kind.BULK_PUT)
    with pytest.raises(StoreUnavailable, match="not known whether a write arrived"):
        setup.writer().put(plain(1), not_after=setup.clock.now())
    assert setup.keys() == ["k00000"]  # it had arrived
    assert setup.requests(Kind.BULK_PUT) == 1


def test_what_waited_too_long_for_the_rate_limit_was_not_sent_and_is_late(setup: Setup) -> None:
    setup.fake.faults.add(Reply(429, 10046, retry_after=300), on=Kind.BULK_DELETE, nth=[1])
    setup.held.put("a", b"v")
    assert setup.writer().delete([Key("a")], not_after=setup.clock.now() + 60) == {"a": Reason.LATE}
    assert setup.keys() == ["a"]
    assert setup.requests(Kind.BULK_DELETE) == 1


# ---------------------------------------------------------------- who must act


def test_a_token_that_may_only_read_is_told_the_least_permission(setup: Setup) -> None:
    setup.fake.tokens["reader"] = frozenset({"read"})
    for write in (
        lambda: setup.writer(token="reader").put(plain(1)),
        lambda: setup.writer(token="reader").delete([Key("a")]),
    ):
        with pytest.raises(StoreRefused) as refused:
            write()
        assert '"Workers KV Storage Edit"' in refused.value.hint


def test_a_namespace_that_is_not_there_is_refused(setup: Setup) -> None:
    with pytest.raises(StoreRefused, match="no such namespace"):
        setup.writer(namespace="f" * 32).delete([Key("a")])


def test_a_budget_of_deletes_ends_cleanly_and_says_when_to_go_on(setup: Setup) -> None:
    for record in plain(25):
        setup.held.put(record.key, b"v")
    keys = [record.key for record in plain(25)]
    with pytest.raises(BudgetSpent, match=r"deletes=20/day"):
        setup.writer(budget=Budget(deletes=20)).delete(keys)
    assert len(setup.keys()) == 5
    with pytest.raises(BudgetSpent, match=r"writes=5/day"):
        setup.writer(budget=Budget(writes=5)).put(plain(6))


def test_the_free_plans_limit_is_a_budget_of_cloudflares(setup: Setup) -> None:
    setup.fake.faults.add(Reply(429, 10048), on=Kind.BULK_DELETE)
    with pytest.raises(BudgetSpent) as spent:
        setup.writer().delete([Key("a")])
    assert re.search(r"after \d{4}-\d\d-\d\dT00:00:00Z", spent.value.hint)


# ---------------------------------------------------------------- answers that say too little

BROKEN = [
    {},
    None,
    {"successful_key_count": 1},
    {"successful_key_count": 3, "unsuccessful_keys": []},
    {"successful_key_count": 1, "unsuccessful_keys": ["planted-key"]},
    {"successful_key_count": 1, "unsuccessful_keys": [1]},
    {"successful_key_count": 1, "unsuccessful_keys": "k00001"},
    {"successful_key_count": True, "unsuccessful_keys": ["k00001"]},
    {"unsuccessful_keys": []},
]


@pytest.mark.parametrize("result", BROKEN, ids=repr)
def test_an_answer_that_does_not_account_for_every_key_is_broken(setup: Setup, result: object) -> None:
    body = json.dumps({"success": True, "errors": [], "messages": [], "result": result})
    setup.fake.faults.add(Verbatim(200, body, "application/json"), on=[Kind.BULK_PUT, Kind.BULK_DELETE])
    for write in (
        lambda: setup.writer().put(plain(2)),
        lambda: setup.writer().delete([record.key for record in plain(2)]),
    ):
        with pytest.raises(StoreBroken) as broken:
            write()
        assert "planted-key" not in broken.value.message + broken.value.hint
