from __future__ import annotations

import os
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.ports import Batch, Checkpoint, Claim, Page, RunId
from migrate.core.record import Head, Key, Record
from migrate.cost.room import ASSUMED_VALUE, room
from migrate.cost.survey import Survey, survey_page
from migrate.stores.sqlite import SqliteTarget


def sessions(size: int, count: int = 2000) -> list[Record]:
    return [
        Record(Key(f"spotify_session:{number:032x}"), os.urandom(size), '{"v":1}', 2_000_000_000)
        for number in range(count)
    ]


@pytest.mark.parametrize("size", [0, 400, 1000, 5000])
def test_a_copy_takes_no_more_than_was_estimated_and_not_much_less(size: int, tmp_path: Path) -> None:
    records = sessions(size)
    target = SqliteTarget(tmp_path / "sessions.db", clock=SystemClock())
    target.acquire(Claim("token", "who", "host", os.getpid()))
    sweep = target.open_sweep(RunId("run"), 1)
    target.apply(Batch(records=records), Checkpoint(sweep.id, ""))
    used = sum(file.stat().st_size for file in tmp_path.iterdir())
    target.close()
    heads = [Head(record.key, record.metadata, record.expiration) for record in records]
    found = room(survey_page(Page(heads, None, records), 100, 0.0))
    assert not found.assumed
    assert found.bytes / 4 < used <= found.bytes


def test_values_that_were_not_seen_are_assumed_to_have_a_kibibyte_each() -> None:
    unseen = room(Survey(keys=100, key_bytes=100))
    seen = room(Survey(keys=100, key_bytes=100, values=100, value_bytes=100 * ASSUMED_VALUE))
    assert unseen.bytes == seen.bytes
    assert (unseen.assumed, seen.assumed) == (True, False)


def test_a_dump_is_there_beside_the_file_that_it_is_made_from() -> None:
    many = Survey(keys=10**6, key_bytes=48 * 10**6)
    assert room(many, dump=True).bytes > room(many).bytes > 10**9


def test_nothing_needs_no_room() -> None:
    assert room(Survey()).bytes == 0
