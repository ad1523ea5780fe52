"""The bridge against strangers: who has no valid key learns and changes nothing, and no secret gets out."""

import json
import time

import pytest

from tests.edge.edge import PREFIX, SECRET, mint, valid_key
from tests.edge.sending import burying, checkpoint, fresh, importing, key, problem, record
from tests.edge.test_wire import cases

SCOPES = ["verify", "import", "values", "delete"]
VERBS = [
    "import",
    "fence",
    "bury",
    "finish",
    "heads",
    "read",
    "scan",
    "tombstones",
    "count",
    "checkpoint",
    "probe",
    "stats",
]
ROUTES = [*(("POST", f"kvferry/v1/{verb}") for verb in VERBS), ("GET", "kvferry/v1/health")]
SCAN = {"protocol": 1, "shard": 0, "prefix": "", "after": None, "upto": None, "limit": 9, "live": False}
DAY = 86_400


@pytest.fixture
def bridge(edge):
    return edge.bridge("shards")


# ---------------------------------------------------------------- deny by default


@pytest.mark.parametrize("name", ["unset", "short", "misplaced"])
def test_a_bridge_without_a_good_secret_or_placement_answers_503_to_everything(edge, name):
    bridge = edge.bridge(name)
    secret = SECRET[:31] if name == "short" else SECRET if name == "misplaced" else ""
    bearer = f"Bearer {mint('import', time.time(), time.time() + 60, secret or 'undefined')}"
    for method, path in [*ROUTES, ("GET", ""), ("OPTIONS", "kvferry/v1/import"), ("POST", "other")]:
        for headers in ({}, {"Authorization": bearer}, {"Authorization": "Bearer"}):
            answer = problem(bridge.raw(path, method, headers=headers), "unconfigured")
            assert answer.status_code == 503


@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", ""), ("GET", "kvferry/v1/"), ("PUT", "other")])
def test_without_a_key_every_route_is_the_same(bridge, method, path):
    body = importing(record(fresh()))
    first = problem(bridge.raw("nowhere", "GET"), "unauthorized")
    for headers in ({}, {"Authorization": f"Bearer {SECRET}"}, {"Authorization": f"Bearer {valid_key('x')}"}):
        answer = problem(
            bridge.raw(path, method, headers=headers, json={"protocol": 1, **body}), "unauthorized"
        )
        assert (answer.status_code, answer.content) == (401, first.content)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert bridge.ask("heads", {"keys": [body["records"][0]["key"]]})["rows"] == [None]


@pytest.mark.parametrize("case", cases("keys"), ids=lambda case: case["name"])
def test_a_key_is_worth_what_the_vectors_say(bridge, case):
    """The vectors' keys, signed with this bridge's secret instead, at the vectors' time."""
    header = case["header"]
    parts = (header or "").removeprefix("Bearer ").split(".")
    if case["scope"] is not None:
        header = "Bearer " + mint(parts[1], int(parts[2]), int(parts[3]))
    bridge.set_clock(case["now"])
    try:
        headers = {} if header is None else {"Authorization": header.rstrip()}  # no client sends the space
        answer = bridge.raw("kvferry/v1/health", "GET", headers=headers)
        assert answer.status_code == (401 if case["scope"] is None else 200)
    finally:
        bridge.set_clock(None)


