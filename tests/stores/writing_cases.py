"""What every `Writable` keeps, over whatever store a `Bed` puts below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import pytest

from migrate.core.record import NEVER, UNKNOWN, Key, Record, same_metadata
from migrate.core.writing import Reason, Writable
from migrate.errors import RecordError, StoreBroken


class Bed(Protocol):
    """A writer and the store below it, seen without the writer's own eyes."""

    dated: bool
    """Can it carry expirations?"""

    @property
    def writer(self) -> Writable: ...

    def now(self) -> float:
        """The time by the store's clock."""
        ...

    def held(self) -> Mapping[str, Record]:
        """All that is there."""
        ...


def records(bed: Bed) -> list[Record]:
    """One of each awkward case."""
    later = int(bed.now()) + 3600 if bed.dated else NEVER
    return [
        Record(Key("p:plain"), b'{"n":1}', None, later),
        Record(Key("p:never"), b"{}", None, NEVER),
        Record(Key("p:empty"), b"", '{"v":1,"n":["\u00fc",null,1.5]}', later),
        Record(Key("p:binary"), bytes(range(256)), '"text"', later),
        Record(Key("p:mark"), b"\xef\xbb\xbf{}", None, NEVER),
        Record(Key("p:\u0444/\u65e5 ?#%&+"), "\ufffd is text".encode(), '"m"', later),
        Record(Key("p:\U0001f511"), b"a\x00b", None, later),
        Record(Key("k" * 512), b"longest key", None, NEVER),
    ]


def assert_holds(bed: Bed, wanted: list[Record]) -> None:
    held = bed.held()
    assert set(held) == {record.key for record in wanted}
    for record in wanted:
        found = held[record.key]
        assert (found.value, found.expiration) == (record.value, record.expiration), record.key
        assert same_metadata(found.metadata, record.metadata), record.key


def what_is_put_is_there_to_the_byte(bed: Bed) -> None:
    wanted = records(bed)
    done = bed.writer.put(wanted)
    assert done == dict.fromkeys((record.key for record in wanted), None)
    assert list(done) == [record.key for record in wanted]
    assert_holds(bed, wanted)


def a_put_takes_the_place_of_value_metadata_and_expiration_together(bed: Bed) -> None:
    later = int(bed.now()) + 900 if bed.dated else NEVER
    bed.writer.put([Record(Key("a"), b"old", '{"m":1}', later)])
    bed.writer.put([Record(Key("a"), b"new", None, NEVER)])
    assert_holds(bed, [Record(Key("a"), b"new", None, NEVER)])


def what_expires_within_a_minute_is_left_out_and_the_rest_is_written(bed: Bed) -> None:
    soon = Record(Key("b"), b"dies", None, int(bed.now()) + 30)
    kept = [Record(Key("a"), b"1", None, NEVER), Record(Key("c"), b"3", None, NEVER)]
    done = bed.writer.put([kept[0], soon, kept[1]])
    assert list(done) == ["a", "b", "c"]
    assert done["b"] is (Reason.EXPIRING if bed.dated else Reason.UNABLE)
    assert (done["a"], done["c"]) == (None, None)
    assert_holds(bed, kept)


def what_is_too_large_is_left_out_and_the_rest_is_written(bed: Bed) -> None:
    wide = Record(Key("wide"), b"v", '"' + "m" * 1023 + '"', NEVER)
    long = Record(Key("k" * 513), b"v", None, NEVER)
    kept = Record(Key("a"), b"1", '"' + "m" * 1022 + '"', NEVER)
    done = bed.writer.put([wide, long, kept])
    assert done == {wide.key: Reason.TOO_LARGE, long.key: Reason.TOO_LARGE, kept.key: None}
    assert_holds(bed, [kept])


def an_unknown_expiration_or_a_key_that_comes_twice_is_refused_before_anything_is_written(bed: Bed) -> None:
    one = Record(Key("a"), b"1", None, NEVER)
    with pytest.raises(RecordError):
        bed.writer.put([one, Record(Key("b"), b"1", None, UNKNOWN)])
    with pytest.raises(StoreBroken):
        bed.writer.put([one, one])
    assert bed.held() == {}


def what_is_deleted_is_gone_and_what_was_not_there_is_deleted_too(bed: Bed) -> None:
    wanted = records(bed)
    bed.writer.put(wanted)
    gone = [Key("p:empty"), Key("never was there"), Key("k" * 512)]
    assert bed.writer.delete(gone) == dict.fromkeys(gone, None)
    assert_holds(bed, [record for record in wanted if record.key not in gone])


def nothing_is_sent_past_its_time(bed: Bed) -> None:
    old = Record(Key("a"), b"old", None, NEVER)
    assert bed.writer.put([old], not_after=bed.now() + 60) == {"a": None}
    past = bed.now() - 5
    assert bed.writer.put([Record(Key("a"), b"new", None, NEVER)], not_after=past) == {"a": Reason.LATE}
    assert bed.writer.delete([Key("a"), Key("b")], not_after=past) == dict.fromkeys(("a", "b"), Reason.LATE)
    assert_holds(bed, [old])


def nothing_is_asked_for_nothing(bed: Bed) -> None:
    assert bed.writer.put([]) == {}
    assert bed.writer.delete([]) == {}
    assert bed.held() == {}


CASES: list[Callable[[Bed], None]] = [
    what_is_put_is_there_to_the_byte,
    a_put_takes_the_place_of_value_metadata_and_expiration_together,
    what_expires_within_a_minute_is_left_out_and_the_rest_is_written,
    what_is_too_large_is_left_out_and_the_rest_is_written,
    an_unknown_expiration_or_a_key_that_comes_twice_is_refused_before_anything_is_written,
    what_is_deleted_is_gone_and_what_was_not_there_is_deleted_too,
    nothing_is_sent_past_its_time,
    nothing_is_asked_for_nothing,
]
