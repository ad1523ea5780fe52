"""Somebody else's session class until the migration is finished: nothing is purged, and nothing is taken for
absent that only has expired or is on no record. Each law is broken once, by a mutant that must be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.edge import MUTANTS, Edge, digest_text
from tests.edge.sending import fresh
from tests.edge.sides import ForeignSide, as_json
from tests.edge.test_foreign import DAY, HOUR, NOW, TABLES, USER, at, copied, ours, plant, shown

GRACE = 30 * DAY


@pytest.fixture
def side(edge: Edge) -> Iterator[ForeignSide]:
    yield from sides(edge, "wrapped")


def sides(edge: Edge, name: str) -> Iterator[ForeignSide]:
    side = ForeignSide(edge, name)
    at(side, NOW)
    yield side
    at(side, None)
    edge.set_stage("object-first")


class Apart(ForeignSide):
    """The same, where each session has an object of its own."""

    def home(self, session: str) -> str:
        return session

    def call(self, name: str, method: str, *args: Any) -> Any:
        return self.edge.call(self.binding, name, method, *args)

    def head(self, session: str) -> dict[str, Any] | None:
        head: dict[str, Any] | None = self.call(session, "kvferryHeads", [session])[0]
        return head

    def outcomes(self, *records: dict[str, Any], **changes: Any) -> list[str]:
        """Into the object of the first one; the key of each is the session's id."""
        part = {"sweep": 1, "batch": fresh("batch"), "notAfter": None, "differing": "waiting_to_settle"}
        part |= {"replacements": [], "burials": [], "book": None, "counted": {}}
        sent = [{**one, "value": {"base64": one["value"]}} for one in records]
        answer = self.call(records[0]["key"], "kvferryImport", {**part, "records": sent, **changes})
        outcomes: list[str] = answer["outcomes"]
        return outcomes


@pytest.fixture
def apart(edge: Edge) -> Iterator[Apart]:
    side = Apart(edge, "wrapped")
    at(side, NOW)
    yield side
    at(side, None)


def mine(session: str, expiration: int = NOW + HOUR, value: str = "u") -> dict[str, Any]:
    return {**ours(session, as_json({"userId": value}), expiration=expiration), "key": session}


# ---------------------------------------------------------------- what has expired


def an_expired_session_is_present(side: Apart, origin: str, how: str) -> None:
    session = fresh("expired")
    if origin == "copy":
        side.outcomes(mine(session))
    elif origin == "legacy":
        plant(side, session)
    else:
        side.app(session, "setSession", USER, HOUR)
    stored = side.stored(session)
    at(side, NOW + HOUR)
    if how == "getSession":
        assert side.app(session, "getSession") is None
    elif how == "alarm":
        side.call(session, "ring")
    assert side.stored(session) == stored, "it was purged"
    head = side.head(session)
    assert head is not None, "it is absent"
    assert (head["origin"], head["version"], head["expiration"]) == (origin, 1, NOW + HOUR)
    later = mine(session, NOW + 2 * HOUR)
    outcome = {"copy": "waiting_to_settle", "legacy": "legacy", "app": "newer_here"}[origin]
    assert side.outcomes(later) == [outcome]
    at(side, NOW)


HOW = ["getSession", "alarm"]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("origin", ["copy", "legacy", "app"])
def test_an_expired_session_is_present(apart: Apart, origin: str, how: str) -> None:
    an_expired_session_is_present(apart, origin, how)


@pytest.mark.parametrize("how", HOW)
def test_a_class_that_purges_is_seen(edge: Edge, how: str) -> None:
    assert "PURGING" in MUTANTS
    with pytest.raises(AssertionError, match="it was purged"):
        an_expired_session_is_present(Apart(edge, "purging"), "copy", how)
    edge.set_clock(None)


