"""Facts of plans for the tests: one in which all is well, and the parts to spoil it with."""

from __future__ import annotations

from typing import Any

from migrate.core.limiting import Budget, Rate
from migrate.core.ports import RunId, SweepInfo
from migrate.cost.effort import estimate
from migrate.cost.prices import prices
from migrate.cost.room import room
from migrate.cost.survey import Survey
from migrate.formats.plan_facts import (
    Finding,
    Listing,
    Notebook,
    Place,
    PlanFacts,
    Refused,
    Remote,
    Rows,
    Space,
    Token,
    Words,
)

NOW = 1_800_000_000.0
PREFIX = "spotify_session:"
DENIED = Refused("Cloudflare refused the token (HTTP 403, code 10000)", "set CLOUDFLARE_API_TOKEN")
SURVEY = Survey(
    keys=1_000_000,
    pages=1000,
    bulk_reads=10_000,
    never=50_000,
    dated=950_000,
    soonest=int(NOW) + 90,
    latest=int(NOW) + 30 * 86400,
    with_metadata=250_000,
    metadata_bytes=5_000_000,
    key_bytes=48_000_000,
    longest_key=48,
)


def remote(survey: Survey = SURVEY, budget: Budget | None = None, **changes: Any) -> Remote:
    limits, rate = budget or Budget(), Rate(600, 300)
    given: dict[str, Any] = {
        "needs": "Workers KV Storage Read",
        "prices": prices(),
        "rate": rate,
        "budget": limits,
        "estimate": estimate(survey, rate, limits, prices()),
        "token": Token("active"),
        "space": Space("sessions"),
    }
    return Remote(**(given | changes))


def place(**changes: Any) -> Place:
    given: dict[str, Any] = {
        "address": "sqlite:/data/sessions.db",
        "file": "/data/sessions.db",
        "free": 10**12,
        "room": room(SURVEY),
    }
    return Place(**(given | changes))


def rows(*sweeps: float | None, **changes: Any) -> Rows:
    """`sweeps`: when each was finished, None = not yet."""
    run = RunId("0123456789abcdef")
    infos = [SweepInfo(at + 1, run, at + 1, NOW - 100, end) for at, end in enumerate(sweeps)]
    given: dict[str, Any] = {"origins": {}, "tombstones": 0, "quarantined": 0, "sweeps": infos}
    return Rows(**(given | changes))


def facts(**changes: Any) -> PlanFacts:
    given: dict[str, Any] = {
        "source": "kv://acc/ns",
        "prefixes": (PREFIX,),
        "words": Words("kv:", "sqlite:sessions.db", {"env": "live"}, {"schema": "session.json"}),
        "started": NOW - 3,
        "finished": NOW,
        "found": [Finding("account", "acc", "wrangler.toml"), Finding("token", None, "CLOUDFLARE_API_TOKEN")],
        "notes": (),
        "notebook": Notebook(".kvferry/ledger.db", new=False, runs=2),
        "listing": Listing(SURVEY, complete=True),
        "remote": remote(),
        "skew": 0.0,
        "place": place(),
        "requests": {"lists": 1000, "other": 2},
    }
    return PlanFacts(**(given | changes))


def local(**changes: Any) -> PlanFacts:
    """Of a source that is no service: no token, no limit, no clock of its own."""
    return facts(**({"source": "sqlite:/data/old.db", "remote": None, "skew": None, "found": []} | changes))
