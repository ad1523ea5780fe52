from collections import Counter

import pytest

from migrate.core.lifetimes import lasting, longest, step, steps
from migrate.core.record import NEVER, UNKNOWN

NOW = 1_700_000_000.5
HOUR, DAY = 3600, 86_400


def counted(*left: float) -> Counter[str]:
    return Counter(step(int(NOW + seconds), NOW) for seconds in left)


@pytest.mark.parametrize(
    ("left", "least"),
    [
        (1, HOUR),
        (HOUR, HOUR),
        (HOUR + 2, 2 * HOUR),
        (2 * DAY, 2 * DAY),
        (2 * DAY + 2, 3 * DAY),
        (99.2 * DAY, 100 * DAY),
    ],
)
def test_the_longest_is_never_shorter_than_it_is_and_rounded_up(left, least):
    assert longest(counted(left, 1)) == least


def test_there_are_few_names():
    assert len(counted(*range(0, 400 * DAY, 1777))) < 48 + 400


def test_the_dead_have_nothing_left():
    assert longest(counted(-5)) == 0


def test_what_never_expires_is_counted_and_has_no_length():
    tally = Counter([step(NEVER, NOW), step(NEVER, NOW), step(UNKNOWN, NOW)])
    assert (longest(tally), lasting(tally)) == (None, 2)
    assert longest(Counter()) is None


def test_the_steps_come_the_shortest_first_and_what_has_no_length_last():
    tally = Counter([step(NEVER, NOW), step(UNKNOWN, NOW)]) + counted(9 * DAY, 30 * HOUR, 30 * HOUR)
    tally["equal"] = 7
    expected = {"108000": 2, str(9 * DAY): 1, "unknown": 1, "always": 1}
    assert list(steps(tally).items()) == list(expected.items())
