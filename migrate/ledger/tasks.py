"""Tasks: what was asked for besides runs and verifies (repair, rollback, cleanup, rekey), and how far it is.

A step's position, counters and items are one transaction. Whoever opens a task last holds it, as with a
verify: an earlier process that still works on it is stopped at its next commit.

    open_task ─▶ Task ─▶ commit_step(position, tally, items) ... ─▶ close_task
                             items: keys on their way, each with a state and when it is due
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType

from migrate.core.ports import Tally
from migrate.core.record import Key
from migrate.errors import LedgerError
from migrate.ledger.book import Book, from_json, tally_to_json, to_json

TaskId = NewType("TaskId", int)
"""One task of this ledger."""


class TaskState(enum.StrEnum):
    """How a task stands; the first three are gone on with by the next process that opens it."""

    RUNNING = "running"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    COMPLETE = "complete"
    ABANDONED = "abandoned"


_ENDED = (TaskState.COMPLETE, TaskState.ABANDONED)


@dataclass(frozen=True, slots=True)
class Task:
    """One task as remembered. `number` counts from 1 within its migration and kind; times are Unix seconds.

    `position`: where it goes on, as whoever does it wrote it; {} at the beginning. It may hold a key, hence
    is a secret, like the ledger.
    """

    id: TaskId
    migration: str
    kind: str
    number: int
    state: TaskState
    started_at: float
    finished_at: float | None
    position: Mapping[str, Any]
    tally: Tally = field(default_factory=Counter)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A key on its way through a task: its state there, when it is to be looked at again (Unix seconds), and
    what must be remembered of it until then. The body holds no value of a session."""

    key: Key
    state: str
    due_at: float
    body: Mapping[str, Any] = field(default_factory=dict)


