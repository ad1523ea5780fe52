"""What a plan checks of a clock that is not this machine's: how far the two are apart."""

from __future__ import annotations

from migrate.formats.figures import duration
from migrate.formats.plan_facts import Check, Standing

SKEW_NOTE = 5.0
SKEW_FAILED = 60.0
"""Seconds by which the clocks may differ. Expirations are compared with one of them, and KV takes
none that is less than 60 s ahead."""


def clock_check(name: str, skew: float, whose: str) -> Check:
    """`skew`: seconds by which the other clock is ahead of ours; `whose` it is, such as "the source's"."""
    off = abs(skew)
    if off <= SKEW_NOTE:
        return Check(name, Standing.OK, f"agrees with {whose}")
    side = "behind" if skew > 0 else "ahead of"
    said = f"this machine's is {duration(off)} {side} {whose}"
    todo = "set it by a time server (NTP)"
    if off <= SKEW_FAILED:
        return Check(name, Standing.NOTE, f"{said}; expirations are judged by {whose}", todo)
    return Check(name, Standing.FAILED, f"{said}: too far to judge what has expired", todo)
