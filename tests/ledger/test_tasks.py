from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from migrate.core.record import Key
from migrate.errors import LedgerError
from migrate.ledger import schema
from migrate.ledger.ledger import Ledger
from migrate.ledger.tasks import Item, TaskState
from tests.ledger.conftest import SetClock

ROOT = Path(__file__).parents[2]
MINE = "0123456789abcdef"


def test_an_unfinished_task_is_gone_on_with(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.open_task(MINE, "repair")
    assert (first.number, first.state, first.position, first.tally) == (1, "running", {}, Counter())
    ledger.commit_step(first.id, {"after": "k:7"}, Counter(buried=7))
    clock.time += 5
    ended = ledger.close_task(first.id, TaskState.INTERRUPTED, "interrupted")
    assert (ended.state, ended.finished_at, ended.note) == ("interrupted", clock.time, "interrupted")
    again = ledger.open_task(MINE, "repair")
    assert (again.id, again.position, again.tally) == (first.id, {"after": "k:7"}, Counter(buried=7))
    assert (again.state, again.finished_at) == ("running", None)


def test_a_complete_task_is_followed_by_a_new_one(ledger: Ledger) -> None:
    first = ledger.open_task(MINE, "repair")
    ledger.commit_step(first.id, {"after": "k:7"}, Counter(buried=7), [Item(Key("k:1"), "waiting", 5.0)])
    ledger.close_task(first.id, TaskState.COMPLETE)
    second = ledger.open_task(MINE, "repair")
    assert (second.number, second.position, second.tally) == (2, {}, Counter())
    assert ledger.item_counts(first.id) == Counter(), "what was on its way is not kept for ever"
    assert [one.state for one in ledger.tasks(MINE)] == ["complete", "running"]
    assert ledger.last_task(MINE, "repair") == second


def test_fresh_abandons_what_was_unfinished(ledger: Ledger) -> None:
    first = ledger.open_task(MINE, "repair")
    second = ledger.open_task(MINE, "repair", fresh=True)
    assert [(one.id, one.state) for one in ledger.tasks(MINE)] == [
        (first.id, "abandoned"),
        (second.id, "running"),
    ]


def test_migrations_and_kinds_do_not_share_tasks(ledger: Ledger) -> None:
    first, other, elsewhere = (
        ledger.open_task(*named) for named in ((MINE, "repair"), (MINE, "cleanup"), ("f" * 16, "repair"))
    )
    assert len({first.id, other.id, elsewhere.id}) == 3
    assert [one.number for one in (first, other, elsewhere)] == [1, 1, 1]
    assert ledger.tasks(MINE) == [first, other]
    assert ledger.tasks(MINE, "cleanup") == [other]
    assert ledger.last_task("f" * 16, "cleanup") is None


def test_a_step_is_all_or_nothing(ledger: Ledger) -> None:
    task = ledger.open_task(MINE, "repair")

    def broken() -> list[Item]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ledger.commit_step(
            task.id, {"after": "k:1"}, Counter(a=1), (item for _ in range(1) for item in broken())
        )
    assert ledger.last_task(MINE, "repair") == task


def test_items_come_back_as_they_were_given_and_when_they_are_due(ledger: Ledger) -> None:
    task = ledger.open_task(MINE, "repair").id
    items = [
        Item(Key(f"k:{number}"), state, due, {"version": number})
        for number, state, due in (
            (1, "written", 9.0),
            (2, "written", 5.0),
            (3, "gone", 1.0),
            (4, "written", 99.0),
        )
    ]
    ledger.commit_step(task, {}, Counter(), items)
    assert ledger.items(task, "written", 10, due_by=9.0) == [items[1], items[0]]
    assert ledger.items(task, "written", 1) == [items[1]]
    assert ledger.next_item_due(task, "written") == 5.0
    assert ledger.next_item_due(task, "nothing") is None
    assert ledger.item_counts(task) == Counter(written=3, gone=1)
    assert ledger.items_after(task, ("written", "gone"), Key("k:1"), 2) == [items[1], items[2]]
    assert ledger.items_after(task, ("gone",), None, 9) == [items[2]]


def test_an_item_takes_the_place_of_its_keys_former_one(ledger: Ledger) -> None:
    task = ledger.open_task(MINE, "repair").id
    ledger.commit_step(
        task, {}, Counter(), [Item(Key("k:1"), "written", 9.0), Item(Key("k:2"), "written", 9.0)]
    )
    ledger.commit_step(task, {}, Counter(), [Item(Key("k:1"), "done", 0.0)], forget=[Key("k:1"), Key("k:2")])
    assert ledger.items_after(task, ("written", "done"), None, 9) == [Item(Key("k:1"), "done", 0.0)]


def test_whoever_opens_it_last_holds_it(ledger: Ledger, path: Path, clock: SetClock) -> None:
    task = ledger.open_task(MINE, "repair")
    with Ledger.open(path, clock=clock) as other:
        assert other.open_task(MINE, "repair").id == task.id
        with pytest.raises(LedgerError, match="taken over"):
            ledger.commit_step(task.id, {"after": "k:1"}, Counter(a=1))
        with pytest.raises(LedgerError, match="taken over"):
            ledger.close_task(task.id, TaskState.COMPLETE)
        other.commit_step(task.id, {"after": "k:2"}, Counter(a=2))
    assert ledger.tasks(MINE)[0].position == {"after": "k:2"}


_KILLED = """
import sys
from collections import Counter
from migrate.clock import SystemClock
from migrate.core.record import Key
from migrate.ledger.ledger import Ledger
from migrate.ledger.tasks import Item
with Ledger.open(sys.argv[1], clock=SystemClock()) as ledger:
    task = ledger.open_task("0123456789abcdef", "repair").id
    number = 0
    while True:
        number += 1
        item = Item(Key(f"k:{number:09}"), "done", 0.0)
        ledger.commit_step(task, {"after": number}, Counter(done=1), [item])
        print(number, flush=True)
"""


def test_a_killed_process_leaves_position_counters_and_items_of_one_step(path: Path, clock: SetClock) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert worker.stdout is not None
    said = 0
    while said < 20:
        said = int(worker.stdout.readline())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    with Ledger.open(path, clock=clock) as ledger:
        task = ledger.open_task(MINE, "repair")
        reached = task.position["after"]
        assert reached >= said
        assert task.tally == Counter(done=reached)
        assert ledger.item_counts(task.id) == Counter(done=reached)


def test_a_ledger_from_before_tasks_gets_them(path: Path, clock: SetClock) -> None:
    with Ledger.open(path, clock=clock) as ledger:
        token = ledger.token
    older = sqlite3.connect(path, isolation_level=None)
    older.execute("DROP TABLE tasks")
    older.execute("DROP TABLE task_items")
    older.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_tasks'")
    older.execute("PRAGMA user_version = 1")
    older.close()
    with Ledger.open(path, clock=clock) as ledger:
        assert ledger.token == token
        assert ledger.open_task(MINE, "repair").number == 1
        assert ledger._rows("PRAGMA user_version") == [(schema.VERSION,)]


def test_the_items_that_are_due_are_found_by_the_index(ledger: Ledger) -> None:
    plan = ledger._rows(
        """EXPLAIN QUERY PLAN SELECT key FROM task_items WHERE task = 1 AND state = 'x' AND due_at <= 5
           ORDER BY due_at, key LIMIT 3"""
    )
    assert "task_items_due" in plan[0][3]
    assert not any("TEMP B-TREE" in step[3] for step in plan)
