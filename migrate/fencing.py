"""The fence of a gate's verify, as commands put it up, meet it and see it lifted.

While it is up, no sweep replaces a row of the target (law 1). A verdict rests on it if it has been up,
without a break, since before its verify began.
"""

from __future__ import annotations

import contextlib

from migrate import addresses
from migrate.core.document import iso
from migrate.core.ports import Holder
from migrate.desk import Desk
from migrate.errors import ConfigError, StoreUnavailable

AFTER = 2.0
"""Seconds that a verify begins after the fence is up: as known later, through another clock, it is so too."""

_SAME = 1.0
"""Seconds by which the same moment may be told differently, through another clock."""

LIFT = "--lift-fence: every verdict that rests on the fence is void then"


def put_up(desk: Desk, target: str, holder: Holder) -> float:
    """Put up the fence of the store that is open as `holder`, or find it up; returns since when it is.

    Returns when it holds everywhere, and that moment is past. Unix seconds.
    Raises ConfigError for a store without one, or without a key for imports; StoreError.
    """
    expect_fence(target, "--fence")
    if holder.fenced_since() is None:
        desk.progress.say("the fence goes up: from now on no sweep replaces a row of the target")
    with contextlib.closing(desk.opener.target(target)) as opened:
        opened.begin_gate_verify()
    since = holder.fenced_since()
    if since is None:
        raise StoreUnavailable(
            f"{holder.address}: the fence was lifted while it went up", "find out by whom, then run it again"
        )
    if (wait := since + AFTER - desk.settings.clock.now()) > 0:
        desk.settings.clock.sleep(wait)
    desk.progress.say(f"the fence has been up since {iso(since)}")
    return since


def expect_fence(target: str, option: str) -> None:
    """Raise ConfigError for a store that has none."""
    if isinstance(addresses.parse(target), addresses.DumpAddress):
        raise ConfigError("a dump has no fence: no sweep changes it", f"leave {option} out")


def expect_unbroken(holder: Holder, since: float) -> None:
    """Raise StoreUnavailable unless the fence is the one that has been up since then."""
    now = holder.fenced_since()
    if now is None or abs(now - since) > _SAME:
        raise StoreUnavailable(
            f"{holder.address}: the fence was lifted while the verify ran: no verdict can rest on it",
            "run the same command again: it begins anew",
        )


def met(since: float) -> str:
    """What an export is told that finds the fence up."""
    return f"a gate's verify has begun, and since {iso(since)} no row is replaced ({LIFT})"
