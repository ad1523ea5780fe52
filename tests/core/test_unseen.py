"""A value that was not shown: known by size and digest, and never taken for bytes, empty, or deleted."""

import pytest

from migrate.core.copying import Outcome, same, standing
from migrate.core.record import NEVER, Key, Origin, Record, Row, Unseen, digest, holds

K = Key("s:1")


def unseen(value: bytes) -> Unseen:
    return Unseen(digest(value), len(value))


def row(value: bytes | Unseen | None) -> Row:
    return Row(K, value, None, NEVER, Origin.COPY, 1, None)


def record(value: bytes) -> Record:
    return Record(K, value, None, NEVER)


@pytest.mark.parametrize("value", [b"", b"v", b"\x00\xff" * 500])
def test_an_unseen_value_is_the_bytes_with_its_size_and_digest_and_no_others(value: bytes) -> None:
    assert holds(unseen(value), value)
    assert not holds(unseen(value), value + b"x")
    assert not holds(Unseen(digest(b"other"), len(value)), value)
    assert not holds(Unseen(digest(value), len(value) + 1), value)


def test_an_unseen_empty_value_is_no_tombstone_and_a_tombstone_no_empty_value() -> None:
    assert not row(unseen(b"")).deleted
    assert row(None).deleted
    assert not holds(None, b"")


def test_an_unseen_value_is_not_compared_with_bytes_by_mistake() -> None:
    for compare in (lambda: unseen(b"v") == b"v", lambda: unseen(b"v") in [b"v"]):
        with pytest.raises(TypeError, match="holds"):
            compare()
    assert unseen(b"v") == unseen(b"v")
    assert unseen(b"v") != unseen(b"w")
    assert unseen(b"v") is not None


def test_a_copy_stands_to_an_unseen_row_as_to_one_that_is_shown() -> None:
    for value in (b"", b"v", b"w"):
        assert same(record(b"v"), row(unseen(value))) == same(record(b"v"), row(value))
        assert standing(record(b"v"), row(unseen(value))) == standing(record(b"v"), row(value))
    assert standing(record(b""), row(None)) is Outcome.TOMBSTONED
