from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migrate.core.limiting import Budget, Rate
from migrate.cost.effort import Days, Effort, budget_days, cost, days, estimate, one_pass
from migrate.cost.prices import prices
from migrate.cost.survey import Survey

MILLION = Survey(keys=1_000_000, pages=1000, bulk_reads=10_000)


def test_a_million_sessions_take_eleven_requests_a_thousand_and_46_minutes_at_the_ceiling() -> None:
    effort = one_pass(MILLION)
    assert effort.requests == 11_000
    assert round(effort.seconds(Rate(1200, 300)) / 60) == 46
    assert round(effort.keys / effort.seconds(prices().ceiling)) == 364
    assert effort.seconds(Rate(600, 300)) == 2 * effort.seconds(Rate(1200, 300))


def test_a_pass_walks_the_empty_pages_again() -> None:
    assert one_pass(Survey(keys=5, pages=9, empty_pages=8, bulk_reads=1)) == Effort(9, 1, 5)


def test_every_pass_is_paid_again() -> None:
    assert Effort(1, 2, 3).times(2) == Effort(2, 4, 6)


# ---------------------------------------------------------------- days


def spend(amount: int, unit: int, limit: int, spent: int) -> int | None:
    """The same by doing it, portion after portion."""
    day, left = 1, max(0, limit - spent)
    while amount:
        portion = min(unit, amount)
        if portion > limit:
            return None
        if portion > left:
            day, left = day + 1, limit
        amount, left = amount - portion, left - portion
    return day


@given(st.integers(0, 400), st.integers(1, 30), st.integers(0, 90), st.integers(0, 100))
@example(100, 100, 99, 0)
@example(99, 100, 99, 0)
@example(101, 100, 100, 0)
@example(1, 1, 1, 1)
def test_days_are_what_spending_portion_by_portion_takes(
    amount: int, unit: int, limit: int, spent: int
) -> None:
    assert days(amount, unit, limit, spent) == spend(amount, unit, limit, spent)


@pytest.mark.parametrize(
    ("budget", "spent", "expected"),
    [
        (Budget(), (0, 0), 1),
        (Budget(reads=1_000_000), (0, 0), 1),
        (Budget(reads=1_000_000), (1, 0), 2),
        (Budget(reads=100_000), (0, 0), 10),
        (Budget(reads=100_000, lists=50), (0, 0), 20),
        (Budget(reads=100_000, lists=1000), (0, 1000), 10),
        (Budget(reads=99), (0, 0), None),
        (Budget(reads=10**9, lists=0), (0, 0), None),
    ],
)
def test_the_tightest_kind_of_a_budget_decides(
    budget: Budget, spent: tuple[int, int], expected: int | None
) -> None:
    assert budget_days(one_pass(MILLION), budget, *spent) == expected


# ---------------------------------------------------------------- money


def test_the_cost_lies_between_an_unused_and_a_used_up_plan() -> None:
    both = one_pass(MILLION).times(2)
    assert cost(both, prices()).least == 0
    assert cost(both, prices()).most == Decimal("1.01")  # 2 M reads at 0.50, 2,000 lists at 5.00
    large = cost(Effort(lists=30_000, bulk_reads=300_000, keys=30_000_000), prices())
    assert (large.least, large.most) == (Decimal("10"), Decimal("15.15"))


@given(st.integers(0, 10**9), st.integers(0, 10**7))
def test_the_plan_never_includes_more_than_it_says(keys: int, lists: int) -> None:
    found = cost(Effort(lists, keys // 100, keys), prices())
    assert 0 <= found.least <= found.most <= found.least + 5 + 5


# ---------------------------------------------------------------- all of it


def test_an_estimate_without_a_budget_has_no_budget_days() -> None:
    found = estimate(MILLION, Rate(600, 300), Budget(), prices())
    assert found.budget is None
    assert found.free == Days(export=10, both=20)
    assert (found.seconds, found.ceiling_seconds) == (5500.0, 2750.0)
    assert found.cost == cost(one_pass(MILLION).times(2), prices())


def test_an_estimate_counts_what_today_has_spent() -> None:
    found = estimate(MILLION, Rate(600, 300), Budget(reads=500_000), prices(), spent_reads=500_000)
    assert found.budget == Days(export=3, both=5)


def test_nothing_takes_nothing() -> None:
    found = estimate(Survey(), Rate(600, 300), Budget(reads=0), prices())
    assert (found.once.requests, found.seconds, found.cost.most) == (0, 0.0, 0)
    assert found.budget == Days(1, 1)
