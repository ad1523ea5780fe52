from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest

from migrate.core.canary import HITS, Canary, Reads, Standing, standing

NOW = 1_800_000_000.0
LONG = 3 * 300.0
NEVER = Reads(0, None)
FLYING = Canary(
    every=300.0,
    number=7,
    written=NOW - 200,
    lag=12.5,
    lagged=NOW - 9000,
    counted=Reads(40, NOW - 10),
    uncounted=NEVER,
    missing=Reads(1, NOW - 9000),
    foreign=NEVER,
)


def found(canary: Canary | None, hits: int = 40, stages: tuple[str, ...] = ("object-first",)) -> Standing:
    return standing(canary, hits, stages, NOW)[0]


def test_the_counter_is_the_session_stores() -> None:
    calls = resources.files("migrate").joinpath("edge/src/stats-calls.ts").read_text()
    assert re.findall(r'CANARY_HITS = "(.*)"', calls) == [HITS]


def test_a_canary_that_flies_and_is_counted_proves_the_counter() -> None:
    assert found(FLYING) is Standing.COUNTED
    assert found(FLYING, hits=41) is Standing.COUNTED, "a heartbeat may have been lost"


@pytest.mark.parametrize("stages", [("object-first",), ("object-only",), ()])
def test_one_canary_that_was_not_counted_lately_is_against_the_counter(stages: tuple[str, ...]) -> None:
    assert found(replace(FLYING, uncounted=Reads(1, NOW - LONG)), stages=stages) is Standing.UNCOUNTED
    assert found(replace(FLYING, uncounted=Reads(1, NOW - LONG - 1))) is Standing.COUNTED


def test_counts_that_were_lost_are_against_the_counter() -> None:
    assert found(FLYING, hits=39) is Standing.UNCOUNTED


@pytest.mark.parametrize(
    "canary",
    [
        None,
        replace(FLYING, written=None, number=None),
        replace(FLYING, written=NOW - LONG - 1),
        replace(FLYING, counted=Reads(40, NOW - LONG - 1)),
        replace(FLYING, counted=NEVER),
    ],
)
def test_a_canary_that_is_missing_for_long_leaves_the_counter_unproven(canary: Canary | None) -> None:
    assert found(canary) is Standing.UNPROVEN
    assert found(canary, stages=("object-first", "object-only")) is Standing.UNPROVEN
    assert found(canary, stages=()) is Standing.UNPROVEN


def test_where_nobody_asks_kv_the_canary_rests() -> None:
    assert found(replace(FLYING, written=NOW - 9000), stages=("object-only",)) is Standing.RESTS
    assert found(None, stages=("object-only",)) is Standing.UNPROVEN, "statistics from before it know of none"


def test_the_horizon_is_three_times_the_largest_lag() -> None:
    assert FLYING.horizon == 37.5
    assert replace(FLYING, lag=0.0).horizon == 0.0
    assert replace(FLYING, lag=None).horizon is None
