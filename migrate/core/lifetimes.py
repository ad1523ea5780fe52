"""How long sessions have left, counted in few steps: a gate's window is as long as the longest of them."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.core.record import NEVER, Expiration

_HOUR, _DAY = 3600, 86_400
_LEFT = "left_"
_ALWAYS = "left_always"


def step(expiration: Expiration, now: float) -> str:
    """Under which name a session is counted. `now`: the clock by which it expires, Unix seconds.

    Times are rounded up, to hours as far as two days, to days beyond, so that there are few names.
    """
    if not isinstance(expiration, int):
        return _ALWAYS if expiration is NEVER else f"{_LEFT}unknown"
    left = max(0.0, expiration - now)
    unit = _HOUR if left <= 2 * _DAY else _DAY
    return f"{_LEFT}{-int(-left // unit) * unit}"


def longest(tally: Mapping[str, int]) -> int | None:
    """The longest time that one has left, in seconds, rounded up; None: there is none that expires."""
    steps = [
        name.removeprefix(_LEFT) for name, count in tally.items() if name.startswith(_LEFT) and count > 0
    ]
    return max((int(one) for one in steps if one.isdigit()), default=None)


def steps(tally: Mapping[str, int]) -> dict[str, int]:
    """How many have how long left, the shortest first: seconds, rounded up, as digits, then `unknown` and
    `always`."""
    found = {name.removeprefix(_LEFT): n for name, n in tally.items() if name.startswith(_LEFT) and n > 0}
    return dict(
        sorted(found.items(), key=lambda one: (one[0] == "always", not one[0].isdigit(), _size(one[0])))
    )


def _size(step: str) -> int:
    return int(step) if step.isdigit() else 0


def lasting(tally: Mapping[str, int]) -> int:
    """How many never expire."""
    return tally.get(_ALWAYS, 0)
