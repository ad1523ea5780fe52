import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.authority import Authority
from migrate.core.comparing import AGAINST, Kind, Rules, Stage, classify, merge
from migrate.core.projecting import Projection
from migrate.core.record import NEVER, Head, Key, Origin, Record, Row

NOW = 1_800_000_000
PLAIN = Rules()
LATER = NOW + 3600
K = Key("spotify_session:a")


def record(value: bytes = b"v", metadata: str | None = None, expiration: object = LATER) -> Record:
    return Record(K, value, metadata, expiration)


def row(
    value: bytes | None = b"v",
    metadata: str | None = None,
    expiration: object = LATER,
    origin: Origin = Origin.COPY,
) -> Row:
    return Row(K, value, metadata, expiration, origin, 1, None)


def kind(
    a: Record | None,
    b: Row | None,
    rules: Rules = PLAIN,
    *,
    quarantined: bool = False,
    moving: bool = False,
) -> Kind | None:
    return classify(a, b, quarantined=quarantined, rules=rules, now=NOW, moving=moving)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (record(), row(), Kind.EQUAL),
        (record(expiration=LATER + 1), row(), Kind.EQUAL),
        (record(b'{"a":1,"b":2}'), row(b'{"b": 2, "a": 1}'), Kind.SAME_JSON),
        (record(b"1"), row(b"true"), Kind.VALUE),
        (record(b'{"a":1}'), row(b'{"a":true}'), Kind.VALUE),
        (record(b""), row(b"v"), Kind.VALUE),
        (record(b"\xff"), row(b"\xef\xbf\xbd"), Kind.VALUE),
        (record(metadata='{"a":1}'), row(metadata='{ "a": 1 }'), Kind.EQUAL),
        (record(metadata='{"a":1}'), row(), Kind.METADATA),
        (record(metadata='""'), row(), Kind.METADATA),
        (record(expiration=LATER + 2), row(), Kind.EXPIRATION),
        (record(expiration=NEVER), row(), Kind.EXPIRATION),
        (record(), None, Kind.MISSING),
        (None, row(), Kind.EXTRA),
        (None, row(origin=Origin.DUAL), Kind.EXTRA),
        (None, row(origin=Origin.APP), Kind.EXTRA_APP),
        (None, row(origin=Origin.LEGACY), Kind.LEGACY),
        (record(b"x"), row(origin=Origin.LEGACY), Kind.LEGACY),
        (record(), row(origin=Origin.LEGACY), Kind.EQUAL),
        (record(b"x"), row(origin=Origin.APP), Kind.NEWER),
        (record(), row(None), Kind.TOMBSTONED),
        (None, row(None), Kind.TOMBSTONED),
        (record(expiration=NOW), None, Kind.EXPIRING),
        (None, row(expiration=NOW - 5), Kind.EXPIRING),
        (record(b"x", expiration=NOW), row(expiration=NOW - 9), Kind.EXPIRING),
        (None, None, None),
    ],
)
def test_each_pair_has_its_class(source: Record | None, target: Row | None, expected: Kind | None) -> None:
    assert kind(source, target) == expected


LIST = Projection.parse(
    [
        {"ignore": "/seen", "reason": "a column that reads set"},
        {"rename": "/user_id", "to": "/userId", "reason": "a column of that name"},
    ]
)
OURS, THEIRS = b'{"user_id":7,"seen":1}', b'{"seen":2,"userId":7}'


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (record(OURS), row(THEIRS), Kind.PROJECTED),
        (record(OURS), row(THEIRS, origin=Origin.LEGACY), Kind.PROJECTED),
        (record(OURS), row(THEIRS, origin=Origin.APP), Kind.PROJECTED),
        (record(OURS), row(OURS), Kind.EQUAL),
        (record(b'{"seen":1}'), row(b'{ "seen":1}'), Kind.SAME_JSON),
        (record(OURS), row(b'{"userId":8,"seen":1}'), Kind.VALUE),
        (record(OURS, '{"a":1}'), row(THEIRS), Kind.METADATA),
        (record(OURS, expiration=LATER + 2), row(THEIRS), Kind.EXPIRATION),
        (record(THEIRS), row(OURS), Kind.VALUE),
        (record(OURS), row(None), Kind.TOMBSTONED),
    ],
)
def test_what_is_equal_only_by_the_project_list_is_a_class_of_its_own(
    source: Record, target: Row, expected: Kind
) -> None:
    assert kind(source, target, Rules(projection=LIST)) == expected


def test_without_a_project_list_nothing_is_equal_by_it() -> None:
    assert kind(record(OURS), row(THEIRS)) is Kind.VALUE


def test_a_target_that_expires_early_is_a_difference_and_not_an_expiring_session() -> None:
    assert kind(record(), row(expiration=NOW - 1)) is Kind.EXPIRATION


def test_quarantine_explains_a_missing_row_only() -> None:
    assert kind(record(), None, quarantined=True) is Kind.QUARANTINED
    assert kind(record(), row(), quarantined=True) is Kind.EQUAL


