"""How a SQLite file is opened, checked and refused, and where SQLite's errors get their names.

Every file is in WAL mode: readers never block the writer, nor it them. The copy writes with
`synchronous = NORMAL`: a power cut may undo the last transactions, but rows and checkpoint
together, so a resume does them again. The application writes with FULL: a logout that was
acknowledged has to outlive a power cut.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from migrate.errors import RecordError, StoreBroken, StoreError, StoreRefused, StoreUnavailable
from migrate.stores.sqlite.schema import APPLICATION_ID, VERSION, migrate

BUSY_SECONDS = 10.0
"""How long a statement waits for another program's lock."""

_OLDEST_SQLITE = (3, 38, 0)  # STRICT tables and unixepoch()
_EXAMINE = "look at the file with PRAGMA integrity_check"
_SMALLEST_BYTES = 512  # one page of the smallest size
_COPY_CACHE_KIB = 48_000
_APPLICATION_CACHE_KIB = 4_000
_READER_CACHE_KIB = 16_000
_CHECKPOINT_PAGES = 10_000  # 40 MB of log: each page is copied home less often than by default


def resolve(path: str | os.PathLike[str]) -> Path:
    """The file's absolute path, links followed: what the address names and what is opened."""
    return Path(path).expanduser().resolve()


def open_writer(path: Path, busy: float, role: Literal["copy", "application"]) -> sqlite3.Connection:
    """Open the store for writing; create (mode 0600) and migrate it where needed.

    A copy has one connection with a big cache; an application has several small ones.

    The connection is in autocommit mode: callers say BEGIN IMMEDIATE themselves.
    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    _usable_sqlite()
    _create(path)
    with _opened(path, busy) as connection:
        version = _version(connection, path)
        if version < VERSION or _journal(connection) != "wal":
            _keep_log(connection, path)
            migrate(connection)
        copies = role == "copy"
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if copies else 'FULL'}")
        connection.execute(f"PRAGMA cache_size = -{_COPY_CACHE_KIB if copies else _APPLICATION_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute("PRAGMA temp_store = MEMORY")  # no value gets into a temporary file
        return connection


def open_reader(path: Path, busy: float) -> sqlite3.Connection:
    """Open the store for reading only; it is neither created nor migrated.

    Raises StoreRefused, StoreUnavailable, StoreBroken.
    """
    _usable_sqlite()
    _regular(path)
    with _opened(path, busy) as connection:
        # Not mode=ro: such a connection would leave the log and its index behind when it closes.
        connection.execute("PRAGMA query_only = ON")
        _current(_version(connection, path), path)
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        return connection


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that holds the write lock from its start; undone when the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk, for one, has ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Turn what Python and SQLite raise inside the block into this package's errors.

    The original is cut off: its text may hold a value ("could not decode ... with text ...").
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, path) from None
    except (UnicodeEncodeError, OverflowError) as error:
        what = "text that is not Unicode" if isinstance(error, UnicodeEncodeError) else "too large a number"
        raise RecordError(f"sqlite:{path}: a record holds {what}", "repair it at the source") from None


def _named(error: sqlite3.Error, path: Path) -> StoreError | RecordError:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    where = f"sqlite:{path}"
    if not hasattr(error, "sqlite_errorcode") and "decode to UTF-8" in str(error):  # Python's own complaint
        return StoreBroken(
            f"{where}: a key or a text in the file is not UTF-8: something else than kvferry wrote it",
            "mend that text with the program that wrote it, or restore a backup of the file",
        )
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreUnavailable(
                f"{where}: the file is locked by another program",
                "close that program or wait for it, then run the same command again",
            )
        case sqlite3.SQLITE_FULL:
            return StoreUnavailable(
                f"{where}: the disk is full", "free some space, then run the same command again: it resumes"
            )
        case sqlite3.SQLITE_IOERR:
            return StoreUnavailable(
                f"{where}: the disk did not read or write ({name})",
                "check the disk, then run the same command again: it resumes",
            )
        case sqlite3.SQLITE_NOTADB:
            return StoreRefused(f"{where}: this is no SQLite database", "name another file")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return StoreRefused(
                f"{where}: the file cannot be opened or written ({name})",
                "check the permissions of the file and of its folder (a log is kept beside it)",
            )
        case sqlite3.SQLITE_TOOBIG:
            return RecordError(f"{where}: a value is too large for SQLite", "leave that session out")
        case sqlite3.SQLITE_CORRUPT:
            return StoreBroken(
                f"{where}: the database is damaged",
                f"{_EXAMINE}, and restore a backup",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreBroken(f"{where}: a rule of the schema was violated ({name})", _EXAMINE)
    return StoreBroken(f"{where}: SQLite failed ({name})", _EXAMINE)


@contextmanager
def _opened(path: Path, busy: float) -> Iterator[sqlite3.Connection]:
    """A new connection to a file that exists, which is closed again when the block raises."""
    with errors_named(path):
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=busy,
            isolation_level=None,
            check_same_thread=False,  # every user holds a lock
        )
        try:
            yield connection
        except BaseException:
            connection.close()
            raise


def _create(path: Path) -> None:
    """Make an empty file with mode 0600, which the log and its index will inherit from it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        _regular(path)
    except FileNotFoundError:
        raise StoreRefused(f"sqlite:{path}: there is no such folder", f"mkdir -p {path.parent}") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        if error.errno == errno.ENOSPC:
            raise StoreUnavailable(f"sqlite:{path}: the disk is full", "free some space") from None
        raise StoreRefused(
            f"sqlite:{path}: the file cannot be created ({reason})", "check the permissions of its folder"
        ) from None


