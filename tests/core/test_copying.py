from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.authority import Authority
from migrate.core.copying import NotRead, Slice, lacking, refusal, same, sort, standing
from migrate.core.ports import LISTED, Answer, Batch, Outcome, Unreadable
from migrate.core.record import (
    NEVER,
    UNKNOWN,
    Expiration,
    Head,
    Key,
    Metadata,
    Origin,
    Record,
    Row,
    digest,
    expired,
    same_expiration,
)

NOW = 1_900_000_000
K = Key("s:1")
RECORD = Record(K, b"value", '{"a":1}', NOW + 100)


def row(
    origin: Origin = Origin.COPY,
    value: bytes | None = b"value",
    metadata: Metadata = '{"a":1}',
    until: Expiration = NOW + 100,
    version: int = 1,
    sweep: int | None = 1,
) -> Row:
    return Row(K, value, metadata, until, origin, version, sweep)


def piece(answer: Answer | NotRead, held: Row | None = None, head: Head | None = None) -> Slice:
    rows = None if held is None else {held.key: held}
    return Slice([head or Head(K, None, NEVER)], [answer], rows, float(NOW), None, True)


def sorted_(answer: Answer | NotRead, held: Row | None = None, head: Head | None = None) -> Batch:
    return sort(piece(answer, held, head), 7, lambda value: "bad" if value == b"bad" else None, float(NOW))


TOMBSTONE = row(value=None, metadata=None)
STANDING = [
    (row(), Outcome.EQUAL),
    (row(metadata='{ "a": 1 }'), Outcome.EQUAL),
    (row(until=NOW + 101), Outcome.EQUAL),
    (row(until=NOW + 102), Outcome.WAITING),
    (row(until=NEVER), Outcome.WAITING),
    (row(metadata=None), Outcome.WAITING),
    (row(value=b'"value"'), Outcome.WAITING),
    (row(Origin.DUAL, b"x"), Outcome.WAITING),
    (row(Origin.APP, b"x"), Outcome.NEWER),
    (row(Origin.LEGACY, b"x"), Outcome.LEGACY),
    (row(Origin.APP), Outcome.EQUAL),
    (TOMBSTONE, Outcome.TOMBSTONED),
    (row(Origin.APP, None), Outcome.TOMBSTONED),
]


@pytest.mark.parametrize(("held", "outcome"), STANDING)
def test_how_a_record_stands_to_the_row_that_is_there(held: Row, outcome: Outcome) -> None:
    assert standing(RECORD, held) is outcome
    batch = sorted_(RECORD, held)
    assert batch.tally == Counter({LISTED: 1, outcome: 1})
    assert batch.records == []
    assert len(batch.sightings) == (outcome is Outcome.WAITING)


@pytest.mark.parametrize("authority", [None, *Authority])
@pytest.mark.parametrize(("held", "outcome"), STANDING)
def test_only_a_legacy_row_waits_for_another_reading_and_only_where_kv_is_right(
    held: Row, outcome: Outcome, authority: Authority | None
) -> None:
    yields = outcome is Outcome.LEGACY and authority is Authority.KV
    batch = sort(piece(RECORD, held), 7, None, float(NOW), authority=authority)
    assert batch.tally == Counter({LISTED: 1, Outcome.WAITING if yields else outcome: 1})
    assert len(batch.sightings) == (yields or outcome is Outcome.WAITING)


def test_a_sighting_remembers_the_row_before_and_the_answer_as_a_digest() -> None:
    [seen] = sorted_(RECORD, row(value=b"x", version=5)).sightings
    assert (seen.version, seen.digest, seen.expiration) == (5, digest(b"value"), NOW + 100)
    assert (seen.metadata, seen.seen_at, seen.outcome) == ('{"a":1}', NOW, Outcome.WAITING)
    [gone] = sorted_(None, row(version=5)).sightings
    assert (gone.version, gone.digest, gone.outcome) == (5, None, Outcome.DELETED)


ANSWERS: list[tuple[Answer, Head | None, Outcome | None]] = [
    (RECORD, None, None),
    (RECORD._replace(expiration=NOW), None, Outcome.EXPIRED),
    (RECORD._replace(expiration=UNKNOWN), None, Outcome.QUARANTINED),
    (RECORD._replace(value=b"bad"), None, Outcome.QUARANTINED),
    (RECORD._replace(value=b"bad", expiration=NOW), None, Outcome.EXPIRED),
    (Unreadable("no"), None, Outcome.FAILED),
    (None, Head(K, None, NOW), Outcome.EXPIRED),
    (None, Head(K, None, NOW + 1), Outcome.DELETED),
    (None, Head(K, None, NEVER), Outcome.DELETED),
    (None, Head(K, None, UNKNOWN), Outcome.DELETED),
]


