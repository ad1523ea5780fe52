"""KV's half: reads that obey the true expiration, and writes that begin in time or not at all."""

from __future__ import annotations

from migrate.core.names import CANARY
from migrate.core.ports import Clock
from migrate.core.protocol.half_calls import End
from migrate.core.protocol.plans import KvHalf
from migrate.core.protocol.stages import Stage
from migrate.core.record import UNKNOWN, Key, Record, digest_text, expired
from migrate.errors import StoreBroken, StoreError
from migrate.session_store.counters import Counters
from migrate.session_store.kv_namespace import KvNamespace, TooOften, Unanswered
from migrate.stores.stamp import unstamped
from migrate.stores.stamping import Holds, Stamp, stamped

_SOONEST = 60  # seconds; KV takes no expiration that is nearer
_ON_THE_WAY = 5  # seconds that a put may take until KV looks at its expiration
_LONGEST_KEY = 512  # bytes


class KvSide:
    """KV, as the plans' steps want it. `namespace`: of the objects, as stamps name it."""

    def __init__(self, kv: KvNamespace, namespace: str, clock: Clock, counters: Counters) -> None:
        self._kv = kv
        self._namespace = namespace
        self._clock = clock
        self._counters = counters

    def read(self, key: Key) -> Record | None:
        """The session without the stamp; None: there is none, or it has expired. Raises StoreError."""
        found = self._kv.get(key)
        if found is None:
            return None
        if found.expiration is UNKNOWN:
            raise StoreBroken("the KV namespace does not say when a session expires", "mend its get")
        metadata, expiration = unstamped(found.metadata, found.expiration)
        if expired(expiration, self._clock.now()):
            return None
        return found._replace(metadata=metadata, expiration=expiration)

    def half(self, half: KvHalf) -> End:
        """How the half ended; never raises a StoreError. Once more after a second where KV says that this
        key was written less than a second ago."""
        for again in (False, True):
            if self._clock.now() > half.not_after:
                return End.LATE
            try:
                self._write(half)
            except Unanswered:
                return End.UNANSWERED
            except TooOften:
                if again:
                    break
                self._counters.add("kv_429")
                self._clock.sleep(1)
            except StoreError:
                break
            else:
                return End.DONE
        return End.FAILED

    def _write(self, half: KvHalf) -> None:
        if half.record is None:
            self._kv.delete(half.key)
            return
        record = half.record
        until = record.expiration
        near = isinstance(until, int) and until < self._clock.now() + _SOONEST + _ON_THE_WAY
        metadata, holds = stamped(record.metadata, self._stamp(record, half, near=near))
        if holds is not Holds.ALL:
            self._counters.add("stamp_left_out" if holds is Holds.NOTHING else "stamp_shortened")
        if near and holds is Holds.NOTHING:
            self._counters.add("expiration_lengthened")
        self._kv.put(record._replace(metadata=metadata), _SOONEST + _ON_THE_WAY if near else None)

    def _stamp(self, record: Record, half: KvHalf, *, near: bool) -> Stamp | None:
        """None at `kv`, where code from before the store may write as well, and may carry on metadata that it
        finds; but for an expiration that KV would not take."""
        if half.stage is Stage.KV:
            return Stamp(record.expiration) if near else None
        named = f"{half.stage}@{self._namespace}"
        return Stamp(record.expiration, digest_text(record.value), half.version, named)


def possible(key: Key) -> bool:
    """Is this the key of anything that KV could have, and a session's?"""
    return key not in (".", "..", CANARY) and len(key.encode()) <= _LONGEST_KEY
