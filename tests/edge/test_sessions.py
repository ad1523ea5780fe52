"""The session class as an application calls it, and what its objects store."""

import sqlite3
import time
from contextlib import closing

import pytest

from tests.edge.edge import Edge
from tests.edge.sending import fresh

DAY = 86_400
TABLES = "SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB '__miniflare_*'"
"""The local runtime's own are there as soon as an object is."""

METHODS = ["getSession", "putSession", "touchSession", "deleteSession"]


class Session:
    """One session in an object of its own, as in the contract."""

    def __init__(self, edge: Edge, binding: str = "LOOKED_INTO") -> None:
        self.edge = edge
        self.binding = binding
        self.id = fresh("session")

    def __getattr__(self, method: str):
        return lambda *args: self.edge.call(self.binding, self.id, method, self.id, *args)

    def head(self):
        return self.edge.call(self.binding, self.id, "kvferryHeads", [self.id])[0]

    def look(self):
        return self.edge.call(self.binding, self.id, "look")


@pytest.fixture
def session(edge):
    return Session(edge)


def test_only_these_names_can_be_called(edge):
    toolkit = [
        "Adopt",
        "Count",
        "Delete",
        "Finish",
        "Heads",
        "Health",
        "Import",
        "Inside",
        "Look",
        "Notes",
        "NotesFrom",
        "Put",
        "Read",
        "Refusal",
        "Scan",
        "ScanValues",
        "Touch",
    ]
    names = [*METHODS, *(f"kvferry{name}" for name in toolkit), "alarm", "constructor"]
    assert edge.callable_names() == sorted(names)


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({"user": "u", "n": [1, None]}, {"user": "u", "n": [1, None]}),
        ("text, no JSON", "text, no JSON"),
        ('{"already":"JSON"}', {"already": "JSON"}),
        ({"base64": "AP8="}, {"base64": "AP8="}),
        ("\ufefftext", "\ufefftext"),
        ("", ""),
        (0, 0),
    ],
)
def test_a_session_comes_back_as_it_was_put(session, data, read):
    assert session.getSession() is None
    assert session.putSession(data) == {"outcome": "stored", "version": 1}
    assert session.getSession() == {"data": read}


def test_a_put_goes_over_an_older_state_and_counts_versions_with_their_times(session):
    for number in range(7):
        session.edge.set_clock(2_000_000_000 + number)
        assert session.putSession({"n": number})["version"] == number + 1
    head = session.head()
    assert (head["version"], head["origin"], head["expiration"]) == (7, "app", None)
    assert head["changes"] == [{"version": n, "at": 2_000_000_000 + n - 1} for n in (1, 4, 5, 6, 7)]


def test_an_expired_session_is_hidden_and_still_there(session):
    session.edge.set_clock(2_000_000_000)
    session.putSession("v", {"expirationTtl": 60})
    session.edge.set_clock(2_000_000_059.9)
    assert session.getSession() == {"data": "v"}
    session.edge.set_clock(2_000_000_060)
    assert session.getSession() is None
    assert session.touchSession({"expirationTtl": 60}) == {"outcome": "missing"}
    assert session.head()["expiration"] == 2_000_000_060


def test_a_touch_extends_and_never_shortens_and_leaves_the_value(session):
    session.edge.set_clock(2_000_000_000)
    session.putSession("v", {"expirationTtl": 3600, "metadata": {"m": 1}})
    for ttl, version, lasts in [(60, 1, 3600), (3700, 1, 3600), (3900, 2, 3900), (7200, 3, 7200)]:
        assert session.touchSession({"expirationTtl": ttl}) == {"outcome": "stored", "version": version}
        assert session.head()["expiration"] == 2_000_000_000 + lasts
    assert session.getSession() == {"data": "v"}
    assert session.head()["metadata"] == '{"m":1}'


def test_a_session_without_expiration_is_not_given_one_by_a_touch(session):
    session.putSession("v")
    session.touchSession({"expirationTtl": 60})
    assert session.head()["expiration"] is None


@pytest.mark.parametrize("known", [True, False])
def test_a_deleted_session_is_gone_for_ever(session, known):
    session.edge.set_clock(2_000_000_000)
    if known:
        session.putSession("v", {"expirationTtl": 60})
    assert session.deleteSession()["outcome"] == "stored"
    grave = session.head()
    assert (grave["digest"], grave["bytes"], grave["tombstone"] is not None) == (None, 0, True)
    assert session.getSession() is None
    assert session.putSession("back") == {"outcome": "gone"}
    assert session.putSession("back", {"origin": "dual"}) == {"outcome": "gone"}
    assert session.touchSession({"expirationTtl": 60}) == {"outcome": "gone"}
    assert session.deleteSession() == {"outcome": "stored", "version": grave["version"]}
    assert session.head() == grave


