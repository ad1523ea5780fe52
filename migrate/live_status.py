"""The live side of a migration in the status document: stages at work, counters, the journal, the canary.

    bridge ──▶ Statistics ──live_document──▶ {"target", "standing", "said", "stages", "counters", …}

What nobody told is unproven, and is called so. Counts and times only: no session is named.
"""

from __future__ import annotations

from migrate import addresses
from migrate.addresses import DurableAddress
from migrate.core.canary import HITS
from migrate.core.canary import standing as canary_standing
from migrate.core.document import Document, moment
from migrate.errors import ConfigError, MigrateError
from migrate.opening import Opener
from migrate.stores.durable.statistics import Seen, Statistics, statistics

_PATIENCE = 20.0


def live(target: str, opener: Opener, now: float, *, required: bool) -> Document | None:
    """What the bridge of a target says, or why it says nothing; None: the target is no bridge's.

    `now`: our clock, Unix seconds. `required`: another target, and whatever keeps the bridge from
    answering, is raised (ConfigError, StoreError). Raises ConfigError for what is no address: it may
    hold a password, and is not repeated.
    """
    address = addresses.parse(target)
    if not isinstance(address, DurableAddress):
        if required:
            raise ConfigError(
                f"{target} has no statistics of live traffic", "--target is do+https://HOST, or left out"
            )
        return None
    try:
        return live_document(target, statistics(opener.bridge(address), _PATIENCE), now)
    except MigrateError as error:
        if required:
            raise
        return _document(target, now, "unasked", f"not asked, so the stages are unproven: {error.message}")


def live_document(target: str, found: Statistics | None, now: float) -> Document:
    """The member `live`. `found` None: the bridge has no statistics. Ages are by the object's clock."""
    if found is None:
        said = (
            "the bridge has no statistics, so the stages are unproven: kvferry bridge check says what to do"
        )
        return _document(target, now, "unbound", said)
    standing, said = _standing(found)
    oldest = found.oldest
    return _document(target, now, standing, said) | {
        "stages": [_stage(one, found.now) for one in found.seen],
        "counters": dict(sorted(found.counters.items())),
        "rose": {name: moment(at) for name, at in sorted(found.rose.items())},
        "journal": {
            "entries": found.journal,
            "oldest": None if oldest is None else moment(oldest),
            "age_seconds": None if oldest is None else _age(oldest, found.now),
        },
        "canary": _canary(found),
    }


def _canary(found: Statistics) -> Document:
    at_work = {one.stage for one in found.seen if one.recent}
    standing, said = canary_standing(found.canary, found.counters.get(HITS, 0), at_work, found.now)
    document: Document = {"standing": standing.value, "said": said, "newest": None, "lag": None, "reads": {}}
    canary = found.canary
    if canary is None:
        return document
    if canary.written is not None:
        age = _age(canary.written, found.now)
        newest = {"number": canary.number, "written": moment(canary.written), "age_seconds": age}
        document["newest"] = newest
    if canary.lag is not None and canary.lagged is not None:
        seconds, horizon = round(canary.lag, 3), round(canary.horizon or 0.0, 3)
        document["lag"] = {"seconds": seconds, "at": moment(canary.lagged), "horizon_seconds": horizon}
    document["reads"] = {
        what: {"times": one.times, "last": None if one.last is None else moment(one.last)}
        for what, one in canary.reads.items()
    }
    return document


def _standing(found: Statistics) -> tuple[str, str]:
    if not found.seen:
        return "unproven", "no heartbeat was ever heard: which stages are at work is unproven"
    at_work = sorted({one.stage for one in found.seen if one.recent})
    if not at_work:
        return "unproven", "no heartbeat was heard lately: which stages are at work is unproven"
    return "seen", f"at work: {', '.join(at_work)}"


def _stage(one: Seen, now: float) -> Document:
    return {
        "stage": one.stage,
        "version": one.version,
        "isolates": one.isolates,
        "recent": one.recent,
        "first": moment(one.first),
        "last": moment(one.last),
        "age_seconds": _age(one.last, now),
    }


def _age(then: float, now: float) -> float:
    return round(max(0.0, now - then), 3)


def _document(target: str, now: float, standing: str, said: str) -> Document:
    return {
        "target": target,
        "asked": moment(now),
        "standing": standing,
        "said": said,
        "stages": [],
        "counters": {},
        "rose": {},
        "journal": None,
        "canary": None,
    }
