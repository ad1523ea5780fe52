from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.comparing import AGAINST, Kind
from migrate.core.difference import Difference, State
from migrate.core.record import NEVER, Key, Origin, Record, Row
from migrate.core.rereading import Patience, again, first

H = 120.0
PATIENCE = Patience(H, 3)
T = 1_800_000_000.0
K = Key("s:1")
OLD = Record(K, b"old", None, NEVER)
NEW = Record(K, b"new", None, NEVER)
ROW = Row(K, b"row", None, NEVER, Origin.COPY, 1, None)


def found(kind: Kind = Kind.VALUE, record: Record | None = OLD, row: Row | None = ROW) -> Difference:
    return first(K, kind, record, row, T, PATIENCE)


def test_a_difference_is_not_believed_at_first_sight() -> None:
    assert found().state is State.OPEN
    assert found().due_at == T + H


def test_a_difference_settles_when_nothing_changed_for_h() -> None:
    assert again(found(), Kind.VALUE, OLD, ROW, T + H, PATIENCE).state is State.SETTLED


def test_a_difference_read_again_too_early_stays_open() -> None:
    early = again(found(), Kind.VALUE, OLD, ROW, T + H - 1, PATIENCE)
    assert (early.state, early.due_at) == (State.OPEN, T + H)


def test_a_change_on_either_side_starts_the_clock_again() -> None:
    for record, row in ((NEW, ROW), (OLD, ROW._replace(version=2)), (OLD, None)):
        changed = again(found(), Kind.VALUE, record, row, T + H, PATIENCE)
        assert (changed.state, changed.changed_at, changed.due_at) == (State.OPEN, T + H, T + 2 * H)


def test_what_became_equal_is_healed() -> None:
    assert again(found(), Kind.EQUAL, OLD, ROW, T + H, PATIENCE).state is State.HEALED


def test_a_key_that_is_gone_from_both_sides_is_no_difference() -> None:
    assert again(found(Kind.MISSING, OLD, None), None, None, None, T + H, PATIENCE).state is State.HEALED


def test_what_keeps_changing_is_unsettled_when_the_rounds_are_used_up() -> None:
    difference = found()
    for step in range(1, 4):
        record = Record(K, b"%d" % step, None, NEVER)
        difference = again(difference, Kind.VALUE, record, ROW, T + step * H, PATIENCE)
    assert (difference.state, difference.rounds) == (State.UNSETTLED, 3)


def test_an_expiring_session_is_read_again_h_after_its_expiration() -> None:
    dying = replace_expiration(OLD, int(T) + 30)
    difference = found(Kind.EXPIRING, dying, None)
    assert (difference.state, difference.due_at) == (State.OPEN, T + 30 + H)
    gone = again(difference, None, None, None, T + 30 + H, PATIENCE)
    assert gone.state is State.DRAINED


def test_an_expired_session_that_is_renewed_is_a_difference_again() -> None:
    difference = found(Kind.EXPIRING, replace_expiration(OLD, int(T)), None)
    renewed = again(difference, Kind.MISSING, OLD, None, T + H, PATIENCE)
    assert (renewed.kind, renewed.state) == (Kind.MISSING, State.OPEN)


def test_what_expired_long_ago_is_drained_at_once() -> None:
    assert found(Kind.EXPIRING, replace_expiration(OLD, int(T - H - 1)), None).state is State.DRAINED


def test_a_difference_that_begins_to_expire_waits_for_its_expiration() -> None:
    dying = replace_expiration(OLD, int(T + H) + 1)
    difference = again(found(Kind.MISSING, dying, None), Kind.EXPIRING, dying, None, T + H, PATIENCE)
    assert (difference.state, difference.due_at) == (State.OPEN, int(T + H) + 1 + H)


def replace_expiration(record: Record, expiration: int) -> Record:
    return record._replace(expiration=expiration)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*sorted(AGAINST), Kind.EQUAL]), st.sampled_from([OLD, NEW]), st.floats(0.1, 300)
        )
    )
)
def test_settled_means_two_equal_readings_at_least_h_apart(
    steps: list[tuple[Kind, Record, float]],
) -> None:
    difference, now = found(Kind.VALUE), T
    readings = [(T, Kind.VALUE, OLD)]
    for kind, record, pause in steps:
        if difference.state is not State.OPEN:
            break
        now += pause
        readings.append((now, kind, record))
        difference = again(difference, kind, record, ROW, now, PATIENCE)
    if difference.state is State.SETTLED:
        last = readings[-1][1:]
        same = [at for at, *rest in reversed(readings) if tuple(rest) == last]
        unbroken = readings[-len(same) :]
        start = min(at for at, *rest in unbroken if tuple(rest) == last)
        assert readings[-1][0] - start >= H - 1e-3
        assert all(tuple(rest) == last for at, *rest in readings if at >= difference.changed_at)
        assert replace(difference, state=State.OPEN).kind in AGAINST


def test_a_first_reading_proves_no_key_in_motion() -> None:
    first_seen = found(Kind.IN_MOTION)
    assert (first_seen.state, first_seen.due_at) == (State.OPEN, T + H)


@pytest.mark.parametrize("before", [Kind.IN_MOTION, Kind.VALUE, Kind.EXPIRATION, Kind.MISSING])
@pytest.mark.parametrize(
    ("after", "state"), [(H - 0.001, State.OPEN), (H, State.HEALED), (3 * H, State.HEALED)]
)
def test_a_key_is_in_motion_when_a_reading_h_after_the_first_finds_it_so(
    before: Kind, after: float, state: State
) -> None:
    moved = again(found(before), Kind.IN_MOTION, NEW, ROW._replace(version=2), T + after, PATIENCE)
    assert (moved.state, moved.kind, moved.due_at) == (state, Kind.IN_MOTION, T + H)


def test_a_source_that_has_not_moved_is_not_in_motion() -> None:
    for rounds, state in ((3, State.OPEN), (1, State.UNSETTLED)):
        stuck = again(
            found(Kind.IN_MOTION), Kind.IN_MOTION, OLD, ROW._replace(version=2), T + H, Patience(H, rounds)
        )
        assert (stuck.state, stuck.due_at) == (state, T + 2 * H)


@pytest.mark.parametrize("kind", [Kind.VALUE, Kind.METADATA, Kind.EXPIRATION])
def test_what_was_in_motion_and_stands_still_settles_when_any_difference_would(kind: Kind) -> None:
    stuck = again(found(Kind.IN_MOTION), kind, OLD, ROW, T + H, PATIENCE)
    assert (stuck.state, stuck.kind) == (State.SETTLED, kind)
    moved = again(found(Kind.IN_MOTION), kind, NEW, ROW, T + H, PATIENCE)
    assert (moved.state, moved.changed_at, moved.due_at) == (State.OPEN, T + H, T + 2 * H)


def test_a_key_that_only_its_memory_fails_to_prove_is_unsettled_in_the_end() -> None:
    difference = found(Kind.IN_MOTION)
    for step in range(1, 4):
        row = ROW._replace(version=step + 1)
        difference = again(difference, Kind.VALUE, OLD, row, T + step * H, PATIENCE)
    assert difference.state is State.UNSETTLED