def test_another_delete_renews_how_long_the_logout_is_remembered(session):
    session.edge.set_clock(2_000_000_000)
    session.putSession("v", {"expirationTtl": 800 * DAY})
    version = session.deleteSession()["version"]
    kept = session.head()["tombstone"]["keepUntil"]
    for days in (1, 300):
        session.edge.set_clock(2_000_000_000 + days * DAY)
        assert session.deleteSession() == {"outcome": "stored", "version": version}
        assert session.head()["tombstone"]["keepUntil"] == kept + days * DAY


def test_an_app_row_stays_one_when_a_dual_write_arrives(session):
    assert session.putSession("1", {"origin": "dual"})["version"] == 1
    assert session.head()["origin"] == "dual"
    session.putSession("2")
    assert session.head()["origin"] == "app"
    session.putSession("3", {"origin": "dual"})
    assert session.head()["origin"] == "app"


def test_a_late_write_is_refused(session):
    session.edge.set_clock(2_000_000_000)
    assert session.putSession("v", {"notAfter": 2_000_000_000})["outcome"] == "stored"
    assert session.putSession("w", {"notAfter": 1_999_999_999}) == {"outcome": "late"}
    assert session.touchSession({"expirationTtl": 60, "notAfter": 1_999_999_999}) == {"outcome": "late"}
    assert session.getSession() == {"data": "v"}


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("putSession", ["v", {"expirationTtl": 60, "expiration": 2_000_000_000}]),
        ("putSession", ["v", {"expiration": 2_000_000_000.5}]),
        ("putSession", ["v", {"origin": "copy"}]),
        ("touchSession", [{}]),
        ("putSession", ["x" * 1_990_001]),
    ],
)
def test_a_wrong_call_is_refused_and_stores_nothing(session, method, args):
    (answer,) = session.edge.calls([(session.binding, session.id, method, session.id, *args)])
    assert "thrown" in answer
    assert "xxx" not in answer["thrown"]
    assert session.head() is None


def test_the_longest_value_fits(session):
    assert session.putSession("x" * 1_990_000)["outcome"] == "stored"
    assert len(session.getSession()["data"]) == 1_990_000


# ---------------------------------------------------------------- what is stored


def stored_objects(edge: Edge) -> dict[str, int]:
    """How many tables each object of the class LookedInto has, by its file."""
    found = {}
    for path in (edge.state / "do" / "application-LookedInto").glob("*.sqlite"):
        if path.name != "metadata.sqlite":
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                found[path.name] = database.execute(TABLES).fetchone()[0]
    return found


def test_ten_thousand_random_cookies_leave_nothing_stored(edge):
    before = stored_objects(edge)
    # Each object takes three file descriptors, and the local runtime has 20,000 for all tests together:
    # not every cookie can have an object of its own here.
    ids = [fresh("random") for _ in range(1500)]
    shards = [fresh("shard") for _ in range(16)]
    cookies = [(one, one) for one in ids]
    cookies += [(shards[number % 16], f"cookie-{number}") for number in range(8500)]
    for start in range(0, len(cookies), 500):
        some = cookies[start : start + 500]
        answers = edge.calls([("LOOKED_INTO", one, "getSession", cookie) for one, cookie in some])
        assert answers == [{"value": None}] * 500
    looks = (
        ("kvferryHeads", [ids[0]]),
        ("kvferryRead", [ids[0]], 10),
        ("kvferryCount", ""),
        ("kvferryNotes", ["n"]),
    )
    for method, *args in looks:
        edge.call("LOOKED_INTO", ids[0], method, *args)
    touched = edge.call("LOOKED_INTO", ids[1], "touchSession", ids[1], {"expirationTtl": 60})
    assert touched == {"outcome": "missing"}
    edge.call("LOOKED_INTO", ids[2], "putSession", ids[2], "v")
    made = {name: tables for name, tables in stored_objects(edge).items() if name not in before}
    assert len(made) == len(ids) + len(shards)
    assert sorted(made.values())[-2:] == [0, 2], "the written one, and no other, stores something"


