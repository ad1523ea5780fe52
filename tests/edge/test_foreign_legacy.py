"""Rows that are older than the toolkit: replaced by a sweep only where the operator has said that KV is
right, and only by compare-and-set. Each law is broken once, by a mutant that must be seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.edge import MUTANTS, PREFIX, Edge
from tests.edge.sending import fresh, importing, record
from tests.edge.sides import ForeignSide, as_json

NOW = int(time.time())
HOUR = 3600
USER = {"userId": "u"}
OF_KV = {"userId": "u", "token": "of KV"}


def foreign(edge: Edge, name: str) -> ForeignSide:
    edge.set_clock(NOW)
    return ForeignSide(edge, name)


@pytest.fixture
def side(edge: Edge) -> Iterator[ForeignSide]:
    yield foreign(edge, "wrapped")
    edge.set_clock(None)
    edge.set_stage("object-first")


def planted(side: ForeignSide) -> str:
    """A row as the class had them before the toolkit."""
    session = fresh()
    insert = "INSERT INTO sessions VALUES (?, ?, 'u', NULL, 1, 1, ?)"
    side.look(session, insert, session, as_json(USER).decode(), (NOW + HOUR) * 1000)
    return session


def of_kv(session: str) -> dict[str, Any]:
    return record(session, as_json(OF_KV), expiration=NOW + 2 * HOUR)


def copied(side: ForeignSide, session: str) -> str:
    """What a first sweep makes of it."""
    return side.outcomes(of_kv(session), notAfter=NOW + 300)[0]


def replaced(side: ForeignSide, session: str, version: int = 1, **word: bool) -> str:
    """What a later sweep makes of it."""
    wanted = {**of_kv(session), "version": version, "notAfter": NOW + 300, **word}
    order = importing(replacements=[wanted], notAfter=NOW + 300)
    outcomes: list[str] = side.bridge.ask("import", order)["outcomes"]
    return outcomes[0]


def shown(side: ForeignSide, session: str) -> tuple[Any, ...]:
    head, stored = side.head(session), side.stored(session)
    assert head is not None
    return head["origin"], head["version"], stored and stored["data"]


OLD, NEW = as_json(USER).decode(), as_json(OF_KV).decode()


def a_legacy_row_waits_for_the_operators_word(side: ForeignSide) -> None:
    session = planted(side)
    assert copied(side, session) == "legacy"
    for word in ({}, {"legacy": False}):
        assert replaced(side, session, **word) == "legacy"
        assert shown(side, session) == ("legacy", 1, OLD)


def a_legacy_row_has_no_version_before_it_is_on_record(side: ForeignSide) -> None:
    session = planted(side)
    side.look(session, "UPDATE sessions SET data = ? WHERE id = ?", '{"userId":"newer"}', session)
    assert replaced(side, session, legacy=True) == "legacy"
    assert shown(side, session) == ("legacy", 1, '{"userId":"newer"}')
    assert replaced(side, session, legacy=True) == "updated"


def a_legacy_row_that_was_written_once_more_is_another(side: ForeignSide) -> None:
    session = planted(side)
    assert copied(side, session) == "legacy"
    side.app(session, "setSession", USER, HOUR)
    assert replaced(side, session, legacy=True) == "legacy"
    assert shown(side, session) == ("legacy", 2, OLD)


def buried(side: ForeignSide, session: str, version: int = 1, **word: bool) -> str:
    rows = [{"key": PREFIX + session, "version": version, **word}]
    order = {"batch": fresh("bury"), "notAfter": NOW + 300, "expect": [], "rows": rows}
    outcomes: list[str] = side.bridge.ask("bury", order)["outcomes"]
    return outcomes[0]


def a_legacy_row_that_kv_lacks_waits_for_the_operators_word(side: ForeignSide) -> None:
    session = planted(side)
    copied(side, session)
    for word in ({}, {"legacy": False}):
        assert buried(side, session, **word) == "legacy"
    assert shown(side, session) == ("legacy", 1, OLD)


def a_legacy_row_that_kv_lacks_has_no_version_before_it_is_on_record(side: ForeignSide) -> None:
    session = planted(side)
    assert buried(side, session, legacy=True) == "legacy"
    assert shown(side, session) == ("legacy", 1, OLD)
    assert buried(side, session, 2, legacy=True) == "changed"
    assert buried(side, session, legacy=True) == "buried"
    assert side.app(session, "getSession") is None
    assert copied(side, session) == "tombstoned"


LAWS = {
    a_legacy_row_waits_for_the_operators_word: "presuming",
    a_legacy_row_has_no_version_before_it_is_on_record: "hasty",
    a_legacy_row_that_was_written_once_more_is_another: "deaf",
    a_legacy_row_that_kv_lacks_waits_for_the_operators_word: "burying",
    a_legacy_row_that_kv_lacks_has_no_version_before_it_is_on_record: "hasty",
}


@pytest.mark.parametrize("law", LAWS)
def test_the_class_keeps(side: ForeignSide, law: Any) -> None:
    law(side)


@pytest.mark.parametrize("law", LAWS)
def test_a_class_that_breaks_the_law_is_seen(edge: Edge, side: ForeignSide, law: Any) -> None:
    mutant = LAWS[law]
    assert mutant.upper() in MUTANTS
    with pytest.raises(AssertionError):
        law(foreign(edge, mutant))


def test_a_row_that_was_replaced_is_a_copy_like_any_other(side: ForeignSide) -> None:
    session = planted(side)
    copied(side, session)
    assert replaced(side, session, legacy=True) == "updated"
    assert shown(side, session) == ("copy", 2, NEW)
    assert side.app(session, "getSession") == {"data": OF_KV}
    assert copied(side, session) == "equal"
    assert replaced(side, session, 2) == "updated"
    side.edge.set_stage("dual-write")
    side.app(session, "setSession", USER, HOUR)
    assert shown(side, session) == ("dual", 4, OLD)


@pytest.mark.parametrize(("stage", "origin"), [("dual-write", "dual"), ("object-first", "app")])
def test_what_the_application_writes_over_it_is_the_applications(
    side: ForeignSide, stage: str, origin: str
) -> None:
    session = planted(side)
    copied(side, session)
    side.edge.set_stage(stage)
    side.app(session, "setSession", {"userId": "newer"}, HOUR)
    assert shown(side, session) == (origin, 2, '{"userId":"newer"}')
    assert replaced(side, session, 1, legacy=True) == (
        "waiting_to_settle" if origin == "dual" else "newer_here"
    )
    assert shown(side, session)[2] == '{"userId":"newer"}'


@pytest.mark.parametrize("how", ["value", "expiration", "deletion"])
def test_what_was_done_past_the_methods_since_it_is_on_record_is_seen(side: ForeignSide, how: str) -> None:
    session = planted(side)
    copied(side, session)
    statement = {
        "value": "UPDATE sessions SET data = '{}' WHERE id = ?",
        "expiration": "UPDATE sessions SET expires_at = expires_at + 60000 WHERE id = ?",
        "deletion": "DELETE FROM sessions WHERE id = ?",
    }[how]
    side.look(session, statement, session)
    before = side.stored(session)
    assert replaced(side, session, legacy=True) == ("tombstoned" if how == "deletion" else "legacy")
    assert side.stored(session) == before
    assert shown(side, session)[1] == 2
