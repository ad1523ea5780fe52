from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.core.ports import RunId
from migrate.errors import LedgerError
from migrate.ledger import schema
from migrate.ledger.ledger import Ledger

CLOCK = SystemClock()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(path: Path, **options: bool) -> LedgerError:
    with pytest.raises(LedgerError) as caught:
        Ledger.open(path, clock=CLOCK, patience=0.05, **options)
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


def test_folder_and_files_are_private_under_any_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with Ledger.open(path, clock=CLOCK) as ledger:
            ledger.remember_run(RunId("a"), "export", "s", "t", ["p"])
            assert mode(path.parent) == 0o700
            assert {file.name: mode(file) for file in path.parent.glob("ledger*")} == {
                "ledger.db": 0o600,
                "ledger.db-wal": 0o600,
                "ledger.db-shm": 0o600,
            }
    finally:
        os.umask(before)


def test_wider_modes_are_tightened(path: Path) -> None:
    with Ledger.open(path, clock=CLOCK):
        path.chmod(0o644)
        path.with_name("ledger.db-wal").chmod(0o666)
        path.parent.chmod(0o755)
        with Ledger.open(path, clock=CLOCK):
            assert mode(path) == mode(path.with_name("ledger.db-wal")) == 0o600
            assert mode(path.parent) == 0o700


def test_a_folder_that_is_not_ours_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Ledger.open(tmp_path / "own.db", clock=CLOCK).close()
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_the_folder_hides_from_git_also_when_it_was_there_before(path: Path) -> None:
    path.parent.mkdir()
    Ledger.open(path, clock=CLOCK).close()
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_gitignore_of_the_operator_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    (path.parent / ".gitignore").write_text("mine\n")
    Ledger.open(path, clock=CLOCK).close()
    assert (path.parent / ".gitignore").read_text() == "mine\n"


def test_another_programs_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE precious (x)")
    theirs.close()
    path.chmod(0o644)
    before = path.read_bytes()
    assert "not a kvferry ledger" in refused(path).message
    assert path.read_bytes() == before
    assert mode(path) == 0o644
    assert [file.name for file in tmp_path.iterdir()] == ["theirs.db"]


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but my notes on the migration\n" * 50)
    before = path.read_bytes()
    assert "not a kvferry ledger" in refused(path).message
    assert path.read_bytes() == before


def test_a_ledger_of_a_newer_version_is_refused(path: Path) -> None:
    Ledger.open(path, clock=CLOCK).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    for read_only in (False, True):
        error = refused(path, read_only=read_only)
        assert "newer kvferry" in error.message
        assert "upgrade" in error.hint


def test_a_damaged_ledger_is_one_clear_line(path: Path) -> None:
    Ledger.open(path, clock=CLOCK).close()
    content = bytearray(path.read_bytes())
    content[100:] = os.urandom(len(content) - 100)
    path.write_bytes(content)
    assert "damaged" in refused(path).message


def test_a_folder_in_the_ledgers_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    assert "not a file" in refused(tmp_path / "ledger.db").message


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be used" in refused(tmp_path / "file" / "ledger.db").message


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed to all but their maker."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Nothing is read-only to root: go on as a user without privileges."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_read_only_folder_is_refused(shared: Path) -> None:
    shared.chmod(0o555)
    with somebody_else():
        assert "permission denied" in refused(shared / "ledger.db").message
        assert "permission denied" in refused(shared / ".kvferry" / "ledger.db").message


def test_a_ledger_in_a_read_only_folder_can_be_read_and_not_written(shared: Path) -> None:
    path = shared / "ledger.db"
    with Ledger.open(path, clock=CLOCK) as ledger:
        ledger.remember_run(RunId("a"), "export", "s", "t", ["p"])
    path.chmod(0o444)
    shared.chmod(0o555)
    with somebody_else():
        assert "cannot be" in refused(path).message
        with Ledger.open(path, clock=CLOCK, read_only=True) as reader:
            assert [run.id for run in reader.runs()] == ["a"]
    shared.chmod(0o755)


def test_a_locked_ledger_is_refused_after_patience(path: Path) -> None:
    with Ledger.open(path, clock=CLOCK, patience=0.05) as ledger:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="in use by another process"):
            ledger.remember_run(RunId("a"), "export", "s", "t", ["p"])
        other.close()
        ledger.remember_run(RunId("a"), "export", "s", "t", ["p"])
        assert len(ledger.runs()) == 1


def test_a_full_disk_is_one_clear_line_and_loses_nothing(path: Path) -> None:
    with Ledger.open(path, clock=CLOCK) as ledger:
        ledger.remember_run(RunId("a"), "export", "s", "t", ["p"])
        pages = ledger._rows("PRAGMA page_count")[0][0]
        ledger._rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="disk that is full") as caught:
            ledger.add_evidence(RunId("a"), "big", {"text": "x" * 100_000})
        assert "free some space" in caught.value.hint
        assert [run.id for run in ledger.runs()] == ["a"]
        assert ledger.evidence(RunId("a")) == []


def test_reading_only_never_makes_a_ledger(path: Path) -> None:
    assert "there is no ledger" in refused(path, read_only=True).message
    assert not path.parent.exists()


def test_an_empty_file_is_no_ledger_to_read_but_becomes_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert "is empty" in refused(path, read_only=True).message
    with Ledger.open(path, clock=CLOCK) as ledger:
        assert ledger.runs() == []


def test_reading_only_sees_what_another_process_wrote_and_writes_nothing(path: Path) -> None:
    with (
        Ledger.open(path, clock=CLOCK) as writer,
        Ledger.open(path, clock=CLOCK, read_only=True) as reader,
    ):
        writer.remember_run(RunId("a"), "export", "s", "t", ["p"])
        assert [run.id for run in reader.runs()] == ["a"]
        assert reader.token == writer.token
        with pytest.raises(LedgerError, match="cannot be written"):
            reader.remember_run(RunId("b"), "export", "s", "t", ["p"])


def test_reading_only_leaves_no_log_behind(path: Path) -> None:
    Ledger.open(path, clock=CLOCK).close()
    before = path.read_bytes()
    with Ledger.open(path, clock=CLOCK, read_only=True) as reader:
        assert reader.runs() == []
    assert {file.name for file in path.parent.iterdir()} == {"ledger.db", ".gitignore"}
    assert path.read_bytes() == before


def test_a_ledger_in_a_folder_one_may_not_write_is_read_beside_its_writers_log(shared: Path) -> None:
    path = shared / "ledger.db"
    with Ledger.open(path, clock=CLOCK) as writer:
        writer.remember_run(RunId("a"), "export", "s", "t", ["p"])
        for file in shared.iterdir():
            file.chmod(0o644)
        shared.chmod(0o555)
        with somebody_else(), Ledger.open(path, clock=CLOCK, read_only=True) as reader:
            assert [run.id for run in reader.runs()] == ["a"]
        shared.chmod(0o755)


def test_no_message_shows_what_a_damaged_ledger_holds(path: Path) -> None:
    with Ledger.open(path, clock=CLOCK) as ledger:
        ledger.add_evidence(RunId("a"), "kind", {"x": 1})
        ledger._connection.execute("UPDATE evidence SET document = '{planted-session-id'")
        with pytest.raises(LedgerError) as caught:
            ledger.evidence(RunId("a"))
    assert "planted" not in caught.value.message + caught.value.hint
