"""The verify: both stores read afresh, merged in key order, and every difference read again.

It shares no enumeration with the exporter, on purpose (a blind spot would be shared, too): whole
pages, one after the other, the next one listed while this one is read. Each page is one
transaction of the ledger (more, where the target has many rows that the page lacks), so a verify that
was killed goes on where it was.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from migrate.core.comparing import Kind, Rules, classify, merge, undecided
from migrate.core.copying import same
from migrate.core.difference import Difference, Proof, ReadError, Side, State
from migrate.core.listing import Sampling, equal_by_listing, stretches
from migrate.core.names import ALL, Names
from migrate.core.partition import disjoint
from migrate.core.ports import (
    EMPTY,
    UNNAMED,
    Answer,
    Clock,
    Countable,
    Cursor,
    CursorRefused,
    Holder,
    Page,
    Quarantined,
    Source,
    Tally,
    Unreadable,
)
from migrate.core.proving import Pair, portions, rows_with_values, with_values
from migrate.core.record import Head, Key, Record, Row, Unseen, expired
from migrate.core.rereading import Patience, again, first, must_settle, proof_of
from migrate.errors import StoreBroken, StoreUnavailable
from migrate.ledger.ledger import Ledger
from migrate.ledger.verifies import Position, VerifyId

WORKERS = 16
RESTARTS = 5
_HELD_BYTES = 16 * 1024 * 1024
_AHEAD = 16
"""Pages that a fast verify lists while it compares."""
SOURCE_KEYS, TARGET_ROWS, IGNORED = "source_keys", "target_rows", "ignored"
"""Counted beside the classes: how many keys each side showed, and how many were left out by name."""
SAMPLED = "sampled"
"""And how many keys a listing proved whose values were read all the same."""
PROVEN_BY = {proof: f"proven_by_{proof}" for proof in Proof}
"""And how many that both sides showed were compared by what; differences say so themselves."""

Watch = Callable[[Tally], None]
"""Told after every page: the counters so far."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked of a verify. `sample`: the first N keys only, which is never a full verdict.

    `names` are not compared. `one_in`: a fast verify, which reads no value that the listing proves but
    those of one key in so many.
    """

    prefixes: Sequence[str]
    patience: Patience
    rules: Rules
    sample: int | None = None
    names: Names = ALL
    one_in: int | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    """A page, the cursor that listed it, and the last key listed so far."""

    cursor: Cursor | None
    page: Page
    last: Key | None


@dataclass(slots=True)
class Verifier:
    """Compares a source and a target, and keeps what it finds in the ledger."""

    source: Source
    target: Holder
    ledger: Ledger
    verify: VerifyId
    look: Look
    clock: Clock
    watch: Watch
    wait: Callable[[float], None]
    sampling: Sampling | None = None
    """That of a fast verify."""

    def walk(self) -> None:
        """Compare the whole key space, from where an earlier process left it."""
        for prefix in disjoint(self.look.prefixes):
            position = self.ledger.position(self.verify, prefix)
            restarts = 0
            while not position.done and (left := self._left()) != 0:
                try:
                    position = self._prefix(position, left)
                except CursorRefused:
                    restarts += 1
                    if restarts > RESTARTS:
                        raise StoreUnavailable(
                            f"the source refused its own cursor {restarts} times",
                            "run the same command again: it goes on where it was",
                        ) from None
                    position = replace(self.ledger.position(self.verify, prefix), cursor=None)

    def _left(self) -> int | None:
        """How many keys the sample still lacks; None: there is no such limit."""
        if self.look.sample is None:
            return None
        return max(0, self.look.sample - self.ledger.tally(self.verify)[SOURCE_KEYS])

    def settle(self) -> None:
        """Read every open difference again when it is due, until it is believed or gone."""
        while (due_at := self.ledger.next_due(self.verify)) is not None:
            if (seconds := due_at - self.clock.now()) > 0:
                self.wait(seconds)
                continue
            due = self.ledger.due(self.verify, self.clock.now(), 1000)
            keys = [old.key for old in due]
            answers = self._read(keys)
            rows = rows_with_values(keys, answers, self.target, self._undecided)
            poor = self._quarantined(keys)
            results, errors = [], []
            for old in due:
                answer, row = answers[old.key], rows.get(old.key)
                now = self.clock.now()
                if isinstance(answer, Unreadable):
                    errors.append(ReadError(old.key, Side.SOURCE, answer.reason, now))
                    results.append(replace(old, state=State.UNSETTLED, last_seen=now))
                    continue
                kind = self._classify(answer, row, old.key in poor)
                results.append(again(old, kind, answer, row, now, self._patience()))
            self.ledger.settle(self.verify, results, errors)

    def recheck(self, earlier: VerifyId) -> None:
        """Take over what an earlier verify had against the copy, to be read again at once."""
        states = (State.SETTLED, State.UNSETTLED, State.OPEN)
        old = self.ledger.each_difference(earlier, states)
        reopened = (replace(one, state=State.OPEN, due_at=0.0, rounds=0) for one in old)
        self.ledger.settle(self.verify, reopened)

    def _prefix(self, position: Position, left: int | None) -> Position:
        """Compare one prefix page by page; returns where it stands (done, or cut by the sample)."""
        quarantine = _Quarantine(self.target.quarantined(position.prefix, position.last_key))
        last = position.last_key
        for page, answers in self._pages(position):
            listed = zip(page.heads, answers, strict=True)
            entries = [entry for entry in listed if last is None or entry[0].key > last]
            cut = left is not None and len(entries) > left
            entries = entries[:left] if cut else entries
            done = page.next is None and not cut
            upto = entries[-1][0].key if entries else last
            rows: Iterator[Row] = iter(())
            if entries or done:
                rows = self.target.rows_between(position.prefix, last, None if done else upto)
            merged = merge(entries, rows)
            if self.sampling is not None and page.records is None:
                merged = self._read_unproven(merged, self.sampling)
            pairs = with_values(merged, self.target, self._undecided)
            for some, more in portions(pairs):
                tally: Counter[str] = Counter()
                errors: list[ReadError] = []
                # Everything is read before the ledger's transaction begins: others wait for its end.
                found = list(self._compare(some, quarantine, tally, errors))
                if done and not more:
                    self._aside(tally)
                cursor, behind = (position.cursor, some[-1][0]) if more else (page.next, upto)
                position = self.ledger.commit_page(
                    self.verify, position.prefix, cursor, behind, tally, found, errors, done=done and not more
                )
                self.watch(tally)
            last = upto
            if left is not None:
                left -= len(entries)
                if left <= 0:
                    break
        return position

    def _aside(self, tally: Tally) -> None:
        """Count what is no session's, as of the lists that this walk has made."""
        counted = self.ledger.tally(self.verify)
        stores = [store for store in (self.source, self.target) if isinstance(store, Countable)]
        for kind in (UNNAMED, EMPTY):
            if any(kind in store.aside for store in stores):
                tally[kind] = sum(store.aside.get(kind, 0) for store in stores) - counted[kind]

    def _compare(
        self,
        pairs: Sequence[Pair],
        quarantine: _Quarantine,
        tally: Tally,
        errors: list[ReadError],
    ) -> Iterator[Difference]:
        """Count what one reading proves, and yield what must be read again."""
        for key, entry, row in pairs:
            tally[SOURCE_KEYS] += entry is not None
            tally[TARGET_ROWS] += row is not None
            if self.look.names.match(key):
                tally[IGNORED] += 1
                continue
            answer = entry[1] if entry is not None else None
            if entry is not None and self._by_listing(entry, row, tally):
                continue
            if isinstance(answer, Record) and row is not None and same(answer, row):
                _count(tally, Kind.EQUAL, row)
                continue
            now = self.clock.now()
            if isinstance(answer, Unreadable):
                errors.append(ReadError(key, Side.SOURCE, answer.reason, now))
                continue
            kind = self._classify(answer, row, row is None and key in quarantine)
            there = now + self.source.skew
            if kind is None and entry is not None and not expired(entry[0].expiration, there):
                kind = Kind.MISSING  # listed, but nothing came: a miss is not believed at once either
            if kind is None:
                kind = Kind.EXPIRING
            elif must_settle(kind):
                difference = first(key, kind, answer, row, now, self._patience())
                if difference.state is not State.DRAINED:
                    yield difference
                    continue
            _count(tally, kind, row if isinstance(answer, Record) else None)

    def _by_listing(self, entry: tuple[Head, Answer], row: Row | None, tally: Tally) -> bool:
        """Count a key that its listing proves, and say whether that is all that is asked of it."""
        head, answer = entry
        if self.sampling is None or not equal_by_listing(head, row):
            return False
        picked = self.sampling.picks(head.key)
        tally[SAMPLED] += picked
        if picked or answer is not None:
            return False
        tally[Kind.EQUAL] += 1
        tally[PROVEN_BY[Proof.LISTING]] += 1
        return True

    def _undecided(self, answer: Answer, row: Row | None) -> bool:
        return isinstance(answer, Record) and row is not None and undecided(answer, row, self.look.rules)

    def _classify(self, answer: Record | None, row: Row | None, quarantined: bool) -> Kind | None:
        now = self.clock.now() + self.source.skew
        return classify(answer, row, quarantined=quarantined, rules=self.look.rules, now=now)

    def _patience(self) -> Patience:
        return replace(self.look.patience, skew=self.source.skew, live=self.source.live)

    def _quarantined(self, keys: Sequence[Key]) -> set[Key]:
        """Which of some keys are in quarantine."""
        found: set[Key] = set()
        for prefix in disjoint(self.look.prefixes):
            mine = sorted(key for key in keys if key.startswith(prefix))
            quarantine = _Quarantine(self.target.quarantined(prefix))
            found.update(key for key in mine if key in quarantine)
        return found

    def _pages(self, position: Position) -> Iterator[tuple[Page, Sequence[Answer]]]:
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

    def _read_unproven(self, pairs: Iterator[Pair], sampling: Sampling) -> Iterator[Pair]:
        """The pairs in their order, with the answers for those that the listing does not prove, and for
        the sample. Rows that it does prove give up their values, so that many can be held."""
        held: list[Pair] = []
        wanted: list[Head] = []
        size = 0
        for key, entry, row in pairs:
            content = row.value if row is not None else None
            if entry is not None and not self.look.names.match(key):
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
        found = self._read([head.key for head in page.heads])
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

    def _read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        found: dict[Key, Answer] = {}
        for start in range(0, len(keys), self.source.width):
            found.update(self.source.read(keys[start : start + self.source.width]))
        _complete(found, keys)
        return found


def _count(tally: Tally, kind: Kind, row: Row | None) -> None:
    """Count a key that is done with; `row`: what the source's record was compared with."""
    tally[kind] += 1
    proof = proof_of(row) if row is not None else None
    if proof is not None:
        tally[PROVEN_BY[proof]] += 1


def _complete(found: Mapping[Key, Answer], keys: Sequence[Key]) -> None:
    """A key that was left out of an answer is not gone."""
    if not all(key in found for key in keys):
        raise StoreBroken("the source did not answer for every key it was asked for", "report it")


class _Quarantine:
    """Membership in a stream of quarantined keys, asked for in key order."""

    def __init__(self, entries: Iterator[Quarantined]) -> None:
        self._entries = entries
        self._at = next(entries, None)

    def __contains__(self, key: Key) -> bool:
        while self._at is not None and self._at.key < key:
            self._at = next(self._entries, None)
        return self._at is not None and self._at.key == key
