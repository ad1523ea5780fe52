"""What a gate asks for, in numbers. All are seconds, except where it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrate.core.canary import LAG_TIMES

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The sane defaults are those of a migration whose sessions live for a week or longer.

    `max_age`: how old evidence may be. `steady`: how long a stage must have been everywhere. `least_horizon`:
    H is never less; `flight`: the longest write in flight and the clocks' error, which come on top of
    staleness; `canaries`: how many times the canary's lag fits into H. `lease`: how long an import may be
    on its way. `window`: how long object-first must have been everywhere, None: the longest time that a
    session was seen to have left, at most `longest_window`. `valid`: how long a verdict may be used.
    `isolate_cache`: how long isolates keep what they read, by the operator's word; None: nobody has said.
    `waivers`: conditions by name that are let be, and why.
    """

    max_age: float = DAY
    steady: float = 15 * MINUTE
    least_horizon: float = MINUTE
    flight: float = 50.0
    canaries: float = LAG_TIMES
    lease: float = 5 * MINUTE
    window: float | None = None
    longest_window: float = 7 * DAY
    valid: float = DAY
    isolate_cache: float | None = None
    waivers: Mapping[str, str] = field(default_factory=dict)
