"""What one pass over a source takes: requests, time, days of a budget, and money.

A pass is what one sweep of an export reads, and what one verify reads: every page of the listing
and every value. Three things come on top that no listing can tell: single reads of values that
are not text, smaller bulk reads where values are big, and second looks at what changes meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from migrate.core.limiting import Budget, Rate
from migrate.cost.prices import Operation, Prices
from migrate.cost.survey import Survey

BULK = 100
"""Keys of one bulk read of Workers KV."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Of one pass or several: list requests, bulk reads, and the keys that these read."""

    lists: int
    bulk_reads: int
    keys: int

    @property
    def requests(self) -> int:
        """All requests."""
        return self.lists + self.bulk_reads

    def times(self, passes: int) -> Effort:
        """So many passes."""
        return Effort(self.lists * passes, self.bulk_reads * passes, self.keys * passes)

    def seconds(self, rate: Rate) -> float:
        """How long the requests take at a rate, when nothing else uses it."""
        return self.requests * rate.seconds / rate.requests


def one_pass(survey: Survey) -> Effort:
    """The effort of reading again what was listed: the listing walks the same pages, empty ones too."""
    return Effort(survey.pages, survey.bulk_reads, survey.keys)


# ---------------------------------------------------------------- days


def days(amount: int, unit: int, limit: int, spent: int = 0) -> int | None:
    """On how many UTC days `amount` is spent in portions of `unit`; 1 = today suffices.

    `limit` a day, of which `spent` is gone today. A portion is never cut: what does not fit waits
    for the next day. None: not even a whole day's limit holds one portion, so it never ends.
    """
    portions, rest = divmod(amount, unit)
    if (portions and limit < unit) or rest > limit:
        return None
    left = max(0, limit - spent)
    day = 1
    if portions > left // unit:
        portions -= left // unit
        more = -(-portions // (limit // unit))
        day += more
        left = limit - (portions - (more - 1) * (limit // unit)) * unit
    else:
        left -= portions * unit
    return day if rest <= left else day + 1


def budget_days(effort: Effort, budget: Budget, spent_reads: int = 0, spent_lists: int = 0) -> int | None:
    """On how many UTC days an effort fits a budget, today counted; None: it never does."""
    found = []
    if budget.reads is not None:
        found.append(days(effort.keys, BULK, budget.reads, spent_reads))
    if budget.lists is not None:
        found.append(days(effort.lists, 1, budget.lists, spent_lists))
    known = [number for number in found if number is not None]
    return max(known, default=1) if len(known) == len(found) else None


# ---------------------------------------------------------------- money


@dataclass(frozen=True, slots=True)
class Cost:
    """In the table's currency. `most`: when what the plan includes is used up already this month.

    `least`: when nothing else has used any of it.
    """

    least: Decimal
    most: Decimal


def cost(effort: Effort, prices: Prices) -> Cost:
    """What an effort costs on a paid plan. Each key of a bulk read is taken for one read."""
    return charged({"reads": effort.keys, "lists": effort.lists}, prices.kv)


def charged(used: Mapping[str, int], table: Mapping[str, Operation]) -> Cost:
    """What so many operations cost on a paid plan; both mappings by the operation's name."""
    least = most = Decimal(0)
    for name, amount in used.items():
        price = table[name]
        each = price.per_million / 1_000_000
        most += amount * each
        least += max(0, amount - price.included_per_month) * each
    return Cost(least, most)


# ---------------------------------------------------------------- all of it


@dataclass(frozen=True, slots=True)
class Days:
    """On which day an export ends, and on which a verify right after it; 1 = today, None = never."""

    export: int | None
    both: int | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a migration takes: `once` is one pass; an export is one, and a verify is another.

    `seconds`, `ceiling_seconds`: of one pass, at our rate and at the API's. `budget`: None without
    one. `free`: on a free plan that nothing else uses. `cost`: of both passes.
    """

    once: Effort
    seconds: float
    ceiling_seconds: float
    budget: Days | None
    free: Days
    cost: Cost


def estimate(
    survey: Survey, rate: Rate, budget: Budget, prices: Prices, spent_reads: int = 0, spent_lists: int = 0
) -> Estimate:
    """All figures at once. `spent_reads`, `spent_lists`: what today has used of the budget."""
    once = one_pass(survey)

    def ends(limits: Budget, *spent: int) -> Days:
        return Days(budget_days(once, limits, *spent), budget_days(once.times(2), limits, *spent))

    limited = budget.reads is not None or budget.lists is not None
    return Estimate(
        once,
        once.seconds(rate),
        once.seconds(prices.ceiling),
        ends(budget, spent_reads, spent_lists) if limited else None,
        ends(prices.free_day),
        cost(once.times(2), prices),
    )
