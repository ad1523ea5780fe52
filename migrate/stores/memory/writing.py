"""Writes to and deletes from Workers KV in memory, in bulk, with keys that fail as the script says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.core import writing
from migrate.core.ports import Clock
from migrate.core.record import Key, Record
from migrate.core.writing import WIDTH, Reason, Written
from migrate.stores.memory.kv import MemoryKv


class MemoryKvWriter:
    """A `MemoryKv` as a `Writable`: readers go on seeing the old for as long as the `kv` is stale.

    `refuse(key)`: why a key is left as it is; None: it is written or deleted. For faults of whole calls
    see `with_faults`.
    """

    def __init__(
        self,
        kv: MemoryKv,
        *,
        clock: Clock,
        width: int = WIDTH,
        refuse: Callable[[Key], Reason | None] = lambda _: None,
    ) -> None:
        self.address = kv.address
        self.width = width
        self._kv = kv
        self._clock = clock
        self._refuse = refuse

    def put(self, records: Sequence[Record], not_after: float = float("inf")) -> Written:
        """Write each record, with the metadata that it has."""
        writing.check(records)
        now, done = self._clock.now(), dict[Key, Reason | None]()
        for record in records:
            late = Reason.LATE if now > not_after else None
            reason = late or writing.unfit(record, now) or self._refuse(record.key)
            if reason is None:
                self._kv.put(record)
            done[record.key] = reason
        return done

    def delete(self, keys: Sequence[Key], not_after: float = float("inf")) -> Written:
        """Delete each key."""
        late = Reason.LATE if self._clock.now() > not_after else None
        done: dict[Key, Reason | None] = {key: late or self._refuse(key) for key in keys}
        for key, reason in done.items():
            if reason is None:
                self._kv.remove(key)
        return done

    def close(self) -> None:
        """Nothing to release."""
