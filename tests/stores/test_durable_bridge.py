"""The connection to a bridge, over a transport that answers what a test wants."""

import json
import time
from pathlib import Path

import httpx
import pytest

from migrate.bridge_keys import VARIABLE, Scope, find_bridge_keys
from migrate.core.ports import TooLate
from migrate.core.record import Change, Key, Unseen, digest, digest_text
from migrate.errors import ConfigError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.durable import Bridge, DurableHolder
from migrate.stores.durable.bridge import Conflict

KEY = f"kvf1.values.1.{int(time.time()) + 9999}.{'A' * 43}"
NOTES = {"protocol": 1, "notes": [], "more": False}
_NAMES = ["valueBytes", "bodyBytes", "answerBytes", "records", "keys", "objects", "rows", "notes"]
LIMITS = dict.fromkeys(_NAMES, 1000)
HEALTH = {
    "protocol": 1,
    "version": "0.1.0",
    "now": 1.0,
    "object": {"protocol": 1, "version": "0.1.0", "now": 1.0, "verbatim": True},
    "script": "application",
    "class": "UserSessions",
    "environment": None,
    "stats": False,
    "placement": "shards:2",
    "prefix": "p:",
    "limits": {**LIMITS, "notAfterSeconds": 900},
}


class Clock:
    def __init__(self):
        self.time = 1_700_000_000.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


def problem(name, status, **members):
    document = {"type": f"urn:kvferry:problem:{name}", "title": f"it is {name}", "status": status, **members}
    return httpx.Response(status, json=document, headers={"retry-after": "5"} if name == "overloaded" else {})