class TaskBook(Book):
    """The tables tasks and task_items, and the transaction of a step."""

    def open_task(self, migration: str, kind: str, fresh: bool = False) -> Task:
        """Go on with the last task of this kind if it is unfinished, else (or when `fresh`) begin one."""
        holder = self._random(8).hex()
        with self._transaction() as db:
            last = self.last_task(migration, kind)
            unfinished = last is not None and last.state not in _ENDED
            if last is not None and unfinished and not fresh:
                task = last.id
                db.execute(
                    "UPDATE tasks SET state = 'running', finished_at = NULL, holder = ? WHERE id = ?",
                    (holder, task),
                )
            else:
                if last is not None and unfinished:
                    db.execute("UPDATE tasks SET state = 'abandoned', holder = '' WHERE id = ?", (last.id,))
                if last is not None:
                    db.execute("DELETE FROM task_items WHERE task = ?", (last.id,))
                cursor = db.execute(
                    """INSERT INTO tasks (migration, kind, number, state, started_at, position, tally, note,
                       holder) VALUES (?, ?, ?, 'running', ?, '{}', '{}', '', ?)""",
                    (migration, kind, 1 + (last.number if last else 0), self._clock.now(), holder),
                )
                task = TaskId(cursor.lastrowid or 0)
            found = self._task(task)
        self._doing[task] = holder
        return found

    def tasks(self, migration: str, kind: str | None = None) -> list[Task]:
        """The tasks of a migration (of this kind only), in the order in which they began."""
        return [
            task_of(row)
            for row in self._rows(
                f"SELECT {_COLUMNS} FROM tasks WHERE migration = ? AND kind = coalesce(?, kind) ORDER BY id",  # noqa: S608 (ours)
                (migration, kind),
            )
        ]

    def last_task(self, migration: str, kind: str) -> Task | None:
        """The newest task of this kind, None when there is none."""
        found = self.tasks(migration, kind)
        return found[-1] if found else None

    def commit_step(
        self,
        task: TaskId,
        position: Mapping[str, Any],
        tally_delta: Tally,
        items: Iterable[Item] = (),
        forget: Iterable[Key] = (),
    ) -> Task:
        """Save how far the task is, in one transaction; an item takes the place of the key's former one.

        `items` may be a generator of any length; `tally_delta` is read after it. A key in `forget` has no
        item any more, unless it is among `items`. Raises LedgerError when another process has taken over.
        """
        with self._transaction() as db:
            self._must_do(task)
            db.executemany(
                "DELETE FROM task_items WHERE task = ? AND key = ?", ((task, key) for key in forget)
            )
            db.executemany(
                "INSERT OR REPLACE INTO task_items VALUES (?, ?, ?, ?, ?)",
                ((task, one.key, one.state, one.due_at, to_json(dict(one.body))) for one in items),
            )
            total = self._task(task).tally
            total.update(tally_delta)
            db.execute(
                "UPDATE tasks SET position = ?, tally = ? WHERE id = ?",
                (to_json(dict(position)), tally_to_json(total), task),
            )
            return self._task(task)

    def items(self, task: TaskId, state: str, limit: int, due_by: float = float("inf")) -> list[Item]:
        """Up to `limit` items in this state that are due by then, the longest due first."""
        return [
            Item(Key(key), state, due_at, from_json(body))
            for key, due_at, body in self._rows(
                """SELECT key, due_at, body FROM task_items WHERE task = ? AND state = ? AND due_at <= ?
                   ORDER BY due_at, key LIMIT ?""",
                (task, state, due_by, limit),
            )
        ]

    def items_after(self, task: TaskId, states: Sequence[str], after: Key | None, limit: int) -> list[Item]:
        """Up to `limit` items in any of these states behind `after`, in key order."""
        marks = ", ".join("?" * len(states))
        return [
            Item(Key(key), state, due_at, from_json(body))
            for key, state, due_at, body in self._rows(
                f"""SELECT key, state, due_at, body FROM task_items
                    WHERE task = ? AND key > ? AND state IN ({marks}) ORDER BY key LIMIT ?""",  # noqa: S608 (ours)
                (task, after or "", *states, limit),
            )
        ]

    def item_counts(self, task: TaskId) -> Counter[str]:
        """How many items are in which state."""
        return Counter(
            dict(self._rows("SELECT state, count(*) FROM task_items WHERE task = ? GROUP BY state", (task,)))
        )

    def next_item_due(self, task: TaskId, state: str) -> float | None:
        """When the first item in this state is due, Unix seconds; None: there is none."""
        found = self._rows("SELECT min(due_at) FROM task_items WHERE task = ? AND state = ?", (task, state))
        return found[0][0] if found else None

    def close_task(self, task: TaskId, state: TaskState, note: str = "") -> Task:
        """Say how it ended: complete, or failed or interrupted (to be gone on with)."""
        with self._transaction() as db:
            self._must_do(task)
            db.execute(
                "UPDATE tasks SET state = ?, finished_at = ?, note = ? WHERE id = ?",
                (TaskState(state), self._clock.now(), note, task),
            )
            return self._task(task)

    def _task(self, task: TaskId) -> Task:
        return task_of(self._rows(f"SELECT {_COLUMNS} FROM tasks WHERE id = ?", (task,))[0])  # noqa: S608 (ours)

    def _must_do(self, task: TaskId) -> None:
        found = self._rows("SELECT holder FROM tasks WHERE id = ?", (task,))
        if not found or found[0][0] != self._doing.get(task):
            raise LedgerError(
                "this task was taken over by another process, or is not open here",
                "let the other one end, and look at kvferry status",
            )


_COLUMNS = "id, migration, kind, number, state, started_at, finished_at, position, tally, note"


def task_of(row: Sequence[Any]) -> Task:
    """A row of `tasks` as a Task."""
    return Task(
        TaskId(row[0]),
        row[1],
        row[2],
        row[3],
        TaskState(row[4]),
        row[5],
        row[6],
        from_json(row[7]),
        Counter(from_json(row[8])),
        row[9],
    )
