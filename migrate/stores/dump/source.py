"""`dump:FILE` as a source, and as a store whose rows a verify can read.

`prepare` reads everything once: each item is checked, and whether keys rise and are free of
duplicates is known before a target is touched. Then pages are read from the file in key order;
neither step holds more than a page in memory. A dump does not change, so a cursor is the last key,
and reading again gives the same answer; a file that does change underfoot is StoreBroken.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.core.ports import Answer, Cursor, Page, Quarantined, Unreadable
from migrate.core.record import Head, Key, Origin, Record, Row
from migrate.errors import ConfigError, StoreBroken
from migrate.stores.dump.item import Items, Read, new
from migrate.stores.dump.lines import WIDTH, BadLine, DuplicateLines, KeyedLines, LineFile, arrange
from migrate.stores.dump.shapes import Lines, Options, Shape, open_lines, refusal


@dataclass(frozen=True, slots=True)
class _Ready:
    """A dump that was prepared. `stamp`: what the open file looked like, to notice a change."""

    lines: Lines
    keyed: KeyedLines
    items: Items
    stamp: tuple[int, ...]
    identity: str


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some items in key order. `reads`: all of them, where not every one is a record."""

    records: Sequence[Record]
    reads: Sequence[Read] | None
    last: Key | None
    more: bool


