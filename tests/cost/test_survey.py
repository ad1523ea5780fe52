from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migrate.core.ports import Page
from migrate.core.record import NEVER, UNKNOWN, Expiration, Head, Key, Record
from migrate.cost.survey import Survey, survey_page

NOW = 1000.0

expirations: st.SearchStrategy[Expiration] = st.one_of(
    st.integers(0, 2000), st.sampled_from([NEVER, UNKNOWN])
)
heads = st.builds(
    Head,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).map(Key),
    st.one_of(st.none(), st.just('{"é":1}')),
    expirations,
)


def surveyed(found: list[Head], width: int = 100) -> Survey:
    return survey_page(Page(found, None), width, NOW)


def test_each_head_is_counted_once_by_its_expiration() -> None:
    found = [
        Head(Key("a"), None, NEVER),
        Head(Key("é"), '{"v":1}', 1500),
        Head(Key("c"), None, 1001),
        Head(Key("d"), None, 1000),
        Head(Key("e"), None, UNKNOWN),
    ]
    assert surveyed(found) == Survey(
        keys=5,
        pages=1,
        bulk_reads=1,
        never=1,
        dated=2,
        expired=1,
        unknown=1,
        soonest=1001,
        latest=1500,
        with_metadata=1,
        metadata_bytes=7,
        key_bytes=6,
        longest_key=2,
    )


def test_an_empty_page_is_a_page_that_takes_a_list_and_no_read() -> None:
    empty = surveyed([])
    assert (empty.pages, empty.empty_pages, empty.bulk_reads, empty.soonest) == (1, 1, 0, None)


def test_values_that_came_with_the_listing_are_measured() -> None:
    record = Record(Key("a"), b"12345", None, NEVER)
    page = Page([Head(record.key, None, NEVER)], None, [record])
    assert (survey_page(page, 1000, NOW).values, survey_page(page, 1000, NOW).value_bytes) == (1, 5)


@given(st.lists(st.lists(heads, max_size=7), max_size=5))
def test_pages_add_up_to_what_one_page_of_all_would_have_told(pages: list[list[Head]]) -> None:
    added = sum((surveyed(page, 3) for page in pages), Survey())
    whole = surveyed([head for page in pages for head in page], 3)
    counted = ("keys", "never", "dated", "expired", "unknown", "with_metadata", "metadata_bytes", "key_bytes")
    for name in (*counted, "soonest", "latest", "longest_key"):
        assert getattr(added, name) == getattr(whole, name)
    assert added.keys == added.never + added.dated + added.expired + added.unknown
    assert added.pages == len(pages)
    assert added.bulk_reads >= whole.bulk_reads  # a read never spans two pages
