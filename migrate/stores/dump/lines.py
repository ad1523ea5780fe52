"""Lines of a dump in key order, whatever their order in the file, without holding them.

    strictly rising keys ─▶ SortedLines:  the file is its own index, searched by halving
    any other order      ─▶ IndexedLines: a temporary SQLite file of key → place in the file

`arrange` decides which, in one pass that checks every item; disorder shows within the first lines
as a rule, so that beginning again with an index costs nothing. The index holds keys, which are
secrets: SQLite makes it in the folder for temporary files with mode 0600 and unlinks it at once,
so that nothing is left of it, not even after a kill.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader, RawIOBase
from itertools import chain, islice
from typing import Protocol

from migrate.core.record import Key
from migrate.errors import StoreUnavailable
from migrate.stores.dump.item import ItemError

CheckKey = Callable[[bytes], Key]
"""Gives the key of a line, or raises ItemError."""

_BUFFER = 1 << 18
_NEAR = 1 << 15
"""Halving stops at this distance, and reading on takes over."""

_SHORT = 0xFFFF

CACHE_KIB = 16_000
"""Memory of the index, and again as much while it is sorted."""

_BLOCK = 500
"""Lines that one statement puts into the index: half the time of one by one."""

WIDTH = 4000
"""Lines in a page."""

PAGE_BYTES = 8 << 20
"""A page ends early behind the line that makes it longer than this."""

_FROM = "SELECT place FROM items WHERE key >= ? ORDER BY key LIMIT 4000"
_BEHIND = "SELECT place FROM items WHERE key > ? ORDER BY key LIMIT 4000"


class DuplicateLines(Exception):
    """Two lines have the same key; their numbers."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first, second)
        self.first = first
        self.second = second


class BadLine(Exception):
    """A line was refused: its number and why."""

    def __init__(self, number: int, error: ItemError) -> None:
        super().__init__(number)
        self.number = number
        self.error = error


class LineFile:
    """The lines of an open file from offset `start` on. Reads by position only: any thread may."""

    def __init__(self, fd: int, start: int = 0) -> None:
        """`fd` stays the caller's to close."""
        self.fd = fd
        self.start = start
        self.size = os.fstat(fd).st_size

    def lines(self, at: int, buffer: int = _BUFFER) -> Iterator[bytes]:
        """The lines from offset `at` on, with their ends, the blank ones too."""
        return iter(BufferedReader(_Positioned(self.fd, at), buffer))

    def line(self, at: int, length: int) -> bytes:
        """The line at `at`; `length` is its length, or `_SHORT` when it is at least that."""
        if length < _SHORT:
            return os.pread(self.fd, length, at)
        return next(self.lines(at, 1 << 20))

    def next_start(self, at: int) -> int:
        """Where the first line begins whose beginning is not before `at`."""
        if at <= self.start:
            return self.start
        return at - 1 + len(next(self.lines(at - 1, 4096), b""))

    def number(self, at: int) -> int:
        """The number, from 1, of the line that begins at `at`."""
        count = 1
        position = self.start
        while chunk := os.pread(self.fd, min(_BUFFER, at - position), position):
            count += chunk.count(b"\n")
            position += len(chunk)
        return count


class KeyedLines(Protocol):
    """Access by key. `count` is the number of items."""

    count: int

    def find(self, key: Key) -> bytes | None:
        """The line with this key."""
        ...

    def page(self, key: str, inclusive: bool) -> tuple[list[bytes], bool]:
        """The next lines behind `key` in key order, with its own one if `inclusive`, never a blank one.

        At most `WIDTH`, fewer when they are big; and whether more may follow.
        """
        ...

    def close(self) -> None:
        """Release what it holds; the file stays open."""
        ...


class SortedLines:
    """Lines that are in key order already."""

    def __init__(self, file: LineFile, key_of: CheckKey, count: int) -> None:
        """`key_of` gives a line's key; all lines were checked."""
        self._file = file
        self._key_of = key_of
        self.count = count

    def find(self, key: Key) -> bytes | None:
        """The line with this key."""
        line = next(self._from(key, _NEAR), None)
        return line if line is not None and self._key_of(line) == key else None

    def page(self, key: str, inclusive: bool) -> tuple[list[bytes], bool]:
        """The next lines behind `key`, with its own one if `inclusive`."""
        lines = self._from(key, _BUFFER)
        first = next(lines, None)
        if first is None:
            return [], False
        if inclusive or self._key_of(first) != key:
            lines = chain((first,), lines)
        return _page(lines)

    def close(self) -> None:
        """Nothing to release."""

    def _from(self, key: str, buffer: int) -> Iterator[bytes]:
        """The lines whose key is `key` or behind it."""
        low, high = self._file.start, self._file.size
        while high - low > _NEAR:
            middle = (low + high) // 2
            line = next(_filled(self._file.lines(self._file.next_start(middle), 4096)), None)
            if line is None or self._key_of(line) >= key:
                high = middle
            else:
                low = middle + 1
        lines = _filled(self._file.lines(self._file.next_start(low), buffer))
        for line in lines:
            if self._key_of(line) >= key:
                yield line
                break
        yield from lines


