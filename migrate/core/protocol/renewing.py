"""When a session is renewed, and until when: never shorter than it would live anyway."""

from __future__ import annotations

from migrate.core.record import NEVER, UNKNOWN, Expiration


def due(expiration: Expiration, until: int, now: float, every: float) -> bool:
    """Is a renewal due? When it gains `every` seconds, or half of what is left. Times: Unix seconds."""
    if expiration is UNKNOWN:
        return True
    if not isinstance(expiration, int):
        return False
    gain = until - expiration
    return gain > 0 and gain >= min(every, (expiration - now) / 2)


def prolonged(expiration: Expiration, until: int) -> Expiration:
    """When the session ends, once it has been renewed."""
    if expiration is UNKNOWN:
        return until
    return max(expiration, until) if isinstance(expiration, int) else NEVER
