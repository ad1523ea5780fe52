"""The bridge against strangers: who has no valid key learns and changes nothing, and no secret gets out."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.edge.edge import NEEDED, PREFIX, SECRET, VALIDATORS, mint, valid_key
from tests.edge.sending import checkpoint, fresh, importing, key, record
from tests.edge.test_wire import cases

VERBS = ["import", "heads", "read", "scan", "tombstones", "count", "checkpoint"]
ROUTES = [*(("POST", f"kvferry/v1/{verb}") for verb in VERBS), ("GET", "kvferry/v1/health")]
SCAN = {"protocol": 1, "shard": 0, "prefix": "", "after": None, "upto": None, "limit": 9, "live": False}
DAY = 86_400


@pytest.fixture
def bridge(edge):
    return edge.bridge("shards")


def problem(answer, name):
    VALIDATORS["problem"].validate(answer.json())
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["status"] == answer.status_code
    assert answer.json()["type"] == f"urn:kvferry:problem:{name}"
    return answer


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
    now = time.time()
    good = mint(scope, now - 5, now + 60)
    message, _, mac = good.rpartition(".")
    yield "expired", mint(scope, now - 100, now - 1)
    yield "too long a life", mint(scope, now - 5, now + 14 * DAY)
    yield "from the future", mint(scope, now + 600, now + 700)
    yield "another secret", mint(scope, now - 5, now + 60, SECRET[:-1] + "0")
    yield "no signature", message + "."
    for place in (0, 10, 42):
        other = "A" if mac[place] != "A" else "B" if place < 42 else "Q"
        yield f"another character at {place}", f"{message}.{mac[:place]}{other}{mac[place + 1 :]}"
    for wider in {"verify", "import", "values"} - {scope}:
        yield f"scope {wider}", good.replace(scope, wider)


@pytest.mark.parametrize("scope", ["verify", "import", "values"])
def test_a_near_miss_is_a_miss(bridge, scope):
    for what, bearer in near_misses(scope):
        answer = bridge.raw("kvferry/v1/health", "GET", headers={"Authorization": f"Bearer {bearer}"})
        assert answer.status_code == 401, what
    assert bridge.raw("kvferry/v1/health", "GET", scope).status_code == 200


# ---------------------------------------------------------------- a key for something else


def test_a_verify_key_sees_no_value_and_writes_nothing(bridge):
    session = fresh()
    bridge.ask("import", importing(record(session)))
    for scope in ("verify", "import"):
        asked = bridge.send("read", {"keys": [key(session)]}, scope)
        assert problem(asked, "forbidden").status_code == 403
        assert problem(bridge.send("scan", {**SCAN, "values": True}, scope), "forbidden").status_code == 403
        assert bridge.send("scan", {**SCAN, "values": False}, scope).status_code == 200
    other = fresh()
    for scope in ("verify", "values"):
        problem(bridge.send("import", importing(record(other)), scope), "forbidden")
        problem(bridge.send("import", importing(notes=[{"name": "n", "body": ""}]), scope), "forbidden")
    assert bridge.ask("heads", {"keys": [key(other)]})["rows"] == [None]
    assert bridge.ask("checkpoint", {"names": ["n"]})["notes"] == [None]


# ---------------------------------------------------------------- bad requests


def test_unknown_routes_and_methods(bridge):
    for path in (
        "",
        "kvferry/v1/",
        "kvferry/v2/heads",
        "kvferry/v1/heads/",
        "kvferry/v1/constructor",
        "v1/heads",
    ):
        problem(bridge.raw(path, "POST", "import", json={"protocol": 1}), "not-found")
    for method, path in ROUTES:
        wrong = "GET" if method == "POST" else "POST"
        for other in (wrong, "OPTIONS", "DELETE"):
            answer = problem(bridge.raw(path, other, "import"), "method")
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nul",
        b'{"protocol": 1,}',
        b'{"protocol": NaN}',
        b"\xff\xfe",
        b'{"protocol": 1, "keys": ["\xff"]}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "no word", "comma", "NaN", "UTF-16", "no UTF-8", "byte order mark", "deep"],
)
def test_malformed_json(bridge, body):
    headers = {"Content-Type": "application/json"}
    problem(bridge.raw("kvferry/v1/heads", "POST", "verify", content=body, headers=headers), "malformed")


@pytest.mark.parametrize("body", ["[]", "null", "1", '"x"'])
def test_json_that_is_no_object(bridge, body):
    headers = {"Content-Type": "application/json; charset=utf-8"}
    problem(bridge.raw("kvferry/v1/heads", "POST", "verify", content=body, headers=headers), "invalid")


@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_a_body_of_another_media_type(bridge, media):
    headers = {"Content-Type": media} if media else {}
    problem(bridge.raw("kvferry/v1/heads", "POST", "verify", content=b"{}", headers=headers), "media-type")


@pytest.mark.parametrize("version", [0, 2, "1", None, True, [1]])
def test_another_version_of_the_protocol(bridge, version):
    answer = bridge.raw("kvferry/v1/heads", "POST", "verify", json={"protocol": version, "keys": []})
    assert problem(answer, "protocol").json()["protocol"] == 1
    problem(bridge.raw("kvferry/v1/heads", "POST", "verify", json={"keys": []}), "protocol")


@pytest.mark.parametrize(("verb", "most"), [("heads", 1024 * 1024), ("import", 8 * 1024 * 1024)])
def test_a_body_that_is_too_large(bridge, verb, most):
    headers = {"Content-Type": "application/json"}
    path, scope = f"kvferry/v1/{verb}", "import"
    fits = b"{}" + b" " * (most - 2)
    problem(bridge.raw(path, "POST", scope, content=fits, headers=headers), "protocol")
    problem(bridge.raw(path, "POST", scope, content=fits + b" ", headers=headers), "too-large")
    stream = iter([fits, b" "])  # chunked: no Content-Length tells
    problem(bridge.raw(path, "POST", scope, content=stream, headers=headers), "too-large")


def test_what_a_request_must_be_is_said_by_its_place_alone(bridge):
    replacement = {**record("a"), "version": 1, "notAfter": 1}
    wrong = [
        (importing(record("")), "/records/0/key"),
        (importing(record(fresh(), key="other:x")), "/records/0/key"),
        (importing(record("a"), record("b"), record("a")), "/records/2/key"),
        (importing(record("a"), replacements=[replacement]), "/replacements/0/key"),
        (importing(record("a"), notAfter=None), "/notAfter"),
        (importing(record("a"), notAfter=time.time() + 1000), "/notAfter"),
        (importing(*(record(str(n)) for n in range(1000)), replacements=[replacement]), "/replacements"),
    ]
    for order, pointer in wrong:
        said = bridge.refused("import", order)
        assert (said["type"], said["pointer"]) == ("urn:kvferry:problem:invalid", pointer)
    assert bridge.refused("heads", {"keys": ["other:x"]}, "verify")["pointer"] == "/keys/0"
    scan = {**SCAN, "values": False}
    for changes in ({"shard": 4}, {"prefix": "other:"}, {"after": "other:"}, {"upto": "other:"}):
        said = bridge.refused("scan", {**scan, **changes}, "verify")
        assert said["pointer"] == "/" + next(iter(changes))
    for order in ({"names": ["a"], "prefix": ""}, {}, {"prefix": "x"}):
        assert bridge.refused("checkpoint", order, "verify")["pointer"] == "/names"


def test_every_vector_of_a_wrong_request_is_refused_at_its_place(edge):
    bridge = edge.bridge("shards")
    scopes = {**NEEDED, "scan": "values"}
    for case in cases("requests"):
        if case["pointer"] is not None:
            said = bridge.refused(case["verb"], case["document"], scopes.get(case["verb"], "verify"))
            assert (said["status"], said["pointer"]) == (422, case["pointer"]), case["name"]


# ---------------------------------------------------------------- replay, and many at once


def test_a_replayed_import_brings_nothing_back(edge, bridge):
    """Its session was logged out meanwhile, and after 15 minutes it is not even looked at."""
    session = fresh()
    order = importing(record(session), notAfter=time.time() + 890)
    bridge.ask("import", order)
    (head,) = bridge.ask("heads", {"keys": [key(session)]})["rows"]
    names = [f"kvferry:shard:{number}/4" for number in range(4)]
    for name in names:
        edge.call("USER_SESSIONS", name, "deleteSession", session)
    graves = bridge.ask("heads", {"keys": [key(session)]})
    bridge.ask("import", order)
    bridge.ask("import", {**order, "batch": fresh("batch")})
    assert bridge.ask("heads", {"keys": [key(session)]}) == graves
    assert graves["rows"][0]["tombstone"]
    edge.set_clock(time.time() + 900)
    assert bridge.refused("import", order)["type"] == "urn:kvferry:problem:late"
    assert head["version"] == 1


def test_a_hundred_strangers_at_once_do_not_disturb_who_has_a_key(bridge):
    session = fresh()
    bridge.ask("import", importing(record(session)))

    def ask(number):
        if number % 4 == 0:
            return bridge.ask("heads", {"keys": [key(session)]})["rows"][0]["version"]
        bearer = {"Authorization": f"Bearer {mint('values', 1, 2, str(number) * 40)}"}
        return bridge.raw(
            "kvferry/v1/read", "POST", headers=bearer, json={"keys": [key(session)]}
        ).status_code

    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(ask, range(100))) == [1, 401, 401, 401] * 25


def test_a_client_that_goes_away_in_the_middle_of_its_body_writes_nothing(bridge):
    session = fresh()
    body = json.dumps({"protocol": 1, **importing(record(session))}).encode()
    host = urlsplit(bridge.url)
    head = f"POST /kvferry/v1/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {valid_key('import')}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host.hostname, host.port), timeout=10) as connection:
        connection.sendall(head.encode() + body[:-1])
    assert bridge.ask("heads", {"keys": [key(session)]})["rows"] == [None]


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