class IndexedLines:
    """Lines in any order, found through a temporary index.

    A line's place is its offset shifted by 16 bits, plus its length (`_SHORT` when longer): one
    number, and rising, so that it can be the row id; then the index on the key covers a query.
    """

    def __init__(self, file: LineFile) -> None:
        """An empty index."""
        self._file = file
        self._lock = threading.Lock()
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        cache = f"cache_size = -{CACHE_KIB}"
        for pragma in ("page_size = 16384", cache, "journal_mode = off", "synchronous = off"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE items (place INTEGER PRIMARY KEY, key TEXT NOT NULL)")
        self.count = 0

    def fill(self, places: Iterator[tuple[int, Key]]) -> None:
        """Put in what `places` gives, and sort it. Raises DuplicateLines."""
        self._db.execute("BEGIN")
        while block := list(islice(places, _BLOCK)):
            rows = ", ".join(["(?, ?)"] * len(block))
            self._db.execute(f"INSERT INTO items VALUES {rows}", list(chain.from_iterable(block)))  # noqa: S608
        self._db.execute("COMMIT")
        (self.count,) = self._db.execute("SELECT count(*) FROM items").fetchone()
        try:
            self._db.execute("CREATE UNIQUE INDEX by_key ON items (key)")
        except sqlite3.IntegrityError:
            twins = self._db.execute(
                "SELECT place FROM items WHERE key = (SELECT key FROM items GROUP BY key"
                " HAVING count(*) > 1 ORDER BY min(place) LIMIT 1) ORDER BY place LIMIT 2"
            ).fetchall()
            first, second = (self._file.number(place >> 16) for (place,) in twins)
            raise DuplicateLines(first, second) from None

    def find(self, key: Key) -> bytes | None:
        """The line with this key."""
        found = self._query("SELECT place FROM items WHERE key = ?", key)
        return self._line(found[0]) if found else None

    def page(self, key: str, inclusive: bool) -> tuple[list[bytes], bool]:
        """The next lines behind `key`, with its own one if `inclusive`."""
        places = self._query(_FROM if inclusive else _BEHIND, key)
        lengths = [place & _SHORT for place in places]
        more = len(places) == WIDTH
        if max(lengths, default=0) == _SHORT or sum(lengths) > PAGE_BYTES:
            return _page(map(self._line, places), more)
        fd, pread = self._file.fd, os.pread
        return [pread(fd, length, place >> 16) for length, place in zip(lengths, places, strict=True)], more

    def close(self) -> None:
        """Remove the index. May be called twice."""
        with self._lock:
            self._db.close()

    def _line(self, place: int) -> bytes:
        return self._file.line(place >> 16, place & _SHORT)

    def _query(self, sql: str, value: str | int) -> Sequence[int]:
        with self._lock:
            return [place for (place,) in self._db.execute(sql, (value,))]


def arrange(file: LineFile, check: CheckKey) -> KeyedLines:
    """Check every line, and find the way to read them in key order.

    Raises BadLine, DuplicateLines, and StoreUnavailable when there is no room for the index.
    """
    last = ""
    before = count = 0
    for place, key in _checked(file, check):
        if key <= last:
            if key == last:
                raise DuplicateLines(file.number(before >> 16), file.number(place >> 16))
            return _indexed(file, check)
        last, before = key, place
        count += 1
    return SortedLines(file, check, count)


def no_room(error: Exception) -> StoreUnavailable:
    """What to say when a temporary file cannot be written."""
    return StoreUnavailable(
        f"cannot write a temporary file for the dump: {error}",
        "set TMPDIR to a folder with room for another copy of the dump",
    )


def _indexed(file: LineFile, check: CheckKey) -> IndexedLines:
    index = IndexedLines(file)
    try:
        index.fill(_checked(file, check))
    except sqlite3.OperationalError as error:
        index.close()
        raise no_room(error) from None
    except BaseException:
        index.close()
        raise
    return index


def _checked(file: LineFile, check: CheckKey) -> Iterator[tuple[int, Key]]:
    """Place and key of each line that is not blank."""
    at = file.start
    for line in file.lines(at):
        length = len(line)
        try:
            yield at << 16 | (length if length < _SHORT else _SHORT), check(line)
        except ItemError as error:
            if line.strip():
                raise BadLine(file.number(at), error) from None
        at += length


def _page(lines: Iterator[bytes], more: bool = True) -> tuple[list[bytes], bool]:
    """As many of the lines as a page takes; `more`: whether any may follow the last one."""
    page: list[bytes] = []
    size = 0
    for line in lines:
        page.append(line)
        size += len(line)
        if len(page) == WIDTH or size > PAGE_BYTES:
            return page, True
    return page, more and len(page) == WIDTH


def _filled(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Without the blank ones."""
    return (line for line in lines if not line.isspace())


class _Positioned(RawIOBase):
    """A raw stream over a descriptor with a position of its own."""

    def __init__(self, fd: int, at: int) -> None:
        self._fd = fd
        self._at = at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # BufferedReader passes a memoryview
        data = os.pread(self._fd, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
