import http.client
import json
import random
import time

import pytest

from tests.fake_api import (
    Cut,
    Disorder,
    EmptyPage,
    Entry,
    FakeServer,
    FaultPlan,
    Kind,
    Omit,
    RepeatCursor,
    Reply,
    Slow,
    Truncate,
    Unsuccessful,
    Verbatim,
    refuse_cursor,
)
from tests.fake_api.client import Client
from tests.fake_api.faults import ACTIONS


def load(fake: FakeServer, count: int = 25) -> None:
    fake.api.namespace.load((f"a{number:02}", Entry(b"value")) for number in range(count))


# ---------------------------------------------------------------- which calls suffer


def hits(plan: FaultPlan, kinds: list[Kind]) -> list[bool]:
    return [bool(plan.actions(kind)) for kind in kinds]


def test_a_rule_counts_only_calls_of_its_kinds() -> None:
    plan = FaultPlan()
    plan.add(Reply(503), on="list", nth=[2])
    assert hits(plan, [Kind.LIST, Kind.GET, Kind.LIST, Kind.LIST]) == [False, False, True, False]


def test_a_rule_fires_as_often_as_it_may() -> None:
    plan = FaultPlan()
    plan.add(Reply(503), on=["list", "get"], times=2)
    assert hits(plan, [Kind.LIST, Kind.PUT, Kind.GET, Kind.LIST]) == [True, False, True, False]


def test_the_same_seed_throws_the_same_dice() -> None:
    plans = [FaultPlan(3), FaultPlan(3), FaultPlan(4)]
    for plan in plans:
        plan.add(Reply(503), probability=0.3)
    one, same, other = (hits(plan, [Kind.LIST] * 200) for plan in plans)
    assert one == same != other
    assert 30 < sum(one) < 90


def test_a_rule_for_a_route_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="lists"):
        FaultPlan().add(Reply(503), on="lists")


def test_every_action_can_be_planned_from_json() -> None:
    needs = {"reply": {"status": 503}, "slow": {"seconds": 0}}
    for name in ACTIONS:
        plan = FaultPlan()
        plan.add_document({"action": name, "with": needs.get(name, {}), "on": "list", "nth": [1]})
        assert len(plan.actions(Kind.LIST)) == 1


# ---------------------------------------------------------------- what they suffer


def test_a_reply_takes_the_place_of_the_answer_and_nothing_happens(fake: FakeServer) -> None:
    fake.api.faults.add(Reply(429, 10046, retry_after=7), times=1)
    with Client(fake) as client:
        got = client.value("PUT", "a", b"v")
        assert (got.status, got.codes, got.headers["retry-after"]) == (429, [10046], "7")
        assert fake.api.namespace.entries(0) == {}
        assert client.value("PUT", "a", b"v").status == 200


def test_success_false_may_come_with_status_200(fake: FakeServer) -> None:
    fake.api.faults.add(Reply(200, 10001), times=1)
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
    assert (got.status, got.document["success"], got.result) == (200, False, None)


@pytest.mark.parametrize("status", [200, 524])
def test_an_html_page_may_come_with_any_status(fake: FakeServer, status: int) -> None:
    fake.api.faults.add(Verbatim(status))
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
    assert (got.status, got.body[:15]) == (status, b"<!DOCTYPE html>")
    assert got.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_cut_resets_the_connection_after_the_effect(fake: FakeServer, share: float) -> None:
    fake.api.faults.add(Cut(share), times=1)
    with Client(fake) as client:
        with pytest.raises((ConnectionResetError, http.client.HTTPException)):
            client.value("PUT", "a", b"v")
        assert list(fake.api.namespace.entries(0)) == ["a"]
        client.connection.close()
        assert client.value("GET", "a").body == b"v"


def test_a_truncated_body_has_the_length_that_it_says(fake: FakeServer) -> None:
    load(fake)
    fake.api.faults.add(Truncate(0.5), times=1)
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
        assert int(got.headers["content-length"]) == len(got.body)
        with pytest.raises(json.JSONDecodeError):
            _ = got.document
        assert client.kv("GET", "/keys").body.startswith(got.body)


def test_an_empty_page_leads_on_to_the_page_that_was_asked_for(fake: FakeServer) -> None:
    load(fake)
    fake.api.faults.add(EmptyPage(), on="list", nth=[1, 3])
    with Client(fake) as client:
        assert [len(page) for page in client.pages("a", 10)] == [0, 10, 0, 10, 5]


def test_a_repeated_cursor_is_the_one_that_was_sent(fake: FakeServer) -> None:
    load(fake)
    fake.api.faults.add(RepeatCursor(), on="list")
    with Client(fake) as client:
        first = client.kv("GET", "/keys", limit=10).document["result_info"]["cursor"]
        second = client.kv("GET", "/keys", limit=10, cursor=first).document
    assert second["result_info"]["cursor"] == first
    assert second["result"][0]["name"] == "a10"


def test_a_refused_cursor_has_its_code(fake: FakeServer) -> None:
    fake.api.faults.add(refuse_cursor(), on="list")
    with Client(fake) as client:
        got = client.kv("GET", "/keys")
    assert (got.status, got.codes) == (400, [10041])


def test_disorder_reverses_a_page(fake: FakeServer) -> None:
    load(fake, 3)
    fake.api.faults.add(Disorder(), on="list")
    with Client(fake) as client:
        assert client.pages() == [["a02", "a01", "a00"]]


def test_omitted_keys_are_missing_from_the_map_and_not_null(fake: FakeServer) -> None:
    load(fake, 3)
    fake.api.faults.add(Omit(2), on="bulk_get")
    with Client(fake) as client:
        assert list(client.bulk_get("a00", "a01", "a02")) == ["a02"]


def test_unsuccessful_keys_are_named_and_left_alone(fake: FakeServer) -> None:
    fake.api.faults.add(Unsuccessful(1))
    with Client(fake) as client:
        put = client.kv("PUT", "/bulk", [{"key": key, "value": "v"} for key in "abc"])
        assert put.result == {"successful_key_count": 2, "unsuccessful_keys": ["a"]}
        assert list(fake.api.namespace.entries(0)) == ["b", "c"]
        client.kv("POST", "/bulk/delete", ["b", "c"])
    assert list(fake.api.namespace.entries(0)) == ["b"]


def test_a_call_may_suffer_two_faults(fake: FakeServer) -> None:
    fake.api.faults.add(Slow(0.05), on="list", times=1)
    fake.api.faults.add(Reply(503), on="list", times=1)
    with Client(fake) as client:
        started = time.monotonic()
        assert client.kv("GET", "/keys").status == 503
        assert time.monotonic() - started >= 0.05
        assert client.kv("GET", "/keys").status == 200


def test_faults_on_errors_do_no_harm(fake: FakeServer) -> None:
    load(fake)
    for action in (EmptyPage(), RepeatCursor(), Disorder(), Omit()):
        fake.api.faults.add(action)
    with Client(fake) as client:
        assert client.kv("GET", "/keys", cursor="bad").codes == [10041]


def test_a_plan_leaves_pythons_own_dice_alone() -> None:
    random.seed(0)
    before = random.getstate()
    plan = FaultPlan(1)
    plan.add(Reply(503), probability=0.5)
    hits(plan, [Kind.LIST] * 10)
    assert random.getstate() == before
