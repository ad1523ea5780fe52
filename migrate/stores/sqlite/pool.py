"""The application's connections: a few of one file, shared by all threads of a process.

Each call borrows a connection and gives it back, so that a server with a thread for each request
neither opens a file for each nor leaves one open when the thread ends.

A process that forks closes its connections first. A child would inherit SQLite's notes on the
parent's locks with them, take these locks for its own, and write without any: what it wrote would be
lost when the parent closes the file (sqlite.org/howtocorrupt.html, section 2.6).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from migrate.errors import StoreUnavailable
from migrate.stores.sqlite.connection import open_writer

MOST = 8
"""Connections of one process. Only one of them writes at a time, the others are for readers."""


class Pool:
    """Up to `MOST` connections of one file, opened when they are needed.

    `busy`: seconds to wait for a connection that is free, and for the other writers of this process.
    """

    def __init__(self, path: Path, busy: float) -> None:
        self._path = path
        self._busy = busy
        self._closed = False
        self._renew()
        with _forking:
            _pools.add(self)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading, for as long as the block lasts; it must not outlive it.

        Raises StoreUnavailable when the pool is closed or every connection stays in use, and what
        opening a file raises.
        """
        connection = self._take()
        try:
            yield connection
        finally:
            self._give(connection)

    @contextmanager
    def lent_to_write(self) -> Iterator[sqlite3.Connection]:
        """The same for the one thread of this process that writes; the others wait for it here.

        Were they to wait in SQLite, each would keep a connection from the readers.
        """
        self._check_process()
        if not self._writing.acquire(timeout=self._busy):
            raise self._unavailable("another thread of this program keeps writing")
        try:
            with self.lent() as connection:
                yield connection
        finally:
            self._writing.release()

    def close(self) -> None:
        """Close the connections, those in use as they are given back. May be called twice."""
        self._closed = True
        if self._process == os.getpid():
            with self._changed:
                self._close_idle()
                self._changed.notify_all()

    def _renew(self) -> None:
        self._process = os.getpid()
        self._idle: list[sqlite3.Connection] = []
        self._open = 0
        self._changed = threading.Condition()
        self._writing = threading.Lock()

    def _take(self) -> sqlite3.Connection:
        self._check_process()
        deadline = time.monotonic() + self._busy
        with self._changed:
            while not self._closed and not self._idle and self._open >= MOST:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise self._unavailable("all of this program's connections stay in use")
            if self._closed:
                raise StoreUnavailable(f"sqlite:{self._path}: the session store is closed")
            if self._idle:
                return self._idle.pop()
            self._open += 1
        try:
            return open_writer(self._path, self._busy, "application")
        except BaseException:
            self._forget()
            raise

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._changed:
            if not self._closed and not connection.in_transaction:
                self._idle.append(connection)
                self._changed.notify_all()
                return
        connection.close()
        self._forget()

    def _forget(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def _close_idle(self) -> None:
        while self._idle:
            with suppress(sqlite3.Error):  # of the log's last copying, which the next opening does again
                self._idle.pop().close()
            self._open -= 1

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise StoreUnavailable(
                f"sqlite:{self._path}: this process was forked while its parent used the session store",
                "start the process anew, or open the session store after the fork only",
            )

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(f"sqlite:{self._path}: {why}", "try again")

    # ------------------------------------------------------------ around a fork

    def before_fork(self) -> None:
        """Wait until no connection is in use, close them all, and keep them closed until the fork."""
        self._changed.acquire()
        deadline = time.monotonic() + 2 * self._busy  # as long as any call takes
        while self._open > len(self._idle) and self._changed.wait(deadline - time.monotonic()):
            pass
        self._close_idle()

    def after_fork_in_parent(self) -> None:
        """Go on; connections are opened anew when they are needed."""
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """Begin anew, with nothing of the parent's; with a connection in use there is no way to."""
        if not self._open:
            self._renew()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
_forking = threading.Lock()
_halted: list[Pool] = []


def _before_fork() -> None:
    _forking.acquire()
    for pool in list(_pools):
        pool.before_fork()
        _halted.append(pool)


def _after_fork_in_parent() -> None:
    while _halted:
        _halted.pop().after_fork_in_parent()
    _forking.release()


def _after_fork_in_child() -> None:
    while _halted:
        _halted.pop().after_fork_in_child()
    _forking.release()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
