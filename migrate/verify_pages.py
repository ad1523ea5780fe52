"""A verify's side of the source: its pages with the answer to each of their heads, read ahead.

Pages are listed one after the other, the next one while this one is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from migrate.core.listing import Sampling, equal_by_listing, stretches
from migrate.core.names import Names
from migrate.core.ports import Answer, Cursor, Page, Source
from migrate.core.proving import Pair
from migrate.core.record import Head, Key, Unseen
from migrate.errors import StoreBroken
from migrate.ledger.verifies import Position

WORKERS = 16
_HELD_BYTES = 16 * 1024 * 1024
_AHEAD = 16
"""Pages that a fast verify lists while it compares."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page, the cursor that listed it, and the last key listed so far."""

    cursor: Cursor | None
    page: Page
    last: Key | None


@dataclass(frozen=True, slots=True)
class SourcePages:
    """Reads a source for a verify. `sampling`: that of a fast verify, whose pages come without values.

    Raises StoreBroken when the source breaks its contract, and what its `scan` and `read` raise.
    """

    source: Source
    sampling: Sampling | None = None

    def pages(self, position: Position) -> Iterator[tuple[Page, Sequence[Answer]]]:
        """Pages and the answer to each of their heads; the next page is listed meanwhile."""
        page = self.source.scan(position.prefix, position.cursor)
        last = page.heads[-1].key if page.heads else None
        if page.records is not None:
            while True:
                yield page, self._at_hand(page)
                if page.next is None:
                    return
                page = self._next(position.prefix, page.next, last)
                last = page.heads[-1].key if page.heads else last
        if self.sampling is not None:
            listed = self._listed(position, page)
            for some in stretches(listed, position.last_key, self.sampling, self.source.width):
                yield some, [None] * len(some.heads)
            return
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
        try:
            while True:
                ahead = pool.submit(self._next, position.prefix, page.next, last) if page.next else None
                yield page, self._answers(pool, page.heads, position.last_key)
                if ahead is None:
                    return
                page = ahead.result()
                last = page.heads[-1].key if page.heads else last
        finally:
            # not waited for: what is in flight may sit out a block of five minutes
            pool.shutdown(wait=False, cancel_futures=True)

    def _listed(self, position: Position, page: Page) -> Iterator[tuple[Cursor | None, Page]]:
        """Pages without their values, each with its cursor; some are listed ahead, one after the other."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="list")

        def behind(one: Future[_Listed | None]) -> _Listed | None:
            before = one.result()  # there already: one worker does what it is given in order
            if before is None or before.page.next is None:
                return None
            listed = self._next(position.prefix, before.page.next, before.last)
            last = listed.heads[-1].key if listed.heads else before.last
            return _Listed(before.page.next, listed, last)

        first = _Listed(position.cursor, page, page.heads[-1].key if page.heads else None)
        ahead: deque[Future[_Listed | None]] = deque([pool.submit(lambda: first)])
        try:
            while True:
                while len(ahead) <= _AHEAD:
                    ahead.append(pool.submit(behind, ahead[-1]))
                listed = ahead.popleft().result()
                if listed is None:
                    return
                yield listed.cursor, listed.page
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def unproven(self, pairs: Iterator[Pair], sampling: Sampling, names: Names) -> Iterator[Pair]:
        """The pairs in their order, with the answers for those that the listing does not prove, and for
        the sample. Rows that it does prove give up their values, so that many can be held."""
        held: list[Pair] = []
        wanted: list[Head] = []
        size = 0
        for key, entry, row in pairs:
            content = row.value if row is not None else None
            if entry is not None and not names.match(key):
                if not equal_by_listing(entry[0], row) or sampling.picks(key):
                    wanted.append(entry[0])
                elif row is not None and entry[0].stamped is not None and isinstance(content, bytes):
                    content = Unseen(entry[0].stamped, len(content))
                    row = row._replace(value=content)
            held.append((key, entry, row))
            size += len(content) if isinstance(content, bytes) else 0
            if size >= _HELD_BYTES:
                yield from self._answered(held, wanted)
                held, wanted, size = [], [], 0
        yield from self._answered(held, wanted)

    def _answered(self, pairs: Sequence[Pair], wanted: Sequence[Head]) -> Iterator[Pair]:
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="verify")
        try:
            answers = self._answers(pool, wanted, None)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        found = {head.key: answer for head, answer in zip(wanted, answers, strict=True)}
        for key, entry, row in pairs:
            yield key, entry if entry is None else (entry[0], found.get(key)), row

    def _at_hand(self, page: Page) -> Sequence[Answer]:
        if page.records is not None:
            return page.records
        found = self.read([head.key for head in page.heads])
        return [found[head.key] for head in page.heads]

    def _next(self, prefix: str, cursor: Cursor | None, last: Key | None) -> Page:
        """The page at `cursor`; its keys must lie behind `last`, the last one listed so far."""
        behind = self.source.scan(prefix, cursor)
        if last is not None and behind.heads and behind.heads[0].key <= last:
            raise StoreBroken("the source's listing is out of order", "nothing was decided; try again later")
        return behind

    def _answers(self, pool: ThreadPoolExecutor, heads: Sequence[Head], last: Key | None) -> Sequence[Answer]:
        """Read the values of a page; what was compared already need not be read again."""
        keys = [head.key for head in heads if last is None or head.key > last]
        width = self.source.width
        reads: list[Future[Mapping[Key, Answer]]] = [
            pool.submit(self.source.read, keys[start : start + width]) for start in range(0, len(keys), width)
        ]
        found: dict[Key, Answer] = {}
        for read in reads:
            found.update(read.result())
        _complete(found, keys)
        return [found.get(head.key) for head in heads]

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        """Every one of these keys, read afresh."""
        found: dict[Key, Answer] = {}
        for start in range(0, len(keys), self.source.width):
            found.update(self.source.read(keys[start : start + self.source.width]))
        _complete(found, keys)
        return found


def _complete(found: Mapping[Key, Answer], keys: Sequence[Key]) -> None:
    """A key that was left out of an answer is not gone."""
    if not all(key in found for key in keys):
        raise StoreBroken("the source did not answer for every key it was asked for", "report it")
