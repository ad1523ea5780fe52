"""The session store: every verb at every stage, over KV and a SQLite file, which plays the object's part."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrate.clock import SystemClock
from migrate.core.ports import Clock
from migrate.core.protocol import plans
from migrate.core.protocol.halves import Answer, Verb
from migrate.core.protocol.plans import Current, Operation, Plan, World, Written
from migrate.core.protocol.stages import Stage, stage_of
from migrate.core.record import NEVER, Expiration, Key, Record
from migrate.core.session_data import decoded, json_text, parsed
from migrate.errors import ConfigError, StoreUnavailable
from migrate.session_store.counters import Counters
from migrate.session_store.kv_namespace import KvNamespace
from migrate.session_store.kv_side import KvSide, possible
from migrate.session_store.performing import Performer, run
from migrate.session_store.settings import Settings
from migrate.stores.sqlite import SqliteSessions

NOT_AFTER = 20
"""Seconds from its start in which a half may be done, or begin."""

_TRIES = 5  # of an update, against others that write the same session
_PAUSE = 0.2  # seconds, until the other half of such a write may be done


class SessionStoreError(StoreUnavailable):
    """A write that is not known to be done, or an id that was deleted. It names no session."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A live session. `data`: the value as JSON, else as text, else as bytes. `expiration`: Unix seconds,
    None: never. `metadata`: JSON, None: none."""

    data: Any
    expiration: int | None
    metadata: Any


class SessionStore:
    """Sessions by id, in KV, in the file, or in both, as SESSION_STAGE says. Shared by threads.

    `sessions` has the prefix of the keys, in KV as in the file. `kv` may be None at object-only.
    `settings` None: what the environment says. Every verb raises StoreError where a store that the stage
    believes fails, a write SessionStoreError when it is not known to be done; ValueError for an id or
    a time that cannot be.
    """

    def __init__(
        self,
        sessions: SqliteSessions,
        kv: KvNamespace | None,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.settings = Settings.of(environ) if settings is None else settings
        self.counters = Counters()
        if kv is None and self.settings.ramp.earliest is not Stage.OBJECT_ONLY:
            raise ConfigError("the session store has no KV namespace", "give it one, or set object-only")
        self._clock = SystemClock() if clock is None else clock
        self._prefix = sessions.prefix
        self._needs_kv = kv is not None
        side = None if kv is None else KvSide(kv, sessions.halves.name[:8], self._clock, self.counters)
        self.performer = Performer(sessions.halves, side)
        self._world = World(self._clock.now, self.counters.add, self.settings.touch_every)

    # ------------------------------------------------------------ the verbs

    def get(self, session_id: str) -> StoredSession | None:
        """The session; None when there is none, or none any more."""
        if not self._possible(session_id):
            return None
        kept = run(self.plan_get(session_id), self.performer.perform).kept
        return None if kept is None else _found(kept)

    def create(
        self,
        session_id: str,
        data: Any,
        *,
        expiration_ttl: int | None = None,
        expiration: int | None = None,
        metadata: Any = None,
    ) -> None:
        """A login: an id that was never used before. Raises SessionStoreError when it was deleted."""
        record = self._record(session_id, data, self._until(expiration_ttl, expiration), metadata)
        if self._written(Verb.PUT, self.plan_put(session_id, record)) is Answer.GONE:
            raise SessionStoreError("this id was deleted before, and is never used again", "make a new id")

    def put(
        self,
        session_id: str,
        data: Any,
        *,
        expiration_ttl: int | None = None,
        expiration: int | None = None,
        metadata: Any = None,
    ) -> None:
        """Create the session or replace all of it. A deleted one stays deleted.

        Give the seconds that it lives, or Unix seconds, or neither: then it never expires.
        """
        record = self._record(session_id, data, self._until(expiration_ttl, expiration), metadata)
        self._written(Verb.PUT, self.plan_put(session_id, record, every=self.settings.put_every))

    def touch(
        self, session_id: str, *, expiration_ttl: int | None = None, expiration: int | None = None
    ) -> None:
        """Extend the expiration and change nothing else; never shorten it. Some renewals may be skipped."""
        until = self._until(expiration_ttl, expiration)
        if until is None:
            raise ValueError("say how long: expiration_ttl or expiration")
        self._written(Verb.TOUCH, self.plan_touch(session_id, until))

    def update(
        self,
        session_id: str,
        change: Callable[[StoredSession | None], Any],
        *,
        expiration_ttl: int | None = None,
        expiration: int | None = None,
        metadata: Any = None,
    ) -> Any:
        """Read, change and write as one step; returns what was written. What is not given stays as it was.

        From shadow-read on it is tried again when somebody else wrote meanwhile, so `change` must have no
        effect of its own. At shadow-read nothing is changed while KV does not show the store's last write,
        which would be undone. Raises SessionStoreError when either lasts.
        """
        until = self._until(expiration_ttl, expiration)
        for _ in range(_TRIES):
            before = run(self.plan_get(session_id), self.performer.perform)
            if before.ahead:
                self._clock.sleep(_PAUSE)  # the other half may be on its way
                continue
            kept = before.kept
            data = change(None if kept is None else _found(kept))
            record = self._record(session_id, data, until, metadata)
            if kept is not None:
                record = record._replace(
                    expiration=kept.expiration if until is None else record.expiration,
                    metadata=kept.metadata if metadata is None else record.metadata,
                )
            plan = self.plan_put(session_id, record, expect=before.version)
            if self._written(Verb.PUT, plan) is not Answer.CHANGED:
                return data
        raise SessionStoreError("others write the same session all the time, or KV lags behind", "try again")

    def delete(self, session_id: str) -> None:
        """Log out. When it raises, the session may be deleted or not, or later."""
        self._written(Verb.DELETE, self.plan_delete(session_id))

    # ------------------------------------------------------------ their plans, for who runs them by steps

    def plan_get(self, session_id: str) -> Plan[Current]:
        """What `get` does; nothing of it is done yet. So for the others."""
        return plans.reading(self._begin(session_id), self._world)

    def plan_put(
        self, session_id: str, record: Record, *, expect: int | None = None, every: float = 0
    ) -> Plan[Written]:
        """What `put` does."""
        return plans.putting(self._begin(session_id), record, self._world, expect=expect, every=every)

    def plan_touch(self, session_id: str, until: int) -> Plan[Written]:
        """What `touch` does."""
        return plans.touching(self._begin(session_id), until, self._world)

    def plan_delete(self, session_id: str) -> Plan[Written]:
        """What `delete` does."""
        return plans.deleting(self._begin(session_id), self._world)

    def _begin(self, session_id: str) -> Operation:
        if not self._possible(session_id):
            raise ValueError("a session id is text, and no longer than a key of KV may be")
        stage = stage_of(self.settings.ramp, session_id)
        return Operation(self._key(session_id), stage, self._clock.now() + NOT_AFTER)

    def _written(self, verb: Verb, plan: Plan[Written]) -> Answer:
        written = run(plan, self.performer.perform)
        if written.answer is Answer.FAILED:
            raise _failure(verb, written)
        return written.answer

    # ------------------------------------------------------------ arguments

    def _record(self, session_id: str, data: Any, until: int | None, metadata: Any) -> Record:
        if not self._possible(session_id):
            raise ValueError("a session id is text, and no longer than a key of KV may be")
        text = None if metadata is None else json_text(metadata)
        end: Expiration = NEVER if until is None else until
        # Empty metadata are none: beside the store's own member nobody could tell them apart.
        return Record(self._key(session_id), _encoded(data), None if text == "{}" else text, end)

    def _until(self, ttl: int | None, expiration: int | None) -> int | None:
        if ttl is not None and expiration is not None:
            raise ValueError("give expiration_ttl or expiration, not both")
        end = expiration if ttl is None else int(self._clock.now()) + ttl
        if end is not None and type(end) is not int:
            raise ValueError("an expiration is a whole number of seconds")
        return end

    def _key(self, session_id: str) -> Key:
        return Key(self._prefix + session_id)

    def _possible(self, session_id: str) -> bool:
        try:
            return session_id != "" and (possible(self._key(session_id)) or not self._needs_kv)
        except UnicodeEncodeError:
            return False


_DONE = {Verb.PUT: "stored", Verb.TOUCH: "extended", Verb.DELETE: "deleted"}


def _failure(verb: Verb, written: Written) -> SessionStoreError:
    ends = {"the file's half": written.ends.object, "KV's half": written.ends.kv}
    how = ", ".join(f"{half}: {end}" for half, end in ends.items() if end not in (None, "done"))
    return SessionStoreError(f"the session is not known to be {_DONE[verb]} ({how})", "try again")


def _found(kept: Record) -> StoredSession:
    expiration = kept.expiration if isinstance(kept.expiration, int) else None
    metadata = None if kept.metadata is None else parsed(kept.metadata)
    return StoredSession(decoded(kept.value), expiration, metadata)


def _encoded(data: Any) -> bytes:
    """Bytes as they are, everything else as JSON."""
    return data if isinstance(data, bytes) else json_text(data).encode()
