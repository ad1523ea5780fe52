from __future__ import annotations

from collections import Counter

import pytest

from migrate.core.authority import Authority
from migrate.core.copying import NOT_AFTER
from migrate.core.ports import DELETED_AT_SOURCE, LISTED, Answer, Batch, Outcome, Sighting, Unreadable
from migrate.core.record import NEVER, UNKNOWN, Expiration, Key, Origin, Record, Row, digest
from migrate.core.settling import Resettling, saw

NOW = 1_900_000_000.0
K = Key("s:1")
NEW = Record(K, b"new", '{"a":1}', NEVER)
ROW = Row(K, b"old", None, NEVER, Origin.COPY, 4, 1)


def sighting(
    answer: Record | None = NEW, version: int | None = 4, outcome: Outcome | None = Outcome.WAITING
) -> Sighting:
    if answer is None:
        return Sighting(K, version, None, None, UNKNOWN, NOW - 120, outcome)
    seen = digest(answer.value)
    return Sighting(K, version, seen, answer.metadata, answer.expiration, NOW - 120, outcome)


def read_again(old: Sighting, row: Row | None, answer: Answer) -> Batch:
    again = Resettling(lambda value: "bad" if value == b"bad" else None, NOW, NOW)
    again.take(old, row, answer)
    return again.batch()


def moved(batch: Batch) -> Counter[str]:
    return Counter({name: count for name, count in batch.tally.items() if count})


def test_an_unchanged_pair_replaces_the_row_whose_version_was_read_before_both() -> None:
    batch = read_again(sighting(), ROW, NEW)
    [wanted] = batch.replacements
    assert (wanted.record, wanted.version, wanted.not_after) == (NEW, 4, NOW + NOT_AFTER)
    assert (batch.settled, batch.sightings) == ([K], [])
    assert moved(batch) == Counter({Outcome.WAITING: -1})


CHANGED: list[tuple[Sighting, Row, Record]] = [
    (sighting(), ROW._replace(version=5), NEW),
    (sighting(version=None), ROW, NEW),
    (sighting(), ROW, NEW._replace(value=b"newer")),
    (sighting(), ROW, NEW._replace(metadata=None)),
    (sighting(), ROW, NEW._replace(expiration=int(NOW) + 99)),
    (sighting(None, outcome=Outcome.DELETED), ROW, NEW),
]


@pytest.mark.parametrize(("old", "row", "answer"), CHANGED)
def test_any_change_on_either_side_starts_the_clock_again(old: Sighting, row: Row, answer: Record) -> None:
    batch = read_again(old, row, answer)
    assert (batch.replacements, batch.settled) == ([], [])
    [seen] = batch.sightings
    assert (seen.version, seen.digest, seen.seen_at) == (row.version, digest(answer.value), NOW)
    assert seen.outcome is Outcome.WAITING


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        (ROW._replace(value=b"new", metadata='{"a":1}'), Outcome.EQUAL),
        (ROW._replace(value=None), Outcome.TOMBSTONED),
        (ROW._replace(origin=Origin.APP), Outcome.NEWER),
        (ROW._replace(origin=Origin.LEGACY), Outcome.LEGACY),
    ],
)
def test_a_row_that_wins_ends_the_waiting(row: Row, outcome: Outcome) -> None:
    batch = read_again(sighting(), row, NEW)
    assert (batch.replacements, batch.settled) == ([], [K])
    assert moved(batch) == Counter({Outcome.WAITING: -1, outcome: 1})


@pytest.mark.parametrize("authority", [None, *Authority])
@pytest.mark.parametrize("origin", list(Origin))
def test_a_settled_value_replaces_a_legacy_row_only_where_kv_is_right(
    origin: Origin, authority: Authority | None
) -> None:
    again = Resettling(None, NOW, NOW, authority=authority)
    again.take(sighting(), ROW._replace(origin=origin), NEW)
    found = again.batch().replacements
    mirrored = origin in (Origin.COPY, Origin.DUAL)
    legacy = origin is Origin.LEGACY and authority is Authority.KV
    assert [(one.record, one.version, one.legacy) for one in found] == (
        [(NEW, 4, legacy)] if mirrored or legacy else []
    )


@pytest.mark.parametrize(
    ("row", "answer"),
    [(ROW._replace(version=5), NEW), (ROW, NEW._replace(value=b"newer")), (ROW, None)],
)
def test_a_legacy_row_that_changed_waits_again_too(row: Row, answer: Record | None) -> None:
    again = Resettling(None, NOW, NOW, authority=Authority.KV)
    again.take(sighting(), row._replace(origin=Origin.LEGACY), answer)
    assert (again.batch().replacements, len(again.batch().sightings)) == ([], 1)


