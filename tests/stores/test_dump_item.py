import json

import pytest

from migrate.core.ports import Unreadable
from migrate.core.record import NEVER, Head, Key, Record
from migrate.stores.dump.item import ItemError, Items

SECRET = "s3cr3t"


def line(**members: object) -> bytes:
    return json.dumps({"key": SECRET, "value": SECRET} | members).encode() + b"\n"


def only(text: bytes, items: Items | None = None) -> Record:
    items = items or Items()
    assert items.key(text) == json.loads(text)["key"]
    records = items.records([text])
    assert records is not None
    assert items.read(text).answer == records[0]
    assert items.read(text).head == Head(records[0].key, records[0].metadata, records[0].expiration)
    return records[0]


def test_no_expiration_and_null_mean_never() -> None:
    assert only(line()).expiration is NEVER
    assert only(line(expiration=None)).expiration is NEVER


def test_a_ttl_counts_from_when_the_dump_was_made() -> None:
    assert only(line(expiration_ttl=60), Items(dumped_at=1_000)).expiration == 1_060


def test_a_ttl_wins_over_an_expiration_as_in_bulk_put() -> None:
    both = line(expiration=5_000, expiration_ttl=60)
    assert only(both, Items(dumped_at=1_000)).expiration == 1_060


def test_a_ttl_without_the_time_of_the_dump_is_refused_with_the_option_to_give() -> None:
    with pytest.raises(ItemError, match="expiration_ttl") as caught:
        Items().key(line(expiration_ttl=60))
    assert "--dumped-at" in caught.value.hint


def test_milliseconds_are_refused_with_a_hint() -> None:
    assert only(line(expiration=10**11)).expiration == 10**11
    with pytest.raises(ItemError) as caught:
        Items().key(line(expiration=1_900_000_000_000))
    assert "milliseconds" in caught.value.hint


@pytest.mark.parametrize("expiration", [0, -1, 1.5, 1.9e9, True, "1900000000", [], 2**70])
def test_an_expiration_that_is_no_time_in_seconds_is_refused(expiration: object) -> None:
    with pytest.raises(ItemError, match="expiration"):
        Items().key(line(expiration=expiration))


@pytest.mark.parametrize("ttl", [0, -1, 1.5, True, "60", 10**11])
def test_a_ttl_that_is_no_number_of_seconds_is_refused(ttl: object) -> None:
    with pytest.raises(ItemError, match="expiration_ttl is not"):
        Items(dumped_at=1).key(line(expiration_ttl=ttl))


def test_base64_gives_the_bytes_and_false_gives_the_text() -> None:
    assert only(line(value="//4A", base64=True)).value == b"\xff\xfe\x00"
    assert only(line(value="//4A", base64=False)).value == b"//4A"
    assert only(line(value="", base64=True)).value == b""


@pytest.mark.parametrize(
    "value", ["//4", "//4A=", "//4A\n", " //4A", "__4A", "é", "=", "//4A//4", "Q===", "////="]
)
def test_sloppy_base64_is_refused(value: str) -> None:
    with pytest.raises(ItemError, match="base64"):
        Items().key(line(value=value, base64=True))


