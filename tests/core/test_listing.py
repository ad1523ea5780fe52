"""What a listing proves, what is sampled, and how heads are cut for few reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.copying import same
from migrate.core.listing import Sampling, equal_by_listing, stretches
from migrate.core.ports import Cursor, Page
from migrate.core.record import NEVER, Head, Key, Origin, Record, Row, Unseen, digest

AT = 2_000_000_000
K = Key("s:1")


def row(value, metadata=None, until=AT):
    return Row(K, value, metadata, until, Origin.DUAL, 1, None)


def head(value=b"v", metadata=None, until=AT, *, stamp=True):
    return Head(K, metadata, until, digest(value) if stamp else None)


VALUES = st.sampled_from([b"", b"a", b"b"])
METADATA = st.sampled_from([None, '{"a":1}', '{"a": 1}', "{}"])
UNTIL = st.sampled_from([NEVER, AT, AT + 1, AT + 2])


@given(VALUES, METADATA, UNTIL, VALUES, METADATA, UNTIL, st.booleans())
def test_an_honest_stamp_proves_what_the_values_would(v, m, e, w, n, f, hidden):
    held = row(Unseen(digest(w), len(w)) if hidden else w, n, f)
    assert equal_by_listing(head(v, m, e), held) == same(Record(K, v, m, e), held)


@pytest.mark.parametrize("held", [None, row(None)])
def test_neither_a_missing_row_nor_a_tombstone_is_equal_to_anything(held):
    assert not equal_by_listing(head(), held)


def test_without_a_stamp_nothing_is_proven():
    assert equal_by_listing(head(), row(b"v"))
    assert not equal_by_listing(head(stamp=False), row(b"v"))


def test_the_sample_is_the_same_for_the_same_salt_and_another_for_another():
    keys = [Key(f"s:{number}") for number in range(10_000)]
    first = [key for key in keys if Sampling(100, "a 1").picks(key)]
    assert first == [key for key in keys if Sampling(100, "a 1").picks(key)]
    assert 50 < len(first) < 150
    assert first != [key for key in keys if Sampling(100, "a 2").picks(key)]
    assert all(Sampling(1, "a 1").picks(key) for key in keys)


def pages(number, width, *, stamp):
    for start in range(0, number, width):
        some = range(start, min(number, start + width))
        heads = [Head(Key(f"s:{n:06}"), None, AT, digest(b"v") if stamp else None) for n in some]
        more = Cursor(str(start + width)) if start + width < number else None
        yield Cursor(str(start)) if start else None, Page(heads, more)


@pytest.mark.parametrize("stamp", [True, False])
def test_stretches_have_every_head_once_and_full_reads_and_a_cursor_to_come_back_to(stamp):
    sampling = Sampling(100, "x")
    found = list(stretches(pages(50_000, 1000, stamp=stamp), None, sampling, 100))
    listed = [one for stretch in found for one in stretch.heads]
    assert [one.key for one in listed] == [f"s:{n:06}" for n in range(50_000)]
    assert found[-1].next is None
    for stretch in found[:-1]:
        wanted = sum(one.stamped is None or sampling.picks(one.key) for one in stretch.heads)
        assert 0 < wanted <= 1600
        assert wanted % 100 == 0
        last = int(stretch.heads[-1].key[2:])
        assert int(stretch.next) == last // 1000 * 1000


def test_stretches_leave_out_what_was_compared_and_end_where_few_values_are_wanted():
    after = Key("s:000999")
    found = list(stretches(pages(101_000, 1000, stamp=True), after, Sampling(10**12, "x"), 100))
    assert [len(one.heads) for one in found] == [50_000, 50_000, 0]
    assert found[0].heads[0].key == "s:001000"


def test_a_first_page_is_not_cut_because_nothing_leads_back_into_it():
    found = list(stretches(pages(5000, 5000, stamp=False), None, Sampling(1, "x"), 100))
    assert [len(one.heads) for one in found] == [5000]
