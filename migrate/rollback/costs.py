"""What writing sessions back into KV costs."""

from __future__ import annotations

from decimal import Decimal

from migrate.core.document import Document
from migrate.core.ports import Tally
from migrate.cost.prices import prices
from migrate.formats.rollback import DELETED, WRITTEN

_PRICED = {WRITTEN: "writes", DELETED: "deletes"}
_MILLION = Decimal(1_000_000)


def cost(tally: Tally) -> Document:
    """In dollars, beyond what a paid plan includes; and how many days of a free one it takes."""
    table = prices()
    each = [table.kv[kind].per_million * tally[name] / _MILLION for name, kind in _PRICED.items()]
    days = [-(-tally[name] // table.kv[kind].free_per_day) for name, kind in _PRICED.items()]
    return {"dollars": f"{sum(each, Decimal(0)):.2f}", "dated": table.dated, "free_days": max(days)}