def test_a_legacy_row_that_kv_lacks_twice_is_no_deletion_at_the_source() -> None:
    again = Resettling(None, NOW, NOW, authority=Authority.KV)
    again.take(sighting(None, outcome=None), ROW._replace(origin=Origin.LEGACY), None)
    assert again.batch().tally[DELETED_AT_SOURCE] == 0


def test_a_record_that_has_no_row_is_inserted_if_it_is_still_absent() -> None:
    batch = read_again(sighting(None, None, Outcome.DELETED), None, NEW)
    assert (batch.records, batch.settled) == ([NEW], [K])
    assert moved(batch) == Counter({Outcome.DELETED: -1})


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Unreadable("no"), Outcome.FAILED),
        (NEW._replace(value=b"bad"), Outcome.QUARANTINED),
        (NEW._replace(expiration=UNKNOWN), Outcome.QUARANTINED),
        (NEW._replace(expiration=int(NOW)), Outcome.EXPIRED),
    ],
)
def test_what_must_not_be_written_is_not(answer: Answer, outcome: Outcome) -> None:
    batch = read_again(sighting(), ROW, answer)
    assert (batch.replacements, batch.records, batch.settled) == ([], [], [K])
    assert moved(batch) == Counter({Outcome.WAITING: -1, outcome: 1})


@pytest.mark.parametrize(("until", "outcome"), [(int(NOW), Outcome.EXPIRED), (NEVER, Outcome.DELETED)])
def test_what_is_gone_at_the_second_reading_has_expired_or_waits_again(
    until: Expiration, outcome: Outcome
) -> None:
    batch = read_again(sighting(NEW._replace(expiration=until)), ROW, None)
    assert moved(batch) == Counter({Outcome.WAITING: -1, outcome: 1})
    assert len(batch.sightings) == (outcome is Outcome.DELETED)


def test_gone_twice_with_the_row_unchanged_is_deleted_at_the_source_and_the_row_stays() -> None:
    batch = read_again(sighting(None, 4, None), ROW, None)
    assert moved(batch) == Counter({DELETED_AT_SOURCE: 1})
    assert (batch.records, batch.replacements, batch.sightings, batch.settled) == ([], [], [], [K])


@pytest.mark.parametrize(
    "row",
    [
        None,
        ROW._replace(value=None),
        ROW._replace(origin=Origin.APP),
        ROW._replace(origin=Origin.LEGACY),
        ROW._replace(expiration=int(NOW)),
    ],
)
def test_gone_twice_says_nothing_of_other_rows(row: Row | None) -> None:
    batch = read_again(sighting(None, 4, None), row, None)
    assert (moved(batch), batch.settled) == (Counter(), [K])


def test_gone_twice_with_a_row_that_changed_waits_again() -> None:
    for outcome in (None, Outcome.DELETED):
        batch = read_again(sighting(None, 3, outcome), ROW, None)
        assert (moved(batch), batch.settled) == (Counter(), [])
        [seen] = batch.sightings
        assert (seen.version, seen.outcome, seen.seen_at) == (4, outcome, NOW)


def test_a_key_that_the_listing_missed_is_listed_once_it_is_found() -> None:
    equal = ROW._replace(value=b"new", metadata='{"a":1}')
    assert moved(read_again(sighting(None, 4, None), equal, NEW)) == Counter({LISTED: 1, Outcome.EQUAL: 1})
    assert moved(read_again(sighting(None, 4, None), None, NEW)) == Counter({LISTED: 1})


def test_every_correction_keeps_the_equation() -> None:
    answers: list[Answer] = [NEW, NEW._replace(value=b"bad"), None, Unreadable("no")]
    for old in (sighting(), sighting(None), sighting(None, 4, None), sighting(version=9)):
        for row in (None, ROW, ROW._replace(value=None), ROW._replace(origin=Origin.APP)):
            for answer in answers:
                batch = read_again(old, row, answer)
                listed = batch.tally[LISTED]
                rest = sum(batch.tally[outcome] for outcome in Outcome)
                assert listed == rest + len(batch.records) + len(batch.replacements), (old, row, answer)


def test_two_readings_agree_in_value_metadata_and_expiration() -> None:
    assert saw(sighting(), NEW)
    assert saw(sighting(), NEW._replace(metadata='{ "a": 1 }'))
    assert not saw(sighting(), NEW._replace(value=b"New"))
    assert not saw(sighting(), NEW._replace(metadata=None))
    assert not saw(sighting(), NEW._replace(expiration=UNKNOWN))
