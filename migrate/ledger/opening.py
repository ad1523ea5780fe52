"""Opening a private SQLite file of ours: created 0600, in WAL mode, never somebody else's database.

Every failure becomes one `LedgerError`. Nothing is written to a file before it is known to be ours.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from migrate.errors import LedgerError

FOLDER = ".kvferry"
"""The folder of the default ledger; it holds keys, so nobody else may look into it."""

PATIENCE = 30.0
"""Seconds to wait for another process's transaction."""

_NO_ACCESS = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
_ELSEWHERE = "choose another file with --ledger FILE"


@contextlib.contextmanager
def failures(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a LedgerError about `path`."""
    try:
        with database_failures(path):
            yield
    except OSError as error:
        reason = (error.strerror or "unknown error").lower()
        raise LedgerError(f"the ledger {path} cannot be used: {reason}", _ELSEWHERE) from error


@contextlib.contextmanager
def database_failures(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a LedgerError; what the caller's own code raises goes through."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from error


def _translated(path: Path, error: sqlite3.Error) -> LedgerError:
    name = getattr(error, "sqlite_errorname", "")
    again = "then run the same command again"
    for start, message, hint in (
        ("SQLITE_FULL", "is on a disk that is full", f"free some space, {again}"),
        ("SQLITE_BUSY", "is in use by another process", f"wait until that has ended, {again}"),
        ("SQLITE_LOCKED", "is in use by another process", f"wait until that has ended, {again}"),
        ("SQLITE_READONLY", "cannot be written", f"make it writable, or {_ELSEWHERE}"),
        ("SQLITE_CANTOPEN", "cannot be opened", f"check the folder's permissions, or {_ELSEWHERE}"),
        ("SQLITE_NOTADB", "is not a kvferry ledger", _ELSEWHERE),
        ("SQLITE_CORRUPT", "is damaged", f"move it away, {again}: it is rebuilt from the target"),
        ("SQLITE_IOERR", "cannot be read or written", f"check the disk, {again}"),
    ):
        if name.startswith(start):
            return LedgerError(f"the ledger {path} {message}", hint)
    return LedgerError(f"the ledger {path} cannot be used: {name or type(error).__name__}", _ELSEWHERE)


def create_private(path: Path) -> None:
    """Make the file and its folder if they are missing: 0600 and 0700, hidden from git."""
    with failures(path):
        folder = path.parent
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _ignore(folder)
        elif folder.name == FOLDER:
            _tighten(folder, 0o700)
            _ignore(folder)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if not path.is_file():
            raise LedgerError(f"the ledger {path} is not a file", _ELSEWHERE)


def tighten(path: Path) -> None:
    """Take everybody else's rights to the database and to its companions away."""
    with failures(path):
        for name in (path.name, path.name + "-wal", path.name + "-shm"):
            with contextlib.suppress(FileNotFoundError):
                _tighten(path.with_name(name), 0o600)


def _tighten(path: Path, mode: int) -> None:
    if stat.S_IMODE(path.stat().st_mode) & ~mode:
        path.chmod(mode)


def _ignore(folder: Path) -> None:
    with contextlib.suppress(FileExistsError), (folder / ".gitignore").open("x") as file:
        file.write("*\n")


def connect(path: Path, application_id: int, newest: int, patience: float = PATIENCE) -> sqlite3.Connection:
    """Open an existing file for writing, in WAL mode, after making sure that it is ours.

    `newest` is the highest schema version (PRAGMA user_version) that this program knows.
    The connection is in autocommit mode; any thread may use it, one at a time.
    """
    with failures(path):
        connection = _open(path, "mode=rw", patience)
        try:
            check(connection, path, application_id, newest)
            _use_wal(connection, patience)
            connection.execute("PRAGMA synchronous=NORMAL")  # survives kill -9; power loss costs a redo
        except BaseException:
            connection.close()
            raise
        return connection


def connect_to_read(
    path: Path, application_id: int, newest: int, patience: float = PATIENCE
) -> sqlite3.Connection:
    """Open an existing file for reading only; it must be ours, and of the newest version.

    Where the folder allows it, the last reader to close takes the log and its index away with it.
    """
    if not path.is_file():
        raise LedgerError(f"there is no ledger at {path}", "run kvferry plan or kvferry export first")
    with failures(path):
        for options in _ways_to_read(path):
            connection = _open(path, options, patience)
            try:
                connection.execute("PRAGMA query_only=ON")
                version = check(connection, path, application_id, newest)
            except sqlite3.OperationalError as error:
                connection.close()
                if options == "mode=rw" and getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_ACCESS:
                    continue
                # a read-only folder has no room for WAL's shared memory; without a log to replay the
                # file alone is the truth
                if "immutable" in options or path.with_name(path.name + "-wal").exists():
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return _ready(connection, path, version, newest)
    raise AssertionError("the last attempt returns or raises")


def _ways_to_read(path: Path) -> Iterator[str]:
    """How to open a file that is only read, the best way first.

    A connection with mode=ro leaves the log and its index behind when it closes, and they hold keys.
    """
    if os.access(path.parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        yield "mode=rw"
    yield "mode=ro"
    yield "mode=ro&immutable=1"


def _ready(connection: sqlite3.Connection, path: Path, version: int, newest: int) -> sqlite3.Connection:
    if version == newest:
        return connection
    connection.close()
    state = "is empty" if version == 0 else "was made by an older kvferry"
    raise LedgerError(f"the ledger {path} {state}", "run kvferry export or kvferry verify first")


def _open(path: Path, options: str, patience: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{options}"
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, timeout=patience)


def check(connection: sqlite3.Connection, path: Path, application_id: int, newest: int) -> int:
    """The schema version of a database of ours, 0 when it is empty; raises LedgerError otherwise."""
    # Tables first: another process may make them, and with them the mark, between two questions.
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    ours = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if ours != application_id and (ours or tables):
        raise LedgerError(f"{path} is a database, but not a kvferry ledger", _ELSEWHERE)
    if version > newest:
        raise LedgerError(
            f"the ledger {path} was made by a newer kvferry (version {version}, this one knows {newest})",
            "upgrade kvferry: pip install --upgrade kvferry",
        )
    return version


def _use_wal(connection: sqlite3.Connection, patience: float) -> None:
    """Switch to WAL; SQLite does not wait for another process that is switching at this moment."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
