"""Documents as a migration leaves them, with which each door is open."""

from typing import Any

from migrate.core.document import Document, moment
from migrate.core.gate.verdict import Door
from migrate.gate.exhibits import AUDIT, DEPLOYMENT, FENCE, LISTING, LIVE, Exhibit
from tests.core.gate.world import AGO, COMMIT, DAY, HOUR, NOW, STAGES


def live(door: Door, ahead: float = 0.0) -> Document:
    """The member `live` of a status, by statistics whose clock is `ahead` of ours."""
    since = NOW - AGO[door]
    beat = {
        "stage": STAGES[door].value,
        "version": "new",
        "isolates": 2,
        "recent": 2,
        "first": moment(since - 60 + ahead),
        "last": moment(NOW - 10 + ahead),
        "age_seconds": 5.0,
    }
    return {
        "asked": moment(NOW - 5),
        "standing": "seen",
        "said": "at work",
        "stages": [beat],
        "counters": {},
        "rose": {},
        "journal": None,
        "canary": {
            "standing": "counted",
            "said": "the counter of fallback hits counted the canary",
            "newest": None,
            "lag": {"seconds": 20.0, "at": moment(NOW - HOUR + ahead), "horizon_seconds": 60.0},
            "reads": {},
        },
    }


def asked_afresh(door: Door) -> list[Exhibit]:
    """What a gate gathers by itself, and an audit."""
    since = moment(NOW - AGO[door])
    versions = [{"version": "new", "percentage": 100.0}]
    deployed = {"asked": moment(NOW - 5), "script": "shop", "since": since, "versions": versions}
    deployed |= {"tag": COMMIT[:9]}
    audit = {
        "audited": moment(NOW - 300),
        "commit": COMMIT,
        "dirty": False,
        "whole": True,
        "writes": [],
        "caches_seconds": 60.0,
    }
    listings = [
        {"started": moment(at), "finished": moment(at + 10), "keys": 9, "hours": {"never": "0" * 32}}
        for at in (NOW - 900, NOW - 300)
    ]
    found: list[tuple[str, Any]] = [
        (LIVE, live(door)),
        (
            DEPLOYMENT,
            {
                "asked": moment(NOW - 5),
                "script": "shop",
                "since": since,
                "versions": versions,
                "tag": COMMIT[:9],
            },
        ),
        (
            FENCE,
            {"asked": moment(NOW - 5), "since": moment(NOW - 3 * HOUR), "leased": moment(NOW - 4 * HOUR)},
        ),
        (AUDIT, audit),
        *((LISTING, one) for one in listings),
    ]
    return [
        Exhibit(kind, NOW - 5 if kind != LISTING else one["finished"]["unix"], one) for kind, one in found
    ]


def at(document: Document, started: float, finished: float, **changes: Any) -> Document:
    """A report of a run, made at another time."""
    return {**document, "started": moment(started), "finished": moment(finished), **changes}


__all__ = ["DAY", "HOUR", "NOW", "asked_afresh", "at", "live"]
