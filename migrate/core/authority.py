"""Who is right about rows that are older than kvferry: the operator says it, and nothing else can.

Neither clocks nor versions tell whether such a row is older or newer than what KV has. Where nobody has
said it, such a row is kept, reported, and proves nothing.
"""

from __future__ import annotations

import enum

from migrate.core.ports import Outcome


class Authority(enum.StrEnum):
    """Which store is right where it differs from a row of origin legacy.

    KV: a sweep may replace the row by what has settled there. TARGET: nothing ever replaces it, and KV
    is behind.
    """

    KV = "kv"
    TARGET = "target"


def judged(standing: Outcome, authority: Authority | None) -> Outcome:
    """What becomes of a record that stands so to the row that is there (`copying.standing`)."""
    yields = standing is Outcome.LEGACY and authority is Authority.KV
    return Outcome.WAITING if yields else standing
