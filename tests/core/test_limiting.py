from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.core.limiting import Budget, MemoryRequestLog, Rate, Slot, Wait, next_utc_day, utc_day
from migrate.errors import ConfigError

MIDNIGHT = 1_800_057_600.0  # 2027-01-16T00:00:00Z


def take(log: MemoryRequestLog, rate: Rate, now: float) -> Slot:
    slot = log.reserve(rate, now)
    assert not isinstance(slot, Wait)
    return slot


@pytest.mark.parametrize("text", ["600/300", "1/0.5", "1200/3e2"])
def test_a_rate_is_requests_per_seconds(text: str) -> None:
    count, seconds = text.split("/")
    assert Rate.parse(text) == Rate(int(count), float(seconds))


@pytest.mark.parametrize(
    "text", ["", "600", "600/", "/300", "0/300", "-1/300", "6/0", "6/-1", "6/inf", "6/nan"]
)
def test_a_rate_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Rate.parse(text)
    assert "600/300" in refused.value.hint


def test_a_slot_is_free_a_window_after_its_answer_not_after_its_request() -> None:
    log, rate = MemoryRequestLog(), Rate(1, 300)
    slot = take(log, rate, 0.0)
    log.complete(slot, 50.0)
    assert log.reserve(rate, 300.0) == Wait(50.0)
    assert log.reserve(rate, 349.0) == Wait(1.0)
    take(log, rate, 350.0)


def test_a_request_that_nobody_completed_is_answered_after_the_grace() -> None:
    log, rate = MemoryRequestLog(), Rate(1, 300)
    take(log, rate, 0.0)
    assert log.reserve(rate, 0.0) == Wait(310.0)
    take(log, rate, 310.0)


def test_an_answer_later_than_the_grace_still_counts_from_its_time() -> None:
    log, rate = MemoryRequestLog(), Rate(1, 300)
    slow = take(log, rate, 0.0)
    quick = take(log, rate, 310.0)
    log.complete(slow, 320.0)
    log.complete(quick, 311.0)
    assert log.reserve(rate, 612.0) == Wait(8.0)


def test_completing_twice_does_not_hold_the_slot_longer() -> None:
    log, rate = MemoryRequestLog(), Rate(1, 10)
    slot = take(log, rate, 0.0)
    log.complete(slot, 1.0)
    log.complete(slot, 9.0)
    take(log, rate, 11.0)


@given(
    requests=st.integers(1, 5),
    gaps=st.lists(st.tuples(st.floats(0, 20), st.floats(0, 8), st.floats(0, 1)), min_size=1, max_size=60),
)
def test_no_window_of_the_server_ever_holds_more_than_the_rate(
    requests: int, gaps: list[tuple[float, float, float]]
) -> None:
    """Wherever between sending and answer the server counts each request, no window has too many."""
    log, rate = MemoryRequestLog(), Rate(requests, 10.0)
    now = 0.0
    counted: list[float] = []
    for gap, latency, share in gaps:
        now += gap
        while isinstance(slot := log.reserve(rate, now), Wait):
            assert slot.seconds > 0
            now += slot.seconds
        log.complete(slot, now + latency)
        counted.append(now + latency * share)
    counted.sort()
    crowds = [later - first for first, later in zip(counted, counted[requests:], strict=False)]
    assert all(span >= rate.seconds - 1e-6 for span in crowds)


@given(st.integers(1, 4), st.lists(st.floats(0, 3), min_size=5, max_size=40))
def test_a_full_window_is_used_at_once(requests: int, gaps: list[float]) -> None:
    log, rate = MemoryRequestLog(), Rate(requests, 10.0)
    now, sent = 0.0, []
    for gap in gaps:
        now += gap
        while isinstance(slot := log.reserve(rate, now), Wait):
            now += slot.seconds
        log.complete(slot, now)
        sent.append(now)
    waited = [b for a, b, gap in zip(sent, sent[1:], gaps[1:], strict=False) if b - a > gap + 1e-6]
    assert all(any(abs(moment - earlier - 10.0) < 1e-6 for earlier in sent) for moment in waited)
    assert all(a <= b for a, b in pairwise(sent))


def test_threads_never_share_a_slot() -> None:
    log, rate, taken = MemoryRequestLog(), Rate(50, 300), []

    def reserve() -> None:
        for _ in range(20):
            slot = log.reserve(rate, 0.0)
            if not isinstance(slot, Wait):
                taken.append(slot)

    threads = [threading.Thread(target=reserve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 50


def test_a_budget_is_refused_whole_and_begins_anew_each_day() -> None:
    log = MemoryRequestLog()
    assert log.spend("reads", 100, 150, "2027-01-15")
    assert not log.spend("reads", 100, 150, "2027-01-15")
    assert log.spend("reads", 50, 150, "2027-01-15")
    assert not log.spend("reads", 1, 150, "2027-01-15")
    assert log.spend("lists", 1, 1, "2027-01-15")
    assert log.spend("reads", 150, 150, "2027-01-16")


def test_a_budget_limits_the_kinds_it_names_and_no_other() -> None:
    budget = Budget.parse(["reads=50000/day", "lists=7/day"])
    assert (budget.limit("reads"), budget.limit("lists"), budget.limit("writes")) == (50000, 7, None)
    assert Budget.parse([]).limit("reads") is None
    assert Budget.parse(["lists=0/day"]).limit("lists") == 0
    assert Budget.parse(["writes=5/day", "deletes=9/day"]) == Budget(writes=5, deletes=9)


@pytest.mark.parametrize(
    "texts",
    [
        ["reads"],
        ["reads=5"],
        ["reads=5/hour"],
        ["reads=-5/day"],
        ["reads=²/day"],
        ["objects=5/day"],
        ["=5/day"],
        ["reads=/day"],
        ["reads=1/day", "reads=2/day"],
    ],
)
def test_a_budget_that_is_none_is_refused_with_an_example(texts: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        Budget.parse(texts)
    assert "reads=50000/day" in refused.value.hint


@pytest.mark.parametrize(("now", "day"), [(MIDNIGHT - 1, "2027-01-15"), (MIDNIGHT, "2027-01-16")])
def test_days_are_utc_days(now: float, day: str) -> None:
    assert utc_day(now) == day
    assert next_utc_day(now) == ("2027-01-16T00:00:00Z" if now < MIDNIGHT else "2027-01-17T00:00:00Z")
