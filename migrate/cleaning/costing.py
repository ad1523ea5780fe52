"""What a cleanup will cost: requests, money and days, from how many keys would go."""

from __future__ import annotations

import math

from migrate.cleaning.survey import Survey
from migrate.core.limiting import Rate
from migrate.cost.effort import BULK, charged, days
from migrate.cost.prices import Prices
from migrate.formats.cleanup import Costs

_PAGE = 1000


def costs(found: Survey, prices: Prices, rate: Rate, *, dump: bool) -> Costs:
    """Of all that is to come: the walk, the listing at the end, reads for the dump, and deletions."""
    keys = found.selected
    lists = 2 * found.pages
    used = {"lists": lists, "deletes": keys, "reads": keys if dump else 0}
    price = charged(used, prices.kv)
    requests = lists + (math.ceil(keys / BULK) if dump else 0) + math.ceil(keys / _PAGE)
    free = [days(amount, 1, prices.kv[name].free_per_day) for name, amount in used.items() if amount]
    known = [number for number in free if number is not None]
    return Costs(
        dated=prices.dated,
        currency=prices.currency,
        keys=keys,
        least=price.least,
        most=price.most,
        deletes=prices.kv["deletes"].per_million * keys / 1_000_000,
        free_days=max(known, default=1) if len(known) == len(free) else None,
        free_per_day=prices.kv["deletes"].free_per_day,
        seconds=requests * rate.seconds / rate.requests,
    )
