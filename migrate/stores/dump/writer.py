"""Writes a dump: every record, in a form that `wrangler kv bulk put` takes back.

Beside the file first, mode 0600, and renamed once it is complete and on disk: whoever reads FILE
reads a whole dump or none. What the form cannot say is refused rather than changed: an
expiration that is unknown would be read back as never.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import gzip
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import orjson

from migrate.core.record import NEVER, UNKNOWN, Record
from migrate.errors import ConfigError, MigrateError, RecordError, StoreUnavailable
from migrate.stores.dump.item import ItemError, Items

_BUFFER = 1 << 18

_READABLE = Items()
"""Reads back what was written: nothing goes into a dump that a `DumpSource` would refuse."""

_CALLERS = frozenset((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS))
"""Failures that another name or folder mends."""


class DumpWriter:
    """A dump being written, as a context: it becomes FILE when the block ends, unless by an error.

    FILE.ndjson is one item per line, FILE.json one JSON array; with .gz behind it, gzipped, and
    the same records give the same bytes.
    """

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        """Name the file. Raises ConfigError for another suffix, or when FILE is there already.

        `replace`: take the place of a FILE that is there.
        """
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self._packed = suffixes[-1:] == [".gz"]
        kind = suffixes[-2:-1] if self._packed else suffixes[-1:]
        if kind not in ([".json"], [".ndjson"]):
            raise ConfigError(
                f"{path.name} is not named .json or .ndjson, with or without .gz",
                "the name says how to write it: dump:FILE.ndjson.gz",
            )
        if not replace and path.exists():
            raise ConfigError(f"{path} is there already", "name a new file, or move that one away")
        self.count = 0
        self._path = path
        self._beside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        self._array = kind == [".json"]
        self._raw: BinaryIO | None = None
        self._out: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Open the file beside FILE. Raises ConfigError or StoreUnavailable when it cannot be written."""
        try:
            self._beside.unlink(missing_ok=True)  # of a process that was killed and had our number
            fd = os.open(self._beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise self._unwritable(error) from None
        self._raw = self._out = os.fdopen(fd, "wb", _BUFFER)
        if self._packed:
            # no name and no time inside: the same records give the same bytes
            self._out = cast(BinaryIO, gzip.GzipFile("", "wb", 6, self._raw, mtime=0))
        return self

    def write(self, record: Record) -> None:
        """Add one record. Raises RecordError when the form cannot say it, StoreUnavailable."""
        line = item(record)
        between = ((b",\n" if self.count else b"[\n"), b"") if self._array else (b"", b"\n")
        self._put(between[0] + line + between[1])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in its place, or remove it."""
        try:
            if kind is None:
                self._finish()
        finally:
            if self._out is not None and self._raw is not None:
                _close(self._out)
                _close(self._raw)
            self._beside.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Everything on disk, then the name, then the folder that holds the name."""
        if self._array:
            self._put(b"\n]\n" if self.count else b"[]\n")
        assert self._out is not None
        assert self._raw is not None
        try:
            if self._packed:
                self._out.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unwritable(error) from None

    def _put(self, data: bytes) -> None:
        assert self._out is not None
        try:
            self._out.write(data)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> MigrateError:
        return unwritable(self._path, error)


def unwritable(path: Path, error: OSError) -> MigrateError:
    """What to raise when a dump cannot be written, or not be begun."""
    message = f"cannot write {path}: {error.strerror or error}"
    if error.errno in _CALLERS:
        return ConfigError(message, "name a file in a folder that can be written to")
    return StoreUnavailable(message, "nothing was written; make room, or name a file elsewhere")


def write_dump(path: Path, records: Iterable[Record], *, replace: bool = False) -> int:
    """Write a dump of `records`, or nothing at all; returns how many there were.

    Raises ConfigError (name, or FILE is there), RecordError, StoreUnavailable.
    """
    with DumpWriter(path, replace=replace) as writer:
        for record in records:
            writer.write(record)
    return writer.count


def item(record: Record) -> bytes:
    """One record as a bulk-put item on one line. Raises RecordError."""
    if record.expiration is UNKNOWN:
        raise RecordError("a session with an unknown expiration cannot be dumped: it would read as never")
    members: dict[str, object] = {"key": record.key}
    try:
        members["value"] = record.value.decode()
    except UnicodeDecodeError:
        members["value"] = base64.b64encode(record.value).decode("ascii")
        members["base64"] = True
    if record.expiration is not NEVER:
        members["expiration"] = record.expiration
    try:
        if record.metadata is not None:
            orjson.loads(record.metadata)  # one JSON value, and not the beginning of other members
            # as it stands, digit by digit; a line end in JSON is white space
            members["metadata"] = orjson.Fragment(record.metadata.replace("\r", " ").replace("\n", " "))
        line = orjson.dumps(members)
        _READABLE.key(line)
    except ItemError as error:
        raise RecordError(f"a session cannot be dumped: its {error.reason}") from None
    except (TypeError, ValueError):
        raise RecordError(
            "a session cannot be dumped: its key is not Unicode, or its metadata not JSON"
        ) from None
    return line


def _close(file: BinaryIO) -> None:
    """Close what may be full or closed already: the error that counts was raised before."""
    with contextlib.suppress(OSError):
        file.close()
