"""How long a logout must be remembered: as long as anything may still bring the session back."""

from __future__ import annotations

import math

from migrate.core.record import Row

COOKIES_END = 400 * 86_400
"""Seconds. Browsers keep no cookie for longer than 400 days (RFC 6265bis), so this is how long a session
lives at most that is known by a cookie."""


def remembered_until(there: Row | None, written: float, longest: float, now: float) -> int | None:
    """Until when the logout is kept of a session that is deleted now (Unix seconds); None: for ever.

    `there`: its row (None: nobody knows the session), which was written at `written`. `longest`: the
    longest time to live of any session, seconds. A write that was on its way may give the copy in KV as
    long a life again as that one did, or as the longest that there is.
    """
    if there is not None and not isinstance(there.expiration, int):
        return None
    if math.isinf(longest):
        return None
    end = 0 if there is None or not isinstance(there.expiration, int) else there.expiration
    given = math.ceil(end - written) if end else 0
    return max(end, math.floor(now) + math.ceil(max(longest, given)))