class DumpSource:
    """A dump, as `Source` and as `Holder`. Rows are of origin copy, version 1, and of no sweep."""

    horizon = 0.0
    live = False
    width = WIDTH
    skew = 0.0
    concealed = None
    verbatim = True

    def __init__(
        self,
        path: Path,
        *,
        keys: Path | None = None,
        assume_never: bool = False,
        dumped_at: int | None = None,
    ) -> None:
        """Name a dump; nothing is opened before `prepare`.

        `keys`: the key list of a bulk get. `assume_never`: what a bulk get does not date never
        expires. `dumped_at`: Unix seconds, where each `expiration_ttl` begins.
        """
        if keys is not None and assume_never:
            raise ConfigError("a key list says which sessions never expire", "leave out --assume-never")
        self._path = path.resolve()
        self._options = Options(None if keys is None else keys.resolve(), assume_never)
        self._dumped_at = dumped_at
        self._lock = threading.Lock()
        self._ready: _Ready | None = None

    @property
    def address(self) -> str:
        """`dump:` and the resolved path, with that of the key list if there is one."""
        keys = self._options.keys
        return f"dump:{self._path}" + ("" if keys is None else f"?keys={keys}")

    @property
    def identity(self) -> str:
        """Which file it was when it was prepared, by device, inode, size and time of change.

        It is the file that was named: what it was unpacked or joined into is another one each time.
        """
        return self._prepared().identity

    @property
    def count(self) -> int:
        """How many items it has, those without a value too."""
        return self._prepared().keyed.count

    @property
    def unjoined(self) -> int:
        """How many items have no value: null in the bulk get, or in the key list only.

        They are listed, and read as gone.
        """
        return self._prepared().lines.unjoined

    def prepare(self) -> None:
        """Read and check everything, once; every other method does it when it was not done.

        Raises ConfigError with the line of what is malformed or twice there, and
        StoreUnavailable when there is no room for temporary files.
        """
        self._prepared()

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        """The page behind the key `cursor`, with its records unless one of them is not a record."""
        chunk = self._chunk(prefix, cursor)
        following = Cursor(chunk.last) if chunk.more and chunk.last is not None else None
        if chunk.reads is not None:
            return Page([read.head for read in chunk.reads], following)
        heads = [new(Head, (key, metadata, at, None, None)) for key, _, metadata, at, *_ in chunk.records]
        return Page(heads, following, chunk.records)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """What the dump says of these keys."""
        ready = self._prepared()
        self._check_unchanged(ready)
        answers: dict[Key, Answer] = {}
        for key in keys:
            line = ready.keyed.find(key)
            answers[key] = None if line is None else ready.items.read(line).answer
        return answers

    def rows(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The rows of these keys, as far as it has them."""
        return {key: _row(item) for key, item in self.read(keys).items() if isinstance(item, Record)}

    def rows_between(self, prefix: str, after: Key | None, upto: Key | None) -> Iterator[Row]:
        """Every row with the prefix and after < key <= upto, in key order."""
        for chunk in self._chunks(prefix, after):
            for record in chunk.records:
                if upto is not None and record.key > upto:
                    return
                yield _row(record)

    def shown(self, keys: Sequence[Key]) -> Mapping[Key, Row]:
        """The same as `rows`, which has the values."""
        return self.rows(keys)

    def quarantined(self, prefix: str, after: Key | None = None) -> Iterator[Quarantined]:
        """The keys behind `after` whose values cannot be trusted, in key order."""
        if self._prepared().items.bulk_get:
            for chunk in self._chunks(prefix, after):
                for head, answer in chunk.reads or ():
                    if isinstance(answer, Unreadable):
                        yield Quarantined(head.key, answer.reason)

    def fenced_since(self) -> None:
        """Nobody copies into a dump that is there: it has no fence."""

    def finished_since(self) -> None:
        """Nor has it an end."""

    def leased_until(self) -> None:
        """Nor a lease."""

    def close(self) -> None:
        """Close the file and remove what is temporary. May be called twice."""
        with self._lock:
            if self._ready is not None:
                self._ready.keyed.close()
                self._ready.lines.file.close()
                self._ready = None

    def _chunks(self, prefix: str, after: Key | None) -> Iterator[_Chunk]:
        """All chunks of the prefix behind `after`."""
        more = True
        while more:
            chunk = self._chunk(prefix, after)
            yield chunk
            after, more = chunk.last, chunk.more

    def _chunk(self, prefix: str, after: str | None) -> _Chunk:
        """The next items with the prefix, behind the key `after`."""
        ready = self._prepared()
        self._check_unchanged(ready)
        inclusive = after is None or after < prefix
        lines, more = ready.keyed.page(prefix if after is None or inclusive else after, inclusive)
        records = ready.items.records(lines)
        if records is not None:
            if records and not records[-1].key.startswith(prefix):
                records = [record for record in records if record.key.startswith(prefix)]
                more = False
            return _Chunk(records, None, records[-1].key if records else None, more)
        reads = [ready.items.read(line) for line in lines]
        if not reads[-1].head.key.startswith(prefix):
            reads = [read for read in reads if read.head.key.startswith(prefix)]
            more = False
        answers = [read.answer for read in reads]
        records = [answer for answer in answers if isinstance(answer, Record)]
        return _Chunk(records, reads, reads[-1].head.key if reads else None, more)

    def _check_unchanged(self, ready: _Ready) -> None:
        if _stamp(ready.lines) != ready.stamp:
            raise StoreBroken(
                f"{self._path.name} changed while it was read", "start again with a file at rest"
            )

    def _prepared(self) -> _Ready:
        ready = self._ready
        if ready is not None:
            return ready
        with self._lock:
            if self._ready is None:
                identity = _identity(self._path, self._options.keys)
                lines = open_lines(self._path, self._options)
                try:
                    self._ready = self._arranged(lines, identity)
                except BaseException:
                    lines.file.close()
                    raise
            return self._ready

    def _arranged(self, lines: Lines, identity: str) -> _Ready:
        items = Items(self._dumped_at, lines.shape is Shape.BULK_GET)
        stamp = _stamp(lines)
        try:
            keyed = arrange(LineFile(lines.file.fileno(), lines.start), items.key)
        except BadLine as bad:
            raise refusal(self._path, lines.place(bad.number), bad.error) from None
        except DuplicateLines as twins:
            first, second = lines.place(twins.first), lines.place(twins.second)
            raise ConfigError(
                f"{self._path.name} {second}: the same key as in {first}",
                "remove the one that is not wanted: nothing here says which is newer",
            ) from None
        ready = _Ready(lines, keyed, items, stamp, identity)
        self._check_unchanged(ready)
        return ready


def _row(record: Record) -> Row:
    return Row(record.key, record.value, record.metadata, record.expiration, Origin.COPY, 1, None)


def _stamp(lines: Lines) -> tuple[int, ...]:
    """Device, inode, size and time of change of the open file."""
    return _marks(os.fstat(lines.file.fileno()))


def _identity(*paths: Path | None) -> str:
    """The same of the files that were named; one that is not there has none."""
    there = [path.stat() for path in paths if path is not None and path.exists()]
    return "-".join(str(mark) for status in there for mark in _marks(status))


def _marks(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
