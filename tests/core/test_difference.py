from __future__ import annotations

from dataclasses import replace

from migrate.core.difference import Seen
from migrate.core.record import NEVER, UNKNOWN, Origin

SEEN = Seen(digest="d" * 22, size=3, expiration=100, metadata="m" * 22, version=2, origin=Origin.COPY)


def test_a_tombstone_is_what_has_no_digest() -> None:
    assert replace(SEEN, digest=None).deleted
    assert not replace(SEEN, size=0).deleted


def test_two_readings_are_the_same_only_when_everything_is() -> None:
    assert replace(SEEN) == SEEN
    changed = [
        replace(SEEN, digest="e" * 22),
        replace(SEEN, expiration=NEVER),
        replace(SEEN, metadata=None),
        replace(SEEN, version=3),
        replace(SEEN, origin="app"),
    ]
    assert all(one != SEEN for one in changed)
    assert replace(SEEN, expiration=NEVER) != replace(SEEN, expiration=UNKNOWN)
