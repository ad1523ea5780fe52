"""`wrangler:DIR`: the Workers KV that `wrangler dev` keeps on disk, read without starting anything.

Reading through the runtime deletes expired rows, and opening its SQLite file in place makes files
beside it; so the SQLite file and its write-ahead log are copied to a private folder and the copy
is opened. Nothing in the state is changed. Layout (seen with wrangler 4.86 and 4.164):

    DIR/.wrangler/state/v3/kv/miniflare-KVNamespaceObject/<hash>.sqlite
        _mf_entries(key TEXT PRIMARY KEY, blob_id TEXT, expiration INTEGER ms, metadata TEXT)
    DIR/.wrangler/state/v3/kv/<namespace>/blobs/<blob_id>       the values; written once, never changed

Value, metadata and expiration come from one row, because the row names the value's file.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from migrate.core.ports import Answer, Clock, Cursor, Page
from migrate.core.record import NEVER, Expiration, Head, Key, Record
from migrate.errors import ConfigError, StoreBroken, StoreRefused, StoreUnavailable
from migrate.stores.stamp import unstamped

_OBJECT = "miniflare-KVNamespaceObject"
_WIDTH = 1000
_PAGE_BYTES = 8 << 20
_LOOKS = 3
_TRIES = 20
_PAUSE = 0.05

_HINT = "stop wrangler dev, or read through it: kv+http://127.0.0.1:8787/NAMESPACE"

_BLOB_ID = re.compile(r"[0-9A-Za-z_-]+")

_ILLEGAL = re.compile(r"""[?<>*"'^/\\:|\x00-\x1f\x80-\x9f]""")
_DOTS = re.compile(r"(^|[/\\])(\.+)([/\\]|$)")
_RESERVED = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$", re.IGNORECASE)


def find_state(folder: Path) -> Path:
    """The folder that holds `v3`, given it, `v3` itself, or the folder of the configuration.

    Raises ConfigError when there is no state.
    """
    folder = folder.resolve()
    for state in (folder / ".wrangler" / "state", folder, folder.parent):
        if (state / "v3").is_dir() and (state != folder.parent or folder.name == "v3"):
            return state
    raise ConfigError(
        f"no local state of wrangler in {folder}",
        "name the folder of the wrangler configuration, its .wrangler/state, or the --persist-to folder",
    )


def object_file(namespace: str) -> str:
    """The name, without suffix, of the SQLite file that the local runtime gives a namespace."""
    unique = hashlib.sha256(_OBJECT.encode()).digest()
    name = hmac.digest(unique, namespace.encode(), "sha256")[:16]
    return (name + hmac.digest(unique, name, "sha256")[:16]).hex()


class WranglerState:
    """One namespace of a local state, as a `Source`.

    A listing reads one copy, taken when it begins; `read` takes a fresh one each time.
    """

    horizon = 0.0
    identity = ""
    live = True
    width = _WIDTH
    skew = 0.0

    def __init__(self, folder: Path, namespace: str, clock: Clock) -> None:
        """`namespace`: its `preview_id`, else `id`, else the binding's name. `clock` hides the expired.

        Raises ConfigError when there is no state, StoreRefused when it has no such namespace.
        """
        self._state = find_state(folder)
        self._namespace = namespace
        self._clock = clock
        kv = self._state / "v3" / "kv"
        self._file = kv / _OBJECT / f"{object_file(namespace)}.sqlite"
        self._blobs = kv / _folder_name(namespace) / "blobs"
        self._lock = threading.Lock()
        self._listing: _Copy | None = None
        if not self._file.is_file():
            others = sorted(path.name for path in kv.glob("*") if path.name != _OBJECT and path.is_dir())
            raise StoreRefused(
                f"the local state has no namespace {namespace!r}; it has {len(others)}"
                + (f": {', '.join(others)}" if others else ""),
                f"name one of them: wrangler:{folder}#NAMESPACE"
                if others
                else "write a key with wrangler dev",
            )

    @property
    def address(self) -> str:
        """`wrangler:`, the resolved folder that holds `v3`, `#`, the namespace."""
        return f"wrangler:{self._state}#{self._namespace}"

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page behind the key `cursor`, with its records. Expired entries are not listed."""
        with self._lock:
            copy = self._listing
            if copy is None or cursor is None:
                copy = self._take_copy()
            page = self._page(copy, prefix, cursor)
            if page.records is None:  # a value went while the page was read: look once more
                page = self._page(self._take_copy(), prefix, cursor)
            return page

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Read these keys from a fresh copy. What is expired, or has no value, is gone."""
        answers: dict[Key, Answer] = dict.fromkeys(keys)
        wanted: Sequence[Key] = keys
        for _ in range(_LOOKS):
            copy = _Copy(self._file, self._clock)
            try:
                entries = [entry for key in wanted if (entry := copy.entry(key, self._clock.now()))]
            finally:
                copy.close()
            answers.update({entry.head.key: self._record(entry) for entry in entries})
            # a value's file goes when its key is written again or deleted: a later copy tells which
            wanted = [entry.head.key for entry in entries if answers[entry.head.key] is None]
            if not wanted:
                break
        return answers

    def close(self) -> None:
        """Remove the copy. May be called twice."""
        with self._lock:
            if self._listing is not None:
                self._listing.close()
                self._listing = None

    def _take_copy(self) -> _Copy:
        """Make the listing's copy anew."""
        if self._listing is not None:
            self._listing.close()
        self._listing = _Copy(self._file, self._clock)
        return self._listing

    def _page(self, copy: _Copy, prefix: str, cursor: Cursor | None) -> Page:
        """One page of a copy; without records when a value is missing."""
        heads: list[Head] = []
        records: list[Record] = []
        size = 0
        following = None
        for entry in copy.entries(prefix, cursor, self._clock.now()):
            heads.append(entry.head)
            record = self._record(entry)
            if record is not None:
                records.append(record)
                size += len(record.value)
            if len(heads) == _WIDTH or size > _PAGE_BYTES:
                following = Cursor(entry.head.key)
                break
        return Page(heads, following, records if len(records) == len(heads) else None)

    def _record(self, entry: _Entry) -> Record | None:
        """The entry with its value; None when that is missing."""
        if not _BLOB_ID.fullmatch(entry.blob_id):
            raise StoreBroken("the local state names a value by something that is no blob id", _HINT)
        try:
            value = (self._blobs / entry.blob_id).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreRefused(f"cannot read a value of the local state: {error.strerror}", _HINT) from None
        return Record(entry.head.key, value, entry.head.metadata, entry.head.expiration)


