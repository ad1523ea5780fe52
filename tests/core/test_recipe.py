from __future__ import annotations

from dataclasses import replace

import pytest

from migrate.core.recipe import SHORT, Because, Choice, Lifetimes, Recipe, choose

DAY = Lifetimes(keys=1000, never=0, unknown=0, latest=86_400.0, whole=True)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"never": 1}, Because.LASTING),
        ({"latest": SHORT + 1}, Because.LONG),
        ({"unknown": 1}, Because.UNKNOWN),
        ({"whole": False}, Because.UNKNOWN),
        ({"keys": 0, "latest": None}, Because.EMPTY),
    ],
)
def test_what_does_not_end_soon_is_copied(changes: dict[str, int], because: Because) -> None:
    assert choose(replace(DAY, **changes), live=True, legacy=0, both=0) == Choice(Recipe.COPY, because)


def test_sessions_of_a_day_drain_and_the_wait_is_the_longest_of_them() -> None:
    assert choose(DAY, live=True, legacy=0, both=0) == Choice(Recipe.DRAIN, Because.ENDING, 86_400.0)


def test_a_source_that_nobody_writes_does_not_drain() -> None:
    assert choose(DAY, live=False, legacy=0, both=0) == Choice(Recipe.COPY, Because.STILL)


def test_what_is_in_both_stores_already_is_adopted_however_short_it_lives() -> None:
    assert choose(DAY, live=True, legacy=1, both=0) == Choice(Recipe.ADOPT, Because.LEGACY)
    assert choose(DAY, live=True, legacy=0, both=1) == Choice(Recipe.ADOPT, Because.BOTH_WRITTEN)
