"""The removing itself: a portion is listed, judged, dumped, remembered, and only then deleted.

    list ─▶ judge ─▶ read ─▶ dump, durable ─▶ ledger: position and pending keys ─▶ delete ─▶ ledger: fates
                                                          ▲
    killed anywhere: pending keys are read again ─────────┘  and those that have changed meanwhile are kept

Workers KV deletes whatever is there. So a key is deleted within a short time of being read, and one whose
deletion had to wait for longer is read again. A value that is written in between is lost with it: nothing may
write the prefix while it is cleaned up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from migrate.cleaning.judging import Judge, Walked, walk
from migrate.core.cleaning import Fate, Print, tally_of
from migrate.core.ports import LISTED, Answer, Source, Tally, Unreadable
from migrate.core.record import Head, Key, Record
from migrate.core.writing import Reason, Writable
from migrate.desk import Desk
from migrate.errors import MigrateError, RecordError, StoreUnavailable
from migrate.ledger.tasks import Item, Task
from migrate.stores.dump.log import DumpLog

WINDOW = 120.0
"""Seconds from the reading of a key within which its deletion must be sent."""

PORTION = 1000
"""Keys between two commits: with a dump the time from reading to deleting must be short."""

PENDING = "pending"
"""The state of an item: it is in the dump, and its deletion is asked for or will be."""

_SHOWN = 20

_T = TypeVar("_T")


@dataclass(slots=True)
class Removing:
    """One task at work. `in_time` raises when the verdict has run out; None of `dump`: nothing is dumped.

    `task` is as last committed. `foreign`, `failed`: the first keys of each in this process.
    """

    desk: Desk
    source: Source
    writer: Writable
    judge: Judge
    prefixes: Sequence[str]
    task: Task
    dump: DumpLog | None
    in_time: Callable[[], None]
    foreign: list[Key] = field(default_factory=list)
    failed: list[tuple[Key, str]] = field(default_factory=list)

    @property
    def portion(self) -> int:
        """Without a dump a request of the most keys is the cheapest."""
        return PORTION if self.dump is not None else self.writer.width

    def go(self) -> None:
        """Everything, from where the task is. Raises MigrateError; the same call goes on then."""
        self._recheck()
        position = self.task.position
        for number in range(position.get("prefix", 0), len(self.prefixes)):
            mine = number == position.get("prefix", 0)
            cursor, last = (position.get("cursor"), position.get("last")) if mine else (None, None)
            held: list[Walked] = []
            for page in walk(self.source, self.prefixes[number], cursor, last):
                held.append(page)
                if page.following is None or sum(len(one.heads) for one in held) >= self.portion:
                    self._take(held, number)
                    held = []

    # ------------------------------------------------------------ one portion

    def _take(self, pages: Sequence[Walked], number: int) -> None:
        """Judge and remember a portion, then delete what is to go of it."""
        self.in_time()
        heads = [head for page in pages for head in page.heads]
        fates = self.judge.fates(heads)
        started = self._now()
        prints: dict[Key, Print] = {}
        selected = [head for head in heads if fates[head.key] is Fate.SELECTED]
        if self.dump is None:
            prints = {head.key: Print.of(head) for head in selected}
        else:
            known = {one.key: one for page in pages for one in page.records or ()}
            prints = self._dump(selected, known, fates, self.dump)
        decided = {key: fate for key, fate in fates.items() if key not in prints}
        tally = tally_of(decided)
        tally[LISTED] = len(heads)
        following = pages[-1].following
        last = heads[-1].key if heads else self.task.position.get("last")
        step = {"prefix": number, "cursor": following, "last": last}
        if following is None:
            step = {"prefix": number + 1, "cursor": None, "last": None}
        self._note(decided)
        self._commit(step, tally, [Item(key, PENDING, 0.0, one.body()) for key, one in prints.items()])
        self._delete(list(prints), started + WINDOW)
        self._recheck()
        self.desk.progress.reach(self.task.tally[LISTED])
        self.desk.waits.over()

    def _dump(
        self, heads: Sequence[Head], known: Mapping[Key, Record], fates: dict[Key, Fate], dump: DumpLog
    ) -> dict[Key, Print]:
        """Put the records of these keys into the dump; those that cannot be dumped get another fate."""
        prints: dict[Key, Print] = {}
        for some in _slices(heads, self.source.width):
            wanted = [head.key for head in some if head.key not in known]
            answers: Mapping[Key, Answer] = self.source.read(wanted) if wanted else {}
            for head in some:
                answer = known.get(head.key) or answers[head.key]
                fates[head.key] = fate = self._fate(head.key, answer)
                if fate is not Fate.SELECTED or not isinstance(answer, Record):
                    continue
                try:
                    dump.add(answer)
                except RecordError as error:
                    fates[head.key] = Fate.UNREAD
                    self._fail(head.key, error.message)
                else:
                    prints[head.key] = Print.of(answer)
        return prints

    def _fate(self, key: Key, answer: Answer) -> Fate:
        if answer is None:
            return Fate.GONE
        if isinstance(answer, Unreadable):
            self._fail(key, answer.reason)
            return Fate.UNREAD
        return self.judge.fate(answer)

    def _delete(self, keys: Sequence[Key], not_after: float) -> None:
        """Delete, and commit what became of it; what came too late stays pending."""
        for some in _slices(keys, self.writer.width):
            done = self.writer.delete(some, not_after)
            fates: dict[Key, Fate] = {}
            for key, reason in done.items():
                if reason is None:
                    fates[key] = Fate.DELETED
                elif reason is not Reason.LATE:
                    fates[key] = Fate.FAILED
                    self._fail(key, str(reason))
            self._decide(fates)

    def _recheck(self) -> None:
        """Read again what is pending since longer: of a process that died, or that had to wait."""
        wide = PORTION
        while items := self.desk.ledger.items_after(self.task.id, (PENDING,), None, wide):
            self.in_time()
            before = self.task.tally.copy()
            self._look_again({one.key: Print.read(one.body) for one in items})
            self.desk.waits.over()
            if self.task.tally != before:
                continue
            if wide == 1:
                raise StoreUnavailable(
                    f"more than {WINDOW:.0f} s pass between reading a key and deleting it: nothing more is",
                    "let kvferry send more, for example --rate 600/300, and run the command again",
                )
            wide = max(1, wide // 10)

    def _look_again(self, prints: Mapping[Key, Print]) -> None:
        started = self._now()
        held = self.judge.held(list(prints))
        fates: dict[Key, Fate] = {}
        for some in _slices(list(prints), self.source.width):
            for key, answer in self.source.read(some).items():
                fate = self._fate(key, answer)
                if isinstance(answer, Record) and not prints[key].fits(answer):
                    fate = Fate.CHANGED
                elif fate is Fate.SELECTED and key not in held:
                    fate = Fate.FOREIGN
                if fate is not Fate.SELECTED:
                    fates[key] = fate
        self._note(fates)
        self._decide(fates)
        self._delete([key for key in prints if key not in fates], started + WINDOW)

    # ------------------------------------------------------------ what is remembered

    def _decide(self, fates: Mapping[Key, Fate]) -> None:
        """Pending keys have got their fates: they were counted as listed before."""
        tally: Tally = Counter(fate.value for fate in fates.values())
        self._commit({}, tally, forget=fates)

    def _commit(
        self,
        step: Mapping[str, Any],
        tally: Tally,
        items: Sequence[Item] = (),
        forget: Iterable[Key] = (),
    ) -> None:
        position = {**self.task.position, **step}
        if self.dump is not None:
            position["bytes"] = self.dump.commit()
            position["records"] = position.get("records", 0) + len(items)
        self.task = self.desk.ledger.commit_step(self.task.id, position, tally, items, forget)

    def _note(self, fates: Mapping[Key, Fate]) -> None:
        new = [key for key, fate in fates.items() if fate is Fate.FOREIGN]
        self.foreign += new[: max(0, _SHOWN - len(self.foreign))]

    def _fail(self, key: Key, reason: str) -> None:
        if len(self.failed) < _SHOWN:
            self.failed.append((key, reason))

    def _now(self) -> float:
        return self.desk.settings.clock.now()


def _slices(keys: Sequence[_T], width: int) -> Iterator[Sequence[_T]]:
    return (keys[start : start + width] for start in range(0, len(keys), width))


def must_hold(valid_until: float, now: Callable[[], float], ask: str) -> Callable[[], None]:
    """Raises MigrateError once the verdict has run out."""

    def check() -> None:
        if now() >= valid_until:
            raise MigrateError("the verdict has run out while keys were deleted: nothing more was", ask)

    return check
