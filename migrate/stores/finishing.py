"""What a target says to whoever would copy into it after the end of its migration."""

from __future__ import annotations

from migrate.errors import StoreRefused

HINT = "nothing can be copied into it any more; another target can be"


def refused(address: str) -> StoreRefused:
    """The error of a batch that comes after `finish`."""
    return StoreRefused(f"{address}: its migration is finished: nothing is imported any more", HINT)
