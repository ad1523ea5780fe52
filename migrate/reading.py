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
from migrate.errors import StoreBroken

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

        Raises what the source's scan and read raise, after the slices that had come before.
        """
        first = self.source.scan(self.mark.partition, self.mark.cursor)
        yield from self._at_hand(first) if first.records is not None else self._pooled(first)

    def _wanted(self, page: Page, left: int | None) -> tuple[Page, bool]:
        """The page without what an earlier process has committed of it and what is beyond the
        limit; True when the limit cut something off."""
        heads, records = page.heads, page.records
        last = self.mark.last_key
        start = 0
        if last is not None and heads and heads[0].key <= last:
            start = sum(head.key <= last for head in heads)
        cut = left is not None and len(heads) - start > left
        if start == 0 and not cut:
            return page, False
        end = start + left if cut and left is not None else len(heads)
        return Page(heads[start:end], page.next, records[start:end] if records is not None else None), cut

    def _at_hand(self, first: Page) -> Iterator[Slice]:
        """A source that gives its values with the page: the next one is read while the target takes this."""
        cursor, left = self.mark.cursor, self.limit
        page, read_at = first, self.clock.now()
        with ThreadPoolExecutor(1, thread_name_prefix="page") as pool:
            while True:
                ahead = None if page.next is None else pool.submit(self._scan, page.next)
                kept, cut = self._wanted(page, left)
                rows = self._rows(kept.heads)
                answers = self._answers(kept, rows if rows is not None else {})
                read_at = read_at if answers is kept.records else self.clock.now()
                following = cursor if cut else page.next
                yield Slice(kept.heads, answers, rows, read_at, following, ahead is None and not cut)
                left = None if left is None else left - len(kept.heads)
                if ahead is None or cut or left == 0:
                    return
                cursor = page.next
                page, read_at = ahead.result()

    def _scan(self, cursor: Cursor) -> tuple[Page, float]:
        return self.source.scan(self.mark.partition, cursor), self.clock.now()

    def _rows(self, heads: Sequence[Head]) -> Mapping[Key, Row] | None:
        if self.look is None:
            return None
        return self.look([head.key for head in heads]) if heads else {}

    def _answers(self, page: Page, rows: Mapping[Key, Row]) -> Sequence[Answer | NotRead]:
        """The page's records; one that differs from its row is read afresh, because the rows must
        have been read before the source was."""
        if self.missing_only:
            wanted = [head.key for head in page.heads if head.key not in rows]
            given: Sequence[Answer | NotRead] = [NotRead.PRESENT] * len(page.heads)
        elif page.records is None:
            wanted, given = [head.key for head in page.heads], ()
        else:
            given = page.records
            wanted = [
                record.key
                for record in page.records
                if record.key in rows and standing(record, rows[record.key]) is Outcome.WAITING
            ]
        if not wanted:
            return given
        found = read_all(self.source, wanted)
        return [found[h.key] if h.key in found else given[at] for at, h in enumerate(page.heads)]

    def _pooled(self, first: Page) -> Iterator[Slice]:
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="read")
        lister = _Lister(self.source, self.mark, first)
        window: deque[tuple[Slice, Future[_Read] | None]] = deque()
        left, failure = self.limit, None
        try:
            while window or not lister.done:
                listed = None
                if len(window) < SLICES_AHEAD and not lister.done:
                    listed = lister.take(block=not window)
                if isinstance(listed, StoreBroken):
                    raise listed
                if isinstance(listed, BaseException):
                    failure = listed  # what is being read already is not lost by it
                elif listed is not None:
                    page, cursor = listed
                    kept, cut = self._wanted(page, left)
                    left = None if left is None else left - len(kept.heads)
                    lister.done = lister.done or cut or left == 0
                    for piece in self._sliced(kept, cursor if cut else page.next, cursor, whole=not cut):
                        window.append((piece, self._submit(pool, piece)))
                elif window:
                    yield _filled(*window.popleft())
            if failure is not None:
                raise failure
        finally:
            lister.stop()
            pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, piece: Slice) -> Future[_Read] | None:
        pairs = zip(piece.heads, piece.answers, strict=True)
        wanted = [head.key for head, answer in pairs if answer is None]
        return pool.submit(self._read, wanted) if wanted else None

    def _read(self, keys: Sequence[Key]) -> _Read:
        return read_all(self.source, keys), self.clock.now()

    def _sliced(
        self, page: Page, following: Cursor | None, cursor: Cursor | None, *, whole: bool
    ) -> Iterator[Slice]:
        """A page as slices of one read each; what need not be read is answered NotRead."""
        width = self.source.width
        for start in range(0, max(len(page.heads), 1), width):
            part = page.heads[start : start + width]
            rows = self._rows(part)
            held = rows if rows is not None and self.missing_only else {}
            final = start + width >= len(page.heads)
            yield Slice(
                heads=part,
                answers=[NotRead.PRESENT if head.key in held else None for head in part],
                rows=rows,
                read_at=self.clock.now(),
                next=following if final else cursor,
                last=final and whole and page.next is None,
            )


def read_all(source: Source, keys: Sequence[Key]) -> Mapping[Key, Answer]:
    """Any number of keys, in reads of the source's width; an answer for every one of them.

    Raises what `read` raises, and StoreBroken when it leaves a key out: that is not "gone".
    """
    found: dict[Key, Answer] = {}
    for start in range(0, len(keys), source.width):
        found.update(source.read(keys[start : start + source.width]))
    if len(found) != len(keys) or not all(key in found for key in keys):
        raise StoreBroken("the source did not answer for every key it was asked for", "report it")
    return found


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

    def take(self, *, block: bool) -> tuple[Page, Cursor | None] | BaseException | None:
        """The next page with the cursor that it was listed at, or what the listing raised; None
        when nothing is here yet. `done` is set with the last of them."""
        try:
            got = self._pages.get(block=block)
        except queue.Empty:
            return None
        self.done = isinstance(got, BaseException) or got[0].next is None
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
