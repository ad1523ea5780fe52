"""What going back does with a key, by one reading of both stores and what an earlier one left."""

from typing import Any

import pytest

from migrate.core.ports import Answer, Unreadable
from migrate.core.record import NEVER, Key, Origin, Record, Row, Unseen, Written, digest
from migrate.core.rolling_back import Act, Going, Memory, Reading, print_of

NOW, H, LATER = 1_000_000.0, 110.0, 2_000_000
KEY = Key("s:a")
NAMESPACE = "0a1b2c3d"


def row(value: Any = b"1", **changes: Any) -> Row:
    return Row(KEY, value, None, LATER, Origin.APP, 5, None)._replace(**changes)


def record(value: bytes = b"1", **changes: Any) -> Record:
    return Record(KEY, value, None, LATER)._replace(**changes)


TOMBSTONE, EXPIRED = row(None), row(expiration=int(NOW) - 1)
SHOWN = print_of(record(b"0"))


def act(there: Row | None, answer: Answer, memory: Memory | None = None, **going: Any) -> Act:
    given = {"began": NOW, "now": NOW, "horizon": H, "namespace": NAMESPACE, **going}
    return Going(**given).decide(Reading(there, answer, there), memory)


@pytest.mark.parametrize(
    ("there", "answer", "wanted"),
    [
        (row(), None, Act.PUT),
        (row(), record(b"0"), Act.PUT),
        (row(), record(metadata='{"a":1}'), Act.PUT),
        (row(), record(expiration=LATER - 2), Act.PUT),
        (row(), record(expiration=NEVER), Act.PUT),
        (row(), record(), Act.SIGHT),
        (row(), record(expiration=LATER - 1), Act.SIGHT),
        (row(Unseen(digest(b"1"), 1)), record(), Act.SIGHT),
        (row(b'{"a": 1}'), record(b'{"a":1}'), Act.SIGHT),
        (EXPIRED, None, Act.SIGHT),
        (EXPIRED, record(), Act.DELETE),
        (EXPIRED, record(expiration=int(NOW) - 1), Act.SIGHT),
        (TOMBSTONE, None, Act.SIGHT),
        (TOMBSTONE, record(), Act.DELETE),
        (TOMBSTONE._replace(origin=Origin.DUAL), record(), Act.DELETE),
        (row(origin=Origin.DUAL), record(b"0"), Act.KEEP),
        (row(origin=Origin.COPY), None, Act.KEEP),
        (row(origin=Origin.LEGACY), None, Act.KEEP),
        (None, record(), Act.FORGET),
        (row(), Unreadable("it is cut"), Act.UNREADABLE),
        (row(expiration=int(NOW) + 64), None, Act.WAIT),
        (row(expiration=int(NOW) + 65), None, Act.PUT),
    ],
)
def test_the_first_reading(there: Row | None, answer: Answer, wanted: Act) -> None:
    assert act(there, answer) is wanted


@pytest.mark.parametrize(
    ("there", "answer", "end"),
    [(row(), record(), Act.REVERT), (EXPIRED, None, Act.REVERT), (TOMBSTONE, None, Act.PROVEN)],
)
def test_what_was_seen_h_ago_with_the_same_version_is_done_and_nothing_else_is(
    there: Row, answer: Answer, end: Act
) -> None:
    assert act(there, answer, Memory(5, at=NOW - H)) is end
    assert act(there, answer, Memory(5, at=NOW - H + 0.1)) is Act.SIGHT
    assert act(there, answer, Memory(4, at=NOW - H)) is Act.SIGHT
    assert act(there, answer, Memory(5, wrote=NOW - 5 * H)) is Act.SIGHT
    assert act(there, record(b"0"), Memory(5, at=NOW - H)) in (Act.PUT, Act.DELETE)


def test_only_a_reading_that_has_begun_h_after_the_last_one_counts_however_long_it_takes() -> None:
    seen = Memory(5, at=NOW - H)
    assert act(row(), record(), seen, began=NOW - 0.1, now=NOW + 5 * H) is Act.SIGHT
    assert act(row(), record(), seen, now=NOW + 5 * H) is Act.REVERT
    wrote = Memory(5, wrote=NOW - H, shown=SHOWN)
    assert act(row(), record(b"0"), wrote, began=NOW - 0.1, now=NOW + 5 * H) is Act.SETTLE


def test_h_is_by_our_clock_and_expirations_are_by_kvs() -> None:
    ends = row(expiration=int(NOW) + 30)
    assert act(ends, None, skew=31) is Act.SIGHT
    assert act(ends, None, skew=29) is Act.WAIT
    assert act(row(), record(), Memory(5, at=NOW - H + 1), skew=1000) is Act.SIGHT


def test_a_row_that_changes_while_kv_is_read_is_read_again() -> None:
    going = Going(NOW, NOW, H, NAMESPACE)
    seen = Memory(5, at=NOW - H)
    for before in (row(version=4), None):
        assert going.decide(Reading(before, record(), row()), seen) is Act.AGAIN
        assert going.decide(Reading(before, record(b"0"), row()), None) is Act.AGAIN


def test_one_that_ends_within_the_minute_is_not_given_back_before_it_has() -> None:
    ends = int(NOW) + 30
    assert act(row(expiration=ends), record(expiration=ends), Memory(5, at=NOW - H)) is Act.WAIT


def test_a_write_need_not_show_before_h() -> None:
    wrote = Memory(5, wrote=NOW - H + 1, shown=SHOWN)
    assert act(row(), record(b"0"), wrote) is Act.SETTLE
    assert act(row(), record(), wrote) is Act.SIGHT
    assert act(row(version=6), record(b"0"), wrote) is Act.PUT, "the application has written since"
    assert act(row(), record(b"0"), Memory(5, wrote=NOW - H, shown=SHOWN)) is Act.PUT


def test_what_appears_after_our_write_and_was_not_there_before_is_newer() -> None:
    wrote = Memory(5, wrote=NOW - H, shown=SHOWN)
    assert act(row(), record(b"2"), wrote) is Act.NEWER
    assert act(row(version=6), record(b"2"), wrote) is Act.PUT, "the application may have written it"
    assert act(row(), None, wrote) is Act.PUT, "nothing is newer"
    assert act(TOMBSTONE, record(b"2"), wrote) is Act.DELETE, "a deletion is final"
    assert act(row(), record(b"2"), Memory(5, wrote=NOW - H)) is Act.PUT, "who knows that it was done?"


def test_a_version_that_the_row_never_had_is_newer_and_an_older_one_is_late() -> None:
    def stamped(version: int, namespace: str = NAMESPACE) -> Record:
        return record(b"2", written=Written(version, namespace))

    assert act(row(), stamped(6)) is Act.NEWER
    assert act(EXPIRED, stamped(6)) is Act.NEWER
    assert act(TOMBSTONE, stamped(6)) is Act.DELETE
    assert act(row(), stamped(6, "ffffffff")) is Act.PUT, "of other objects"
    wrote = Memory(5, wrote=NOW - H, shown=SHOWN)
    assert act(row(), stamped(4), wrote) is Act.PUT, "a late half of an older write"


def test_what_kv_showed_is_remembered_and_tells_nothing() -> None:
    prints = {
        print_of(one)
        for one in (None, record(), record(b"2"), record(metadata="1"), record(expiration=NEVER))
    }
    assert len(prints) == 5
    assert print_of(record()) == print_of(record())
    memory = Memory(5, 1.0, 2.0, SHOWN, SHOWN, 3)
    assert Memory.of(memory.body()) == memory
