"""The laws of repair broken one by one in a copy of the code: the test of each law must see it."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.repair import burials, refreshing, repairing
from migrate.repair.wish import Mode
from migrate.stores.memory import MemoryKv, MemoryStore
from tests.flows import test_burials, test_refreshing
from tests.flows.world import FakeClock

EARLIER = (
    "    rows = work.holder.rows(keys)\n    tally: Tally",
    "    answers = read_all(work.source, keys)\n    rows = work.holder.rows(keys)\n    tally: Tally",
)
MUTANTS: dict[str, tuple[Mode, list[tuple[str, str]], Callable[[Any], None]]] = {
    "bury with one reading": (
        Mode.TOMBSTONES,
        [
            (
                "answers = read_all(self._work.source, [one.key for one in items])",
                "answers = {one.key: None for one in items}",
            )
        ],
        test_burials.test_a_session_that_the_second_reading_finds_is_not_buried,
    ),
    "read KV before the row": (
        Mode.TOMBSTONES,
        [EARLIER, ("    answers = read_all(work.source, wanted)\n", "")],
        test_burials.test_a_row_that_is_written_while_kv_is_read_is_not_buried,
    ),
    "first reading before the last dual-write isolate was gone": (
        Mode.TOMBSTONES,
        [("if (wait := gone.since + self._horizon - self._clock.now()) > 0:", "if (wait := 0) > 0:")],
        test_burials.test_both_readings_come_h_after_the_last_isolate_and_h_apart,
    ),
    "bury the version of the second reading": (
        Mode.TOMBSTONES,
        [
            (
                "        until = read_at + NOT_AFTER\n",
                "        until = read_at + NOT_AFTER\n"
                "        rows = self._work.holder.rows(list(lacking))\n"
                "        lacking = {key: row.version for key, row in rows.items()}\n",
            )
        ],
        lambda ground: test_burials.test_a_row_that_is_written_after_a_reading_is_not_buried(ground, 1),
    ),
    "bury long after KV was read": (
        Mode.TOMBSTONES,
        [("NOT_AFTER = 20.0", "NOT_AFTER = 300.0")],
        test_burials.test_who_stood_still_between_reading_and_burying_reads_again,
    ),
    "refresh a dual row": (
        Mode.KV,
        [
            ("if row.deleted or row.origin is Origin.APP)", "if row)"),
            ("not (row.deleted or row.origin is Origin.APP)", "False"),
            ("found.origin is not Origin.APP", "False"),
        ],
        test_refreshing.test_rows_that_kv_is_right_about_are_never_written,
    ),
    "put a row that was given back": (
        Mode.KV,
        [("found.origin is not Origin.APP", "False")],
        test_refreshing.test_a_row_that_is_given_back_to_kv_before_its_value_is_read_is_left_to_kv,
    ),
    "put at any time": (
        Mode.KV,
        [("clock.now() + NOT_AFTER", "clock.now() + 1e9")],
        test_refreshing.test_writes_begin_within_seconds_of_their_reading,
    ),
    "leave in KV who was logged out": (
        Mode.KV,
        [("            deletes.append(key)", "            tally[AGREES] += 1")],
        test_refreshing.test_kv_shows_what_the_application_wrote_and_nothing_of_who_was_logged_out,
    ),
}
SOURCES = {Mode.TOMBSTONES: burials, Mode.KV: refreshing}
GROUNDS = {Mode.TOMBSTONES: test_burials.Ground, Mode.KV: test_refreshing.Ground}


def mutant(module: types.ModuleType, changes: list[tuple[str, str]]) -> types.ModuleType:
    """The module with these changes."""
    source = inspect.getsource(module)
    for old, new in changes:
        assert source.count(old) == 1, f"the code has changed: it cannot be broken so: {old}"
        source = source.replace(old, new)
    broken = types.ModuleType(module.__name__)
    exec(compile(source, "a mutant", "exec"), broken.__dict__)
    return broken


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_law_is_seen(
    name: str,
    kv: MemoryKv,
    store: MemoryStore,
    clock: FakeClock,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode, changes, law = MUTANTS[name]
    broken = mutant(SOURCES[mode], changes)
    parts = {part: getattr(broken, part) for part in ("perform", "rehearse")}
    keys = {"keys": broken.keys} if mode is Mode.KV else {}
    monkeypatch.setitem(repairing._MODES, mode, replace(repairing._MODES[mode], **parts, **keys))
    ground = GROUNDS[mode](kv, store, clock, ledger)
    with pytest.raises(AssertionError):
        law(ground)