@pytest.mark.parametrize(("answer", "head", "outcome"), ANSWERS)
def test_what_becomes_of_each_answer(answer: Answer, head: Head | None, outcome: Outcome | None) -> None:
    batch = sorted_(answer, None, head)
    assert batch.tally == Counter({LISTED: 1, outcome: 1} if outcome else {LISTED: 1})
    assert [one.key for one in batch.records] == ([] if outcome else [K])
    assert len(batch.quarantined) == (outcome is Outcome.QUARANTINED)


def test_a_key_that_was_not_read_again_is_told_by_its_row() -> None:
    for held, outcome in (
        (row(sweep=7), Outcome.COPIED),
        (row(sweep=6), Outcome.UNCOMPARED),
        (row(sweep=None), Outcome.UNCOMPARED),
        (row(value=None, sweep=6), Outcome.TOMBSTONED),
        (row(value=None, sweep=7), Outcome.COPIED),
    ):
        assert sorted_(NotRead.PRESENT, held).tally == Counter({LISTED: 1, outcome: 1})


def test_only_live_rows_that_mirror_the_source_can_be_lacking() -> None:
    rows = [
        row(),
        row(Origin.DUAL)._replace(key=Key("s:2")),
        row(Origin.APP)._replace(key=Key("s:3")),
        row(Origin.LEGACY)._replace(key=Key("s:4")),
        row(value=None)._replace(key=Key("s:5")),
        row(until=NOW)._replace(key=Key("s:6")),
        row()._replace(key=Key("s:7")),
    ]
    found = list(lacking(rows, {Key("s:7")}, NOW - 5.0, float(NOW)))
    assert [(one.key, one.outcome, one.digest, one.seen_at) for one in found] == [
        (K, None, None, NOW - 5.0),
        (Key("s:2"), None, None, NOW - 5.0),
    ]


def test_no_validator_refuses_nothing_but_an_unknown_expiration() -> None:
    assert refusal(RECORD, None) is None
    assert refusal(RECORD._replace(expiration=UNKNOWN), None) == "its expiration is unknown"


LASTING = st.one_of(st.just(NEVER), st.just(UNKNOWN), st.integers(NOW - 3, NOW + 3))
VALUES = st.sampled_from([b"", b"a", b"bad", b"{}"])
METADATA = st.sampled_from([None, "{}", '{"a":1}'])
KEYS = [Key(f"s:{number}") for number in range(6)]


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    heads: list[Head] = []
    answers: list[Answer | NotRead] = []
    rows: dict[Key, Row] = {}
    looked = draw(st.booleans())
    for key in KEYS[: draw(st.integers(0, 6))]:
        heads.append(Head(key, draw(METADATA), draw(LASTING)))
        if looked and draw(st.booleans()):
            held = Row(
                key,
                draw(st.one_of(st.none(), VALUES)),
                draw(METADATA),
                draw(LASTING.filter(lambda at: at is not UNKNOWN)),
                draw(st.sampled_from(list(Origin))),
                draw(st.integers(1, 3)),
                draw(st.sampled_from([None, 6, 7])),
            )
            rows[key] = held
        kinds: Sequence[str] = ["record", "none", "unreadable", *(["present"] if key in rows else [])]
        kind = draw(st.sampled_from(kinds))
        answer: Answer | NotRead = None
        if kind == "record":
            answer = Record(key, draw(VALUES), draw(METADATA), draw(LASTING))
        elif kind != "none":
            answer = NotRead.PRESENT if kind == "present" else Unreadable("no")
        answers.append(answer)
    return Slice(heads, answers, rows if looked else None, float(NOW), None, True)


@given(slices())
def test_every_listed_key_gets_one_outcome_and_what_is_written_is_what_was_read(given_: Slice) -> None:
    batch = sort(given_, 7, lambda value: "bad" if value == b"bad" else None, float(NOW))
    decided = sum(count for name, count in batch.tally.items() if name != LISTED)
    assert batch.tally[LISTED] == len(given_.heads) == decided + len(batch.records)
    assert batch.replacements == ()
    for record in batch.records:
        assert record in given_.answers
        assert record.expiration is not UNKNOWN
        assert not expired(record.expiration, NOW)
        assert given_.rows is None or record.key not in given_.rows
    keys = [one.key for one in (*batch.records, *batch.sightings, *batch.quarantined)]
    assert len(set(keys)) == len(keys)


@given(VALUES, VALUES, METADATA, METADATA, LASTING, LASTING)
def test_same_is_symmetric_and_needs_all_three(
    one: bytes, other: bytes, first: Metadata, second: Metadata, at: Expiration, then: Expiration
) -> None:
    forth = same(Record(K, one, first, at), Row(K, other, second, then, Origin.COPY, 1, 1))
    back = same(Record(K, other, second, then), Row(K, one, first, at, Origin.COPY, 1, 1))
    assert forth == back == (one == other and first == second and same_expiration(at, then))
