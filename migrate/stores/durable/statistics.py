"""The statistics of a migration, as a bridge tells them: who is at work at which stage, counts, and times.

Which sessions the journal names stays behind the bridge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrate.bridge_keys import Scope
from migrate.core.canary import Canary, Reads
from migrate.stores.durable.bridge import Bridge


@dataclass(frozen=True, slots=True)
class Seen:
    """Isolates of one stage and version. `recent`: of them, those with a heartbeat in the time of three.

    `first`, `last`: heartbeats, Unix seconds by the object's clock. `version`: "" is not told.
    """

    stage: str
    version: str
    isolates: int
    recent: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """`now`: the object's clock, Unix seconds. `beat_every`: seconds. `counters`: since the beginning;
    `rose`: when each of them was last heard to have risen (Unix seconds by the object's clock).

    `journal`: open entries, halves of writes that are not known to be done; `oldest`: since when the
    oldest of them has been open, None without any. `canary`: None where the class is from before it.
    """

    now: float
    beat_every: float
    seen: Sequence[Seen]
    counters: Mapping[str, int]
    rose: Mapping[str, float]
    journal: int
    oldest: float | None
    canary: Canary | None


def statistics(bridge: Bridge, patience: float | None = None) -> Statistics | None:
    """Ask for them; None: the bridge has no binding of them. `patience` and errors as of `Bridge.ask`."""
    found = bridge.ask("stats", Scope.VERIFY, {}, patience=patience)["stats"]
    if found is None:
        return None
    return Statistics(
        now=found["now"],
        beat_every=found["beatEvery"],
        seen=tuple(Seen(**one) for one in found["seen"]),
        counters=found["counters"],
        rose=found["rose"],
        journal=found["journal"]["entries"],
        oldest=found["journal"]["oldest"],
        canary=None if found["canary"] is None else _canary(found["canary"]),
    )


def _canary(found: Mapping[str, Any]) -> Canary:
    written, lag, reads = found["written"] or {}, found["lag"] or {}, found["reads"]
    return Canary(
        every=found["every"],
        number=written.get("number"),
        written=written.get("at"),
        lag=lag.get("seconds"),
        lagged=lag.get("at"),
        **{what: Reads(**reads[what]) for what in ("counted", "uncounted", "missing", "foreign")},
    )
