from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.stores import exact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def rewritten(content: bytes) -> str:
    try:
        return exact.dumps(exact.loads(content))
    except exact.InexactError:
        return exact.dumps(exact.precise(content))


@given(JSON)
def test_a_document_means_the_same_after_it_was_read_and_written(value: Any) -> None:
    text = json.dumps(value)
    assert json.loads(rewritten(text.encode())) == value


@pytest.mark.parametrize(
    "text",
    [
        "1.0",
        "1.50",
        "0.1000000000000000055",
        "12345678901234567890123",
        "1e400",
        "-2.5E-3",
        "18446744073709551616",
        "9007199254740993",
        '{"a":[1.10,{"b":1e2}],"c":"1.5"}',
    ],
)
def test_numbers_keep_their_spelling(text: str) -> None:
    assert rewritten(text.encode()) == text


@pytest.mark.parametrize("text", [r'"\ud800"', r'{"\udfff":[1.5,"x\ud83d"]}'])
def test_lone_surrogates_survive_as_escapes(text: str) -> None:
    assert json.loads(rewritten(text.encode())) == json.loads(text)


def test_a_rounded_number_is_never_written() -> None:
    with pytest.raises(exact.InexactError):
        exact.dumps(exact.loads(b'{"a":[{"b":0.1}]}'))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"<html>", b"NaN", b"[Infinity]", b'"\xff"', b"[" * 200_000, b'{"a":1}x']
)
def test_what_is_no_json_is_a_value_error_whatever_is_wrong(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every kind of it is meant
        exact.loads(content)
