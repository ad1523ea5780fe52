from __future__ import annotations

from migrate.ledger import schema
from migrate.ledger.ledger import Ledger


def test_the_version_is_the_number_of_migrations() -> None:
    names = [migration.name for migration in schema.migrations._migrations]
    assert len(names) == schema.VERSION
    assert [name[:4] for name in names] == [f"m{n:03}" for n in range(1, schema.VERSION + 1)]


def test_every_table_is_strict(ledger: Ledger) -> None:
    tables = ledger._rows("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    loose = {name for name, strict in tables if not strict and not name.startswith("sqlite_")}
    assert loose == {"_sqlite_migrations"}
    assert len(tables) > len(loose)


def test_the_ledger_is_in_wal_mode_and_marked_as_ours(ledger: Ledger) -> None:
    assert ledger._rows("PRAGMA journal_mode") == [("wal",)]
    assert ledger._rows("PRAGMA application_id") == [(schema.APPLICATION_ID,)]
    assert ledger._rows("PRAGMA user_version") == [(schema.VERSION,)]


def test_what_is_due_is_found_by_the_index(ledger: Ledger) -> None:
    plan = ledger._rows(
        """EXPLAIN QUERY PLAN SELECT key FROM differences WHERE verify = 1 AND state = 'open' AND due_at <= 5
           ORDER BY due_at, key LIMIT 3"""
    )
    assert "differences_due" in plan[0][3]
    assert not any("TEMP B-TREE" in step[3] for step in plan)