def test_what_a_read_purges_besides_is_still_known(apart: Apart) -> None:
    """The class purges everything that has expired while it reads one session."""
    read, copy, old = (fresh("besides") for _ in range(3))
    apart.outcomes(mine(read), mine(copy))
    home = read
    insert = "INSERT INTO sessions VALUES (?, '{}', NULL, NULL, 1, 1, ?)"
    apart.call(home, "statement", insert, [old, (NOW + HOUR) * 1000])
    at(apart, NOW + HOUR)
    assert apart.call(home, "getSession", read) is None
    left = apart.call(home, "statement", "SELECT id FROM sessions", [])
    assert left == [{"id": read}]
    heads = apart.call(home, "kvferryHeads", [copy, old])
    assert [(head["origin"], head["expiration"], head["tombstone"]) for head in heads] == [
        ("copy", NOW + HOUR, None),
        ("legacy", NOW + HOUR, None),
    ]
    assert [head["digest"] for head in heads] == [digest_text(b"")] * 2
    again = [mine(one, NOW + 2 * HOUR) for one in (read, copy, old)]
    assert apart.outcomes(*again) == ["waiting_to_settle", "waiting_to_settle", "legacy"]
    wanted = {**mine(copy, NOW + 2 * HOUR), "version": heads[0]["version"], "notAfter": NOW + 2 * HOUR}
    wanted["value"] = {"base64": wanted["value"]}
    part = {"sweep": 2, "batch": fresh("batch"), "notAfter": None, "differing": "waiting_to_settle"}
    part |= {"records": [], "replacements": [wanted], "burials": [], "book": None, "counted": {}}
    assert apart.call(home, "kvferryImport", part)["outcomes"] == ["updated"]
    assert apart.call(home, "getSession", copy) == {"data": USER}


def test_an_expired_session_may_be_written_anew(apart: Apart) -> None:
    session = fresh()
    apart.outcomes(mine(session))
    at(apart, NOW + HOUR)
    assert apart.app(session, "getSession") is None
    apart.app(session, "setSession", USER, HOUR)
    assert shown_in(apart, session) == ("app", 2, False)
    assert apart.app(session, "getSession") == {"data": USER}


def shown_in(side: Apart, session: str) -> tuple[Any, ...]:
    head = side.head(session)
    assert head is not None
    return head["origin"], head["version"], head["tombstone"] is not None


def test_a_logout_is_remembered_as_long_as_the_longest_session_lives(apart: Apart) -> None:
    session, long = fresh(), fresh()
    apart.app(session, "setSession", USER, HOUR)
    apart.app(long, "setSession", USER, 500 * DAY)
    for one, days in ((session, 400), (long, 500)):
        apart.app(one, "deleteSession")
        head = apart.head(one)
        assert head is not None
        assert head["tombstone"]["keepUntil"] == NOW + days * DAY


def test_a_deletion_of_an_expired_session_is_one(apart: Apart) -> None:
    session = fresh()
    apart.outcomes(mine(session))
    at(apart, NOW + HOUR)
    apart.app(session, "deleteSession")
    assert shown_in(apart, session) == ("app", 2, True)


# ---------------------------------------------------------------- what predates the toolkit


def what_predates_the_toolkit_stays(side: ForeignSide) -> None:
    session = fresh("old")
    plant(side, session)
    before = side.stored(session)
    assert shown(side, session) == ("legacy", 1, False)
    assert copied(side, ours(session, b'{"userId":"other"}')) == ["legacy"]
    assert copied(side, ours(session, expiration=NOW + HOUR)) == ["equal"]
    assert side.stored(session) == before
    assert shown(side, session) == ("legacy", 1, False)
    side.app(session, "setSession", {"userId": "new"}, HOUR)
    assert shown(side, session) == ("app", 2, False)


def test_what_predates_the_toolkit_stays_and_is_legacy(side: ForeignSide) -> None:
    what_predates_the_toolkit_stays(side)


def test_a_class_that_overwrites_what_it_does_not_know_is_seen(edge: Edge) -> None:
    assert "IGNORANT" in MUTANTS
    for side in sides(edge, "ignorant"):
        with pytest.raises(AssertionError):
            what_predates_the_toolkit_stays(side)


