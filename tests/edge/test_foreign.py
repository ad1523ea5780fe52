"""Somebody else's session class with the toolkit: what its own methods do is on record, and lawful."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.edge.edge import Edge, digest_text
from tests.edge.sending import fresh, importing, key, record
from tests.edge.sides import ForeignSide, as_json

NOW = int(time.time())
HOUR = 3600
DAY = 86_400
USER = {"userId": "u"}
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'kvferry%'"


@pytest.fixture
def side(edge: Edge) -> Iterator[ForeignSide]:
    side = ForeignSide(edge, "wrapped")
    at(side, NOW)
    yield side
    at(side, None)
    edge.set_stage("object-first")


def at(side: ForeignSide, now: float | None) -> None:
    """The time of the objects; None: the real one."""
    side.edge.set_clock(now)


def ours(session: str, value: bytes = as_json(USER), **changes: Any) -> dict[str, Any]:
    return record(session, value, **{"expiration": NOW + HOUR, **changes})


def copied(side: ForeignSide, *records: dict[str, Any], **changes: Any) -> list[str]:
    return side.outcomes(*records, **{"notAfter": NOW + 300, **changes})


def plant(side: ForeignSide, session: str, expires: int | None = NOW + HOUR) -> None:
    """A row as the class had them before the toolkit."""
    side.look(
        session,
        "INSERT INTO sessions VALUES (?, ?, 'u', NULL, 1, 1, ?) ON CONFLICT DO NOTHING",
        session,
        as_json(USER).decode(),
        expires and expires * 1000,
    )


def shown(side: ForeignSide, session: str) -> tuple[Any, ...] | None:
    head = side.head(session)
    if head is None:
        return None
    return head["origin"], head["version"], head["tombstone"] is not None


# ---------------------------------------------------------------- direct calls


def test_only_these_names_can_be_called(edge: Edge) -> None:
    own = "getSession setSession refreshSession deleteSession promoteSession signOut deleteSessionsOf"
    toolkit = [name for name in edge.callable_names() if name.startswith("kvferry")]
    names = [*own.split(), "getSetting", "setSetting", *toolkit, "alarm", "constructor"]
    assert len(toolkit) >= 10
    assert edge.callable_names("wrapped") == sorted(names)


@pytest.mark.parametrize(("stage", "origin"), [("dual-write", "dual"), ("object-first", "app")])
def test_direct_calls_leave_versions_whose_origin_the_stage_says(
    side: ForeignSide, stage: str, origin: str
) -> None:
    session = fresh()
    side.edge.set_stage(stage)
    side.app(session, "setSession", USER, HOUR)
    assert shown(side, session) == (origin, 1, False)
    assert side.app(session, "getSession") == {"data": USER}
    assert shown(side, session) == (origin, 1, False)
    at(side, NOW + 9)
    assert side.app(session, "refreshSession", 2 * HOUR) == {"expiresAt": (NOW + 9 + 2 * HOUR) * 1000}
    side.app(session, "setSession", {"userId": "v"}, HOUR)
    head = side.head(session)
    assert head is not None
    assert head["changes"] == [{"version": n, "at": NOW + (9 if n > 1 else 0)} for n in (1, 2, 3)]
    assert (head["origin"], head["expiration"]) == (origin, NOW + 9 + HOUR)
    assert head["digest"] == digest_text(as_json({"userId": "v"}))


def test_an_app_row_stays_one_when_a_dual_write_arrives(side: ForeignSide) -> None:
    session = fresh()
    for stage, origin in [("dual-write", "dual"), ("object-first", "app"), ("dual-write", "app")]:
        side.edge.set_stage(stage)
        side.app(session, "setSession", USER, HOUR)
        assert (side.head(session) or {})["origin"] == origin


def test_the_same_written_once_more_is_a_write_and_a_row_that_is_left_alone_is_none(
    side: ForeignSide,
) -> None:
    session = fresh()
    copied(side, ours(session))
    side.app(session, "setSession", USER, HOUR)
    assert shown(side, session) == ("app", 2, False)
    side.app(session, "getSession")
    side.app(session, "deleteSessionsOf", "somebody else")
    assert shown(side, session) == ("app", 2, False)


def test_a_copy_is_what_the_class_reads_and_its_fields_are_decoded(side: ForeignSide) -> None:
    session = fresh()
    value = as_json({"userId": "u7", "role": "admin"})
    assert copied(side, ours(session, value, metadata='{"m":1}')) == ["copied"]
    row = {"data": value.decode(), "user_id": "u7", "role": "admin", "expires_at": (NOW + HOUR) * 1000}
    assert side.stored(session) == row
    assert side.app(session, "getSession") == {"data": {"userId": "u7", "role": "admin"}}
    side.app(session, "refreshSession", 2 * HOUR)
    head = side.head(session)
    assert head is not None
    assert head["metadata"] == '{"m":1}', "a class that has no metadata takes none away"


def test_bytes_that_are_no_text_come_back_as_they_were(side: ForeignSide) -> None:
    session, value = fresh(), b"\xef\xbb\xbf\x00\xff"
    copied(side, ours(session, value))
    (row,) = side.bridge.ask("read", {"keys": [key(session)]})["rows"]
    assert base64.b64decode(row["value"]) == value


# ---------------------------------------------------------------- deletions


@pytest.mark.parametrize("how", ["deleteSession", "signOut"])
@pytest.mark.parametrize("known", ["copied", "planted", "unknown"])
def test_a_deletion_is_final_for_the_classs_own_writes(side: ForeignSide, how: str, known: str) -> None:
    session = fresh()
    if known == "copied":
        copied(side, ours(session))
    elif known == "planted":
        plant(side, session)
    with Answering(side, session):
        assert "thrown" not in side.own(session, how)
    grave = side.head(session)
    assert grave is not None
    assert grave["tombstone"] is not None
    for method, args in (("setSession", [USER, HOUR]), ("refreshSession", [HOUR]), ("promoteSession", [])):
        answer = side.own(session, method, *args)
        said = "Error: SessionGone: this session was deleted, and its id is never used again"
        assert answer == {"thrown": said}, method
    assert side.stored(session) is None
    assert side.app(session, "getSession") is None
    assert side.app(session, "deleteSession") is False
    assert copied(side, ours(session)) == ["tombstoned"]
    assert side.head(session) == grave


def test_a_method_that_deletes_many_leaves_a_tombstone_for_each(side: ForeignSide) -> None:
    mine, planted, other = (side_by_side(fresh("many"), n) for n in range(3))
    side.outcomes(ours(mine, b'{"userId":"many"}'), ours(other), notAfter=NOW + 9)
    plant(side, planted)
    side.look(planted, "UPDATE sessions SET user_id = 'many' WHERE id = ?", planted)
    for session in (mine, planted):
        side.edge.call(side.binding, side.home(session), "deleteSessionsOf", "many")
    assert [shown(side, one) for one in (mine, planted)] == [("app", 2, True), ("app", 2, True)]
    assert shown(side, other) == ("copy", 1, False)


def side_by_side(stem: str, number: int) -> str:
    return f"{stem}-{number}"


# ---------------------------------------------------------------- misses


def test_random_cookies_leave_nothing_of_ours(edge: Edge) -> None:
    ids = [fresh("random") for _ in range(300)]
    answers = edge.calls([("WRAPPED", one, "getSession", one) for one in ids])
    assert answers == [{"value": None}] * len(ids)
    edge.call("WRAPPED", ids[0], "kvferryHeads", ids[:1])
    edge.call("WRAPPED", ids[0], "kvferryCount", "")
    for one in ids[:20]:
        assert edge.call("WRAPPED", one, "statement", TABLES, []) == []
        assert edge.call("WRAPPED", one, "nextAlarm") is None


def test_a_read_that_finds_nothing_to_purge_writes_nothing_of_ours(edge: Edge) -> None:
    name = fresh("reading")
    edge.call("WRAPPED", name, "statement", INSERT, [name, int(time.time() + HOUR) * 1000])
    assert edge.call("WRAPPED", name, "getSession", name) == {"data": USER}
    assert edge.call("WRAPPED", name, "statement", TABLES, []) == []
    assert edge.call("WRAPPED", name, "kvferryHeads", [name])[0]["origin"] == "legacy"


INSERT = "INSERT INTO sessions VALUES (?, '{\"userId\":\"u\"}', 'u', NULL, 1, 1, ?)"


def test_a_miss_that_the_runtime_throws_is_a_miss(edge: Edge) -> None:
    (answer,) = edge.calls([("WRAPPED", name := fresh(), "getSession", name)])
    assert answer == {"value": None}
    (answer,) = edge.calls([("STRICT", name, "getSession", name)])
    assert "got no results" in answer["thrown"], "the mutant must be seen"
    (answer,) = edge.calls([("WRAPPED", name, "refreshSession", name, 60)])
    assert "got no results" in answer["thrown"], "no write is reported that was not done"


def test_a_class_without_the_word_for_a_method_is_refused(edge: Edge) -> None:
    said = edge._application("wordless", None)
    assert said == "TypeError: say what these methods do (read, write, delete, many, other): signOut"


def test_other_objects_of_the_class_are_left_alone(edge: Edge) -> None:
    name = "admin:settings"
    edge.call("WRAPPED", name, "setSetting", "banner", "hello")
    assert edge.call("WRAPPED", name, "getSetting", "banner") == "hello"
    assert edge.call("WRAPPED", name, "kvferryCount", "")["live"] == 0
    everything = {"prefix": "", "after": None, "upto": None, "limit": 10, "only": "all"}
    assert edge.call("WRAPPED", name, "kvferryScan", everything) == {"rows": [], "more": False}
    assert edge.call("WRAPPED", name, "statement", TABLES, []) == []


# ---------------------------------------------------------------- calls that wait


class Answering:
    """Lets the directory answer whoever asks it, until the block ends; None: with an error."""

    def __init__(self, side: ForeignSide, session: str, role: str | None = "admin") -> None:
        self._call: Callable[..., Any] = lambda *args: side.edge.call(side.binding, side.home(session), *args)
        self._role = role
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def _answer(self) -> None:
        while not self._over.wait(0.01):
            self._call("answer", self._role)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def meanwhile(
    side: ForeignSide, session: str, method: str, act: Callable[[], Any], role: str | None = "admin"
) -> Any:
    """Call a method that asks the directory, and act while it waits for the answer."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(side.own(session, method)))
    thread.start()
    home = side.home(session)
    while side.edge.call(side.binding, home, "asked") == 0:
        assert thread.is_alive(), answers
    act()
    side.edge.call(side.binding, home, "answer", role)
    thread.join()
    return answers[0]


