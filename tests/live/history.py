"""What clients did and what they were told: operations with start, end and outcome, and what was known of
the roll-outs meanwhile.

Times are Unix seconds of one clock. Values are numbers, each written once, so that a read tells whose write
it has seen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

STAGES = ("kv", "dual-write", "shadow-read", "object-first", "object-only")
KV, DUAL, SHADOW, FIRST, ONLY = range(5)

NEVER = math.inf
"""The expiration of a session that has none."""

Verb = Literal["get", "put", "touch", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as its caller saw it. A login is a put.

    `done`: it was acknowledged; else nobody knows. `value`: what it wrote or, of a get, what it found (None:
    no session). `expiration`: what it asked for or found (None: not told). `carried`: what a touch or an
    update read before it wrote, as far as that is known. `over`: until when a part of it may still land,
    `end` at least. `silent`: no answer came at all.
    """

    session: str
    verb: Verb
    stage: int
    start: float
    end: float
    done: bool = True
    value: int | None = None
    expiration: float | None = None
    carried: int | None = None
    over: float = 0.0
    silent: bool = False

    @property
    def lands(self) -> float:
        """Until when a part of it may land."""
        return max(self.end, self.over)


@dataclass(slots=True)
class History:
    """All operations.

    `stale`: how old an answer of KV may be, seconds. `opened`: when the gate to object-first was opened.
    `alone`: from when to when no stage before object-first was live. `coalesced`: a touch that gains fewer
    seconds may write nothing. `reverted`: when KV was made right again about what was written at
    object-first, for going back to dual-write.
    """

    stale: float
    operations: list[Operation] = field(default_factory=list)
    opened: float = math.inf
    alone: list[tuple[float, float]] = field(default_factory=list)
    coalesced: float = 0.0
    reverted: float = math.inf

    def of_each(self) -> dict[str, list[Operation]]:
        """The operations of each session, in the order of their starts."""
        found: dict[str, list[Operation]] = {}
        for one in sorted(self.operations, key=lambda one: one.start):
            found.setdefault(one.session, []).append(one)
        return found

    def save(self, file: Path, sessions: Iterable[str]) -> None:
        """Write down what happened to these sessions, one operation a line."""
        wanted = set(sessions)
        lines = [json.dumps(asdict(one)) for one in self.operations if one.session in wanted]
        file.write_text("\n".join(lines))