class Script:
    """Gives its answers one after the other, the last one for ever; errors are raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def connected(*answers, **options):
    script, clock = Script(*answers), Clock()
    keys = find_bridge_keys({VARIABLE: KEY}, Path(), 0)
    bridge = Bridge("https://b.example", keys, clock=clock, transport=httpx.MockTransport(script), **options)
    return bridge, script, clock


def ask(bridge):
    return bridge.ask("checkpoint", Scope.VERIFY, {"names": []})


def test_the_key_travels_in_its_header_and_nowhere_else():
    bridge, script, _ = connected(httpx.Response(200, json=NOTES))
    assert ask(bridge) == NOTES
    (request,) = script.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert str(request.url) == "https://b.example/kvferry/v1/checkpoint"
    assert json.loads(request.content) == {"protocol": 1, "names": []}


def test_a_purpose_without_a_key_is_named_before_anything_is_sent():
    bridge, script, _ = connected(httpx.Response(200, json=NOTES))
    with pytest.raises(ConfigError, match="no key for import"):
        bridge.ask("import", Scope.IMPORT, {})
    assert script.requests == []


@pytest.mark.parametrize(
    "failure",
    [
        problem("retryable", 503),
        problem("overloaded", 503),
        httpx.Response(502, text="<html>"),
        httpx.Response(503, text="error code: 1102"),
        httpx.Response(429, text="slow"),
        httpx.ConnectError("planted"),
        httpx.ReadTimeout("planted"),
        httpx.RemoteProtocolError("planted"),
    ],
    ids=repr,
)
def test_what_may_pass_is_tried_again(failure):
    bridge, script, _ = connected(failure, failure, httpx.Response(200, json=NOTES))
    assert ask(bridge) == NOTES
    assert len({request.content for request in script.requests}) == 1
    assert len(script.requests) == 3


def test_an_overloaded_object_holds_back_everybody_for_as_long_as_it_says():
    waits = []
    answers = (problem("overloaded", 503), httpx.Response(200, json=NOTES))
    bridge, _, clock = connected(*answers, on_wait=lambda cause, seconds: waits.append((cause, seconds)))
    before = clock.time
    ask(bridge)
    assert clock.time - before >= 5
    assert waits[0][0] == "an object is overloaded"


def test_patience_ends_and_says_how_to_go_on():
    bridge, script, clock = connected(problem("retryable", 503), patience=60.0)
    before = clock.time
    with pytest.raises(StoreUnavailable, match="gave up after") as caught:
        ask(bridge)
    assert "resumes" in caught.value.hint
    assert 30 <= clock.time - before <= 60
    assert len(script.requests) > 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem("unauthorized", 401), StoreRefused),
        (problem("forbidden", 403), StoreRefused),
        (problem("unconfigured", 503), StoreRefused),
        (problem("protocol", 400, protocol=2), StoreRefused),
        (problem("placement", 422), StoreRefused),
        (problem("not-found", 404), StoreRefused),
        (problem("failed", 500), StoreBroken),
        (problem("invalid", 422, pointer="/names"), StoreBroken),
        (problem("too-large", 413), StoreBroken),
        (httpx.Response(404, text="planted"), StoreRefused),
        (httpx.Response(302, headers={"location": "https://login.example"}), StoreRefused),
        (httpx.Response(200, text="planted"), StoreBroken),
        (httpx.Response(200, json={**NOTES, "planted": 1}), StoreBroken),
        (httpx.Response(200, json={**NOTES, "protocol": 2}), StoreBroken),
        (httpx.Response(200, json=[]), StoreBroken),
    ],
)
def test_everything_else_stops_at_once_and_shows_no_secret(answer, error):
    bridge, script, _ = connected(answer)
    with pytest.raises(error) as caught:
        ask(bridge)
    shown = repr(caught.value) + caught.value.message + caught.value.hint
    assert KEY not in shown
    assert "planted" not in shown
    assert caught.value.hint
    assert caught.value.__context__ is None
    assert len(script.requests) == 1


def test_late_and_conflict_are_signals_for_the_copy():
    bridge, _, _ = connected(problem("late", 409))
    with pytest.raises(TooLate):
        ask(bridge)
    bridge, _, _ = connected(problem("conflict", 409, index=3))
    with pytest.raises(Conflict) as caught:
        ask(bridge)
    assert caught.value.index == 3


def test_objects_without_names_are_not_listed_without_cloudflares_api():
    bridge, _, _ = connected(httpx.Response(200, json={**HEALTH, "placement": "per-session"}))
    holder = DurableHolder(bridge)
    with pytest.raises(ConfigError, match="per session"):
        next(holder.rows_between("", None, None))


def test_a_bridge_that_is_not_there_is_not_waited_for_for_long():
    bridge, _, clock = connected(httpx.ConnectError("refused"))
    before = clock.time
    with pytest.raises(StoreUnavailable, match="ConnectError"):
        DurableHolder(bridge)
    assert clock.time - before <= 20


def row(**changes):
    whole = {
        "key": "p:a",
        "digest": digest_text(b"v"),
        "bytes": 1,
        "metadata": None,
        "expiration": None,
    }
    whole |= {"origin": "copy", "version": 1, "changes": [], "sweep": 1, "tombstone": None, "value": "dg=="}
    return {**whole, **changes}


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "dw=="},
        {"value": "dg="},
        {"value": "dg==\n"},
        {"value": None},
        {"bytes": 2},
        {"key": "p:b"},
    ],
)
def test_a_row_that_contradicts_itself_or_the_question_is_not_believed(wrong):
    read = {"protocol": 1, "rows": [row(**wrong)], "unanswered": []}
    bridge, _, _ = connected(httpx.Response(200, json=HEALTH), httpx.Response(200, json=read))
    with pytest.raises(StoreBroken):
        DurableHolder(bridge).shown([Key("p:a")])


def head(**changes):
    whole = row(**changes)
    del whole["value"]
    return whole


DELETED = {"deletedAt": 1.0, "keepUntil": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": None},
        {"digest": None, "bytes": 0},
        {"tombstone": DELETED},
        {"digest": None, "tombstone": DELETED},
        {"key": "p:b"},
    ],
)
def test_a_head_that_is_neither_a_session_nor_a_deleted_one_is_not_believed(wrong):
    heads = {"protocol": 1, "rows": [head(**wrong)]}
    bridge, _, _ = connected(httpx.Response(200, json=HEALTH), httpx.Response(200, json=heads))
    with pytest.raises(StoreBroken):
        DurableHolder(bridge).rows([Key("p:a")])


def test_a_head_is_an_unseen_value_an_empty_one_or_a_tombstone():
    nothing = digest_text(b"")
    sent = [
        head(),
        head(key="p:b", digest=nothing, bytes=0),
        head(key="p:c", digest=None, bytes=0, tombstone=DELETED),
        None,
    ]
    heads = {"protocol": 1, "rows": sent}
    bridge, script, _ = connected(httpx.Response(200, json=HEALTH), httpx.Response(200, json=heads))
    asked = [Key("p:a"), Key("p:b"), Key("p:c"), Key("p:d")]
    one, empty, gone = DurableHolder(bridge).rows(asked).values()
    assert (one.value, empty.value, gone.value) == (Unseen(digest(b"v"), 1), Unseen(digest(b""), 0), None)
    assert [found.deleted for found in (one, empty, gone)] == [False, False, True]
    assert str(script.requests[-1].url).endswith("/heads")


def test_keys_that_had_no_room_in_an_answer_are_asked_for_again():
    first = {"protocol": 1, "rows": [row(), None, None], "unanswered": [1]}
    second = {"protocol": 1, "rows": [row(key="p:b")], "unanswered": []}
    answers = [httpx.Response(200, json=one) for one in (HEALTH, first, second)]
    bridge, script, _ = connected(*answers)
    found = DurableHolder(bridge).shown([Key("p:a"), Key("p:b"), Key("p:c")])
    assert sorted(found) == ["p:a", "p:b"]
    assert json.loads(script.requests[-1].content)["keys"] == ["p:b"]


def told(health, **changes):
    heads = {"protocol": 1, "rows": [head(**changes)]}
    bridge, script, clock = connected(httpx.Response(200, json=health), httpx.Response(200, json=heads))
    return DurableHolder(bridge), script, clock


@pytest.mark.parametrize("ahead", [-7.5, 0.0, 3600.0])
def test_the_last_changes_of_a_row_are_told_by_our_own_clock(ahead):
    there = {**HEALTH["object"], "now": Clock().time + ahead}
    changes = [{"version": 3, "at": 100.5 + ahead + 10}, {"version": 9, "at": 200.0 + ahead + 10}]
    holder, script, _ = told({**HEALTH, "object": there, "namespace": "0123abcd"}, version=9, changes=changes)
    assert holder.namespace == "0123abcd"
    assert holder.past([Key("p:a"), Key("elsewhere")]) == {Key("p:a"): (Change(3, 110.5), Change(9, 210.0))}
    assert json.loads(script.requests[-1].content)["keys"] == ["p:a"]


def test_an_older_bridge_does_not_tell_its_namespace():
    holder, _, _ = told(HEALTH)
    assert holder.namespace is None


@pytest.mark.parametrize("name", ["", "0123ABCD", "0123abc", None])
def test_a_namespace_that_is_none_is_not_the_protocol(name):
    with pytest.raises(StoreBroken):
        told({**HEALTH, "namespace": name})
