"""What a migration's canary proves: that the counter of fallback hits counts, and how far KV lags behind.

    heartbeats ─ reads of the canary ─▶ Canary ─standing─▶ counted | uncounted | unproven | rests

A counter that stands at 0 is evidence only while something that it must count is counted. The canary is read
as the sessions that only KV has are read, and the same line of the session store counts both, apart.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass

LAG_TIMES = 3
"""H is at least so many times the largest lag."""

HITS = "canary_fallback_hit"
"""The counter of canaries, beside `fallback_hit` of sessions."""

_SILENT = 3
"""So many turns without a canary are too long."""

_WITHOUT_KV = "object-only"


class Standing(enum.StrEnum):
    """What the canary says of the counter of fallback hits."""

    COUNTED = "counted"
    UNCOUNTED = "uncounted"
    UNPROVEN = "unproven"
    RESTS = "rests"


@dataclass(frozen=True, slots=True)
class Reads:
    """How often something was read, and when last (Unix seconds, the statistics' clock)."""

    times: int
    last: float | None

    def since(self, then: float) -> bool:
        """Was it read then or later?"""
        return self.last is not None and self.last >= then


@dataclass(frozen=True, slots=True)
class Canary:
    """What the statistics know of the canary. Times are Unix seconds by their clock.

    `every`: seconds between two turns, at least. `number`, `written`: of the newest that KV acknowledged, and
    since when KV has had it, at the earliest; None: there was none. `lag`: for how many seconds at most an
    older canary was read after a newer one was acknowledged, which was at `lagged`; None: never measured. It
    is too long by what calls took, and falls short by what an isolate may read between two heartbeats.
    `counted`, `uncounted`: heartbeats that read a canary, by whether the counter of hits rose. `foreign`: of
    these, reads of a canary that other statistics had written. `missing`: heartbeats that found none.
    """

    every: float
    number: int | None
    written: float | None
    lag: float | None
    lagged: float | None
    counted: Reads
    uncounted: Reads
    missing: Reads
    foreign: Reads

    @property
    def reads(self) -> Mapping[str, Reads]:
        """All of them, by what was read."""
        return {
            "counted": self.counted,
            "uncounted": self.uncounted,
            "missing": self.missing,
            "foreign": self.foreign,
        }

    @property
    def horizon(self) -> float | None:
        """The least H in seconds, as far as the lag goes; None: it was never measured."""
        return None if self.lag is None else self.lag * LAG_TIMES


def standing(canary: Canary | None, hits: int, stages: Collection[str], now: float) -> tuple[Standing, str]:
    """What the canary proves, and why, in one line.

    `canary` None: the statistics are from before it. `hits`: where the counter HITS stands, over all
    isolates. `stages`: those at work. `now`: the statistics' clock.
    """
    if canary is None:
        return Standing.UNPROVEN, "MigrationStats is older than the canary: deploy the one of this release"
    lately = now - _SILENT * canary.every
    if canary.uncounted.since(lately):
        return (
            Standing.UNCOUNTED,
            "the counter of fallback hits does not count: that it stands at 0 means nothing",
        )
    if hits < canary.counted.times:
        return (
            Standing.UNCOUNTED,
            "counts were lost: that the counter of fallback hits stands at 0 means nothing",
        )
    if stages and set(stages) == {_WITHOUT_KV}:
        return Standing.RESTS, "nobody at work asks KV any more, so the canary rests"
    if canary.written is None:
        return Standing.UNPROVEN, "no canary was ever written, so the counter of fallback hits is unproven"
    if canary.written < lately:
        return Standing.UNPROVEN, "no canary was written lately, so the counter of fallback hits is unproven"
    if not canary.counted.since(lately):
        return Standing.UNPROVEN, "no canary was read lately, so the counter of fallback hits is unproven"
    return Standing.COUNTED, "the counter of fallback hits counted the canary"
