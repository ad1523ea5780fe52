from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.record import same_json, same_metadata

# Numbers and booleans that Python takes for equal, and members in any order.
scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 2**53, 2**53 + 1, 10**700])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name], random) for name in names}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@given(documents, st.booleans())
def test_json_is_the_same_as_itself_as_text_and_as_bytes(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    encoded = text.encode("utf-8", "surrogatepass")
    assert same_json(text, text)
    assert same_json(encoded, text)
    assert same_json(encoded, b" \n" + encoded + b"\t")


@given(documents, st.randoms(use_true_random=False))
def test_the_order_of_members_and_the_spacing_do_not_matter(value: Any, random: Any) -> None:
    other = json.dumps(shuffled(value, random), indent=1, ensure_ascii=False)
    assert same_json(json.dumps(value), other)


@given(documents, documents)
def test_it_does_not_matter_which_side_is_named_first(one: Any, other: Any) -> None:
    texts = json.dumps(one), json.dumps(other)
    assert same_json(*texts) == same_json(*reversed(texts))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("100", "1e2"),
        ("0", "-0.0"),
        ('{"a":1,"b":[2]}', '{"b": [2.0], "a": 1}'),
        ('"\\u00e9"', '"é"'),
        ("9" * 10_000, "9" * 10_000 + " "),
        (b"null", "null"),
    ],
)
def test_what_is_written_in_another_way_is_the_same(one: str | bytes, other: str | bytes) -> None:
    assert same_json(one, other)
    assert same_json(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("true", "1"),
        ("false", "0"),
        ('{"a":true}', '{"a":1}'),
        ("[0]", "[false]"),
        ("null", "false"),
        ('"1"', "1"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ("9007199254740993", "9007199254740992"),
        ("9" * 10_000, "9" * 9_999 + "8"),
        ("9" * 10_000, '["' + "9" * 10_000 + '"]'),
    ],
)
def test_what_is_not_the_same_value_is_not_the_same(one: str, other: str) -> None:
    assert not same_json(one, other)
    assert not same_json(other, one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1 2",
        "NaN",
        "Infinity",
        "1e400",
        "-1e400",
        '{"a":[2e500]}',
        "\ufeff1",
        b"\xef\xbb\xbf1",
        b"\xff",
        "[" * 9**6,
    ],
    ids=range(12),
)
def test_what_is_not_json_is_the_same_as_nothing(text: str | bytes) -> None:
    assert not same_json(text, text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_json_in_another_encoding_is_not_json(encoding: str) -> None:
    assert not same_json('{"a":1}'.encode(encoding), b'{"a":1}')


def test_numbers_beyond_the_range_of_doubles_are_not_taken_for_equal() -> None:
    assert not same_json("1e400", "2e500")
    assert not same_metadata('{"n":1e400}', '{"n":2e500}')
    assert same_metadata('{"n":1e400}', '{"n":1e400}')
