"""How the exporter reads a source: one lister follows the cursor, a pool reads values, in order.

KV has no start-after, so no set of prefixes can be proven to cover a key space; one listing can,
and one lister feeds ten readers far beyond Cloudflare's limit. Slices come out in the listing's
order however the reads finish, and only a bounded number of them is ever in memory.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from migrate.core.copying import NotRead, Slice, standing
from migrate.core.ports import Answer, Checkpoint, Clock, Cursor, Outcome, Page, Source
from migrate.core.record import Head, Key, Row

WORKERS = 16
PAGES_AHEAD = 4
SLICES_AHEAD = 3 * WORKERS

Look = Callable[[Sequence[Key]], Mapping[Key, Row]]
"""What the target holds under some keys, before the source is read."""


_Read = tuple[Mapping[Key, Answer], float]
"""Answers, and when they had come (Unix seconds)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read, and how much of it the target has already.

    `look`: None in a first sweep. `missing_only`: read only keys that the target lacks (the
    listing had to start again). `limit`: stop after this many keys.
    """

    source: Source
    mark: Checkpoint
    clock: Clock
    look: Look | None = None
    missing_only: bool = False
    limit: int | None = None

    def slices(self) -> Iterator[Slice]:
        """The partition's slices from the checkpoint on, in key order; see `Slice`.

        Raises what the source's scan and read raise.
        """
        left = self.limit
        for piece in self._all():
            if left is not None and len(piece.heads) >= left:
                complete = len(piece.heads) == left and piece.last
                cut = replace(piece, heads=piece.heads[:left], answers=piece.answers[:left])
                yield cut if complete else replace(cut, last=False, next=self._restart(piece, left))
                return
            if left is not None:
                left -= len(piece.heads)
            yield piece

    def _restart(self, piece: Slice, left: int) -> Cursor | None:
        """The cursor to save when a slice was cut: behind it if it was whole, else its own page's."""
        return piece.next if len(piece.heads) == left else piece.page

    def _all(self) -> Iterator[Slice]:
        first = self.source.scan(self.mark.partition, self.mark.cursor)
        if first.records is not None:
            yield from self._at_hand(first)
        else:
            yield from self._pooled(first)

    def _fresh(self, page: Page) -> Page:
        """The page without what an earlier process has already committed of it."""
        last = self.mark.last_key
        if last is None or not page.heads or page.heads[0].key > last:
            return page
        start = sum(head.key <= last for head in page.heads)
        records = page.records[start:] if page.records is not None else None
        return replace(page, heads=page.heads[start:], records=records)

    def _at_hand(self, page: Page) -> Iterator[Slice]:
        """A source that gives its values with the page: nothing to wait for, no threads."""
        cursor = self.mark.cursor
        while True:
            kept = self._fresh(page)
            rows = self._rows(kept.heads)
            answers = self._answers(kept, rows or {})
            read_at = self.clock.now()
            yield Slice(kept.heads, answers, rows, read_at, page.next, page.next is None, cursor)
            if page.next is None:
                return
            cursor = page.next
            page = self.source.scan(self.mark.partition, cursor)

    def _rows(self, heads: Sequence[Head]) -> Mapping[Key, Row] | None:
        if self.look is None:
            return None
        return self.look([head.key for head in heads]) if heads else {}

    def _answers(self, page: Page, rows: Mapping[Key, Row]) -> Sequence[Answer | NotRead]:
        """The page's records; one that differs from its row is read afresh, because the rows must
        have been read before the source was."""
        if page.records is None:
            found = self.source.read([head.key for head in page.heads])
            return [found[head.key] for head in page.heads]
        waiting = [
            record.key
            for record in page.records
            if record.key in rows and standing(record, rows[record.key]) is Outcome.WAITING
        ]
        if not waiting:
            return page.records
        again = self.source.read(waiting)
        return [again.get(record.key, record) for record in page.records]

    def _pooled(self, first: Page) -> Iterator[Slice]:
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="read")
        lister = _Lister(self.source, self.mark, first)
        window: deque[tuple[Slice, Future[_Read] | None]] = deque()
        try:
            while window or not lister.done:
                listed = None
                if len(window) < SLICES_AHEAD and not lister.done:
                    listed = lister.take(block=not window)
                if listed is not None:
                    for piece in self._cut(*listed):
                        wanted = [
                            head.key
                            for head, answer in zip(piece.heads, piece.answers, strict=True)
                            if answer is None
                        ]
                        window.append((piece, pool.submit(self._read, wanted) if wanted else None))
                elif window:
                    yield _filled(*window.popleft())
        finally:
            lister.stop()
            pool.shutdown(wait=False, cancel_futures=True)

    def _read(self, keys: Sequence[Key]) -> _Read:
        return self.source.read(keys), self.clock.now()

    def _cut(self, page: Page, cursor: Cursor | None) -> Iterator[Slice]:
        """A page as slices of one read each; what need not be read is answered NotRead."""
        heads = self._fresh(page).heads
        width = self.source.width
        for start in range(0, max(len(heads), 1), width):
            part = heads[start : start + width]
            rows = self._rows(part)
            held = rows if rows is not None and self.missing_only else {}
            answers = [NotRead.PRESENT if head.key in held else None for head in part]
            whole = start + width >= len(heads)
            yield Slice(
                heads=part,
                answers=answers,
                rows=rows,
                read_at=self.clock.now(),
                next=page.next if whole else cursor,
                last=whole and page.next is None,
                page=cursor,
            )


def _filled(piece: Slice, read: Future[_Read] | None) -> Slice:
    """The slice with its answers; waits for them."""
    if read is None:
        return piece
    found, read_at = read.result()
    answers = [
        found[head.key] if answer is None else answer
        for head, answer in zip(piece.heads, piece.answers, strict=True)
    ]
    return replace(piece, answers=answers, read_at=read_at)


class _Lister:
    """Follows the cursor in a thread of its own, a few pages ahead of the readers."""

    def __init__(self, source: Source, mark: Checkpoint, first: Page) -> None:
        self._source = source
        self._prefix = mark.partition
        self._start = mark.cursor
        self._first = first
        self._pages: queue.Queue[tuple[Page, Cursor | None] | BaseException] = queue.Queue(PAGES_AHEAD)
        self._stopped = threading.Event()
        self.done = False
        threading.Thread(target=self._run, name="list", daemon=True).start()

    def take(self, *, block: bool) -> tuple[Page, Cursor | None] | None:
        """The next page with the cursor that it was listed at; None when it is not here yet.

        Raises what the listing raised. `done` is set with the last page.
        """
        try:
            got = self._pages.get(block=block)
        except queue.Empty:
            return None
        if isinstance(got, BaseException):
            raise got
        self.done = got[0].next is None
        return got

    def stop(self) -> None:
        """Let the thread end after the request it is in."""
        self._stopped.set()

    def _run(self) -> None:
        page, cursor = self._first, self._start
        try:
            while self._put((page, cursor)) and page.next is not None:
                cursor = page.next
                page = self._source.scan(self._prefix, cursor)
        except BaseException as error:
            self._put(error)

    def _put(self, item: tuple[Page, Cursor | None] | BaseException) -> bool:
        while not self._stopped.is_set():
            try:
                self._pages.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False