def near_misses(scope):
    """Words that are almost a key for `scope`, and what is wrong with each."""
    now = int(time.time())
    good = mint(scope, now - 5, now + 60)
    word, _, issued, expires, mac = good.split(".")
    yield "expired", mint(scope, now - 100, now - 1)
    yield "too long a life", mint(scope, now - 5, now + 14 * DAY)
    yield "from the future", mint(scope, now + 600, now + 700)
    yield "ends before it begins", mint(scope, now + 100, now - 100)
    yield "another secret", mint(scope, now - 5, now + 60, SECRET[:-1] + "0")
    yield "a secret in another case", mint(scope, now - 5, now + 60, SECRET.upper())
    yield "no secret", mint(scope, now - 5, now + 60, "undefined")
    yield "no signature", good.removesuffix(mac)
    yield "another version", good.replace(word, "kvf2")
    yield "an earlier issue", good.replace(issued, str(now - 6))
    yield "a longer life", good.replace(expires, str(now + 61))
    for other in {*SCOPES} - {scope}:
        yield f"scope {other}", good.replace(scope, other)
    for place in range(0, len(mac) - 1, 6):  # the last character has bits that mean nothing
        other = "A" if mac[place] != "A" else "B"
        yield f"another character at {place}", good.removesuffix(mac[place:]) + other + mac[place + 1 :]
    yield "cut at the end", good[:-1]
    yield "cut at the beginning", good[1:]
    yield "one character more", good + "A"
    yield "padded", good + "="
    yield "twice", good + good
    yield "twice, with a comma", f"{good}, {good}"
    yield "twice, with a space", f"{good} {good}"
    yield "a part more", f"{good}.x"
    yield "in capitals", good.upper()
    yield "its scope in capitals", good.replace(scope, scope.upper())
    yield "its signature in another case", good.removesuffix(mac) + mac.swapcase()
    yield "in quotes", f'"{good}"'
    yield "a space within", good.replace(".", " .", 1)
    yield "a tab behind", good + "\t\tx"
    yield "a number in hexadecimal", good.replace(expires, hex(now + 60))
    yield "a number with an exponent", good.replace(expires, f"{now + 60}e0")
    yield "a number with a sign", good.replace(expires, f"+{now + 60}")
    yield "a number with a zero before it", good.replace(expires, f"0{now + 60}")


def lookalikes(scope):
    """Keys with letters that look like ours, or that some programs take for ours."""
    now = int(time.time())
    good = mint(scope, now - 5, now + 60)
    for what, old, new in (
        ("a Cyrillic letter", "v", "\u0475"),
        ("a full-width dot", ".", "\uff0e"),
        ("a full-width digit", "1", "\uff11"),
        ("an Arabic digit", "1", "\u0661"),
        ("a long s", "s", "\u017f"),
        ("a combining mark behind a letter", "f", "f\u0301"),
        ("a space of no width", "f", "f\u200b"),
        ("a byte order mark", "k", "\ufeffk"),
    ):
        if old in good:
            yield what, good.replace(old, new, 1)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_near_miss_is_a_miss(bridge, scope):
    refused = problem(bridge.raw("kvferry/v1/health", "GET"), "unauthorized")
    almost = [(what, word.encode()) for what, word in [*near_misses(scope), *lookalikes(scope)]]
    assert len({word for _, word in almost}) == len(almost)
    for what, word in almost:
        headers = {"Authorization": b"Bearer " + word}
        answer = bridge.raw("kvferry/v1/health", "GET", headers=headers)
        assert (answer.status_code, answer.content) == (401, refused.content), what
    assert bridge.raw("kvferry/v1/health", "GET", scope).status_code == 200


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "name", ["Cookie", "X-Authorization", "Proxy-Authorization", "Cf-Access-Jwt-Assertion"]
)
def test_a_key_in_another_place_is_none(bridge, scope, name):
    headers = {name: f"Bearer {valid_key(scope)}"}
    problem(bridge.raw("kvferry/v1/health", "GET", headers=headers), "unauthorized")
    problem(bridge.raw(f"kvferry/v1/health?token={valid_key(scope)}", "GET"), "unauthorized")


def test_two_authorizations_are_none(bridge):
    headers = [("Authorization", f"Bearer {valid_key('verify')}"), ("Authorization", "Bearer x")]
    for order in (headers, headers[::-1]):
        answer = bridge.http.request("GET", bridge.url + "kvferry/v1/health", headers=order)
        problem(answer, "unauthorized")


# ---------------------------------------------------------------- a key for something else


