from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from migrate.core.comparing import Kind
from migrate.core.difference import Aged, Difference, ReadError, Reread, Seen, Side, State
from migrate.core.ports import RunId
from migrate.core.record import NEVER, UNKNOWN, Key, Origin
from migrate.ledger.ledger import Ledger
from migrate.ledger.rows import difference, difference_row
from migrate.ledger.verifies import VerifyId, VerifyState

RUN = RunId("0123456789abcdef")
SEEN = Seen("d" * 22, 7, 5000, "m" * 22)
ROW = Seen("e" * 22, 8, NEVER, None, 3, Origin.COPY)
ONE = Difference(
    Key("k:1"), Kind.VALUE, SEEN, ROW, 100.0, 100.0, 100.0, 220.0, fields=("value", "expiration")
)

seen = st.none() | st.builds(
    Seen,
    digest=st.none() | st.text(max_size=3),
    size=st.integers(0, 2**40),
    expiration=st.integers(-1, 2**40) | st.sampled_from([NEVER, UNKNOWN]),
    metadata=st.none() | st.text(max_size=3),
    version=st.none() | st.integers(1, 2**40),
    origin=st.none() | st.sampled_from([str(origin) for origin in Origin]),
)
times = st.floats(0, 2e9)
anything = st.builds(
    Difference,
    key=st.text(min_size=1, max_size=20).map(Key),
    kind=st.sampled_from(Kind),
    source=seen,
    target=seen,
    first_seen=times,
    last_seen=times,
    changed_at=times,
    due_at=times,
    rounds=st.integers(0, 9),
    state=st.sampled_from(State),
    fields=st.lists(st.sampled_from(["value", "metadata", "expiration"])).map(tuple),
)


@given(anything)
def test_a_difference_comes_back_as_it_was_given(one: Difference) -> None:
    assert difference(difference_row(1, one)[1:]) == one


def page(ledger: Ledger, differences: Iterable[Difference], errors: Iterable[ReadError] = ()) -> VerifyId:
    verify = ledger.open_verify(RUN)
    ledger.commit_page(verify, "k:", None, None, Counter(), differences, errors)
    return verify


def test_unicode_and_binary_looking_keys_survive(ledger: Ledger) -> None:
    keys = sorted(["k:é", "k:\x00nul", "k:\U0001f511", "k:'; drop table"])
    verify = page(ledger, [replace(ONE, key=Key(key)) for key in keys])
    assert [one.key for one in ledger.differences(verify)] == keys


def test_what_is_due_comes_longest_due_first(ledger: Ledger) -> None:
    due = [replace(ONE, key=Key(f"k:{n}"), due_at=at) for n, at in enumerate([300.0, 200.0, 100.0, 400.0])]
    verify = page(ledger, [*due, replace(ONE, key=Key("k:9"), due_at=1.0, state=State.SETTLED)])
    assert [one.due_at for one in ledger.due(verify, 300.0, 10)] == [100.0, 200.0, 300.0]
    assert [one.due_at for one in ledger.due(verify, 300.0, 2)] == [100.0, 200.0]
    assert ledger.next_due(verify) == 100.0


def test_nothing_is_due_when_nothing_is_open(ledger: Ledger) -> None:
    verify = page(ledger, [replace(ONE, state=State.HEALED)])
    assert ledger.due(verify, 1e12, 10) == []
    assert ledger.next_due(verify) is None


def test_a_difference_seen_again_keeps_its_clock_until_a_side_changes(ledger: Ledger) -> None:
    verify = page(ledger, [ONE])
    later = replace(ONE, first_seen=150.0, last_seen=150.0, changed_at=150.0, due_at=270.0)
    page(ledger, [later])
    assert ledger.differences(verify) == [replace(ONE, last_seen=150.0)]
    touched = replace(later, target=replace(ROW, version=4), last_seen=160.0, changed_at=160.0, due_at=280.0)
    page(ledger, [touched])
    assert ledger.differences(verify) == [replace(touched, first_seen=100.0)]
    gone = replace(touched, source=None, kind=Kind.EXTRA, last_seen=170.0, changed_at=170.0, due_at=290.0)
    page(ledger, [gone])
    assert ledger.differences(verify) == [replace(gone, first_seen=100.0)]


def test_settling_replaces_all_but_the_first_sight(ledger: Ledger) -> None:
    verify = page(ledger, [ONE])
    again = replace(ONE, first_seen=999.0, last_seen=220.0, changed_at=220.0, due_at=340.0, rounds=1)
    ledger.settle(verify, [again])
    assert ledger.due(verify, 339.0, 10) == []
    assert ledger.due(verify, 340.0, 10) == [replace(again, first_seen=100.0)]
    ledger.settle(verify, [replace(again, state=State.SETTLED)])
    assert ledger.next_due(verify) is None
    assert ledger.counts(verify) == {"value": Counter(settled=1)}