def test_one_alarm_stands_behind_the_end_of_the_session_and_renewals_do_not_move_it(session):
    session.edge.set_clock(2_000_000_000)
    session.putSession("v", {"expirationTtl": 3600})
    due = (2_000_000_000 + 3600 + 30 * DAY) * 1000
    assert session.look()["alarm"] == due
    session.touchSession({"expirationTtl": 90 * DAY})
    session.putSession("w", {"expirationTtl": 90 * DAY})
    assert session.look()["alarm"] == due


def test_a_session_that_never_expires_has_no_alarm(session):
    session.putSession("v")
    assert session.look()["alarm"] is None
    session.deleteSession()
    assert session.look()["alarm"] is None
    assert session.head()["tombstone"]["keepUntil"] is None


def test_a_logout_is_remembered_as_long_as_this_session_was_once_given(edge, session):
    """A write that was on its way may give the copy in KV as long a life again."""
    edge.set_clock(2_000_000_000)
    session.putSession("v", {"expirationTtl": 800 * DAY})
    edge.set_clock(2_000_000_000 + 300 * DAY)
    session.deleteSession()
    assert session.head()["tombstone"]["keepUntil"] == 2_000_000_000 + 1100 * DAY


def test_a_logout_is_remembered_for_ever_where_sessions_may_live_for_ever(edge):
    for name, written in ((fresh(), False), (fresh(), True)):
        if written:
            edge.call("LASTING", name, "putSession", name, "v", {"expirationTtl": 60})
        edge.call("LASTING", name, "deleteSession", name)
        (head,) = edge.call("LASTING", name, "kvferryHeads", [name])
        assert (head["tombstone"]["keepUntil"], head["key"]) == (None, name)


def test_a_logout_is_remembered_as_long_as_a_cookie_can_live(session):
    session.edge.set_clock(2_000_000_000)
    session.deleteSession()
    assert session.head()["tombstone"] == {
        "expiration": None,
        "deletedAt": 2_000_000_000,
        "keepUntil": 2_000_000_000 + 400 * DAY,
    }
    assert session.look()["alarm"] == (2_000_000_000 + 430 * DAY) * 1000


def test_the_alarm_purges_what_is_over_and_comes_back_for_the_rest(session):
    edge, name = session.edge, session.id
    edge.set_clock(2_000_000_000)
    for one, ttl in (("a", DAY), ("b", 40 * DAY)):
        edge.call(session.binding, name, "putSession", one, one, {"expirationTtl": ttl})
    edge.set_clock(2_000_000_000 + 31 * DAY - 1)
    edge.call(session.binding, name, "ring")
    assert edge.call(session.binding, name, "kvferryCount", "")["expired"] == 1
    edge.set_clock(2_000_000_000 + 31 * DAY)
    edge.call(session.binding, name, "ring")
    assert edge.call(session.binding, name, "kvferryHeads", ["a", "b"])[0] is None
    assert session.look()["alarm"] == (2_000_000_000 + 70 * DAY) * 1000
    edge.set_clock(2_000_000_000 + 70 * DAY)
    edge.call(session.binding, name, "ring")
    assert edge.call(session.binding, name, "kvferryHeads", ["b"]) == [None]
    assert session.look()["alarm"] is None
    assert session.putSession("again")["outcome"] == "stored"
    assert session.getSession() == {"data": "again"}


def test_an_object_that_has_notes_alone_left_takes_sessions_again_after_its_purge(session):
    edge, name = session.edge, session.id
    edge.set_clock(2_000_000_000)
    book = {"expect": [], "checkpoint": None, "notes": [{"name": "n", "body": "{}"}], "forget": []}
    part = {"sweep": 1, "batch": "b", "differing": "waiting_to_settle", "notAfter": None, "counted": {}}
    nothing = {"records": [], "replacements": [], "burials": []}
    assert (
        edge.call(session.binding, name, "kvferryImport", {**part, **nothing, "book": book})["result"]
        == "done"
    )
    edge.call(session.binding, name, "putSession", "a", "v", {"expirationTtl": DAY})
    edge.set_clock(2_000_000_000 + 31 * DAY)
    edge.call(session.binding, name, "ring")
    assert edge.call(session.binding, name, "kvferryHeads", ["a"]) == [None]
    assert edge.call(session.binding, name, "putSession", "b", "again")["outcome"] == "stored"
    assert edge.call(session.binding, name, "kvferryNotes", ["n"])[0]["name"] == "n"


def test_the_clock_of_the_real_class_is_the_systems(edge):
    now = edge.call("USER_SESSIONS", "clock", "kvferryHealth")["now"]
    assert abs(now - time.time()) < 60