@pytest.mark.parametrize("base64", [1, "true", None, []])
def test_base64_that_is_no_boolean_is_refused(base64: object) -> None:
    with pytest.raises(ItemError, match="base64 is neither"):
        Items().key(line(base64=base64))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON"),
        (b'{"key":"a","value":"b"} {"key":"c","value":"d"}', "not JSON"),
        (b'{"key":"a","value":NaN}', "not JSON"),
        (b'{"key":"a","value":"\\ud800"}', "not JSON"),
        (b'{"key":"a","value":"\xff"}', "not JSON"),
        (b'{"key":"a","value":"b",}', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"s3cr3t"', "not a JSON object"),
        (b"{}", "value is missing"),
        (b'{"key":"s3cr3t"}', "value is missing"),
        (b'{"key":"s3cr3t","value":{"token":"s3cr3t"}}', "value is not a string"),
        (b'{"key":"s3cr3t","value":null}', "value is not a string"),
        (b'{"value":"s3cr3t"}', "key is missing"),
        (b'{"key":7,"value":"s3cr3t"}', "key is missing or not a string"),
        (b'{"key":"","value":"s3cr3t"}', "key is empty"),
        (b'{"key":"s3cr3t","value":"s3cr3t","expiraton":1}', "has a member that is none of"),
        (b'{"key":"s3cr3t","value":"s3cr3t","name":"s3cr3t"}', "has a member that is none of"),
    ],
)
def test_a_malformed_item_is_refused_without_showing_what_it_holds(text: bytes, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        Items().key(text)
    assert reason in caught.value.reason
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_a_key_may_have_512_bytes_and_no_more() -> None:
    assert only(line(key="😀" * 128)).key == "😀" * 128
    assert only(line(key="k" * 512)).key == "k" * 512
    for key in ("😀" * 128 + "k", "k" * 513):
        with pytest.raises(ItemError, match="longer than 512 bytes"):
            Items().key(line(key=key))


def test_null_metadata_is_absent_and_empty_metadata_is_not() -> None:
    assert only(line(metadata=None)).metadata is None
    assert only(line(metadata={})).metadata == "{}"
    assert only(line(metadata="")).metadata == '""'
    assert only(line(metadata=0)).metadata == "0"


@pytest.mark.parametrize(
    "metadata",
    [
        "123456789012345678901234567890",
        '{"a":[1.10,-0.0,1E5],"b":"1.5"}',
        '{"a b":0.1234567890123456789012345}',
        '{"a":' + "7" * 300 + "}",
        "1.5",
    ],
)
def test_metadata_keeps_numbers_digit_by_digit(metadata: str) -> None:
    for text in (
        f'{{"key":"k","value":"v","metadata":{metadata}}}',
        f'{{"metadata" : {metadata} ,"key":"\\"metadata\\":1.5","value":"1.5"}}',
    ):
        assert only(text.encode()).metadata == metadata


def test_metadata_is_compact_and_keeps_its_order() -> None:
    text = b'{"key":"k","value":"v","metadata":{ "z" : 1, "a": [ 1, 2 ], "u": "\\u00e9" }}'
    assert only(text).metadata == '{"z":1,"a":[1,2],"u":"é"}'


def test_metadata_that_is_kept_digit_by_digit_is_compact_too() -> None:
    text = r'{"key":"k","value":"v","metadata":' + '{ "a \\\\\\" \\t:" :\n[ 1.10 ,\t" b " ] }}'
    assert only(text.encode()).metadata == '{"a \\\\\\" \\t:":[1.10," b "]}'


def test_metadata_nested_as_deep_as_its_1024_bytes_allow_is_kept() -> None:
    for metadata in ("[" * 240 + "]" * 240, "[" * 200 + "1.5" + "]" * 200):
        assert only(f'{{"key":"k","value":"v","metadata":{metadata}}}'.encode()).metadata == metadata


def test_metadata_nested_too_deeply_is_refused_and_not_a_crash() -> None:
    for inner in ("", "1.5"):
        text = '{"key":"k","value":"v","metadata":' + "[" * 3_000 + inner + "]" * 3_000 + "}"
        with pytest.raises(ItemError):
            Items().key(text.encode())


def test_a_bulk_get_value_with_a_replacement_character_is_not_trusted() -> None:
    text = line(value="a\ufffdb")
    assert only(text).value == "a\ufffdb".encode()
    items = Items(bulk_get=True)
    items.key(text)
    assert items.records([line(), text]) is None
    answer = items.read(text).answer
    assert isinstance(answer, Unreadable)
    assert "U+FFFD" in answer.reason


def test_a_bulk_get_null_is_gone_and_keeps_its_head() -> None:
    items = Items(bulk_get=True)
    text = line(value=None, expiration=7)
    items.key(text)
    assert items.records([text]) is None
    assert items.read(text) == (Head(Key(SECRET), None, 7), None)