def test_a_write_that_waits_while_its_session_is_deleted_does_not_bring_it_back(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    answer = meanwhile(side, session, "promoteSession", lambda: side.app(session, "deleteSession"))
    assert "SessionGone" in answer["thrown"]
    assert side.stored(session) is None
    assert shown(side, session) == ("app", 2, True)


def test_a_write_that_ends_within_a_deletion_is_deleted_with_it(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    home, answers = side.home(session), {}

    def start(method: str, waiting: int) -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.update({method: side.own(session, method)}))
        thread.start()
        while side.edge.call(side.binding, home, "asked") < waiting:
            assert thread.is_alive()
        return thread

    threads = [start("promoteSession", 1), start("signOut", 2)]
    for thread in threads:
        side.edge.call(side.binding, home, "answer", "admin", 1)
        thread.join()
    assert answers["promoteSession"] == {"value": {"data": {"userId": "u", "role": "admin"}}}
    assert answers["signOut"] == {"value": None}
    assert side.stored(session) is None
    assert shown(side, session) == ("app", 3, True)


def test_a_deletion_that_waits_is_not_undone_by_a_write_meanwhile(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    written: list[Any] = []
    meanwhile(side, session, "signOut", lambda: written.append(side.own(session, "setSession", USER)))
    assert "SessionGone" in written[0]["thrown"]
    assert side.stored(session) is None
    grave = side.head(session)
    assert grave is not None
    assert grave["tombstone"] is not None
    assert copied(side, ours(session)) == ["tombstoned"]


def test_an_import_while_a_write_waits_does_not_lose_it(side: ForeignSide) -> None:
    session, planted = fresh(), fresh()
    plant(side, planted)
    side.app(session, "setSession", USER, HOUR)
    for one, outcome in ((session, "newer_here"), (planted, "legacy")):
        other = ours(one, b'{"userId":"stale"}')
        answer = meanwhile(side, one, "promoteSession", lambda other=other: copied(side, other))  # type: ignore[misc]
        assert answer == {"value": {"data": {"userId": "u", "role": "admin"}}}
        assert copied(side, other) == ["newer_here"], outcome
        assert side.app(one, "getSession") == answer["value"]
        assert shown(side, one) == ("app", 2, False)


def test_an_import_between_a_deletion_and_its_record_inserts_nothing(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    outcomes: list[str] = []
    meanwhile(side, session, "signOut", lambda: outcomes.extend(copied(side, ours(session))))
    assert outcomes == ["tombstoned"]
    assert shown(side, session) == ("copy", 2, True), "noticed by the import already"


@pytest.mark.parametrize("origin", ["copy", "legacy"])
def test_what_a_method_did_before_it_failed_is_on_record(side: ForeignSide, origin: str) -> None:
    session = fresh()
    copied(side, ours(session)) if origin == "copy" else plant(side, session)
    others = (f"{session}-{number}" for number in range(99))
    bystander = next(one for one in others if side.home(one) == side.home(session))
    plant(side, bystander)
    answer = meanwhile(side, session, "signOut", lambda: None, role=None)
    assert "no directory" in answer["thrown"]
    assert shown(side, session) == ("app", 2, True)
    assert shown(side, bystander) == ("legacy", 1, False)
    session = fresh()
    copied(side, ours(session)) if origin == "copy" else plant(side, session)
    answer = meanwhile(side, session, "promoteSession", lambda: None, role=None)
    assert "no directory" in answer["thrown"]
    assert shown(side, session) == (origin, 1, False)


# ---------------------------------------------------------------- what happens past the methods


def test_a_value_that_was_changed_past_the_methods_is_neither_lost_nor_replaced(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    side.look(session, "UPDATE sessions SET data = ? WHERE id = ?", '{"userId":"new"}', session)
    assert shown(side, session) == ("app", 2, False)
    wanted = {**ours(session, b"stale"), "version": 1, "notAfter": NOW + 9}
    order = importing(replacements=[wanted], notAfter=NOW + 9)
    assert side.bridge.ask("import", order)["outcomes"] == ["newer_here"]
    assert copied(side, ours(session)) == ["newer_here"]
    head = side.head(session)
    assert head is not None
    assert (head["version"], head["changes"][-1]) == (2, {"version": 2, "at": NOW})
    assert side.app(session, "getSession") == {"data": {"userId": "new"}}


def test_an_expiration_that_was_changed_past_the_methods_is_a_change(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    side.look(session, "UPDATE sessions SET expires_at = expires_at + 60000 WHERE id = ?", session)
    assert shown(side, session) == ("app", 2, False)


def test_a_session_that_vanished_past_the_methods_stays_away(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    side.look(session, "DELETE FROM sessions WHERE id = ?", session)
    assert shown(side, session) == ("copy", 2, True)
    assert copied(side, ours(session)) == ["tombstoned"]
    plant(side, session)
    assert side.app(session, "getSession") is None
    assert side.stored(session) is None
    assert shown(side, session) == ("copy", 2, True)


def test_what_a_write_noticed_is_remembered_beyond_the_expiration(side: ForeignSide) -> None:
    session = fresh()
    copied(side, ours(session))
    side.look(session, "DELETE FROM sessions WHERE id = ?", session)
    for now in (NOW, NOW + 2 * HOUR):
        at(side, now)
        assert "SessionGone" in side.own(session, "setSession", USER)["thrown"]


@pytest.mark.parametrize("how", ["read", "write", "import", "delete"])
def test_a_value_that_came_after_its_deletion_is_taken_away_again(side: ForeignSide, how: str) -> None:
    session = fresh()
    side.app(session, "deleteSession")
    grave = side.head(session)
    plant(side, session)
    assert side.head(session) == grave
    if how == "read":
        assert side.app(session, "getSession") is None
    elif how == "write":
        assert "SessionGone" in side.own(session, "setSession", USER)["thrown"]
    elif how == "delete":
        side.app(session, "deleteSession")
    else:
        assert copied(side, ours(session)) == ["tombstoned"]
        return
    assert side.stored(session) is None
    assert side.head(session) == grave
