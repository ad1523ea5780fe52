"""One pass over all pairs: copy what is missing, mend what is behind, follow logouts; or only look.

    pairs ─▶ read both ─▶ step ─▶ ledger: what will be written ─▶ put, delete ─▶ ledger: what became of it

What is written is in the ledger before it is sent, so that after a kill it is known whose the copies are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrate.core.cleaning import Print
from migrate.core.ports import LISTED, Answer, Source, Tally
from migrate.core.record import Key, Record
from migrate.core.rekeying import Mine, Names, State, Step, Wrote, step
from migrate.core.writing import Reason, Writable
from migrate.desk import Desk
from migrate.errors import Exit, MigrateError
from migrate.ledger.tasks import Item, Task
from migrate.rekeying.pairs import Pair, pairs, portions

WINDOW = 120.0
"""Seconds from the reading of an old name within which its copy must be sent."""

PORTION = 500
SHOWN = 20

_ALL = tuple(state.value for state in State)


class InUse(MigrateError):
    """Somebody else writes new names: a copy could write over what is newer."""

    exit = Exit.AGAINST


@dataclass(slots=True)
class Pass:
    """One pass at work. `writer` None: it only looks, and deletes the copies of logged-out sessions by
    `follower`, for which a whole pass that writes must have found new names unused by others.

    `horizon`: H, seconds. `task` is as last committed. `samples`: the first keys of what is to be told.
    """

    desk: Desk
    source: Source
    writer: Writable | None
    follower: Writable
    names: Names
    horizon: float
    task: Task
    samples: list[tuple[Key, str]] = field(default_factory=list)

    def go(self, name: str) -> None:
        """The whole pass from where the task is; its counts begin with `name`. Raises MigrateError."""
        last = self.task.position.get("last") if self.task.position.get("pass") == name else None
        if last is None:
            self._commit({"pass": name, "last": None}, Counter({key: -n for key, n in self._counts(name)}))
        before = last
        for some in portions(pairs(self.source, self.names, last), PORTION):
            self._take(some, before, some[-1].rest, name)
            before = some[-1].rest
            self.desk.progress.advance(len(some))
            self.desk.waits.over()
        self._take([], before, None, name)
        self._commit({"pass": None, "last": None}, Counter())

    def _counts(self, name: str) -> list[tuple[str, int]]:
        return [(key, n) for key, n in self.task.tally.items() if key.startswith(f"{name}.")]

    # ------------------------------------------------------------ one portion

    def _take(self, some: Sequence[Pair], after: str | None, upto: str | None, name: str) -> None:
        mine = self._mine(after, upto)
        listed = {one.rest: one for one in some}
        rests = list(listed) + [rest for rest in mine if rest not in listed]
        started = self._now()
        old, new = self._read(rests, listed, mine)
        steps = {
            rest: step(
                old.get(self.names.key(rest)),
                new.get(self.names.twin(rest)),
                mine.get(rest),
                started,
                listed=rest in listed and listed[rest].old,
            )
            for rest in rests
        }
        tally: Tally = Counter({LISTED: sum(one.old for one in some)})
        wanted = [rest for rest in rests if steps[rest] in (Step.COPY, Step.UPDATE)] if self.writer else []
        following = [rest for rest in rests if steps[rest] is Step.FOLLOW] if self.writer is None else []
        left = set(rests) - set(wanted) - set(following)
        # Logouts are followed only by the second pass: the first has seen that nobody else uses new names.
        tally.update((Step.FOLLOWING if steps[rest] is Step.FOLLOW else steps[rest]).value for rest in left)
        self._sample(steps)
        if self.writer is not None and {Step.CONFLICT, Step.ALONE} & set(steps.values()):
            raise InUse(
                "new names are in use: somebody else writes or deletes them, so nothing more is copied",
                "if the code uses them by now, go on with --delete-old; else choose another new prefix",
            )
        items = self._seen(steps, mine, old, started)
        records = {rest: _record(old[self.names.key(rest)]) for rest in wanted}
        items += [self._putting(rest, records[rest], mine.get(rest), started) for rest in wanted]
        self._commit({}, Counter(), items, self._forgotten(steps))
        done = self._put(records, steps, started + WINDOW, tally)
        followed = self._follow(following, started + WINDOW, tally)
        position = {} if upto is None else {"last": upto}
        self._commit(position, _named(tally, name), done, followed)

    def _mine(self, after: str | None, upto: str | None) -> dict[str, Mine]:
        """What of ours lies in this stretch of names."""
        found: dict[str, Mine] = {}
        last = Key(self.names.old + (after or ""))
        while items := self.desk.ledger.items_after(self.task.id, _ALL, last, PORTION):
            for one in items:
                rest = one.key[len(self.names.old) :]
                if upto is not None and rest > upto:
                    return found
                found[rest] = Mine.read(one.state, one.due_at, one.body)
            last = items[-1].key
        return found

    def _read(
        self, rests: Sequence[str], listed: Mapping[str, Pair], mine: Mapping[str, Mine]
    ) -> tuple[dict[Key, Answer], dict[Key, Answer]]:
        """What both names show now. A new name that is not listed is not asked for: KV remembers a miss."""
        old = [self.names.key(rest) for rest in rests if rest in mine or listed[rest].old]
        new = [self.names.twin(rest) for rest in rests if rest in listed and listed[rest].new]
        return self._all(old), self._all(new)

    def _all(self, keys: Sequence[Key]) -> dict[Key, Answer]:
        found: dict[Key, Answer] = {}
        for start in range(0, len(keys), self.source.width):
            found.update(self.source.read(keys[start : start + self.source.width]))
        return found

    # ------------------------------------------------------------ writes

    def _put(
        self, records: Mapping[str, Record], steps: Mapping[str, Step], not_after: float, tally: Tally
    ) -> list[Item]:
        """Write the copies; returns the items of those that were taken."""
        if not records or self.writer is None:
            return []
        twins = {
            self.names.twin(rest): record._replace(key=self.names.twin(rest), stamped=None, written=None)
            for rest, record in records.items()
        }
        done = self.writer.put(list(twins.values()), not_after)
        items: list[Item] = []
        for rest, record in records.items():
            reason = done[self.names.twin(rest)]
            if reason is None:
                tally[Wrote.COPIED if steps[rest] is Step.COPY else Wrote.UPDATED] += 1
                items.append(self._item(rest, State.COPIED, self._now() + self.horizon, record))
            elif reason is Reason.EXPIRING:
                tally[Wrote.EXPIRING] += 1
            else:
                tally[Wrote.FAILED] += 1
                self._say(rest, str(reason))
        return items

    def _follow(self, rests: Sequence[str], not_after: float, tally: Tally) -> list[Key]:
        """Delete the copies of sessions that were logged out; returns the names that are over."""
        if not rests:
            return []
        done = self.follower.delete([self.names.twin(rest) for rest in rests], not_after)
        over = [rest for rest in rests if done[self.names.twin(rest)] is None]
        tally[Step.FOLLOW] += len(over)
        tally[Step.FOLLOWING] += len(rests) - len(over)
        return [self.names.key(rest) for rest in over]

    # ------------------------------------------------------------ what is remembered

    def _putting(self, rest: str, record: Record, mine: Mine | None, now: float) -> Item:
        """Before it is sent: afterwards the new name holds this, or what it held before."""
        return self._item(rest, State.PUTTING, now + self.horizon, record, mine)

    def _seen(
        self, steps: Mapping[str, Step], mine: Mapping[str, Mine], old: Mapping[Key, Answer], now: float
    ) -> list[Item]:
        """Old names that are absent for the first time, and those whose copy is as it should be."""
        items = []
        for rest, found in steps.items():
            known = mine.get(rest)
            gone = found in (Step.FOLLOWING, Step.GONE) and known is not None
            if gone and known is not None and known.state is not State.GONE:
                due = now + self.horizon
                body = Mine(State.GONE, due, known.prints, known.ends).body()
                items.append(Item(self.names.key(rest), State.GONE.value, due, body))
            if found is Step.EQUAL and (known is None or known.state is not State.COPIED):
                record = _record(old[self.names.key(rest)])
                items.append(self._item(rest, State.COPIED, now if known is None else known.due, record))
        return items

    def _forgotten(self, steps: Mapping[str, Step]) -> list[Key]:
        return [self.names.key(rest) for rest, found in steps.items() if found is Step.NOTHING]

    def _item(self, rest: str, state: State, due: float, record: Record, before: Mine | None = None) -> Item:
        """What is written, and what was before it, as it is remembered."""
        prints = (Print.of(record), *(() if before is None else before.prints[:1]))
        ends = record.expiration if isinstance(record.expiration, int) else None
        if before is not None and before.ends is None:
            ends = None  # as long as it is not known which of the two is there
        return Item(self.names.key(rest), state.value, due, Mine(state, due, prints, ends).body())

    def _commit(
        self, step: Mapping[str, object], tally: Tally, items: Sequence[Item] = (), forget: Sequence[Key] = ()
    ) -> None:
        position = {**self.task.position, **step}
        self.task = self.desk.ledger.commit_step(self.task.id, position, tally, items, forget)

    def _sample(self, steps: Mapping[str, Step]) -> None:
        said = {
            Step.CONFLICT: "its new name holds something that kvferry did not write",
            Step.ALONE: "only its new name is there, and kvferry did not write it",
            Step.UNREAD: "it cannot be read",
        }
        for rest, found in steps.items():
            if found in said:
                self._say(rest, said[found])

    def _say(self, rest: str, reason: str) -> None:
        if len(self.samples) < SHOWN:
            self.samples.append((self.names.key(rest), reason))

    def _now(self) -> float:
        return self.desk.settings.clock.now()


def counted(task: Task, name: str) -> Tally:
    """The counts of one pass."""
    dot = f"{name}."
    return Counter({key.removeprefix(dot): n for key, n in task.tally.items() if key.startswith(dot)})


def _named(tally: Tally, name: str) -> Tally:
    return Counter({f"{name}.{key}": n for key, n in tally.items()})


def _record(answer: Answer) -> Record:
    assert isinstance(answer, Record), "only a record is copied"
    return answer
