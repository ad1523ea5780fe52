"""What the tests of the flows stand on: a clock that nobody waits for, a scripted source, short calls."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from migrate.core.comparing import Rules
from migrate.core.copying import Validate
from migrate.core.partition import disjoint
from migrate.core.ports import (
    Answer,
    Claim,
    Clock,
    Cursor,
    CursorRefused,
    Holder,
    Page,
    RunId,
    Source,
    SweepInfo,
    Tally,
    Target,
)
from migrate.core.record import Expiration, Head, Key, Record
from migrate.core.rereading import Patience
from migrate.desk import Ended, desk_of
from migrate.exporting import Exporter, Order, SweepResult
from migrate.opening import Settings
from migrate.verify_run import VerifyRun
from migrate.verifying import Look

START = 1_900_000_000.0
LATER = int(START) + 50_000_000
RUN = RunId("00000000000000aa")
CLAIM = Claim("token", "operator@here", "here", 1)
PREFIX = "s:"


class FakeClock:
    """Time that passes when somebody sleeps. `during` is called in the middle of each sleep."""

    def __init__(self, start: float = START) -> None:
        self.time = start
        self.slept: list[float] = []
        self.during: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
        self.time += seconds / 2
        if self.during is not None:
            self.during()
        self.time += seconds / 2


def key(number: int | str, prefix: str = PREFIX) -> Key:
    return Key(f"{prefix}{number:02d}" if isinstance(number, int) else prefix + number)


def record(
    number: int | str, value: bytes = b"value", metadata: str | None = None, until: Expiration = LATER
) -> Record:
    return Record(key(number), value, metadata, until)


@dataclass(slots=True)
class Script:
    """A source whose pages and answers are written down, with no surprises but the scripted ones.

    `pages`: what each listing page gives. `answers`: what a read gives, None for every other key.
    `refuse`: cursors that are refused once. `reading`: told of every read.
    """

    pages: Sequence[Sequence[Head]]
    answers: dict[Key, Answer]
    width: int = 4
    horizon: float = 120.0
    skew: float = 0.0
    identity: str = ""
    live: bool = True
    address: str = "kv://script/script"
    refuse: set[str] = field(default_factory=set)
    at_hand: bool = False
    read_keys: Counter[str] = field(default_factory=Counter)
    scans: list[tuple[str, str | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, records: Sequence[Record], page: int = 8, **options: Any) -> Script:
        ordered = sorted(records)
        heads = [Head(one.key, one.metadata, one.expiration) for one in ordered]
        pages = [heads[start : start + page] for start in range(0, max(1, len(heads)), page)]
        return cls(pages, {one.key: one for one in ordered}, **options)

    def scan(self, prefix: str, cursor: Cursor | None) -> Page:
        with self._lock:
            self.scans.append((prefix, cursor))
            if cursor in self.refuse:
                self.refuse.discard(cursor)
                raise CursorRefused
        at = 0 if cursor is None else int(cursor)
        heads = [head for head in self.pages[at] if head.key.startswith(prefix)]
        more = Cursor(str(at + 1)) if at + 1 < len(self.pages) else None
        if not self.at_hand:
            return Page(heads, more)
        found = [self.answers[head.key] for head in heads]
        assert all(isinstance(one, Record) for one in found)
        return Page(heads, more, [one for one in found if isinstance(one, Record)])

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Answer]:
        assert len(keys) <= self.width
        with self._lock:
            self.read_keys.update(keys)
        return {one: self.answers.get(one) for one in keys}

    def close(self) -> None:
        pass


def unwatched(info: SweepInfo, tally: Tally) -> None:
    pass


def order(**options: Any) -> Order:
    given: dict[str, Any] = {"run": RUN, "prefixes": (PREFIX,), "horizon": 120.0, **options}
    return Order(**given)


def export(source: Source, target: Target, clock: Clock, **options: Any) -> list[SweepResult]:
    exporter = Exporter(source, target, order(**options), clock, unwatched)
    with exporter.leased(CLAIM):
        return [replace(done, tally=nonzero(done.tally)) for done in exporter.run()]


def nonzero(tally: Tally) -> Tally:
    return Counter({name: count for name, count in tally.items() if count})


def sweep(source: Source, target: Target, clock: Clock, **options: Any) -> SweepResult:
    return export(source, target, clock, **options)[-1]


def verify(
    source: Source,
    target: Holder,
    clock: Clock,
    ledger: Path,
    *,
    prefixes: Sequence[str] = (PREFIX,),
    settle: float | None = None,
    rounds: int = 3,
    rules: Rules | None = None,
    sample: int | None = None,
    recheck: bool = False,
    fresh: bool = False,
    one_in: int | None = None,
    run: str = "00000000000000bb",
) -> Ended:
    with desk_of(Settings(clock=clock, ledger=ledger, environ={}), None) as desk:
        horizon = source.horizon if settle is None else settle
        look = Look(disjoint(prefixes), Patience(horizon, rounds), rules or Rules(), sample, one_in=one_in)
        mine = RunId(run[:-1] + "c" if recheck else run)
        words = (source.address, target.address)
        work = VerifyRun(desk, source, target, look, mine, words, recheck, (), "0" * 12)
        return work.done(fresh=fresh)


def classes(ended: Ended) -> dict[str, int]:
    """The classes that have keys."""
    return {name: one["keys"] for name, one in ended.document["classes"].items() if one["keys"]}


def odd(value: bytes) -> str | None:
    """A validator: a value must not hold the word bad."""
    return "it is bad" if b"bad" in value else None


ODD: Validate = odd
