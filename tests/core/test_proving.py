"""Comparing by digests: the same classes as by bytes, and values read only where they decide something."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrate.core import proving
from migrate.core.comparing import Kind, Rules, Stage, classify, undecided
from migrate.core.copying import standing
from migrate.core.proving import Pair, portions
from migrate.core.record import (
    NEVER,
    Expiration,
    Key,
    Metadata,
    Origin,
    Record,
    Row,
    Unseen,
    digest,
    same_json,
)
from migrate.core.rereading import differing, seen_row

NOW = 1_800_000_000
K = Key("s:1")

VALUES = [b"", b"{}", b"{ }", b'{"a":1,"b":2}', b'{"b":2, "a":1}', b'{"a":true,"b":2}', b"\xff", b"[", b"v"]
values = st.sampled_from(VALUES) | st.binary(max_size=4)
metadata: st.SearchStrategy[Metadata] = st.sampled_from([None, "1", " 1", '{"m":1}'])
expirations: st.SearchStrategy[Expiration] = st.sampled_from(
    [NEVER, NOW - 1, NOW, NOW + 1, NOW + 900, NOW + 901]
)
records = st.builds(Record, st.just(K), values, metadata, expirations)
rows = st.builds(
    Row, st.just(K), st.none() | values, metadata, expirations, st.sampled_from(Origin), st.just(1), st.none()
)
rules = st.builds(Rules, st.booleans(), st.booleans(), st.sampled_from(Stage), st.sampled_from([0.0, 1.0]))


def veiled(row: Row) -> Row:
    if not isinstance(row.value, bytes):
        return row
    return row._replace(value=Unseen(digest(row.value), len(row.value)))


@example(Record(K, b"{}", None, NEVER), Row(K, b"{ }", None, NEVER, Origin.COPY, 1, None), False, Rules())
@example(Record(K, b"{}", "1", NEVER), Row(K, b"{ }", None, NEVER, Origin.LEGACY, 1, None), False, Rules())
@given(st.none() | records, st.none() | rows, st.booleans(), rules)
def test_a_class_by_digest_is_the_class_by_bytes_unless_the_json_decides(
    record: Record | None, row: Row | None, quarantined: bool, rules: Rules
) -> None:
    whole = classify(record, row, quarantined=quarantined, rules=rules, now=NOW)
    hidden = row and veiled(row)
    by_digest = classify(record, hidden, quarantined=quarantined, rules=rules, now=NOW)
    if record is not None and row is not None and isinstance(row.value, bytes) and record.value != row.value:
        assert hidden is not None
        assert by_digest not in (Kind.EQUAL, Kind.SAME_JSON)
        assert undecided(record, hidden, rules) == (not rules.exact)
        if same_json(record.value, row.value) and not rules.exact:
            # What is not known is never taken for proof: it counts as a value that differs.
            worst = Row(K, b"other", row.metadata, row.expiration, row.origin, 1, None)
            assert by_digest == classify(record, worst, quarantined=quarantined, rules=rules, now=NOW)
            return
    elif record is not None and hidden is not None:
        assert not undecided(record, hidden, rules)
    assert by_digest == whole


@given(records, rows)
def test_a_row_stands_and_shows_the_same_by_digest_as_by_bytes(record: Record, row: Row) -> None:
    assert standing(record, veiled(row)) == standing(record, row)
    assert seen_row(veiled(row)) == seen_row(row)
    assert differing(record, veiled(row)) == differing(record, row)


def pairs(*sizes: int) -> Iterator[Pair]:
    for number, size in enumerate(sizes):
        key = Key(f"{number:03}")
        yield key, None, Row(key, b"x" * size, None, NEVER, Origin.COPY, 1, None)


def test_portions_end_where_memory_does_and_only_the_last_has_nothing_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proving, "_PORTION", 3)
    monkeypatch.setattr(proving, "_PORTION_BYTES", 10)

    def cut(*sizes: int) -> list[tuple[int, bool]]:
        return [(len(some), more) for some, more in portions(pairs(*sizes))]

    assert cut() == [(0, False)]
    assert cut(1, 1, 1) == [(3, False)]
    assert cut(1, 1, 1, 1) == [(3, True), (1, False)]
    assert cut(10, 1, 9, 1, 1) == [(1, True), (2, True), (2, False)]
    unseen = [(key, None, row and veiled(row)) for key, _, row in pairs(99, 99, 99)]
    assert [len(some) for some, _ in portions(unseen)] == [3]
