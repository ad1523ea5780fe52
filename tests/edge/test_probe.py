"""What a bridge says of itself, and what it tries out for `kvferry bridge check`, without an effect."""

import json

import httpx
import pytest

from migrate.bridge_keys import VARIABLE
from migrate.main import run
from tests.edge.edge import PREFIX, SECRET
from tests.edge.sending import fresh, record
from tests.edge.site import Site


@pytest.fixture
def narrow(edge):
    bridge = edge.bridge("per-session")
    yield bridge
    bridge.set_budget(None)


def test_health_names_the_script_the_class_and_the_environment(edge):
    health = edge.bridge("checked").raw("kvferry/v1/health", "GET", "verify").json()
    assert (health["script"], health["class"], health["environment"]) == ("application", "UserSessions", None)


def test_a_probe_makes_the_calls_of_an_import(edge):
    records = [record(fresh("probed")) for _ in range(40)]
    asked = {"records": records, "methods": False}
    assert edge.bridge("per-session").ask("probe", asked) == {
        "protocol": 1,
        "records": 40,
        "calls": 42,
        "missing": [],
    }
    assert edge.bridge("shards").ask("probe", asked)["calls"] == 6


def test_a_probe_stores_nothing_where_its_records_would_be(edge):
    bridge = edge.bridge("copied-into")
    bridge.set_world(fresh("world") + "/")
    sessions = [fresh("probed") for _ in range(20)]
    records = [record(session, key=session) for session in sessions]
    bridge.ask("probe", {"records": records, "methods": True})
    assert bridge.ask("heads", {"keys": sessions})["rows"] == [None] * 20
    assert bridge.ask("count", {"prefix": ""})["count"] == dict.fromkeys(
        ["live", "expired", "tombstones", "copy", "dual", "app", "legacy"], 0
    )


def test_a_probe_leaves_the_object_that_it_asked_as_empty_as_one_that_never_was(edge):
    bridge = edge.bridge("looked-into")
    world = fresh("world") + "/"
    bridge.set_world(world)
    sessions = [fresh("probed") for _ in range(3)]
    bridge.ask("probe", {"records": [record(session) for session in sessions], "methods": True})
    never = edge.call("LOOKED_INTO", "never", "look")
    for name in ("kvferry:book", *sessions):
        assert edge.call("LOOKED_INTO", world + name, "look") == never


def test_a_probe_changes_nothing_beside_rows_that_are_there(edge):
    bridge = edge.bridge("single")
    session = fresh()
    name = "kvferry:shard:0/1"
    edge.call("USER_SESSIONS", name, "putSession", session, {"v": 1}, {"expirationTtl": 3600})
    before = bridge.ask("heads", {"keys": [PREFIX + session]})
    bridge.ask("probe", {"records": [record(session, b"other")], "methods": True})
    assert bridge.ask("heads", {"keys": [PREFIX + session]}) == before


def test_a_key_for_verify_is_enough_and_a_key_with_another_prefix_is_refused(edge):
    bridge = edge.bridge("shards")
    asked = {"records": [record("x", key="other:x")], "methods": False}
    assert bridge.refused("probe", asked, "verify")["pointer"] == "/records/0/key"


def test_the_methods_of_the_whole_class_are_there(edge):
    for name in ("per-session", "shards"):
        assert edge.bridge(name).ask("probe", {"records": [], "methods": True})["missing"] == []


def test_a_method_that_the_class_lacks_is_named(edge):
    asked = edge.bridge("lacking").ask("probe", {"records": [], "methods": True})
    assert asked["missing"] == ["kvferryCount"]


def test_a_class_without_the_toolkit_is_a_problem_of_its_own(edge):
    bridge = edge.bridge("without-toolkit")
    answer = bridge.raw("kvferry/v1/health", "GET", "verify")
    assert (answer.status_code, answer.json()["type"]) == (501, "urn:kvferry:problem:toolkit")
    assert bridge.refused("heads", {"keys": [PREFIX + "x"]})["type"] == "urn:kvferry:problem:toolkit"
    assert SECRET not in answer.text


def test_too_many_calls_are_a_problem_of_their_own(narrow):
    narrow.set_budget(32)
    records = [record(fresh()) for _ in range(31)]
    problem = narrow.refused("probe", {"records": records, "methods": False})
    assert problem["type"] == "urn:kvferry:problem:too-much"
    assert narrow.ask("probe", {"records": records[:30], "methods": False})["calls"] == 32


def limits(bridge):
    found = bridge.raw("kvferry/v1/health", "GET", "verify").json()["limits"]
    return found["records"], found["bodyBytes"], found["keys"]


def test_a_deployment_may_announce_less_than_the_protocol_allows_and_never_more(edge):
    assert limits(edge.bridge("narrow")) == (100, 1_048_576, 1000)
    assert limits(edge.bridge("narrow-per-session")) == (100, 1_048_576, 100)
    assert limits(edge.bridge("boastful")) == limits(edge.bridge("shards")) == (4000, 8_388_608, 1000)
    assert limits(edge.bridge("per-session")) == (1000, 8_388_608, 1000)


def test_a_copy_keeps_to_what_the_deployment_announces(edge, tmp_path, monkeypatch):
    sent = []
    handle = httpx.HTTPTransport.handle_request

    def noted(self, request):
        if request.url.path.endswith("/import"):
            sent.append(len(json.loads(request.content)["records"]))
        return handle(self, request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", noted)
    site = Site(edge, tmp_path, "narrow", sessions=450)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, site.env[VARIABLE])
    assert run(["export", "--source", "dump:sessions.ndjson", "--target", site.address, "--quiet"]) == 0
    assert (sum(sent), max(sent)) == (450, 100)
