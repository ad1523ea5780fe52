"""The application's side of a `sqlite:` store: the session store of programs that run outside Workers.

`SqliteSessions` may be used while a copy into the same file runs, by any number of threads and
processes. A deletion is final: it leaves a tombstone, and the id is never used again. What is
acknowledged outlives a power cut.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from migrate.clock import SystemClock
from migrate.core.ports import Clock
from migrate.core.record import digest
from migrate.errors import StoreUnavailable
from migrate.stores.sqlite.connection import BUSY_SECONDS, errors_named, resolve, writing
from migrate.stores.sqlite.pool import Pool

_UPDATE_TRIES = 50

# An app row stays one when a dual write arrives; everything else becomes what the writer is.
_ORIGIN = "origin = CASE origin WHEN 'app' THEN 'app' ELSE :origin END"


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
    `touch_every`: a touch that would gain fewer seconds than this is not written.
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
    ) -> None:
        if origin not in ("app", "dual"):
            raise ValueError('origin is "app" or "dual"')
        self._path = resolve(path)
        self._origin = origin
        self._prefix = prefix
        self._clock = clock if clock is not None else SystemClock()
        self._touch_every = touch_every
        self._pool = Pool(self._path, busy)
        with self._pool.lent():
            pass  # a file that cannot be used is refused here, not at the first request

    def get(self, session_id: str) -> Session | None:
        """The session; None when there is none, it has expired, or it was deleted."""
        with errors_named(self._path), self._pool.lent() as connection:
            # All rows are fetched: a query left open would show the connection's next user the past.
            found = connection.execute(
                "SELECT value, expiration, metadata, version FROM sessions"
                " WHERE key = ? AND value IS NOT NULL AND (expiration IS NULL OR expiration > ?)",
                (self._prefix + session_id, self._clock.now()),
            ).fetchall()
        if not found:
            return None
        raw, expiration, metadata, version = found[0]
        return Session(_decoded(raw), raw, expiration, metadata and _parsed(metadata), version)

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
        session = self.get(session_id)
        if session is None or session.expiration is None:
            return session is not None
        now = self._clock.now()
        gain = until - session.expiration
        if gain <= 0 or gain < min(self._touch_every, (session.expiration - now) / 2):
            return True
        with self._writing() as connection:
            changed = connection.execute(
                "UPDATE sessions SET expiration = :until, version = version + 1, updated_at = :now,"  # noqa: S608 - constants
                f" {_ORIGIN} WHERE key = :key AND value IS NOT NULL AND expiration > :now"
                " AND expiration < :until",
                {"until": until, "now": int(now), "origin": self._origin, "key": self._prefix + session_id},
            )
        return changed.rowcount == 1 or self.get(session_id) is not None

    def update(self, session_id: str, fn: Callable[[Session], Any]) -> int | None:
        """Store `fn(session)` as its data, keeping expiration and metadata; returns the version.

        `fn` is called again when the session was changed meanwhile: it must have no effect of
        its own. None: there is no such live session. Raises StoreUnavailable when the session
        keeps changing.
        """
        for _ in range(_UPDATE_TRIES):
            session = self.get(session_id)
            if session is None:
                return None
            data = fn(session)
            with self._writing() as connection:
                value = _encoded(data)
                changed = connection.execute(
                    "UPDATE sessions SET value = :value, digest = :digest, version = version + 1,"  # noqa: S608 - constants
                    f" updated_at = :now, {_ORIGIN}"
                    " WHERE key = :key AND version = :version AND value IS NOT NULL",
                    {
                        "value": value,
                        "digest": digest(value),
                        "now": int(self._clock.now()),
                        "origin": self._origin,
                        "key": self._prefix + session_id,
                        "version": session.version,
                    },
                )
                if changed.rowcount == 1:
                    return session.version + 1
        raise StoreUnavailable(f"sqlite:{self._path}: a session kept changing", "try again")

    def delete(self, session_id: str) -> None:
        """Delete a session for ever, known or not: its id answers "gone" from now on. Idempotent."""
        with self._writing() as connection:
            values = {"key": self._prefix + session_id, "origin": self._origin, "now": int(self._clock.now())}
            changed = connection.execute(
                "UPDATE sessions SET value = NULL, metadata = NULL, digest = NULL,"  # noqa: S608 - constants
                f" version = version + 1, updated_at = :now, deleted_at = :now, {_ORIGIN}"
                " WHERE key = :key AND value IS NOT NULL",
                values,
            )
            known = connection.execute("SELECT 1 FROM sessions WHERE key = :key", values).fetchone()
            if changed.rowcount == 0 and known is None:
                connection.execute(
                    "INSERT INTO sessions (key, origin, version, created_at, updated_at, deleted_at)"
                    " VALUES (:key, :origin, 1, :now, :now, :now)",
                    values,
                )

    def close(self) -> None:
        """Close this process's connections. May be called twice; no method afterwards."""
        self._pool.close()

    def _store(self, session_id: str, data: Any, until: int | None, metadata: Any, *, new: bool) -> int:
        with self._writing() as connection:
            value = _encoded(data)
            values = {
                "key": self._prefix + session_id,
                "value": value,
                "metadata": None if metadata is None else _json(metadata),
                "until": until,
                "digest": digest(value),
                "origin": self._origin,
                "now": int(self._clock.now()),
            }
            found = connection.execute(
                "SELECT version, value IS NULL FROM sessions WHERE key = :key", values
            ).fetchone()
            if found is None:
                connection.execute(
                    "INSERT INTO sessions"
                    " (key, value, metadata, expiration, digest, origin, version, created_at, updated_at)"
                    " VALUES (:key, :value, :metadata, :until, :digest, :origin, 1, :now, :now)",
                    values,
                )
                return 1
            version, deleted = found
            if deleted:
                raise SessionGone("the session was deleted; its id cannot be used again")
            if new:
                raise SessionExists("a session with this id exists")
            connection.execute(
                "UPDATE sessions SET value = :value, metadata = :metadata, expiration = :until,"  # noqa: S608 - constants
                f" digest = :digest, version = version + 1, updated_at = :now, {_ORIGIN} WHERE key = :key",
                values,
            )
            return int(version) + 1

    def _until(self, ttl: int | None, expiration: int | None) -> int | None:
        if ttl is None:
            return expiration
        if expiration is not None:
            raise ValueError("give expiration_ttl or expiration, not both")
        return int(self._clock.now()) + ttl

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with errors_named(self._path), self._pool.lent_to_write() as connection, writing(connection):
            yield connection


def _encoded(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else _json(data)).encode()


def _decoded(raw: bytes) -> Any:
    try:
        return _parsed(raw.decode())
    except UnicodeDecodeError:
        return raw


def _parsed(text: str) -> Any:
    """JSON where it is, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
