"""Which way a plan proposes, and what all of it takes, reckoned from what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate import addresses
from migrate.addresses import DumpAddress, DurableAddress, KvAddress, LocalKvAddress
from migrate.core.limiting import Rate
from migrate.core.recipe import Choice, Lifetimes, choose
from migrate.cost.objects import Writing
from migrate.cost.phases import Phase, Reckoning, phases, total
from migrate.cost.prices import prices
from migrate.formats.plan_facts import Code, Listing, Rows, Way


@dataclass(frozen=True, slots=True)
class Wish:
    """What is given besides the stores. `authority`: kv or target, None: nobody has said. `audit`: the
    folder of the application's code as it was typed, and `code` what an audit of it has shown.
    `writes_per_day`: how often the application writes KV on one day; None: not known."""

    authority: str | None = None
    audit: str | None = None
    code: Code | None = None
    writes_per_day: int | None = None


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. `source`, `target`: complete addresses, the latter None when there is none. `now`: the
    source's clock. `writings`: what a copy into objects takes, the bridge's own placement first."""

    source: str
    target: str | None
    listing: Listing
    rows: Rows | None
    writings: Sequence[Writing]
    now: float
    rate: Rate


def way_of(seen: Seen, wish: Wish) -> Way | None:
    """The way; None when nothing was listed."""
    if not seen.listing.survey.pages:
        return None
    source = addresses.parse(seen.source)
    target = None if seen.target is None else addresses.parse(seen.target)
    live = isinstance(source, KvAddress | LocalKvAddress)
    choice = _choice(seen, wish, live=live)
    by = Reckoning(
        seen.listing.survey,
        prices(),
        seen.rate,
        seen.writings[0] if seen.writings else None,
        billed=isinstance(source, KvAddress),
    )
    found: list[Phase] = phases(choice.recipe, by, wish.writes_per_day)
    return Way(
        choice=choice,
        phases=found,
        total=total(found, by),
        prices=by.prices,
        staged=live and not isinstance(target, DumpAddress),
        objects=isinstance(target, DurableAddress),
        authority=wish.authority,
        audit=wish.audit,
        code=wish.code,
        writes_per_day=wish.writes_per_day,
    )


def _choice(seen: Seen, wish: Wish, *, live: bool) -> Choice:
    survey = seen.listing.survey
    left = None if survey.latest is None else survey.latest - seen.now
    lifetimes = Lifetimes(survey.keys, survey.never, survey.unknown, left, seen.listing.complete)
    legacy = 0 if seen.rows is None else seen.rows.origins.get("legacy", 0)
    both = 0 if wish.code is None else len(wish.code.both)
    return choose(lifetimes, live=live, legacy=legacy, both=both)
