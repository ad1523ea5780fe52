"""Live traffic as statistics told it, each time that they were asked: stages, counters, the canary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from migrate.core.document import Document, moment
from migrate.gate.exhibits import LIVE, Exhibit, evidence


def traffic(exhibits: Iterable[Exhibit]) -> Document:
    """What is known of live traffic; `asked` None: nobody asked, or nobody answered."""
    told = sorted((one for one in exhibits if one.kind == LIVE), key=lambda one: one.at)
    newest = told[-1].document if told else None
    canary = None if newest is None else newest["canary"]
    journal = None if newest is None else newest["journal"]
    return {
        "asked": None if newest is None else newest["asked"],
        "times": len(told),
        "stages": _stages(told),
        "counters": {} if newest is None else dict(newest["counters"]),
        "canary": None if canary is None else {"standing": canary["standing"], "said": canary["said"]},
        "lags": _lags(told),
        "journal": None if journal is None else journal["entries"],
    }


def _stages(told: Sequence[Exhibit]) -> list[Document]:
    """Each stage and version with its first and last heartbeat, by our clock."""
    seen: dict[tuple[str, str], tuple[float, float]] = {}
    for one in told:
        live = evidence([one]).live
        for beat in () if live is None else live.heartbeats:
            name = (beat.stage.value, beat.version)
            first, last = seen.get(name, (beat.first, beat.last))
            seen[name] = (min(first, beat.first), max(last, beat.last))
    newest = {(beat["stage"], beat["version"]): beat for beat in told[-1].document["stages"]} if told else {}
    return [
        {
            "stage": stage,
            "version": version,
            "first": moment(first),
            "last": moment(last),
            "isolates": newest[stage, version]["isolates"] if (stage, version) in newest else None,
            "at_work": newest[stage, version]["recent"] if (stage, version) in newest else 0,
        }
        for (stage, version), (first, last) in sorted(seen.items(), key=lambda one: one[1])
    ]


def _lags(told: Sequence[Exhibit]) -> list[Document]:
    """The largest lag that the canary had shown, each time that somebody asked."""
    return [
        {"asked": one.document["asked"], "seconds": one.document["canary"]["lag"]["seconds"]}
        for one in told
        if one.document["canary"] is not None and one.document["canary"]["lag"] is not None
    ]
