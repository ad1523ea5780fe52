"""A look at one key: what it takes to be believed, for it or against it."""

from __future__ import annotations

import pytest

from migrate.core.checking import Demand, Reading, agreed, look, look_again
from migrate.core.comparing import Kind, Rules, Stage, classify
from migrate.core.difference import Difference, State
from migrate.core.record import Key, Origin, Record, Row
from migrate.core.rereading import Patience

KEY = Key("s:1")
H = 120.0
NOW = 1_900_000_000.0
LATER = int(NOW) + 10_000_000
PATIENCE = Patience(H, 2)
ONCE, TWICE = Demand(Rules()), Demand(Rules(), twice=True)
MIRRORED = Demand(Rules(stage=Stage.SHADOW_READ), twice=True, mirrored=True)


def kv(value: bytes = b"a") -> Record:
    return Record(KEY, value, None, LATER)


def row(value: bytes | None = b"a", version: int = 1, origin: Origin = Origin.COPY) -> Row:
    return Row(KEY, value, None, LATER, origin, version, None)


def seen(record: Record | None, after: Row | None, before: Row | None = None) -> Reading:
    kind = classify(record, after, quarantined=False, rules=Rules(), now=NOW)
    return Reading(kind, record, after if before is None else before, after)


def course(demand: Demand, *readings: tuple[float, Reading]) -> list[State]:
    """How far each reading brings the key."""
    found: list[Difference] = []
    for at, reading in readings:
        if found:
            found.append(look_again(found[-1], reading, NOW + at, PATIENCE, demand))
        else:
            found.append(look(KEY, reading, NOW + at, PATIENCE, demand))
    return [one.state for one in found]


def test_one_reading_proves_an_agreement_unless_two_are_asked_for() -> None:
    assert course(ONCE, (0, seen(kv(), row()))) == [State.HEALED]
    assert course(TWICE, (0, seen(kv(), row())), (H, seen(kv(), row()))) == [State.OPEN, State.HEALED]


def test_an_agreement_that_two_must_see_waits_for_h() -> None:
    readings = (0, seen(kv(), row())), (H - 1, seen(kv(), row())), (H, seen(kv(), row()))
    assert course(TWICE, *readings) == [State.OPEN, State.OPEN, State.HEALED]


def test_a_row_that_was_written_between_two_agreements_starts_the_clock_again() -> None:
    first, other = (0.0, seen(kv(), row(version=1))), (H, seen(kv(), row(version=2)))
    assert course(TWICE, first, other, (2 * H, seen(kv(), row(version=2)))) == [
        State.OPEN,
        State.OPEN,
        State.HEALED,
    ]


@pytest.mark.parametrize("demand", [ONCE, TWICE])
def test_a_row_that_changed_while_kv_was_read_proves_nothing(demand: Demand) -> None:
    moved = seen(kv(), row(version=2), before=row(version=1))
    assert course(demand, (0, moved), (H, seen(kv(), row(version=2)))) == [State.OPEN, State.HEALED]
    still = (0, seen(kv(), row(version=2)))
    if demand.twice:
        again = seen(kv(), row(version=3), before=row(version=2))
        assert course(demand, still, (H, again), (2 * H, again)) == [State.OPEN, State.OPEN, State.UNSETTLED]


def test_a_difference_settles_and_heals() -> None:
    differs = seen(kv(b"other"), row())
    assert course(ONCE, (0, differs), (H, differs)) == [State.OPEN, State.SETTLED]
    assert course(ONCE, (0, differs), (H, seen(kv(), row()))) == [State.OPEN, State.HEALED]
    assert course(ONCE, (0, seen(kv(), None)), (H, seen(kv(), None))) == [State.OPEN, State.SETTLED]


def test_an_agreement_after_a_difference_must_be_seen_twice_as_well() -> None:
    differs, agrees = seen(kv(b"other"), row()), seen(kv(), row())
    assert course(TWICE, (0, differs), (H, agrees), (2 * H, agrees)) == [
        State.OPEN,
        State.OPEN,
        State.HEALED,
    ]


@pytest.mark.parametrize(
    ("record", "after"),
    [
        (kv(b"old"), row(origin=Origin.APP)),
        (None, row(origin=Origin.APP)),
        (kv(), row(None, origin=Origin.APP)),
    ],
)
def test_where_kv_mirrors_the_target_what_it_does_not_show_counts(record: Record | None, after: Row) -> None:
    readings = (0, seen(record, after)), (H, seen(record, after))
    assert course(MIRRORED, *readings) == [State.OPEN, State.SETTLED]
    assert course(ONCE, *readings[:1]) == [State.HEALED]


def test_a_tombstone_is_proven_by_two_readings_that_found_kv_empty() -> None:
    buried = seen(None, row(None))
    assert course(MIRRORED, (0, buried), (H, buried)) == [State.OPEN, State.HEALED]
    back = seen(kv(), row(None))
    assert course(MIRRORED, (0, buried), (H, back), (2 * H, back)) == [
        State.OPEN,
        State.OPEN,
        State.SETTLED,
    ]


def test_only_what_agrees_is_told_as_agreed() -> None:
    found = look(KEY, seen(kv(), row()), NOW, PATIENCE, TWICE)
    assert agreed(found)
    assert agreed(look(KEY, seen(None, row(None)), NOW, PATIENCE, TWICE))
    assert not agreed(look(KEY, seen(kv(), row(None)), NOW, PATIENCE, TWICE))
    assert not agreed(look(KEY, seen(kv(), None), NOW, PATIENCE, TWICE))


def test_a_key_that_is_gone_from_both_is_done_with() -> None:
    assert course(ONCE, (0, seen(kv(), None)), (H, seen(None, None))) == [State.OPEN, State.HEALED]
    assert seen(None, None).kind is None
    assert seen(kv(), None).kind is Kind.MISSING