def test_settling_resolves_and_adds_read_errors(ledger: Ledger) -> None:
    old = [ReadError(Key(f"k:{n}"), Side.SOURCE, "reset", 1.0) for n in range(2)]
    verify = page(ledger, [ONE], old)
    new = ReadError(Key("k:7"), Side.TARGET, "locked", 2.0)
    ledger.settle(verify, [], errors=[new], resolved=[old[0].key])
    assert ledger.read_errors(verify) == [old[1], new]
    assert ledger.error_counts(verify) == Counter(source=1, target=1)
    assert ledger.read_errors(verify, limit=1) == [old[1]]


def test_an_error_names_its_side_and_both_may_fail(ledger: Ledger) -> None:
    both = [ReadError(Key("k:1"), side, "reset", 1.0) for side in Side]
    verify = page(ledger, [], both)
    assert ledger.read_errors(verify) == both
    assert ledger.counts(verify) == {}


def test_differences_are_counted_by_class_and_state(ledger: Ledger) -> None:
    verify = page(
        ledger,
        [
            replace(ONE, key=Key("k:1")),
            replace(ONE, key=Key("k:2"), state=State.SETTLED),
            replace(ONE, key=Key("k:3"), state=State.SETTLED),
            replace(ONE, key=Key("k:4"), kind=Kind.EXPIRING, state=State.DRAINED),
        ],
    )
    assert ledger.counts(verify) == {"value": Counter(open=1, settled=2), "expiring": Counter(drained=1)}


def test_all_differences_are_read_in_batches_and_in_key_order(ledger: Ledger) -> None:
    made = [replace(ONE, key=Key(f"k:{n:05}"), state=list(State)[n % 2]) for n in range(2500)]
    verify = page(ledger, made)
    assert list(ledger.each_difference(verify)) == made
    assert list(ledger.each_difference(verify, [State.SETTLED])) == made[1::2]
    assert ledger.differences(verify, [State.SETTLED], 2, after=made[1].key) == [made[3], made[5]]
    assert ledger.differences(verify, kinds=[Kind.EXTRA]) == []
    assert len(ledger.differences(verify)) == 1000


def test_what_one_verify_found_can_be_taken_over_into_the_next(ledger: Ledger) -> None:
    made = [replace(ONE, key=Key(f"k:{n:05}"), state=State.SETTLED) for n in range(2500)]
    earlier = page(ledger, made)
    later = ledger.open_verify(RUN, fresh=True)
    ledger.settle(later, (replace(one, state=State.OPEN) for one in ledger.each_difference(earlier)))
    assert ledger.counts(later) == {"value": Counter(open=2500)}
    assert ledger.counts(earlier) == {"value": Counter(settled=2500)}


def test_what_the_session_store_did_not_write_is_counted_once_it_has_settled(ledger: Ledger) -> None:
    marked = replace(SEEN, marked=True)
    found = [
        replace(ONE, key=Key("k:1"), state=State.SETTLED),
        replace(ONE, key=Key("k:2"), state=State.SETTLED, kind=Kind.MISSING, target=None),
        replace(ONE, key=Key("k:3"), state=State.SETTLED, source=marked),
        replace(ONE, key=Key("k:4"), state=State.SETTLED, kind=Kind.EXTRA, source=None),
        replace(ONE, key=Key("k:5"), state=State.OPEN),
        replace(ONE, key=Key("k:6"), state=State.HEALED),
    ]
    verify = page(ledger, [])
    assert ledger.unmarked(verify) == 0
    ledger.settle(verify, found)
    assert ledger.unmarked(verify) == 2


def test_a_difference_is_as_old_as_the_first_verify_without_a_gap_that_found_it(ledger: Ledger) -> None:
    def found(at: float, **states: State) -> VerifyId:
        verify = page(
            ledger,
            [
                replace(ONE, key=Key(f"k:{name}"), first_seen=at, last_seen=at + 120, state=state, rounds=1)
                for name, state in states.items()
            ],
        )
        ledger.close_verify(verify, VerifyState.COMPLETE, "differences")
        return verify

    settled, healed, pending = State.SETTLED, State.HEALED, State.UNSETTLED
    found(0.0, always=settled, mended=settled, gone=settled)
    found(5000.0, always=pending, mended=healed, gone=settled)
    last = found(9000.0, always=settled, mended=settled, new=pending, fine=healed)
    assert ledger.ages(last) == [
        Aged(Kind.VALUE, settled, 300, 1),  # mended in between
        Aged(Kind.VALUE, settled, 6 * 3600, 1),
        Aged(Kind.VALUE, pending, 300, 1),
    ]
    assert ledger.rereadings(last) == [Reread(2, healed, 1), Reread(2, settled, 2), Reread(2, pending, 1)]


def test_what_is_older_than_the_oldest_age_has_none(ledger: Ledger) -> None:
    verify = page(ledger, [replace(ONE, first_seen=0.0, last_seen=9e6)])
    assert ledger.ages(verify) == [Aged(Kind.VALUE, State.OPEN, None, 1)]