def test_exact_makes_equal_json_a_value_difference() -> None:
    assert kind(record(b"[1]"), row(b"[ 1 ]"), Rules(exact=True)) is Kind.VALUE


def test_ignoring_metadata_ignores_nothing_else() -> None:
    rules = Rules(metadata=False)
    assert kind(record(metadata="1"), row(), rules) is Kind.EQUAL
    assert kind(record(b"x", metadata="1"), row(), rules) is Kind.VALUE
    assert kind(record(expiration=NEVER, metadata="1"), row(), rules) is Kind.EXPIRATION


@pytest.mark.parametrize("stage", list(Stage))
def test_kv_is_behind_only_where_the_target_leads(stage: Stage) -> None:
    found = kind(record(b"x"), row(), Rules(stage=stage))
    assert found is (Kind.KV_BEHIND if stage.target_leads else Kind.VALUE)
    assert (found in AGAINST) is not stage.target_leads
    assert kind(None, row(), Rules(stage=stage)) is Kind.EXTRA


keys = st.lists(st.text("ab\U0001f600é", min_size=1, max_size=4), unique=True).map(sorted)


@given(keys, keys)
def test_merge_shows_every_key_of_both_sides_once_and_in_order(ours: list[str], theirs: list[str]) -> None:
    listed = [(Head(Key(k), None, NEVER), None) for k in theirs]
    rows = [Row(Key(k), b"", None, NEVER, Origin.COPY, 1, None) for k in ours]
    merged = list(merge(listed, rows))
    assert [key for key, _, _ in merged] == sorted({*ours, *theirs})
    for key, entry, found in merged:
        assert (entry is not None) == (key in theirs)
        assert (found is not None) == (key in ours)
        assert entry is None or entry[0].key == key
        assert found is None or found.key == key


def test_no_class_is_both_proof_and_evidence_against() -> None:
    proven = {Kind.EQUAL, Kind.SAME_JSON, Kind.PROJECTED}
    believed = proven | {Kind.TOMBSTONED, Kind.NEWER, Kind.EXTRA_APP, Kind.KV_BEHIND, Kind.IN_MOTION}
    assert set(itertools.chain(believed, AGAINST, {Kind.EXPIRING})) == set(Kind)
    assert not believed & AGAINST


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(
    ("authority", "differing", "lacking"),
    [
        (None, Kind.LEGACY, Kind.LEGACY),
        (Authority.KV, Kind.LEGACY_STALE, Kind.LEGACY_EXTRA),
        (Authority.TARGET, Kind.KV_BEHIND, Kind.EXTRA_APP),
    ],
)
def test_the_operator_says_who_is_right_about_a_legacy_row_and_the_stage_does_not(
    stage: Stage, authority: Authority | None, differing: Kind, lacking: Kind
) -> None:
    rules = Rules(stage=stage, authority=authority)
    old = row(origin=Origin.LEGACY)
    for other in (record(b"x"), record(metadata="1"), record(expiration=NEVER)):
        assert kind(other, old, rules) is differing
    assert kind(None, old, rules) is lacking
    assert {differing in AGAINST, lacking in AGAINST} == {authority is not Authority.TARGET}
    assert kind(record(), old, rules) is Kind.EQUAL
    assert kind(record(b"x"), row(None, origin=Origin.LEGACY), rules) is Kind.TOMBSTONED
    assert kind(None, row(expiration=NOW - 5, origin=Origin.LEGACY), rules) is Kind.EXPIRING
    assert kind(record(b"x"), row(origin=Origin.APP), rules) is Kind.NEWER


OTHERS = [record(b"x"), record(metadata="1"), record(expiration=LATER + 2)]


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("other", OTHERS)
def test_what_has_gone_on_is_in_motion_at_shadow_read_only(stage: Stage, other: Record) -> None:
    rules = Rules(stage=stage)
    still = kind(other, row(origin=Origin.DUAL), rules)
    found = kind(other, row(origin=Origin.DUAL), rules, moving=True)
    assert found is (Kind.IN_MOTION if stage is Stage.SHADOW_READ else still)
    assert (found in AGAINST) is (stage in (Stage.KV, Stage.DUAL_WRITE))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (record(), row(), Kind.EQUAL),
        (record(b"[1]"), row(b"[ 1 ]"), Kind.SAME_JSON),
        (record(), row(None), Kind.TOMBSTONED),
        (record(), None, Kind.MISSING),
        (None, row(), Kind.EXTRA),
        (record(b"x"), row(origin=Origin.APP), Kind.NEWER),
        (record(b"x"), row(origin=Origin.LEGACY), Kind.LEGACY),
        (record(b"x", expiration=NOW), row(expiration=NOW - 9), Kind.EXPIRING),
    ],
)
def test_only_what_differs_and_is_kvs_to_say_can_be_in_motion(
    source: Record | None, target: Row | None, expected: Kind
) -> None:
    assert kind(source, target, Rules(stage=Stage.SHADOW_READ), moving=True) is expected
