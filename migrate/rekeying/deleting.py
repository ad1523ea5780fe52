"""After the switch: old names are deleted whose twin is the same, or was written since; seen twice, H apart.

    first look ─▶ ledger: what both names showed ─▶ H ─▶ second look ─▶ dump ─▶ ledger ─▶ delete ─▶ ledger

An old name that changes between the two looks says that somebody still writes old names: nothing more is
deleted then. One that a killed process had dumped is deleted only while it is as it was dumped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrate.core.cleaning import Print
from migrate.core.ports import LISTED, Answer, Source, Tally
from migrate.core.record import Key, Record
from migrate.core.rekeying import Mine, Names, State, Twin, twin
from migrate.core.writing import Reason, Writable
from migrate.desk import Desk
from migrate.errors import Exit, MigrateError, RecordError, StoreUnavailable
from migrate.ledger.tasks import Item, Task
from migrate.rekeying.copying import PORTION, SHOWN, WINDOW
from migrate.rekeying.pairs import pairs, portions
from migrate.stores.dump.log import DumpLog

SEEN, DUMPED = "seen", "dumped"
"""States of an old name on its way: its twin was good once; it is in the dump."""

_COPIES = tuple(state.value for state in State)
NAME = "delete"
"""What the counts of this phase begin with."""


class StillWritten(MigrateError):
    """Somebody writes old names: the code was not switched everywhere."""

    exit = Exit.AGAINST


@dataclass(slots=True)
class Deleting:
    """The phase at work, in a task of its own. `copies`: the task of the copies, whose prints are known."""

    desk: Desk
    source: Source
    writer: Writable
    names: Names
    horizon: float
    task: Task
    copies: Task | None
    dump: DumpLog | None
    samples: list[tuple[Key, str]] = field(default_factory=list)

    def look(self) -> None:
        """The first look at every old name. Goes on where it was."""
        position = self.task.position
        if position.get("looked"):
            return
        last = position.get("last")
        for some in portions(pairs(self.source, self.names, last), PORTION):
            rests = [one.rest for one in some if one.old]
            listed = {one.rest for one in some if one.new}
            tally: Tally = Counter({LISTED: len(rests)})
            items = []
            now = self._now()
            mine = self._mine(last, some[-1].rest)
            for rest, (old, found) in self._twins(rests, listed, mine).items():
                if found is Twin.READY:
                    assert isinstance(old, Record)
                    body = {"old": Print.of(old).body(), "mine": _body(mine.get(rest))}
                    items.append(Item(self.names.key(rest), SEEN, now + self.horizon, body))
                else:
                    tally[found] += 1
                    self._say(rest, found)
            last = some[-1].rest
            self._commit({"last": last}, tally, items)
            self.desk.progress.advance(len(rests))
            self.desk.waits.over()
        self._commit({"looked": True}, Counter())

    def delete(self) -> None:
        """The second look, and the deleting. Raises StillWritten, with nothing more deleted."""
        self._dumped()
        while (due := self.desk.ledger.next_item_due(self.task.id, SEEN)) is not None:
            if (seconds := due - self._now()) > 0:
                self.desk.progress.throttled(f"twins settle for {seconds:.0f} s")
                self.desk.settings.clock.sleep(seconds)
                self.desk.progress.throttled(None)
                continue
            items = self.desk.ledger.items(self.task.id, SEEN, PORTION, self._now())
            self._second(items)
            self._dumped()
            self.desk.progress.advance(len(items))
            self.desk.waits.over()

    # ------------------------------------------------------------ a portion

    def _second(self, items: Sequence[Item]) -> None:
        """Look again; what is still good goes into the dump."""
        rests = {one.key[len(self.names.old) :]: one for one in items}
        tally: Tally = Counter()
        over: list[Key] = []
        dumped: list[Item] = []
        mine = {rest: one for rest, item in rests.items() if (one := _mine_of(item)) is not None}
        for rest, (old, found) in self._twins(list(rests), set(rests), mine).items():
            item = rests[rest]
            if isinstance(old, Record) and not Print.read(item.body["old"]).fits(old):
                raise StillWritten(
                    "an old name was written between two looks: the code is not switched everywhere",
                    "wait until it is, then run the command again with --fresh",
                )
            if found is Twin.READY:
                assert isinstance(old, Record)
                if self._add(old):
                    dumped.append(Item(item.key, DUMPED, 0.0, item.body))
                    continue
                found = Twin.UNREAD
            tally[found] += 1
            self._say(rest, found)
            over.append(item.key)
        step: dict[str, Any] = {}
        if self.dump is not None:
            step["bytes"] = self.dump.commit()
            step["records"] = self.task.position.get("records", 0) + len(dumped)
        self._commit(step, tally, dumped, over)

    def _add(self, old: Record) -> bool:
        if self.dump is None:
            return True
        try:
            self.dump.add(old)
        except RecordError:
            return False
        return True

    def _dumped(self) -> None:
        """Delete what is in the dump and is still as it was dumped."""
        while items := self.desk.ledger.items_after(self.task.id, (DUMPED,), None, PORTION):
            started = self._now()
            bodies = {one.key: one.body for one in items}
            answers = self._all(list(bodies))
            tally: Tally = Counter()
            over: list[Key] = []
            for key, answer in answers.items():
                if answer is None:
                    tally[Twin.GONE] += 1
                    over.append(key)
                elif not isinstance(answer, Record) or not Print.read(bodies[key]["old"]).fits(answer):
                    raise StillWritten(
                        "an old name was written after it was dumped: the code is not switched everywhere",
                        "wait until it is, then run the command again with --fresh",
                    )
            gone = set(over)
            wanted = [key for key in bodies if key not in gone]
            done = self.writer.delete(wanted, started + WINDOW) if wanted else {}
            for key, reason in done.items():
                if reason is None:
                    tally[Twin.DELETED] += 1
                    over.append(key)
                elif reason is not Reason.LATE:
                    tally[Twin.FAILED] += 1
                    self.samples.append((key, str(reason)))
                    over.append(key)
            self._commit({}, tally, (), over)
            if not over:
                raise StoreUnavailable(
                    f"more than {WINDOW:.0f} s pass between reading a key and deleting it: nothing more is",
                    "let kvferry send more, for example --rate 600/300, and run the command again",
                )

    def _twins(
        self, rests: Sequence[str], listed: set[str], mine: Mapping[str, Mine]
    ) -> dict[str, tuple[Answer, Twin]]:
        """What old names show now, and what that allows; a new name that is not listed is not asked for."""
        old = self._all([self.names.key(rest) for rest in rests])
        new = self._all([self.names.twin(rest) for rest in rests if rest in listed])
        found: dict[str, tuple[Answer, Twin]] = {}
        for rest in rests:
            one, other = old[self.names.key(rest)], new.get(self.names.twin(rest))
            found[rest] = (one, twin(one, other, mine.get(rest)))
        return found

    def _mine(self, after: str | None, upto: str) -> dict[str, Mine]:
        """What kvferry had copied in this stretch of names."""
        found: dict[str, Mine] = {}
        last = Key(self.names.old + (after or ""))
        while self.copies is not None and (
            items := self.desk.ledger.items_after(self.copies.id, _COPIES, last, PORTION)
        ):
            for one in items:
                rest = one.key[len(self.names.old) :]
                if rest > upto:
                    return found
                found[rest] = Mine.read(one.state, one.due_at, one.body)
            last = items[-1].key
        return found

    def _all(self, keys: Sequence[Key]) -> dict[Key, Answer]:
        found: dict[Key, Answer] = {}
        for start in range(0, len(keys), self.source.width):
            found.update(self.source.read(keys[start : start + self.source.width]))
        return found

    # ------------------------------------------------------------ what is remembered

    def _commit(
        self, step: Mapping[str, Any], tally: Tally, items: Sequence[Item] = (), forget: Sequence[Key] = ()
    ) -> None:
        named: Tally = Counter({f"{NAME}.{key}": n for key, n in tally.items()})
        position = {**self.task.position, **step}
        self.task = self.desk.ledger.commit_step(self.task.id, position, named, items, forget)

    def _say(self, rest: str, found: Twin) -> None:
        said = {
            Twin.LONE: "its new name holds nothing: it is the only copy",
            Twin.BEHIND: "it was written after it was copied: it is newer than its twin",
            Twin.UNSURE: "its twin is another, and kvferry does not know who wrote it",
            Twin.UNREAD: "it cannot be read, or not be dumped",
        }
        if found in said and len(self.samples) < SHOWN:
            self.samples.append((self.names.key(rest), said[found]))

    def _now(self) -> float:
        return self.desk.settings.clock.now()


def _body(mine: Mine | None) -> dict[str, Any] | None:
    return None if mine is None else {"state": mine.state.value, "due": mine.due, **mine.body()}


def _mine_of(item: Item) -> Mine | None:
    kept = item.body["mine"]
    return None if kept is None else Mine.read(kept["state"], kept["due"], kept)
