import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from migrate.core.ports import Outcome
from migrate.core.record import NEVER, UNKNOWN, Expiration, Key, Record
from migrate.errors import RecordError, StoreBroken
from migrate.stores.sqlite.batch import insert, insertions
from migrate.stores.sqlite.schema import migrate

STAMP, SWEEP = 1_800_000_000, 7
SIZES = [1, 249, 250, 251, 500, 620]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        migrate(opened)
        yield opened


def record(number: int, value: bytes = b"{}", expiration: Expiration = NEVER) -> Record:
    return Record(Key(f"p:{number:04}"), value, None, expiration)


def put(connection: sqlite3.Connection, records: list[Record]) -> dict[str, int]:
    return dict(insert(connection, records, insertions(records), SWEEP, STAMP))


def rows(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    query = "SELECT key, value, expiration, origin, version, sweep, created_at, updated_at FROM sessions"
    return connection.execute(f"{query} ORDER BY key").fetchall()


@pytest.mark.parametrize("size", SIZES)
def test_any_number_of_records_goes_in_whole(connection: sqlite3.Connection, size: int) -> None:
    records = [record(number, b"%d" % number, 2_000_000_000 + number) for number in range(size)]
    assert put(connection, records) == {Outcome.COPIED: size}
    assert rows(connection) == [
        (one.key, one.value, one.expiration, "copy", 1, SWEEP, STAMP, STAMP) for one in records
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("deleted", [False, True])
def test_one_row_that_was_there_stays_and_keeps_out_nothing_else(
    connection: sqlite3.Connection, size: int, place: str, deleted: bool
) -> None:
    at = {"first": 0, "middle": size // 2, "last": size - 1}[place]
    there = record(at, b"the application's")
    put(connection, [there])
    connection.execute("UPDATE sessions SET origin = 'app', version = 2")
    if deleted:
        connection.execute(
            "UPDATE sessions SET value = NULL, digest = NULL, deleted_at = 1, version = version + 1"
        )
    before = rows(connection)
    outcome = Outcome.TOMBSTONED if deleted else Outcome.NEWER
    found = put(connection, [record(number) for number in range(size)])
    assert found[outcome] == 1
    assert found.get(Outcome.COPIED, 0) == size - 1
    assert [row for row in rows(connection) if row[0] == there.key] == before
    assert len(rows(connection)) == size


@pytest.mark.parametrize(("one", "other"), [(0, 100), (100, 300), (0, 550), (300, 550)])
def test_a_key_that_comes_twice_is_refused(connection: sqlite3.Connection, one: int, other: int) -> None:
    records = [record(number) for number in range(600)]
    records[other] = records[one]
    with pytest.raises(StoreBroken, match="twice"):
        put(connection, records)


def test_an_unknown_expiration_is_never_written() -> None:
    with pytest.raises(RecordError, match="unknown"):
        insertions([record(1), record(2, expiration=UNKNOWN)])