def _regular(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise StoreRefused(
            f"sqlite:{path}: there is no such file", "check the path, or run kvferry export first"
        ) from None
    except OSError as error:
        raise StoreRefused(
            f"sqlite:{path}: the file cannot be opened ({os.strerror(error.errno or 0).lower()})",
            "check the permissions of its folder",
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise StoreRefused(f"sqlite:{path}: this is not a file", "name a file")
    # SQLite itself would take a very short file for an empty database, and write over it.
    if 0 < found.st_size < _SMALLEST_BYTES:
        raise StoreRefused(f"sqlite:{path}: this is no SQLite database", "name another file")


def _usable_sqlite() -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreRefused(
            f"this Python's SQLite is {sqlite3.sqlite_version}, which is too old",
            "use a Python with SQLite 3.38 or later",
        )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """How many steps of the schema the file has; 0: an empty file. Refuses what is not ours."""
    with closing(connection.cursor()) as cursor:
        # One read transaction: else a file that is being created could be seen half-made.
        cursor.execute("BEGIN")
        ours = cursor.execute("PRAGMA application_id").fetchone()[0]
        version: int = cursor.execute("PRAGMA user_version").fetchone()[0]
        objects = cursor.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        cursor.execute("COMMIT")
    if ours != APPLICATION_ID and (ours or version or objects):
        raise StoreRefused(
            f"sqlite:{path}: this database belongs to another program", "name another file, or a new one"
        )
    if version > VERSION:
        raise StoreRefused(
            f"sqlite:{path}: the file was written by a newer kvferry (schema {version}, known: {VERSION})",
            "upgrade: pip install --upgrade kvferry",
        )
    return version


def _current(version: int, path: Path) -> None:
    if version < VERSION:
        raise StoreRefused(
            f"sqlite:{path}: the file is empty or from an older kvferry",
            "run kvferry export, which brings it up to date",
        )


def _keep_log(connection: sqlite3.Connection, path: Path) -> None:
    if _journal(connection, "WAL") != "wal":
        raise StoreRefused(
            f"sqlite:{path}: the file system cannot hold a write-ahead log", "put the file on a local disk"
        )


def _journal(connection: sqlite3.Connection, mode: str = "") -> str:
    return str(connection.execute(f"PRAGMA journal_mode{mode and ' = '}{mode}").fetchone()[0])