def direct_calls_are_on_record(side: ForeignSide) -> None:
    session = fresh("direct")
    copied(side, ours(session))
    side.app(session, "deleteSession")
    assert copied(side, ours(session)) == ["tombstoned"]
    assert side.app(session, "getSession") is None
    assert side.app(session, "putSession", USER) == {"outcome": "gone"}


def test_direct_calls_are_on_record(side: ForeignSide) -> None:
    direct_calls_are_on_record(side)


def test_a_class_that_is_not_wrapped_is_seen(edge: Edge) -> None:
    assert "UNWRAPPED" in MUTANTS
    for side in sides(edge, "unwrapped"):
        with pytest.raises(AssertionError):
            direct_calls_are_on_record(side)


# ---------------------------------------------------------------- the one alarm


def alarm(side: Apart, session: str) -> float | None:
    at_ms: int | None = side.call(session, "nextAlarm")
    return None if at_ms is None else at_ms / 1000


def test_an_import_sets_the_alarm_and_the_classs_own_comes_first(apart: Apart) -> None:
    session, other = fresh(), fresh()
    apart.outcomes(mine(session))
    assert alarm(apart, session) == NOW + HOUR + GRACE
    apart.app(other, "setSession", USER, HOUR)
    assert alarm(apart, other) == NOW + HOUR, "the class's own, an hour from now"
    apart.outcomes(mine(other))
    assert alarm(apart, other) == NOW + HOUR


def test_an_import_sets_the_alarm_that_the_class_deleted(apart: Apart) -> None:
    session, other = fresh(), fresh()
    apart.outcomes(mine(session))
    apart.call(session, "nextAlarm", None)
    assert apart.outcomes(mine(session), mine(other, NOW + 2 * HOUR)) == ["equal", "copied"]
    assert alarm(apart, session) == NOW + 2 * HOUR + GRACE


def test_the_alarm_is_ours_until_the_migration_is_finished(apart: Apart) -> None:
    session = fresh()
    apart.app(session, "setSession", USER, HOUR)
    at(apart, NOW + HOUR)
    apart.call(session, "ring")
    assert apart.stored(session) is not None
    assert alarm(apart, session) == NOW + HOUR + GRACE, "no hourly wake-up for nothing"
    apart.call(session, "nextAlarm", None)
    apart.app(session, "refreshSession", HOUR)
    assert alarm(apart, session) == NOW + 2 * HOUR + GRACE, "the class had deleted it"

    book = {"expect": [], "checkpoint": None, "notes": [{"name": "finished", "body": ""}], "forget": []}
    part = {"sweep": 0, "batch": fresh("batch"), "notAfter": None, "differing": "waiting_to_settle"}
    part |= {"records": [], "replacements": [], "burials": [], "counted": {}}
    apart.call(session, "kvferryImport", {**part, "book": book})
    at(apart, NOW + 2 * HOUR)
    apart.call(session, "ring")
    assert apart.stored(session) is None
    assert alarm(apart, session) == NOW + 3 * HOUR, "the class's own again"
    head = apart.head(session)
    assert head is not None
    assert head["tombstone"] is None


def test_what_is_over_for_long_goes_and_nothing_of_the_classs_own_with_it(apart: Apart) -> None:
    session, deleted = fresh(), fresh()
    apart.outcomes(mine(session))
    apart.call(session, "setSetting", "banner", "hello")
    apart.call(session, "deleteSession", deleted)
    at(apart, NOW + HOUR + GRACE)
    apart.call(session, "ring")
    assert apart.head(session) is None
    assert apart.stored(session) is None
    assert apart.call(session, "kvferryHeads", [deleted])[0]["tombstone"] is not None
    at(apart, NOW + 431 * DAY)
    apart.call(session, "ring")
    assert apart.call(session, "statement", TABLES, []) == []
    assert apart.call(session, "getSetting", "banner") == "hello"
    apart.app(session, "setSession", USER, HOUR)
    assert shown_in(apart, session) == ("app", 1, False)