class _Entry(NamedTuple):
    """A row of `_mf_entries`."""

    head: Head
    blob_id: str


class _Copy:
    """A private copy of a namespace's SQLite file with its write-ahead log, open for reading.

    Its files lose their names as soon as they are open, so that nothing is left after a kill.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        """Copy and open. Raises StoreUnavailable when the file does not come to rest, StoreRefused."""
        with tempfile.TemporaryDirectory(prefix="kvferry-") as folder:  # mode 0700
            _copy_at_rest(file, Path(folder), clock)
            self._db = sqlite3.connect(Path(folder, file.name), isolation_level=None, check_same_thread=False)
            try:
                self._db.execute("PRAGMA journal_mode = delete")  # brings the log into the file
                self._db.execute("PRAGMA query_only = on")
                self._db.execute("SELECT count(*) FROM sqlite_schema")
            except sqlite3.Error as error:
                self._db.close()
                raise StoreBroken(f"the local state cannot be read: {error}", _HINT) from None

    def entries(self, prefix: str, after: str | None, now: float) -> Iterator[_Entry]:
        """The entries with the prefix behind `after` that have not expired at `now`, in key order."""
        if after is None or after < prefix:
            rows = self._rows("key >= ? ORDER BY key", prefix, now)
        else:
            rows = self._rows("key > ? ORDER BY key", after, now)
        return takewhile(lambda entry: entry.head.key.startswith(prefix), rows)

    def entry(self, key: Key, now: float) -> _Entry | None:
        """The entry of one key, None when there is none or it has expired."""
        return next(self._rows("key = ?", key, now), None)

    def close(self) -> None:
        """Let go of it."""
        self._db.close()

    def _rows(self, where: str, key: str, now: float) -> Iterator[_Entry]:
        columns = "SELECT key, blob_id, expiration, metadata FROM _mf_entries WHERE "
        try:
            for name, blob_id, expiration, metadata in self._db.execute(columns + where, (key,)):
                if expiration is None or expiration > now * 1000:
                    at: Expiration = NEVER if expiration is None else int(expiration // 1000)
                    told = unstamped(None if metadata == "null" else metadata, at)
                    yield _Entry(Head(name, *told), blob_id)
        except sqlite3.Error as error:
            raise StoreBroken(f"the local state cannot be read: {error}", _HINT) from None


def _copy_at_rest(file: Path, folder: Path, clock: Clock) -> None:
    """Copy the file and its log as of one moment: neither changed while they were copied."""
    log = file.with_name(f"{file.name}-wal")
    for _ in range(_TRIES):
        before = _look(file), _look(log)
        try:
            _copy(file, folder / file.name)
            if before[1] is not None:
                _copy(log, folder / log.name)
            else:
                (folder / log.name).unlink(missing_ok=True)
        except FileNotFoundError:
            if not file.exists():
                raise StoreRefused("the namespace has gone from the local state", _HINT) from None
        except OSError as error:
            raise StoreRefused(f"cannot copy the local state: {error.strerror}", _HINT) from None
        else:
            if before == (_look(file), _look(log)):
                return
        clock.sleep(_PAUSE)
    raise StoreUnavailable(
        "the local state is written to all the time, so that it cannot be copied",
        "pause the writers, or read it through wrangler dev: kv+http://127.0.0.1:8787/NAMESPACE",
    )


def _look(file: Path) -> tuple[int, int, int] | None:
    """What tells that a file changed; None when it is not there."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _copy(source: Path, to: Path) -> None:
    fd = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "wb") as out, open(source, "rb") as file:
        shutil.copyfileobj(file, out, 1 << 20)


def _folder_name(namespace: str) -> str:
    """The folder of a namespace's values: the name made safe as miniflare does it."""
    name = namespace
    for _ in range(2):
        name = _DOTS.sub(lambda dots: f"{dots[1]}{'_' * len(dots[2])}{dots[3]}", name)
    name = _RESERVED.sub("_", _ILLEGAL.sub("_", name))
    name = re.sub(r"^[ /\\]+|[ /\\]+$", lambda edge: "_" * len(edge[0]), name)
    return name[:255]
