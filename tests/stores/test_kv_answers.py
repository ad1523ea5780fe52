from __future__ import annotations

import json
from typing import Any

import pytest

from migrate.core.record import NEVER, UNKNOWN, Head, Key, Record, Written, digest
from migrate.errors import StoreBroken
from migrate.stores.envelope import Envelope
from migrate.stores.kv_answers import (
    Held,
    read_cursor,
    read_expiration_header,
    read_heads,
    read_texts,
    read_values,
)

KEYS = [Key("a"), Key("b")]


def envelope(result: Any, **info: Any) -> Envelope:
    """What the API module hands over: parsed by the fast parser, with the bytes at hand."""
    content = result if isinstance(result, bytes) else json.dumps({"result": result}).encode()
    return Envelope(json.loads(content)["result"], info, content)


def test_a_page_is_heads_in_order_with_metadata_as_compact_json() -> None:
    page = [
        {"name": "p:1"},
        {"name": "p:2", "expiration": 1900000000, "metadata": {"u": "é", "n": [1, True, None]}},
        {"name": "p:3", "expiration": 1900000000.0, "metadata": None},
        {"name": "p:ü", "metadata": "text"},
        {"name": "p:😀", "metadata": False},
    ]
    assert read_heads(envelope(page), "p:") == [
        Head(Key("p:1"), None, NEVER),
        Head(Key("p:2"), '{"u":"é","n":[1,true,null]}', 1900000000),
        Head(Key("p:3"), None, 1900000000),
        Head(Key("p:ü"), '"text"', NEVER),
        Head(Key("p:😀"), "false", NEVER),
    ]


def test_metadata_numbers_are_copied_to_the_letter() -> None:
    page = b'{"result":[{"name":"a"},{"name":"b","metadata":{"x":1.10,"y":12345678901234567890123,"z":7}}]}'
    assert read_heads(envelope(page), "")[1].metadata == '{"x":1.10,"y":12345678901234567890123,"z":7}'
    bulk = b'{"result":{"values":{"a":{"value":"v","metadata":0.1000000000000000055,"expiration":17.0}}}}'
    assert read_values(envelope(bulk), KEYS) == {"a": Held("v", "0.1000000000000000055", 17)}


@pytest.mark.parametrize(
    "page",
    [
        None,
        {},
        ["a"],
        [{}],
        [{"name": 1}],
        [{"name": ""}],
        [{"name": "p:\ud800"}],
        [{"name": "p:2"}, {"name": "p:1"}],
        [{"name": "p:1"}, {"name": "p:1"}],
        [{"name": "q:1"}],
        [{"name": "p:1", "expiration": "1900000000"}],
        [{"name": "p:1", "expiration": 1.5}],
        [{"name": "p:1", "expiration": True}],
        [{"name": "p:1", "expiration": 0}],
        [{"name": "p:1", "expiration": -1}],
        [{"name": "p:1", "expiration": 2**63}],
        [{"name": "p:1", "expiration": 1e300}],
    ],
)
def test_a_page_that_breaks_the_contract_is_refused(page: Any) -> None:
    with pytest.raises(StoreBroken) as broken:
        read_heads(envelope(page), "p:")
    assert "p:1" not in str(broken.value)


@pytest.mark.parametrize("end", [{}, {"cursor": ""}, {"cursor": None}])
def test_an_empty_or_missing_cursor_is_the_end(end: dict[str, Any]) -> None:
    assert read_cursor(envelope([], **end)) is None


def test_a_cursor_is_text_or_broken() -> None:
    assert read_cursor(envelope([], cursor="c")) == "c"
    with pytest.raises(StoreBroken):
        read_cursor(envelope([], cursor=7))


def test_a_page_without_result_info_is_not_taken_for_the_last() -> None:
    with pytest.raises(StoreBroken):
        read_cursor(Envelope([], None, b""))


def test_a_value_that_is_null_is_gone_and_an_empty_one_is_not() -> None:
    values = {"a": None, "b": {"value": None, "metadata": None}}
    assert read_values(envelope({"values": values}), KEYS) == {"a": None, "b": None}
    values = {"b": {"value": "", "metadata": None}}
    assert read_values(envelope({"values": values}), KEYS) == {"b": Held("", None, NEVER)}


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {"values": []},
        {"values": {"a": "a bare value has no expiration"}},
        {"values": {"a": {"metadata": None}}},
        {"values": {"a": {"value": 1}}},
        {"values": {"a": {"value": {"json": True}}}},
        {"values": {"c": None}},
        {"values": {"a": {"value": "v", "expiration": "soon"}}},
    ],
)
def test_a_bulk_answer_that_breaks_the_contract_is_refused(result: Any) -> None:
    with pytest.raises(StoreBroken):
        read_values(envelope(result), KEYS)


def test_a_bare_bulk_answer_leaves_the_expiration_unknown() -> None:
    assert read_texts(envelope({"values": {"a": "v", "b": None}}), KEYS) == {
        "a": Held("v", None, UNKNOWN),
        "b": None,
    }
    with pytest.raises(StoreBroken):
        read_texts(envelope({"values": {"a": {"value": "v"}}}), KEYS)


def test_the_expiration_header_is_seconds_and_its_absence_means_never() -> None:
    assert read_expiration_header("1900000000") == 1900000000
    assert read_expiration_header(None) is NEVER
    for text in ("", "soon", "-1", "0", "1.5", "²"):
        with pytest.raises(StoreBroken):
            read_expiration_header(text)


def test_a_bulk_read_tells_which_values_the_session_store_wrote() -> None:
    stamp = {"_kvferry": {"d": "TJRIXgwhrmxBzh3-e2v6zg", "v": 3, "s": "dual-write@01234567", "e": None}}
    values = {"a": {"value": "v", "metadata": stamp}, "b": {"value": "w", "metadata": stamp}}
    found = read_values(envelope({"values": values}), KEYS)
    one, other = (Record(Key(key), held.text.encode(), *held[1:]) for key, held in found.items())
    assert one.stamped == other.stamped == digest(b"v")
    assert (one.marked, other.marked) == (True, False)
    assert not Record(Key("a"), b"v", None, NEVER).marked
    assert one.written == Written(3, "01234567")
