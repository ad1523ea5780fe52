"""The checker takes what a correct pair of stores may show, and refuses each kind of what it may not."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live.contract import Breach, breaches
from tests.live.history import DUAL, FIRST, KV, NEVER, ONLY, SHADOW, History, Operation
from tests.live.register import MOVED, recorded

END = 10_000.0
SEEDS = st.integers(0, 2**32)


def op(verb, stage, start, end, value=None, **more):
    more.setdefault("expiration", END if value is not None or verb == "touch" else None)
    return Operation("s", verb, stage, start, end, value=value, **more)


def found(*operations, opened=math.inf, alone=(), stale=1.0, **more):
    history = History(stale, list(operations), opened, list(alone), **more)
    return [one.breach for one in breaches(history)]


def put(stage, start, end, value, **more):
    return op("put", stage, start, end, value, **more)


def get(stage, start, value, **more):
    return op("get", stage, start, start + 0.1, value, **more)


# ---------------------------------------------------------------- one rule after the other, right and wrong

FIRST_PUT = put(KV, 0, 1, 1)
RULES = {
    # what it is about: operations after the first put, and the breach; with None beside what is allowed
    "an overwritten value": [
        ((put(DUAL, 5, 6, 2), get(DUAL, 7.1, 1)), Breach.LOST),
        ((put(DUAL, 5, 6, 2), get(DUAL, 6.9, 1)), None),  # KV may be stale
        ((put(DUAL, 5, 9, 2), get(DUAL, 8, 1)), None),  # not acknowledged yet
        ((put(DUAL, 5, 6, 2, done=False), get(DUAL, 8, 1)), None),  # never acknowledged
        ((put(DUAL, 5, 9, 2), put(DUAL, 7, 8, 3), get(KV, 12, 2), get(DUAL, 12, 3)), None),  # at once
        ((put(DUAL, 3, 4, 2, done=False, over=7), put(DUAL, 6, 8, 3), get(DUAL, 12, 2)), None),
        ((put(DUAL, 3, 4, 2, done=False, over=5), put(DUAL, 6, 8, 3), get(DUAL, 12, 2)), Breach.LOST),
    ],
    "an overwritten value that objects serve": [
        ((put(FIRST, 5, 6, 2), get(FIRST, 6.1, 1)), Breach.LOST),
        ((put(FIRST, 5, 6, 2), get(FIRST, 5.95, 1)), None),
        ((put(SHADOW, 5, 6, 2), get(SHADOW, 6.1, 1)), None),
        ((put(FIRST, 5, 6, 2), get(SHADOW, 6.1, 1)), Breach.LOST),  # its row is the application's
    ],
    "a value that a touch carries": [
        ((put(DUAL, 5, 6, 2), op("touch", DUAL, 6.5, 7, carried=1), get(DUAL, 9, 1)), None),
        ((put(DUAL, 5, 6, 2), op("touch", DUAL, 6.5, 7, carried=2), get(DUAL, 9, 1)), Breach.LOST),
        ((put(DUAL, 5, 6, 2), op("touch", DUAL, 8, 9, carried=1)), Breach.LOST),  # it has read it too late
        ((put(DUAL, 5, 6, 2), op("touch", DUAL, 6.5, 7, silent=True), get(DUAL, 9, 1)), None),
        ((put(DUAL, 5, 6, 2), op("touch", DUAL, 8, 9, silent=True), get(DUAL, 9, 1)), Breach.LOST),
        ((put(FIRST, 5, 6, 2), op("touch", FIRST, 5.5, 7, silent=True), get(FIRST, 9, 1)), Breach.LOST),
    ],
    "what an update has read": [
        ((put(DUAL, 5, 6, 2), op("update", DUAL, 8, 9, 3, carried=1)), Breach.LOST),
        ((put(DUAL, 5, 6, 2), op("update", DUAL, 6.5, 9, 3, carried=1)), None),
        ((put(FIRST, 5, 6, 2), op("update", FIRST, 6.5, 9, 3, carried=1)), Breach.LOST),
    ],
    "a value that nobody wrote": [
        ((get(KV, 5, 9),), Breach.INVENTED),
        ((get(KV, 5, 2), put(KV, 6, 7, 2)), Breach.INVENTED),
    ],
    "no session": [
        ((get(KV, 5, None),), Breach.LOGGED_OUT),
        ((get(KV, 1.5, None),), None),  # KV may be stale
        ((get(FIRST, 1.5, None),), Breach.LOGGED_OUT),
        ((op("delete", KV, 8, 9), get(KV, 5, None)), Breach.LOGGED_OUT),
        ((op("delete", KV, 5, 6, done=False), get(FIRST, 20, None)), None),
        ((put(KV, 2, 3, 2, expiration=7), get(KV, 8, None)), None),
        ((put(KV, 2, 3, 2, expiration=20), get(KV, 8, None)), Breach.LOGGED_OUT),
    ],
    "a deleted session": [
        ((op("delete", DUAL, 5, 6), get(SHADOW, 6.1, 1)), Breach.RESURRECTED),
        ((op("delete", DUAL, 5, 6), get(DUAL, 6.1, 1)), None),  # KV may be stale
        ((op("delete", DUAL, 5, 6), get(DUAL, 8, 1)), Breach.RESURRECTED),
        ((op("delete", DUAL, 5, 6, done=False), get(SHADOW, 8, 1)), None),
        ((op("delete", DUAL, 5, 6), op("touch", DUAL, 6.5, 7, carried=1), get(DUAL, 20, 1)), None),
        (
            (op("delete", DUAL, 5, 6), op("touch", DUAL, 6.5, 7, carried=1), get(SHADOW, 20, 1)),
            Breach.RESURRECTED,
        ),
        ((op("delete", DUAL, 5, 6), put(DUAL, 5.5, 7, 2), get(DUAL, 20, 2)), None),  # written meanwhile
        ((op("delete", DUAL, 5, 6), put(DUAL, 7, 8, 2), get(FIRST, 20, 2)), Breach.RESURRECTED),
        ((op("delete", DUAL, 5, 6, done=False), put(DUAL, 7, 8, 2), get(DUAL, 12, 1)), None),  # not written
        ((op("delete", KV, 5, 6), get(FIRST, 20, 1)), Breach.RESURRECTED),
        ((op("delete", KV, 5, 6), op("touch", DUAL, 6.5, 7, carried=1), get(FIRST, 20, 1)), None),
    ],
    "an expiration": [
        ((get(DUAL, 5, 1, expiration=END + 2),), Breach.LENGTHENED),
        ((get(DUAL, 5, 1, expiration=NEVER),), Breach.LENGTHENED),
        ((get(DUAL, 5, 1, expiration=END - 9),), Breach.STRANGE),
        ((op("touch", DUAL, 3, 4, carried=1, expiration=END + 9), get(DUAL, 5, 1, expiration=END + 9)), None),
        (
            (op("touch", DUAL, 6, 7, carried=1, expiration=END + 9), get(DUAL, 5, 1, expiration=END + 9)),
            Breach.LENGTHENED,
        ),
        (
            (
                op("touch", DUAL, 3, 4, carried=1, expiration=END + 9),
                put(DUAL, 5, 6, 2),
                get(DUAL, 9, 2, expiration=END + 9),
            ),
            Breach.LENGTHENED,
        ),
        (
            (
                op("touch", DUAL, 5.5, 7, carried=1, expiration=END + 9),
                put(DUAL, 5, 6, 2),
                get(DUAL, 9, 2, expiration=END + 9),
            ),
            Breach.LENGTHENED,
        ),
        (
            (
                op("touch", FIRST, 3, 4, expiration=END + 9),
                put(FIRST, 5, 6, 2),
                get(FIRST, 9, 2, expiration=END + 9),
            ),
            Breach.LENGTHENED,
        ),
        ((put(DUAL, 5, 6, 2, expiration=15), get(DUAL, 17, 2, expiration=15)), Breach.LENGTHENED),
        ((op("touch", FIRST, 3, 4, expiration=END + 9), get(FIRST, 5, 1)), Breach.SHORTENED),
        ((op("touch", SHADOW, 3, 4, expiration=END + 9), get(SHADOW, 5, 1)), None),  # it need not extend
        ((op("touch", FIRST, 3, 4, expiration=END + 9), put(FIRST, 4.5, 9, 2), get(FIRST, 5, 2)), None),
    ],
}
CASES = [
    pytest.param(operations, breach, id=f"{about} {number}")
    for about, cases in RULES.items()
    for number, (operations, breach) in enumerate(cases)
]


@pytest.mark.parametrize(("operations", "breach"), CASES)
def test_what_is_wrong_and_what_is_not(operations, breach):
    assert found(FIRST_PUT, *operations) == ([] if breach is None else [breach])


def test_a_renewal_that_gains_little_may_be_left_out():
    read = op("touch", FIRST, 3, 4, expiration=END + 9), get(FIRST, 5, 1)
    assert found(FIRST_PUT, *read, coalesced=9) == []
    assert found(FIRST_PUT, *read, coalesced=7) == [Breach.SHORTENED]


def test_once_kv_is_right_about_a_row_again_it_may_be_stale_again():
    late = put(FIRST, 5, 6, 2), get(SHADOW, 6.5, 1)
    assert found(FIRST_PUT, *late) == [Breach.LOST]
    assert found(FIRST_PUT, *late, reverted=7) == [Breach.LOST]
    assert found(FIRST_PUT, *late, reverted=6.2) == []
    assert found(FIRST_PUT, late[0], get(SHADOW, 8, 1), reverted=6.2) == [Breach.LOST]


def test_once_the_gate_is_open_touches_put_nothing_back_into_objects():
    late = put(SHADOW, 5, 7, 2), op("touch", SHADOW, 6, 8, carried=1)
    for opened, stage, breach in (
        (10, FIRST, []),
        (4, FIRST, [Breach.LOST]),
        (4, SHADOW, []),
    ):
        assert found(FIRST_PUT, *late, get(stage, 12, 1), opened=opened) == breach


def test_two_writes_at_once_are_seen_in_one_order_once_only_objects_are_read():
    both = put(FIRST, 5, 9, 2), put(FIRST, 5, 9, 3)
    reads = get(FIRST, 10, 2), get(ONLY, 11, 3), get(FIRST, 12, 2)
    assert found(FIRST_PUT, *both, *reads) == []
    assert found(FIRST_PUT, *both, *reads, alone=[(4, 20)]) == [Breach.TURNED]
    assert found(FIRST_PUT, *both, *reads[:2], alone=[(4, 20)]) == [Breach.TURNED]
    assert found(FIRST_PUT, *both, get(FIRST, 6, 2), reads[1], alone=[(4, 20)]) == []
    assert found(FIRST_PUT, *both, *reads[:2], alone=[(10.5, 20)]) == []


def test_a_write_that_nobody_acknowledged_is_seen_from_some_moment_on_or_never():
    unknown = put(FIRST, 5, 6, 2, done=False)
    seen, before = get(FIRST, 10, 2), get(FIRST, 8, 1)
    assert found(FIRST_PUT, unknown, before, seen, alone=[(3, 20)]) == []
    assert found(FIRST_PUT, unknown, seen, get(FIRST, 12, 1), alone=[(3, 20)]) == [Breach.TURNED]
    assert found(FIRST_PUT, unknown, before, seen, alone=[(7, 20)]) == [Breach.TURNED], (
        "it had landed by then"
    )
    later = replace(unknown, over=9)
    assert found(FIRST_PUT, later, before, seen, alone=[(7, 20)]) == []


# ---------------------------------------------------------------- whole histories


@settings(max_examples=60)
@given(SEEDS)
def test_a_correct_pair_of_stores_breaks_nothing(seed):
    assert [(one.breach, one.read) for one in breaches(recorded(seed))] == []


@settings(max_examples=60)
@given(SEEDS)
def test_one_wrong_read_among_right_ones_is_found(seed):
    """Whatever happened before: what was written at the end is not what is read then."""
    chance, history = random.Random(seed), recorded(seed)
    old = chance.choice([one for one in history.operations if one.verb == "put" and one.end < MOVED - 10])
    now = 3 * MOVED
    last = replace(
        old, stage=FIRST, start=now, end=now + 1, value=99_999, expiration=NEVER, done=True, over=0.0
    )
    ends = {
        "stale": (last, Operation(old.session, "get", FIRST, now + 5, now + 6, value=old.value)),
        "missing": (last, Operation(old.session, "get", FIRST, now + 5, now + 6)),
        "deleted": (
            replace(last, verb="delete", value=None),
            Operation(old.session, "get", FIRST, now + 5, now + 6, value=old.value),
        ),
        "invented": (last, Operation(old.session, "get", FIRST, now + 5, now + 6, value=88_888)),
    }
    deleted = any(one.verb == "delete" and one.session == old.session for one in history.operations)
    for name, (write, read) in ends.items():
        if deleted and name in ("stale", "missing"):
            continue  # then it need not be there, nor was anything written
        wrong = History(
            history.stale, [*history.operations, write, read], history.opened, alone=history.alone
        )
        assert [one.read for one in breaches(wrong)] == [read], name
