"""The verify: both stores read afresh, merged in key order, and every difference read again.

It shares no enumeration with the exporter, on purpose (a blind spot would be shared, too): whole
pages, one after the other, the next one listed while this one is read. Each page is one
transaction of the ledger (more, where the target has many rows that the page lacks), so a verify that
was killed goes on where it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from migrate.core import lifetimes
from migrate.core.comparing import ALIKE, LEGACY_EQUAL, Kind, Rules, merge
from migrate.core.copying import same
from migrate.core.difference import Difference, Proof, ReadError, Side, State
from migrate.core.listing import Sampling, equal_by_listing
from migrate.core.names import ALL, Names
from migrate.core.partition import disjoint
from migrate.core.ports import (
    EMPTY,
    UNNAMED,
    Answer,
    Clock,
    Countable,
    CursorRefused,
    Holder,
    Source,
    Tally,
    Unreadable,
)
from migrate.core.proving import Pair, portions, rows_with_values, with_values
from migrate.core.quarantine import Quarantine
from migrate.core.record import Head, Origin, Record, Row, expired
from migrate.core.rereading import Patience, again, first, must_settle, proof_of
from migrate.errors import StoreUnavailable
from migrate.judging import Judge
from migrate.ledger.ledger import Ledger
from migrate.ledger.verifies import Position, VerifyId
from migrate.verify_pages import SourcePages

RESTARTS = 5

TOO_LONG_AGO = 300.0
"""Seconds after which pages that were listed ahead are listed again: the process stood still since."""

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
    _pages: SourcePages = field(init=False)
    _judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        look = self.look
        self._pages = SourcePages(self.source, self.sampling)
        self._judge = Judge(self.source, self.target, look.prefixes, look.rules, look.patience, self.clock)

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
            answers = self._pages.read(keys)
            rows = rows_with_values(keys, answers, self.target, self._judge.undecided)
            poor = self._judge.quarantined(keys)
            in_motion = self._judge.moving((answers[key], rows.get(key)) for key in keys)
            results, errors = [], []
            for old in due:
                answer, row = answers[old.key], rows.get(old.key)
                now = self.clock.now()
                if isinstance(answer, Unreadable):
                    errors.append(ReadError(old.key, Side.SOURCE, answer.reason, now))
                    results.append(replace(old, state=State.UNSETTLED, last_seen=now))
                    continue
                kind = self._judge.classify(
                    answer, row, quarantined=old.key in poor, moving=old.key in in_motion
                )
                results.append(again(old, kind, answer, row, now, self._judge.patience))
            self.ledger.settle(self.verify, results, errors)
            self.watch(Counter())

    def recheck(self, earlier: VerifyId) -> None:
        """Take over what an earlier verify had against the copy, to be read again at once."""
        states = (State.SETTLED, State.UNSETTLED, State.OPEN)
        old = self.ledger.each_difference(earlier, states)
        reopened = (replace(one, state=State.OPEN, due_at=0.0, rounds=0) for one in old)
        self.ledger.settle(self.verify, reopened)

    def _prefix(self, position: Position, left: int | None) -> Position:
        """Compare one prefix page by page; returns where it stands (done, or cut by the sample)."""
        quarantine = Quarantine(self.target.quarantined(position.prefix, position.last_key))
        last, began = position.last_key, self.clock.now()
        for page, answers in self._pages.pages(position):
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
                merged = self._pages.unproven(merged, self.sampling, self.look.names)
            pairs = with_values(merged, self.target, self._judge.undecided)
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
                if self.clock.now() - began > TOO_LONG_AGO:
                    return position
            last, began = upto, self.clock.now()
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
        quarantine: Quarantine,
        tally: Tally,
        errors: list[ReadError],
    ) -> Iterator[Difference]:
        """Count what one reading proves, and yield what must be read again."""
        there = self.clock.now() + self.source.skew
        in_motion = self._judge.moving((entry[1], row) for _, entry, row in pairs if entry is not None)
        for key, entry, row in pairs:
            tally[SOURCE_KEYS] += entry is not None
            if entry is not None:
                tally[lifetimes.step(entry[0].expiration, there)] += 1
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
            poor = row is None and key in quarantine
            kind = self._judge.classify(answer, row, quarantined=poor, moving=key in in_motion)
            gone = kind is None and (entry is None or expired(entry[0].expiration, now + self.source.skew))
            # Listed, but nothing came: a miss is not believed at once either.
            kind = kind or (Kind.EXPIRING if gone else Kind.MISSING)
            if not gone and must_settle(kind):
                difference = first(key, kind, answer, row, now, self._judge.patience)
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
        tally[LEGACY_EQUAL] += row is not None and row.origin is Origin.LEGACY
        return True


def _count(tally: Tally, kind: Kind, row: Row | None) -> None:
    """Count a key that is done with; `row`: what the source's record was compared with."""
    tally[kind] += 1
    proof = proof_of(row) if row is not None else None
    if proof is not None:
        tally[PROVEN_BY[proof]] += 1
    if row is not None and kind in ALIKE:
        tally[LEGACY_EQUAL] += row.origin is Origin.LEGACY
