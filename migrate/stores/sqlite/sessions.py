"""The application's side of a `sqlite:` store: the session store of programs that run outside Workers.

`SqliteSessions` may be used while a copy into the same file runs, by any number of threads and
processes. A deletion is final: it leaves a tombstone, and the id is never used again. What is
acknowledged outlives a power cut.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from migrate.clock import SystemClock
from migrate.core.ports import Clock
from migrate.core.protocol.half_calls import DeleteHalf, End, PutHalf, TouchHalf
from migrate.core.protocol.lifetimes import COOKIES_END
from migrate.core.record import NEVER, Key, Origin, Record, Row
from migrate.core.session_data import decoded, json_text, parsed
from migrate.errors import StoreUnavailable
from migrate.stores.sqlite.connection import BUSY_SECONDS, errors_named, resolve
from migrate.stores.sqlite.halves import SqliteHalves
from migrate.stores.sqlite.pool import Pool

_UPDATE_TRIES = 50


class SessionGone(Exception):
    """The session was deleted; its id cannot be used again. Let the user log in, with a new id."""


class SessionExists(Exception):
    """`create` was given an id that is taken."""


@dataclass(frozen=True, slots=True)
class Session:
    """A live session. `data` is the value as JSON, else as text, else as bytes; `raw` its bytes.

    `expiration` in Unix seconds, None: never. `metadata`: JSON, None: none.
    """

    data: Any
    raw: bytes
    expiration: int | None
    metadata: Any
    version: int


class SqliteSessions:
    """Sessions by id; the key in the file is `prefix` + id. Shared by threads, and usable after a fork.

    `origin`: "dual" while KV is still authoritative and written too, "app" afterwards.
    `touch_every`: a touch that would gain fewer seconds than this is not written. `longest_ttl`: the
    longest that any session lives, seconds, or math.inf; a logout is remembered for no less.
    `halves`: the same sessions as the object of a session store in stages.
    Values: bytes and text are stored as they are, everything else as JSON. Every method raises
    StoreUnavailable, StoreRefused, StoreBroken; writes also RecordError (text that is not Unicode).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        origin: Literal["app", "dual"] = "app",
        *,
        prefix: str = "",
        clock: Clock | None = None,
        busy: float = BUSY_SECONDS,
        touch_every: int = 300,
        longest_ttl: float = COOKIES_END,
    ) -> None:
        if origin not in ("app", "dual"):
            raise ValueError('origin is "app" or "dual"')
        self._path = resolve(path)
        self._origin = Origin(origin)
        self.prefix = prefix
        self._clock = clock if clock is not None else SystemClock()
        self._touch_every = touch_every
        self._pool = Pool(self._path, busy)
        self.halves = SqliteHalves(self._path, self._pool, self._clock, longest_ttl)
        with self._pool.lent():
            pass  # a file that cannot be used is refused here, not at the first request

    def get(self, session_id: str) -> Session | None:
        """The session; None when there is none, it has expired, or it was deleted."""
        here = self.halves.look(Key(self.prefix + session_id))
        return _session(here.row) if here.row is not None and here.live else None

    def create(
        self,
        session_id: str,
        data: Any,
        *,
        expiration_ttl: int | None = None,
        expiration: int | None = None,
        metadata: Any = None,
    ) -> int:
        """Store a login under a new id; returns the row's version.

        Raises SessionExists when the id is taken, be it by an expired session, and SessionGone
        when it was deleted.
        """
        return self._store(session_id, data, self._until(expiration_ttl, expiration), metadata, new=True)

    def put(
        self,
        session_id: str,
        data: Any,
        *,
        expiration_ttl: int | None = None,
        expiration: int | None = None,
        metadata: Any = None,
    ) -> int:
        """Store a session, over an older state of it; returns the row's version.

        Give the seconds that it lives, or Unix seconds, or neither: then it never expires.
        Raises SessionGone when it was deleted.
        """
        return self._store(session_id, data, self._until(expiration_ttl, expiration), metadata, new=False)

    def touch(
        self, session_id: str, *, expiration_ttl: int | None = None, expiration: int | None = None
    ) -> bool:
        """Let a session live longer; never shorter, and its value is not written.

        False: there is no such live session. True: it lives as long as asked for, give or take
        `touch_every`, or half of what it has left if that is shorter.
        """
        until = self._until(expiration_ttl, expiration)
        if until is None:
            raise ValueError("say how long: expiration_ttl or expiration")
        key = Key(self.prefix + session_id)
        return self.halves.half(self._touch(key, until)).end is End.DONE

    def update(self, session_id: str, fn: Callable[[Session], Any]) -> int | None:
        """Store `fn(session)` as its data, keeping expiration and metadata; returns the version.

        `fn` is called again when the session was changed meanwhile: it must have no effect of
        its own. None: there is no such live session. Raises StoreUnavailable when the session
        keeps changing.
        """
        key = Key(self.prefix + session_id)
        for _ in range(_UPDATE_TRIES):
            here = self.halves.look(key)
            if here.row is None or not here.live:
                return None
            row = here.row
            record = Record(key, self._bytes(fn(_session(row))), row.metadata, row.expiration)
            version = self.halves.half(PutHalf(record, self._origin, math.inf, expect=row.version)).version
            if version is not None:
                return version
        raise StoreUnavailable(f"sqlite:{self._path}: a session kept changing", "try again")

    def delete(self, session_id: str) -> None:
        """Delete a session for ever, known or not: its id answers "gone" from now on. Idempotent."""
        self.halves.half(DeleteHalf(Key(self.prefix + session_id), self._origin, math.inf))

    def purge(self, limit: int = 500) -> int:
        """Forget up to `limit` sessions that have expired or were deleted long enough ago; returns how many.

        Does nothing before the migration is finished (`kvferry finish`): until then each of them keeps a
        copy from coming back. Call it now and then until it returns less than `limit`; each call holds the
        write lock for one small transaction.
        """
        return self.halves.purge(limit)

    def close(self) -> None:
        """Close this process's connections. May be called twice; no method afterwards."""
        self._pool.close()

    def _store(self, session_id: str, data: Any, until: int | None, metadata: Any, *, new: bool) -> int:
        text = None if metadata is None else json_text(metadata)
        key = Key(self.prefix + session_id)
        record = Record(key, self._bytes(data), text, NEVER if until is None else until)
        ended = self.halves.half(PutHalf(record, self._origin, math.inf, expect=0 if new else None))
        if ended.end is End.GONE:
            raise SessionGone("the session was deleted; its id cannot be used again")
        if ended.version is None:
            raise SessionExists("a session with this id exists")
        return ended.version

    def _touch(self, key: Key, until: int) -> TouchHalf:
        return TouchHalf(key, until, self._origin, math.inf, every=self._touch_every)

    def _bytes(self, data: Any) -> bytes:
        with errors_named(self._path):
            return _encoded(data)

    def _until(self, ttl: int | None, expiration: int | None) -> int | None:
        if ttl is None:
            return expiration
        if expiration is not None:
            raise ValueError("give expiration_ttl or expiration, not both")
        return int(self._clock.now()) + ttl


def _session(row: Row) -> Session:
    assert isinstance(row.value, bytes), "a file shows its values"
    expiration = row.expiration if isinstance(row.expiration, int) else None
    metadata = row.metadata and parsed(row.metadata)
    return Session(decoded(row.value), row.value, expiration, metadata, row.version)


def _encoded(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else json_text(data)).encode()
