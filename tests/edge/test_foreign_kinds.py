"""Other kinds of classes: one that does not keep its session's key and deletes everything, and one that keeps
fields instead of JSON; and storage functions that do not do what they promise."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.edge import Edge, digest_text
from tests.edge.sending import fresh

NOW = int(time.time())
HOUR = 3600


class Wrapped:
    """One object of a class, by its name or its id."""

    def __init__(self, edge: Edge, binding: str, name: str | None = None) -> None:
        self.edge, self.binding = edge, binding
        self.name = name or edge.unique(binding)

    def call(self, method: str, *args: Any) -> Any:
        return self.edge.call(self.binding, self.name, method, *args)

    def thrown(self, method: str, *args: Any) -> str:
        (answer,) = self.edge.calls([(self.binding, self.name, method, *args)])
        return str(answer.get("thrown", ""))

    def head(self, key: str) -> tuple[Any, ...] | None:
        (head,) = self.call("kvferryHeads", [key])
        return head and (head["origin"], head["version"], head["tombstone"] is not None)

    def keys(self) -> list[str]:
        everything = {"prefix": "", "after": None, "upto": None, "limit": 10, "only": "all"}
        return [row["key"] for row in self.call("kvferryScan", everything)["rows"]]

    def part(self, *records: tuple[str, bytes]) -> dict[str, Any]:
        sent = [
            {
                "key": key,
                "value": {"base64": base64.b64encode(value).decode()},
                "metadata": None,
                "expiration": NOW + HOUR,
            }
            for key, value in records
        ]
        part = {"sweep": 1, "batch": fresh("batch"), "notAfter": None, "differing": "waiting_to_settle"}
        return {**part, "records": sent, "replacements": [], "burials": [], "book": None, "counted": {}}

    def outcomes(self, key: str, value: bytes) -> list[str]:
        outcomes: list[str] = self.call("kvferryImport", self.part((key, value)))["outcomes"]
        return outcomes


@pytest.fixture(autouse=True)
def frozen(edge: Edge) -> Iterator[None]:
    edge.set_clock(NOW)
    yield
    edge.set_clock(None)


# ---------------------------------------------------------------- a class without keys


@pytest.fixture(params=["named", "unnamed"])
def lone(edge: Edge, request: pytest.FixtureRequest) -> Wrapped:
    return Wrapped(edge, "LONE", fresh("lone") if request.param == "named" else None)


def test_an_object_that_does_not_keep_its_key_is_named_by_the_first_import(lone: Wrapped) -> None:
    key = lone.name
    lone.call("save", "old", HOUR)
    assert lone.outcomes(key, b"stale") == ["newer_here"]
    assert lone.head(key) == ("app", 1, False)
    assert lone.keys() == [key]
    lone.call("save", "new", HOUR)
    assert lone.head(key) == ("app", 2, False)
    assert lone.call("show") == "new"


def test_a_copy_into_such_an_object_is_what_it_shows(lone: Wrapped) -> None:
    assert lone.call("show") is None
    assert lone.outcomes("k", b"copied") == ["copied"]
    assert lone.call("show") == "copied"
    lone.call("save", "new", HOUR)
    assert lone.head("k") == ("app", 2, False)


@pytest.mark.parametrize("first", ["save", "copy", "nothing"])
def test_a_deletion_of_everything_leaves_the_tombstone(lone: Wrapped, first: str) -> None:
    key = lone.name
    if first == "save":
        lone.call("save", "old", HOUR)
    elif first == "copy":
        lone.outcomes(key, b"copied")
    lone.call("destroy")
    assert lone.call("show") is None
    head = lone.head(key)
    assert head is not None
    assert head[2]
    assert "SessionGone" in lone.thrown("save", "back", HOUR)
    assert lone.outcomes(key, b"copied") == ["tombstoned"]
    assert lone.keys() == [key]
    assert lone.call("show") is None
    lone.call("destroy")
    assert lone.outcomes(key, b"copied") == ["tombstoned"]


def test_an_object_without_a_name_lists_nothing(edge: Edge) -> None:
    lone = Wrapped(edge, "LONE")
    lone.call("save", "old", HOUR)
    assert lone.keys() == []
    assert lone.call("kvferryCount", "")["live"] == 0


# ---------------------------------------------------------------- a class with fields


@pytest.fixture
def fields(edge: Edge) -> Wrapped:
    return Wrapped(edge, "DECODED", fresh("decoded"))


def test_fields_are_shown_as_json_and_what_json_cannot_say_differs_in_bytes_only(fields: Wrapped) -> None:
    assert fields.keys() == []
    assert fields.outcomes("k", b'{ "visits": 3, "userId": "u" }') == ["copied"]
    (head,) = fields.call("kvferryHeads", ["k"])
    assert head["digest"] == digest_text(b'{"userId":"u","visits":3}')
    assert head["version"] == 1
    assert fields.call("getUser", "k") == "u"
    assert fields.head("k") == ("copy", 1, False)


def test_the_key_of_a_call_may_be_any_of_its_arguments(fields: Wrapped) -> None:
    fields.call("setUser", "u", "k")
    assert fields.head("k") == ("app", 1, False)
    assert fields.head("u") is None


def test_what_a_method_wrote_before_it_threw_at_once_is_on_record(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    assert "half way" in fields.thrown("setUser", "nobody", "k")
    assert fields.head("k") == ("app", 2, False)
    assert fields.call("getUser", "k") == "nobody"


def test_what_a_method_does_by_way_of_another_is_on_record_once(fields: Wrapped) -> None:
    fields.call("setUsers", [["u", "a"], ["v", "b"]])
    assert [fields.head(key) for key in "ab"] == [("app", 1, False)] * 2
    fields.call("setUsers", [["u", "a"], ["w", "b"]])
    assert [fields.head(key) for key in "ab"] == [("app", 2, False)] * 2


def test_a_method_that_moves_many_deletes_them_and_writes_new_ones(fields: Wrapped) -> None:
    fields.outcomes("a", b'{"userId":"u","visits":0}')
    fields.outcomes("b", b'{"userId":"u","visits":0}')
    fields.call("renameUser", "a", "c")
    assert [fields.head(key) for key in "abc"] == [("app", 2, True), ("copy", 1, False), ("app", 1, False)]


def test_a_deletion_that_the_class_refuses_is_none(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    fields.call("removeUser", "k", "somebody else")
    assert fields.head("k") == ("copy", 1, False)
    fields.call("removeUser", "k", "u")
    assert fields.head("k") == ("app", 2, True)


def test_an_exception_that_is_not_about_the_session_is_none_of_ours(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    assert "got no results" in fields.thrown("getDevice", "k")
    assert fields.call("getDevice", "nobody") is None


def test_a_method_that_deletes_everything_deletes_no_tombstone(fields: Wrapped) -> None:
    for key in "ab":
        fields.outcomes(key, b'{"userId":"u","visits":0}')
    fields.call("removeUser", "a", "u")
    fields.call("clear")
    assert [head and head[2] for head in map(fields.head, "abc")] == [True, True, None]
    assert "SessionGone" not in fields.thrown("setUser", "u", "c")
    assert fields.head("c") == ("app", 1, False)


def test_the_alarms_other_duties_are_done_in_its_place(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    fields.call("ring")
    assert fields.call("getUser", "alarm") == "duties"
    assert fields.call("getUser", "k") == "u"
    assert fields.head("alarm") == ("app", 1, False)


def test_a_refused_write_answers_what_the_application_wants(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    fields.call("statement", "DELETE FROM users WHERE id = 'k'", [])
    assert fields.call("setUser", "back", "k") is None
    assert fields.call("getUser", "k") is None
    assert fields.head("k") == ("copy", 2, True)


# ---------------------------------------------------------------- functions that break their promise


UNFIT = {
    "no-json": b"planted-value",
    "refused-by-the-class": b'{"userId":"refused","visits":0}',
    "refused-by-its-table": b'{"userId":"u","visits":-1}',
    "not-read-again": b'{"userId":"unreadable","visits":0}',
    "longer": b'{"userId":"longer","visits":0}',
    "not-found-again": b'{"userId":"unstored","visits":0}',
}


@pytest.mark.parametrize("value", UNFIT.values(), ids=list(UNFIT))
def test_a_record_that_the_class_cannot_store_is_left_out_and_the_others_are_stored(
    fields: Wrapped, value: bytes
) -> None:
    good = b'{"userId":"u","visits":0}'
    part = fields.part(("a", good), ("b", value), ("c", good))
    for _ in range(2):  # a batch that is repeated
        assert fields.call("kvferryImport", part)["outcomes"] == ["copied", "quarantined", "copied"]
    assert [fields.head(key) for key in "abc"] == [("copy", 1, False), None, ("copy", 1, False)]
    assert fields.call("statement", "SELECT id FROM users ORDER BY id", []) == [{"id": "a"}, {"id": "c"}]


def test_a_table_that_goes_with_a_record_that_cannot_be_stored_is_made_again(fields: Wrapped) -> None:
    good = b'{"userId":"u","visits":0}'
    part = fields.part(("a", UNFIT["refused-by-the-class"]), ("b", good), ("c", good))
    assert fields.call("kvferryImport", part)["outcomes"] == ["quarantined", "copied", "copied"]
    assert fields.call("getUser", "c") == "u"


def test_a_replacement_that_the_class_cannot_store_leaves_the_row_as_it_was(fields: Wrapped) -> None:
    fields.outcomes("k", b'{"userId":"u","visits":0}')
    part = fields.part(("k", UNFIT["refused-by-the-class"]))
    (wanted,) = part["records"]
    replacing = part | {"records": [], "replacements": [{**wanted, "version": 1, "notAfter": NOW + HOUR}]}
    assert fields.call("kvferryImport", replacing)["outcomes"] == ["quarantined"]
    assert fields.head("k") == ("copy", 1, False)
    assert fields.call("getUser", "k") == "u"


def test_a_table_that_is_not_as_the_write_function_wants_it_fails_the_whole_import(fields: Wrapped) -> None:
    """Else every session would be in quarantine for what no session is to blame for."""
    fields.call("statement", "CREATE TABLE users (id TEXT PRIMARY KEY, visits INTEGER)", [])
    records = [("a", b'{"userId":"u","visits":0}'), ("b", UNFIT["no-json"])]
    assert "SQLITE_ERROR" in fields.thrown("kvferryImport", fields.part(*records))
    assert fields.call("statement", "SELECT id FROM users", []) == []


def test_a_list_that_is_out_of_order_is_an_error_and_no_shorter_list(fields: Wrapped) -> None:
    for key, user in [("a", "u"), ("b", "u"), ("c", "u")]:
        fields.call("setUser", user, key)
    assert fields.keys() == ["a", "b", "c"]
    fields.call("setUser", "disorder", "b")
    everything = {"prefix": "", "after": None, "upto": None, "limit": 10, "only": "all"}
    assert "order of UTF-8" in fields.thrown("kvferryScan", everything)
