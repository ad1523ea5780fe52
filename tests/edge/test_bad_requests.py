"""Wrong requests from somebody with a key: each is refused for what it is, and writes nothing."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.edge.edge import NEEDED, valid_key
from tests.edge.sending import fresh, importing, problem, record
from tests.edge.test_strangers import ROUTES, SCAN
from tests.edge.test_wire import cases


@pytest.fixture
def bridge(edge):
    return edge.bridge("shards")


def test_unknown_routes_and_methods(bridge):
    for path in (
        "",
        "kvferry/v1/",
        "kvferry/v2/heads",
        "kvferry/v1/heads/",
        "kvferry/v1//heads",
        "kvferry/v1/heads%00",
        "kvferry/v1/HEADS",
        "kvferry/v1/%68eads",
        "kvferry/v1/constructor",
        "kvferry/v1/__proto__",
        "kvferry/v1/toString",
        "other/kvferry/v1/heads",
        "v1/heads",
        ".well-known/kvferry/v1/heads",
    ):
        problem(bridge.raw(path, "POST", "import", json={"protocol": 1}), "not-found")
    for method, path in ROUTES:
        wrong = "GET" if method == "POST" else "POST"
        for other in (wrong, "OPTIONS", "DELETE", "PUT", "PATCH", "PROPFIND"):
            problem(bridge.raw(path, other, "delete"), "method")
        assert bridge.raw(path, "HEAD", "delete").status_code == 405


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_page_of_another_origin_may_ask(bridge, method, path):
    """No CORS: neither a preflight nor an answer allows any origin anything."""
    asked = {
        "Origin": "https://example.com",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for verb, scope in (("OPTIONS", None), ("OPTIONS", "import"), (method, None), (method, "import")):
        answer = bridge.raw(path, verb, scope, headers=asked)
        allowed = [name for name in answer.headers if name.lower().startswith("access-control")]
        assert (allowed, "vary" in answer.headers) == ([], False)
        assert verb != "OPTIONS" or answer.status_code in (401, 405)


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


DEEP = 50_000
CONFUSING = {
    "a deep array": ('{"protocol":1,"keys":' + "[" * DEEP + "]" * DEEP + "}", "/keys/0"),
    "a deep object": ('{"protocol":1,"keys":[],"x":' + '{"a":' * DEEP + "1" + "}" * DEEP + "}", ""),
    "a prototype": ('{"protocol":1,"keys":[],"__proto__":{"keys":["p:a"]}}', ""),
    "its keys in a prototype": ('{"protocol":1,"__proto__":{"keys":[]}}', ""),
    "a constructor": ('{"protocol":1,"keys":[],"constructor":{}}', ""),
    "keys twice": ('{"protocol":1,"keys":[],"keys":[1]}', "/keys/0"),
    "an object like a list": ('{"protocol":1,"keys":{"length":0}}', "/keys"),
    "half of a surrogate pair": ('{"protocol":1,"keys":["\\ud800"]}', "/keys/0"),
}


@pytest.mark.parametrize(("body", "pointer"), CONFUSING.values(), ids=CONFUSING)
def test_json_that_means_to_confuse(bridge, body, pointer):
    headers = {"Content-Type": "application/json"}
    answer = bridge.raw("kvferry/v1/heads", "POST", "verify", content=body, headers=headers)
    assert problem(answer, "invalid").json()["pointer"] == pointer


def test_of_a_member_that_comes_twice_the_last_counts_for_every_check(bridge):
    """The version is checked on the same document that is answered."""
    headers = {"Content-Type": "application/json"}
    for body, status in (
        ('{"protocol":1,"protocol":2,"keys":[]}', 400),
        ('{"protocol":2,"protocol":1,"keys":[]}', 200),
    ):
        answer = bridge.raw("kvferry/v1/heads", "POST", "verify", content=body, headers=headers)
        assert answer.status_code == status


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


def raw_answer(bridge, head, sent):
    """The first line of the answer to a request whose head is as given, after some of its body."""
    host = urlsplit(bridge.url)
    lines = [
        *head,
        "Host: x",
        f"Authorization: Bearer {valid_key('import')}",
        "Content-Type: application/json",
    ]
    with socket.create_connection((host.hostname, host.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + sent)
        return connection.makefile("rb").readline()


def test_a_body_that_says_that_it_is_too_large_is_refused_unread(bridge):
    head = ["POST /kvferry/v1/heads HTTP/1.1", f"Content-Length: {1024 * 1024 + 1}"]
    assert b" 413 " in raw_answer(bridge, head, b"{}")


def test_what_a_request_must_be_is_said_by_its_place_alone(bridge):
    replacement = {**record("a"), "version": 1, "notAfter": 1}
    wrong = [
        (importing(record("")), "/records/0/key"),
        (importing(record(fresh(), key="other:x")), "/records/0/key"),
        (importing(record("a"), record("b"), record("a")), "/records/2/key"),
        (importing(record("a"), replacements=[replacement]), "/replacements/0/key"),
        (importing(record("a"), notAfter=None), "/notAfter"),
        (importing(record("a"), notAfter=time.time() + 1000), "/notAfter"),
        (importing(*[record("a")] * 4001), "/records"),
        (importing(*(record(str(n)) for n in range(4000)), replacements=[replacement]), "/replacements"),
    ]
    for order, pointer in wrong:
        said = bridge.refused("import", order)
        assert (said["type"], said["pointer"]) == ("urn:kvferry:problem:invalid", pointer)
    assert bridge.refused("heads", {"keys": ["other:x"]}, "verify")["pointer"] == "/keys/0"
    probe = {"records": [record("a")] * 4001, "methods": False}
    assert bridge.refused("probe", probe, "verify")["pointer"] == "/records"
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
