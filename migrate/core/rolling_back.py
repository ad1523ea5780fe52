"""Going back from shadow-read to dual-write: what is to be done with a key, by a reading of both stores.

From dual-write on down KV alone is read, so what only the target knows must be in KV before:

    a row of the application's that lives     KV shows the same, and the row becomes `dual`
    one that has expired                      KV shows nothing any more, and the row becomes `dual`
    a tombstone                               KV shows nothing any more; it stays what it is

A key is done when two readings at least H apart saw KV as it is to be, with the row unchanged from before the
first one until after the second: then no reader of KV sees anything else, and nothing that could change
it is on its way. Whatever KV shows meanwhile that neither the row is nor KV showed before was written past
the target; it is reported and stays, for the operator to decide about.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from migrate.core.copying import same
from migrate.core.ports import Answer, Unreadable
from migrate.core.record import Origin, Record, Row, expired, same_json
from migrate.core.writing import SOONEST

ON_THE_WAY = 5
"""Seconds that a write may take until KV looks at its expiration."""


class Fate(enum.StrEnum):
    """What became of a key; each that is listed has one, or is on its way."""

    REVERTED = "reverted"
    """KV shows the session, and the row is `dual`"""
    EXPIRED = "expired"
    """the row had expired, KV shows nothing, and the row is `dual`"""
    EMPTY = "proven_empty"
    """a tombstone, and KV shows nothing"""
    KEPT = "kept"
    """KV was right about the row before: `copy`, `dual` or `legacy`"""
    GONE = "gone"
    """the row is not there any more"""
    NEWER = "newer_in_kv"
    """KV has what the row has never been; nothing was overwritten"""
    FAILED = "failed"
    """KV cannot be read, or does not take it"""
    UNSETTLED = "unsettled"
    """it kept changing"""


OPEN = (Fate.NEWER, Fate.FAILED, Fate.UNSETTLED)
"""Fates with which the way back is not free."""


class Act(enum.Enum):
    """What is to be done next with a key."""

    PUT = enum.auto()
    DELETE = enum.auto()
    WAIT = enum.auto()
    """it ends within the minute, and KV takes no such expiration: until it has expired"""
    SETTLE = enum.auto()
    """it was written less than H ago, and that need not show yet"""
    SIGHT = enum.auto()
    """KV shows what it is to show: read it again H after the first such reading"""
    REVERT = enum.auto()
    PROVEN = enum.auto()
    AGAIN = enum.auto()
    """the row changed while KV was read"""
    KEEP = enum.auto()
    FORGET = enum.auto()
    NEWER = enum.auto()
    UNREADABLE = enum.auto()


@dataclass(frozen=True, slots=True)
class Memory:
    """What an earlier reading left of a key. `version`: the row's then. `at`: when KV was first seen to show
    what it is to show, Unix seconds; None: it was not. `wrote`: when KV was written for this version, None:
    it was not. `shown`: what KV showed before that (`print_of`), None: it is not known that the write was
    done. `newer`: what of KV's was reported, and is left as long as KV shows it. `rounds`: how often all
    began anew."""

    version: int
    at: float | None = None
    wrote: float | None = None
    shown: str | None = None
    newer: str | None = None
    rounds: int = 0

    def body(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Memory:
        """From what was kept."""
        return cls(**body)


@dataclass(frozen=True, slots=True)
class Reading:
    """Row, KV, row. `answer` is the application's own record, without the session store's stamp."""

    before: Row | None
    answer: Answer
    row: Row | None


@dataclass(frozen=True, slots=True)
class Going:
    """What every decision goes by. `began`, `now`: before and after the reading, Unix seconds by our own
    clock, for H (`horizon`): a reading may take long, and only one that has begun H after the one before
    has ended counts. `skew`: how far KV's clock is ahead of ours, by which sessions expire. `namespace`: of
    the objects, as stamps name it; None: the target has none."""

    began: float
    now: float
    horizon: float
    namespace: str | None
    skew: float = 0.0

    def decide(self, reading: Reading, memory: Memory | None) -> Act:
        """What is to be done with the key."""
        answer, row = reading.answer, reading.row
        if isinstance(answer, Unreadable):
            return Act.UNREADABLE
        if row is None:
            return Act.FORGET
        if not row.deleted and row.origin is not Origin.APP:
            return Act.KEEP
        if reading.before is None or reading.before.version != row.version:
            return Act.AGAIN
        if self._agrees(answer, row):
            return self._agreed(row, memory)
        if memory is not None and memory.version == row.version and self._settles(memory):
            return Act.SETTLE
        if self._newer(answer, row, memory):
            return Act.NEWER
        if self.empties(row):
            return Act.DELETE
        return Act.WAIT if self._ends_soon(row) else Act.PUT

    def empties(self, row: Row) -> bool:
        """Is KV to show nothing?"""
        return row.deleted or self.over(row)

    def over(self, one: Row | Record) -> bool:
        """Has it expired?"""
        return expired(one.expiration, self.now + self.skew)

    def _agrees(self, answer: Record | None, row: Row) -> bool:
        if answer is not None and self.over(answer):
            answer = None
        if self.empties(row):
            return answer is None
        return answer is not None and alike(answer, row)

    def _agreed(self, row: Row, memory: Memory | None) -> Act:
        if memory is None or memory.at is None or memory.version != row.version:
            return Act.SIGHT
        if self.began < memory.at + self.horizon:
            return Act.SIGHT
        if row.deleted:
            return Act.PROVEN
        # One that ends within the minute would be a row of KV's that KV may show for longer.
        return Act.WAIT if self._ends_soon(row) and not self.empties(row) else Act.REVERT

    def _settles(self, memory: Memory) -> bool:
        return memory.wrote is not None and self.began < memory.wrote + self.horizon

    def _ends_soon(self, row: Row) -> bool:
        return (
            isinstance(row.expiration, int) and row.expiration < self.now + self.skew + SOONEST + ON_THE_WAY
        )

    def _newer(self, answer: Record | None, row: Row, memory: Memory | None) -> bool:
        """Was KV written past the target? Nothing is newer than a deletion."""
        if answer is None or row.deleted:
            return False
        written = answer.written
        if written is not None and written.namespace == self.namespace:
            return written.version > row.version  # a late half of an older write is none
        if memory is None:
            return False
        if memory.newer is not None:
            return print_of(answer) == memory.newer
        return memory.version == row.version and memory.shown not in (None, print_of(answer))


def alike(record: Record, row: Row) -> bool:
    """Is it the same session? Its JSON may be written in another way, where the row's value is known."""
    if same(record, row):
        return True
    if not isinstance(row.value, bytes) or not same_json(record.value, row.value):
        return False
    return same(record._replace(value=row.value), row)


def print_of(record: Record | None) -> str:
    """What KV showed, as 32 hexadecimal digits that tell nothing of it; "" for nothing."""
    if record is None:
        return ""
    parts = (record.value, (record.metadata or "").encode("utf-8", "surrogatepass"))
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return hashlib.sha256(text + str(record.expiration).encode()).hexdigest()[:32]