REQUESTS = {
    "import": lambda session: importing(record(session)),
    "import of a note": lambda session: importing(notes=[{"name": session, "body": ""}], notAfter=None),
    "fence": lambda session: {"up": True},
    "bury": lambda session: burying(session),
    "finish": lambda session: {"ids": []},
    "read": lambda session: {"keys": [key(session)]},
    "scan with values": lambda session: {**SCAN, "values": True},
    "scan": lambda session: {**SCAN, "values": False},
    "heads": lambda session: {"keys": [key(session)]},
    "tombstones": lambda session: {"shard": 0, "prefix": "", "after": None, "limit": 9},
    "count": lambda session: {"prefix": ""},
    "stats": lambda session: {},
    "checkpoint": lambda session: {"names": [session]},
}
LOOKS = {"scan", "heads", "tombstones", "count", "stats", "checkpoint"}
ALLOWED = {
    "verify": LOOKS,
    "import": {*LOOKS, "import", "import of a note", "fence"},
    "values": {*LOOKS, "read", "scan with values"},
    "delete": {*LOOKS, "bury", "finish"},
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("what", REQUESTS)
def test_a_key_is_for_its_purpose_and_for_looking_at_what_is_no_value(edge, scope, what):
    bridge = edge.bridge("single")
    bridge.set_world(fresh("strangers") + ":")
    try:
        session = fresh()
        bridge.ask("import", importing(record(session, b"planted-value")))
        before = bridge.ask("read", {"keys": [key(session)]})
        answer = bridge.send(what.split()[0], REQUESTS[what](session), scope)
        assert answer.status_code == (200 if what in ALLOWED[scope] else 403)
        if what in ALLOWED[scope]:
            return
        problem(answer, "forbidden")
        assert bridge.ask("read", {"keys": [key(session)]}) == before
        assert bridge.ask("checkpoint", {"prefix": "", "limit": 9})["notes"] == []
    finally:
        bridge.set_world("")


# ---------------------------------------------------------------- secrets


def test_an_object_that_fails_is_a_problem_without_its_words(edge):
    answer = edge.bridge("failing").send("heads", {"keys": [key(fresh())]}, "verify")
    assert problem(answer, "failed").status_code == 500
    assert "inner words" not in answer.text


def test_no_secret_of_a_session_or_a_key_is_in_any_error_or_log(edge, bridge):
    planted = [
        f"planted-{word}-4711" for word in ("id", "value", "metadata", "name", "body", "member", "batch")
    ]
    session, value, metadata, name, body, member, batch = planted
    good = importing(
        record(session, value.encode(), metadata=json.dumps(metadata)),
        batch=batch,
        checkpoint=checkpoint(name, body),
    )
    errors = []
    grave = burying(session, batch=batch)
    for order in (
        {**grave, "rows": grave["rows"] * 2},
        {**grave, member: member},
        {**grave, "rows": [{"key": session, "version": 1}]},
        {**grave, "rows": [{**grave["rows"][0], "version": value}]},
        {**grave, "expect": [{"name": name, "version": 3}]},
        {**grave, "notAfter": time.time() - 60},
    ):
        errors.append(bridge.send("bury", order, "delete"))
    for order in (
        {**good, "records": good["records"] * 2},
        {**good, member: member},
        {**good, "records": [{**good["records"][0], "value": value + "?"}]},
        {**good, "records": [{**good["records"][0], "expiration": value}]},
        {**good, "records": [{**good["records"][0], "key": session}]},
        {**good, "notAfter": time.time() - 60},
        {**good, "expect": [{"name": name, "version": 3}]},
        {**good, "checkpoint": {"name": name, "body": body, "tally": {member: member}}},
    ):
        errors.append(bridge.send("import", order))
    bridge.ask("import", good)
    headers = {"Content-Type": "application/json"}
    errors += [
        bridge.raw("kvferry/v1/import", "POST", "import", content=f'{{"{value}', headers=headers),
        bridge.raw(f"kvferry/v1/{session}?{value}", "POST", "import"),
        bridge.raw(f"{session}", "POST", headers={"Authorization": f"Bearer {value}"}),
        bridge.raw("", "GET", headers={"Cf-Access-Jwt-Assertion": value, "Cookie": value}),
        edge.bridge("guarded-warm").raw("", "GET", headers={"Cf-Access-Jwt-Assertion": value}),
        edge.bridge("unset").raw(session, "GET", headers={"Authorization": f"Bearer {value}"}),
        bridge.send("read", {"keys": [key(session)]}, "verify"),
        bridge.send("heads", {"keys": [session]}, "verify"),
        edge.bridge("failing").send("heads", {"keys": [key(session)]}, "verify"),
    ]
    assert bridge.ask("read", {"keys": [key(session)]})["rows"][0]["metadata"] == json.dumps(metadata)
    assert all(answer.status_code >= 400 for answer in errors)
    said = "".join(f"{answer.headers}{answer.text}" for answer in errors)
    for secret in (*planted, SECRET, "kvf1."):
        assert secret not in said
        assert secret not in edge.log()
    assert PREFIX not in said
    assert "Ready on" in edge.log(), "this is where the runtime's words are"
