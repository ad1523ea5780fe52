"""A dump that grows: lines are added and made durable step by step, so that what is deleted is in it before.

Each line is one bulk-put item, as in a dump that is written at once; FILE.ndjson is whole at every step.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from migrate.core.record import Record
from migrate.errors import ConfigError, MigrateError, StoreUnavailable
from migrate.stores.dump.writer import item, unwritable


class DumpLog:
    """A dump being added to. `size`: bytes of it that count; 0: nothing was added yet.

    What is behind that was added by a process that died before it could say so, and is cut off.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Open the file, mode 0600, making it. Raises ConfigError when it is shorter than it must be."""
        self._path = path
        self._size = size
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._file: BinaryIO = os.fdopen(fd, "r+b")
            self._lock(fd)
            there = self._file.seek(0, os.SEEK_END)
            if there < size:
                self._file.close()
                raise ConfigError(
                    f"{path} is not what it was: {size:,} bytes were written, {there:,} are there",
                    "put it back in its place, or begin anew with --fresh and another --dump",
                )
            self._file.truncate(size)
            self._file.seek(size)
            _sync_folder(path.parent)
        except OSError as error:
            raise unwritable(path, error) from None

    def add(self, record: Record) -> None:
        """Add one record. Raises RecordError when the form cannot say it; StoreUnavailable."""
        line = item(record) + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise self._full(error) from None
        self._size += len(line)

    def commit(self) -> int:
        """Make all that was added durable; returns the size that counts now. Raises StoreUnavailable."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._full(error) from None
        return self._size

    def close(self) -> None:
        """Close the file. May be called twice."""
        try:
            self._file.close()
        except OSError as error:
            raise self._full(error) from None

    def _lock(self, fd: int) -> None:
        """Two processes that add to one file would write over each other: the second is refused."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise StoreUnavailable(
                f"another process adds to {self._path}", "let it end, or end it, and run the command again"
            ) from None

    def _full(self, error: OSError) -> MigrateError:
        return StoreUnavailable(
            f"cannot write {self._path}: {error.strerror or error}", "make room, and run the command again"
        )


def check_new(path: Path) -> None:
    """Raise ConfigError unless a dump that grows can begin at this path."""
    if path.suffix.lower() != ".ndjson":
        raise ConfigError(f"{path.name} is not named .ndjson", "--dump FILE.ndjson")
    if path.exists():
        raise ConfigError(f"{path} is there already", "name a new file with --dump, or move that one away")
    if not path.parent.is_dir():
        raise ConfigError(f"{path.parent} is no folder", "name a file in a folder that is there: --dump")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
