"""What each phase of a whole migration takes: requests, rows, time, money, and days on a free plan.

A phase is what one command, or the application while a stage lasts, asks of Cloudflare. Counted as
Cloudflare bills it; what no listing can tell comes on top (`migrate.cost.effort`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from migrate.core.limiting import Rate
from migrate.core.recipe import Recipe
from migrate.cost.effort import BULK, Cost, charged, days
from migrate.cost.objects import Writing
from migrate.cost.prices import Operation, Prices
from migrate.cost.survey import Survey

_PAGE = 1000
"""Rows that a verify gets from one object with one request; sessions of a page."""

_SESSION_ROWS = 2
"""Of a session in an object: its value, and who wrote it."""

_BULK_WRITE = 10_000
"""Keys of one bulk write or delete of Workers KV."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase. `used`: operations by their names in the price table. `seconds`: that the requests to
    Cloudflare's API take at the rate, None: there are none. `free_days`: UTC days of a free plan that nothing
    else uses, None: it never ends; `limit`: the operation that sets them. `optional`: not on the way."""

    name: str
    used: Mapping[str, int]
    seconds: float | None
    cost: Cost
    free_days: int | None
    limit: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Reckoning:
    """By what phases are reckoned. `writing`: what a copy into objects takes; None: the target is a file."""

    survey: Survey
    prices: Prices
    rate: Rate
    writing: Writing | None = None
    billed: bool = True
    """False: the source is not at Cloudflare."""

    def phase(self, name: str, used: Mapping[str, int], requests: int, *, optional: bool = False) -> Phase:
        """A phase of these operations and so many requests of the API; what is not billed is left out."""
        table = {**(self.prices.kv if self.billed else {}), **(self.prices.objects if self.writing else {})}
        kept = {operation: amount for operation, amount in used.items() if operation in table and amount}
        free, limit = _free(kept, table)
        time = requests * self.rate.seconds / self.rate.requests if self.billed and requests else None
        return Phase(name, kept, time, charged(kept, table), free, limit, optional)


def _free(used: Mapping[str, int], table: Mapping[str, Operation]) -> tuple[int | None, str]:
    """On which day the free plan lets it end, and by which operation; 0 days for nothing."""
    worst: tuple[int | None, str] = (0, "")
    for name, amount in used.items():
        took = days(amount, BULK if name == "reads" else 1, table[name].free_per_day)
        if took is None or (worst[0] is not None and took > worst[0]):
            worst = (took, name)
    return worst


def phases(recipe: Recipe, by: Reckoning, writes_per_day: int | None = None) -> list[Phase]:
    """The phases of a recipe in their order, the optional ones last.

    `writes_per_day`: what the application writes to KV on one day, for dual-write; None: not known.
    """
    found = []
    if writes_per_day is not None:
        found.append(_dual_write(by, writes_per_day))
    if recipe is Recipe.COPY:
        found.append(_export(by, "first export", fresh=True))
    if recipe is Recipe.ADOPT:
        found += [_export(by, "export and its second sweep", fresh=True, times=2)]
    if recipe is not Recipe.DRAIN:
        found.append(_export(by, "export before the first door", fresh=False))
    found += [
        _verify(by, "verify for object-first"),
        _verify(by, "verify for object-only"),
        by.phase("listings for cleanup", {"lists": 2 * by.survey.pages}, 2 * by.survey.pages),
    ]
    keys = by.survey.keys
    bulk = -(-keys // _BULK_WRITE)
    return [
        *found,
        by.phase("emptying KV, instead of letting it expire", {"deletes": keys}, bulk, optional=True),
        by.phase("going back to dual-write", {"writes": keys}, bulk, optional=True),
    ]


def _dual_write(by: Reckoning, writes: int) -> Phase:
    """Of one day: what the objects get beside KV, which is written as before."""
    used = {"requests": writes, "rows_written": writes * (_SESSION_ROWS + 1)}
    return by.phase("dual-write, each day", {**used, "rows_read": writes * _SESSION_ROWS}, 0)


def _export(by: Reckoning, name: str, *, fresh: bool, times: int = 1) -> Phase:
    """A pass over the source. `fresh`: the target lacks it all; else everything is there already."""
    survey, writing = by.survey, by.writing
    used = {"lists": survey.pages * times, "reads": survey.keys * times}
    if writing is not None:
        used["requests"] = writing.object_requests * times
        used["worker_requests"] = writing.bridge_requests * times
        used["gb_seconds"] = writing.gb_seconds * times
        used["rows_read"] = survey.keys * _SESSION_ROWS * times
        notes = 2 * writing.bridge_requests
        used["rows_written"] = writing.rows_written + notes * (times - 1) if fresh else notes
    return by.phase(name, used, (survey.pages + survey.bulk_reads) * times)


def _verify(by: Reckoning, name: str) -> Phase:
    """A pass over both stores. An object gives a page of its rows with one request."""
    survey, writing = by.survey, by.writing
    used = {"lists": survey.pages, "reads": survey.keys}
    if writing is not None:
        pages = writing.objects - (-survey.keys // _PAGE) if writing.shards else writing.objects
        used["requests"] = pages
        used["worker_requests"] = -(-survey.keys // _PAGE)
        used["rows_read"] = survey.keys * _SESSION_ROWS
    return by.phase(name, used, survey.pages + survey.bulk_reads)


@dataclass(frozen=True, slots=True)
class Total:
    """All phases that are on the way. `days`: of the free plan's limits, none of it wasted; None: never."""

    cost: Cost = field(default_factory=lambda: Cost(Decimal(0), Decimal(0)))
    seconds: float = 0.0
    days: int | None = 0


def total(found: Sequence[Phase], by: Reckoning) -> Total:
    """What they take together; what the plan includes is subtracted once."""
    way = [one for one in found if not one.optional]
    used: dict[str, int] = {}
    for one in way:
        for name, amount in one.used.items():
            used[name] = used.get(name, 0) + amount
    table = {**by.prices.kv, **by.prices.objects}
    free, _ = _free(used, table)
    return Total(charged(used, table), sum(one.seconds or 0.0 for one in way), free)
