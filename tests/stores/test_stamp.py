"""What a session store keeps in KV metadata: whoever copies or compares does not see it."""

import json

import pytest

from migrate.core.record import NEVER, UNKNOWN, Written, digest, digest_text
from migrate.stores.dump.item import Items
from migrate.stores.envelope import Envelope
from migrate.stores.kv_answers import read_heads, read_values
from migrate.stores.stamp import listed, unstamped

AT = 2_000_000_000


def stamp(**members):
    return {"_kvferry": {"d": "x", "v": 3, "s": "dual-write@01234567"} | members}


@pytest.mark.parametrize(
    ("metadata", "own"),
    [
        (None, None),
        ('{"m":1}', '{"m":1}'),
        ('"_kvferry"', '"_kvferry"'),
        ('["_kvferry"]', '["_kvferry"]'),
        ('{"m":{"_kvferry":1}}', '{"m":{"_kvferry":1}}'),
        ('{"m": 1, "_kvferry": {"v": 1}}', '{"m":1}'),
        ('{"_kvferry": {"v": 1}}', None),
        ('{"_kvferry": null, "m": 0.1000000000000000055}', '{"m":0.1000000000000000055}'),
        (
            '{"_kvferry": {}, "n": 12345678901234567890123, "f": 1e400}',
            '{"n":12345678901234567890123,"f":1e400}',
        ),
    ],
)
def test_the_applications_own_metadata_are_left_to_the_letter(metadata, own):
    assert unstamped(metadata, AT) == (own, AT)


@pytest.mark.parametrize(
    ("stamped", "field", "true"),
    [
        (AT, AT, AT),
        (AT, AT + 65, AT),
        (AT, AT + 70, AT),
        # Other code wrote a later one and carried the stamp along, or an earlier one.
        (AT, AT + 71, AT + 71),
        (AT, AT - 1, AT - 1),
        (AT, NEVER, NEVER),
        (AT, UNKNOWN, UNKNOWN),
        (None, AT, AT),
        (None, NEVER, NEVER),
        ("2000000000", AT + 5, AT + 5),
        (True, AT + 5, AT + 5),
    ],
)
def test_the_stores_expiration_counts_only_where_kvs_cannot_be_right(stamped, field, true):
    assert unstamped(json.dumps(stamp(e=stamped)), field) == (None, true)


def test_listings_and_bulk_reads_show_none_of_it():
    item = {"metadata": {"m": 1, **stamp(e=AT)}, "expiration": AT + 65}
    listed = Envelope([{"name": "a", **item}], None, b"")
    (head,) = read_heads(listed, "")
    assert (head.metadata, head.expiration) == ('{"m":1}', AT)
    answer = Envelope({"values": {"a": {"value": "v", **item}}}, None, b"")
    held = read_values(answer, ["a"])["a"]
    assert (held.metadata, held.expiration) == ('{"m":1}', AT)


def test_a_dump_shows_none_of_it():
    item = {"key": "a", "value": "v", "metadata": {"m": 1, **stamp(e=AT)}, "expiration": AT + 65}
    line = json.dumps(item).encode()
    (record,) = Items().records([line])
    read = Items().read(line)
    assert (record.metadata, record.expiration) == ('{"m":1}', AT)
    assert (read.head.metadata, read.head.expiration, read.answer) == ('{"m":1}', AT, record)


TEXT = digest_text(b"v")


def test_a_listing_brings_the_digest_that_the_session_store_kept():
    item = {"metadata": {"m": 1, **stamp(d=TEXT, e=AT)}, "expiration": AT}
    forever = {"metadata": stamp(d=TEXT, e=None)}
    heads = read_heads(
        Envelope([{"name": "a", **item}, {"name": "b", **forever}, {"name": "c"}], None, b""), ""
    )
    assert [head.stamped for head in heads] == [digest(b"v"), digest(b"v"), None]
    assert [head.metadata for head in heads] == ['{"m":1}', None, None]


@pytest.mark.parametrize(
    ("members", "field"),
    [
        # Other code gave the value another expiration, or KV's field is not the session's.
        ({"d": TEXT, "e": AT}, AT + 1),
        ({"d": TEXT, "e": AT}, AT - 1),
        ({"d": TEXT, "e": AT}, NEVER),
        ({"d": TEXT, "e": AT}, UNKNOWN),
        ({"d": TEXT, "e": None}, AT),
        ({"d": TEXT, "e": None}, UNKNOWN),
        ({"d": TEXT, "e": str(AT)}, AT),
        ({"d": TEXT}, AT),
        ({"d": TEXT}, NEVER),
        ({"d": TEXT[:-1], "e": AT}, AT),
        ({"d": TEXT + "==", "e": AT}, AT),
        ({"d": "\u00e9" * 22, "e": AT}, AT),
        ({"d": 1, "e": AT}, AT),
        ({"e": AT}, AT),
    ],
)
def test_a_digest_is_not_believed_that_may_be_another_values(members, field):
    assert listed(json.dumps({"_kvferry": members}), field)[2] is None


@pytest.mark.parametrize("metadata", [None, "{}", '{"_kvferry":1}', '["_kvferry"]', '{"_kvferry":'])
def test_metadata_without_a_stamp_bring_no_digest(metadata):
    assert listed(metadata, AT)[2] is None


@pytest.mark.parametrize(
    ("members", "written"),
    [
        ({"v": 7, "s": "shadow-read@01234567"}, Written(7, "01234567")),
        ({"v": 1, "s": "dual-write@a"}, Written(1, "a")),
        ({"s": "shadow-read@01234567"}, None),
        ({"v": 7}, None),
        ({"v": 7, "s": "shadow-read"}, None),
        ({"v": 7, "s": "shadow-read@"}, None),
        ({"v": 7, "s": 1}, None),
        ({"v": 0, "s": "shadow-read@01234567"}, None),
        ({"v": True, "s": "shadow-read@01234567"}, None),
        ({"v": 7.0, "s": "shadow-read@01234567"}, None),
        ({"v": "7", "s": "shadow-read@01234567"}, None),
    ],
)
def test_the_stamp_says_which_write_it_was_and_of_whose_objects(members, written):
    believed = json.dumps({"_kvferry": {"d": TEXT, "e": AT, **members}})
    assert listed(believed, AT) == (None, AT, digest(b"v"), written)
    assert listed(believed, AT + 1).written is None  # other code gave the value another expiration
    assert listed(json.dumps({"_kvferry": {"e": AT, **members}}), AT).written is None
