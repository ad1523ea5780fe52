from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats.figures import clean, columns, count, duration, named, plural, rate


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (274, "4 min 34 s"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (3601, "1 h"),
        (90_000, "1 d 1 h"),
        (86_400 * 3, "3 d"),
        (-5, "-5 s"),
    ],
)
def test_a_duration_is_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@given(st.floats(0, 1e9))
def test_a_duration_is_never_off_by_more_than_its_smaller_unit(seconds: float) -> None:
    units = {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
    words = duration(seconds).split()
    said = sum(float(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))
    next_smaller = {"d": 3600.0, "h": 60.0, "min": 1.0, "s": 1.0}[words[1]]
    assert abs(said - seconds) <= next_smaller


def test_counts_have_separators_and_nouns_their_number() -> None:
    assert count(1_234_567) == "1,234,567"
    assert plural(1, "key") == "1 key"
    assert plural(0, "key") == "0 keys"
    assert plural(1200, "entry", "entries") == "1,200 entries"


@pytest.mark.parametrize(("speed", "text"), [(3640.4, "3,640/s"), (2.54, "2.5/s"), (0.05, "3.0/min")])
def test_a_rate_is_per_second_or_per_minute(speed: float, text: str) -> None:
    assert rate(speed) == text


def test_columns_align_names_left_and_figures_right() -> None:
    assert columns([("class", "keys"), ("a", "1,000"), ("bb", "5")]) == [
        "  class   keys",
        "  a      1,000",
        "  bb         5",
    ]
    assert named([("a", "1"), ("long", "2")]) == ["a     1", "long  2"]


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert clean("a\x1b[31m\nb\u202ec é") == "a\\x1b[31m\\nb\\u202ec é"
