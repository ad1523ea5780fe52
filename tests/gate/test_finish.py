"""The end of a migration on the command line: asked for twice, and only with an open verdict on cleanup."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migrate.clock import SystemClock
from migrate.confirming import name_of
from migrate.core.document import Document, moment
from migrate.core.gate.verdict import Door
from migrate.errors import MigrateError
from migrate.gate.bundle import bundle_document
from migrate.gate.exhibits import ROLLED_BACK
from migrate.gate.finish import Finish, finish
from migrate.ledger.ledger import Ledger
from migrate.main import run
from migrate.opening import Settings
from migrate.stores.sqlite import SqliteHolder
from tests.gate.finishing import heard, kept, moved
from tests.gate.test_gate import SECRET, STORES, here, open_bundle, reports

__all__ = ["here", "reports"]
OTHER = ["--ledger", "gate.db"]
FINISH = ["finish", *STORES, *OTHER, "--quiet"]
NAME = ["--name", "sessions.ndjson"]


class Ahead(SystemClock):
    """The machine's time, and some more."""

    by = 0.0

    def now(self) -> float:
        return super().now() + self.by


@pytest.fixture
def opened(reports: dict[str, Document]) -> Document:
    """A ledger in which cleanup is open, beside the one of the export."""
    clock = SystemClock()
    try:
        return kept(open_bundle(reports, Door.CLEANUP), Path("gate.db"), clock)
    finally:
        clock.stop()


def since() -> float | None:
    with closing(SqliteHolder("sessions.db")) as holder:
        return holder.finished_since()


def test_it_only_says_what_it_would_do_until_execute(opened, capsys):
    before = Path("sessions.db").read_bytes()
    assert run(FINISH) == 0
    text = capsys.readouterr().out
    assert text.startswith("ok      verdict  cleanup is open, by ")
    assert "nothing was done; with --execute:" in text
    assert "there is no way back" in text
    again = "next: kvferry finish --source dump:sessions.ndjson --target sqlite:sessions.db"
    assert again in text
    assert text.rstrip().endswith("--execute --name sessions.ndjson")
    assert Path("sessions.db").read_bytes() == before
    assert since() is None


def test_with_the_name_it_is_finished_and_nothing_is_copied_any_more(opened, capsys):
    assert run([*FINISH, "--execute", *NAME]) == 0
    assert "finished sqlite:" in capsys.readouterr().out
    at = since()
    assert at is not None
    assert run(["export", *STORES, "--quiet"]) == 2
    assert "migration is finished: nothing is imported any more" in capsys.readouterr().err
    assert run([*FINISH, "--execute", *NAME]) == 0  # again, which a verdict is not needed for
    assert since() == at
    assert run(["finish", *STORES, "--ledger", "none.db", "--quiet"]) == 0
    assert "it has been finished since" in capsys.readouterr().out


def test_an_export_that_finds_the_end_begins_no_sweep(opened, capsys):
    assert run([*FINISH, "--execute", *NAME]) == 0

    def sweeps() -> list[tuple[int]]:
        with closing(sqlite3.connect("sessions.db")) as db:
            return db.execute("SELECT id FROM sweeps").fetchall()

    before = sweeps()
    for more in ([], ["--fresh"], ["--lift-fence"], ["--dry-run"]):
        assert run(["export", *STORES, "--quiet", *more]) == 2
        assert "migration is finished" in capsys.readouterr().err
    assert sweeps() == before


@pytest.mark.parametrize(("name", "said"), [([], "the name is missing"), (["--name", "x"], "another name")])
def test_without_the_sources_name_nothing_is_done(opened, capsys, name, said):
    assert run([*FINISH, "--execute", *name]) == 2
    err = capsys.readouterr().err
    assert "nothing was done" in err
    assert said in err
    assert "--execute --name sessions.ndjson" in err
    assert since() is None


@pytest.mark.parametrize("execute", [[], ["--execute", *NAME]])
def test_without_a_verdict_nothing_is_done(reports, capsys, execute):
    assert run(["finish", *STORES, "--quiet", *execute]) == 2
    text = capsys.readouterr().out
    assert "FAILED  verdict  there is no verdict on cleanup" in text
    assert "→ kvferry gate --for cleanup --source dump:sessions.ndjson --target sqlite:sessions.db" in text
    assert since() is None


@pytest.mark.parametrize(("door", "code"), [("object-first", 2), ("cleanup", 3)])
def test_the_ledgers_verdict_must_be_on_cleanup_and_open(reports, capsys, door, code):
    run(["gate", "--for", door, *STORES, "--quiet"])
    assert run(["finish", *STORES, "--quiet", "--execute", *NAME]) == code
    assert since() is None


def test_a_verdict_in_a_file_is_one_of_the_ledgers_or_comes_with_its_evidence(opened, reports, capsys):
    Path("verdict.json").write_text(json.dumps(opened))
    given = ["--verdict", "verdict.json"]
    assert run([*FINISH, *given]) == 0
    assert "--verdict verdict.json" in capsys.readouterr().out
    assert run(["finish", *STORES, "--quiet", "--ledger", "elsewhere.db", *given]) == 2
    clock = SystemClock()
    now = clock.now()
    clock.stop()
    issued = opened["issued"]["unix"]
    bundle = moved(open_bundle(reports, Door.CLEANUP), issued - 1_700_000_000.0)
    Path("evidence.json").write_text(json.dumps(bundle_document(bundle, now)))
    elsewhere = ["finish", *STORES, "--quiet", "--ledger", "elsewhere.db", *given]
    capsys.readouterr()
    code = run([*elsewhere, "--evidence", "evidence.json"])
    assert code == 0, capsys.readouterr().out


def test_what_this_ledger_learned_since_counts_against_a_verdict_from_elsewhere(opened, reports, capsys):
    Path("verdict.json").write_text(json.dumps(opened))
    clock = SystemClock()
    bundle = moved(open_bundle(reports, Door.CLEANUP), opened["issued"]["unix"] - 1_700_000_000.0)
    Path("evidence.json").write_text(json.dumps(bundle_document(bundle, clock.now())))
    with Ledger.open(Path("elsewhere.db"), clock=clock) as ledger:
        told = {"started": moment(clock.now()), "finished": None}
        ledger.add_evidence(bundle.migration, ROLLED_BACK, told)
    clock.stop()
    given = ["--verdict", "verdict.json", "--evidence", "evidence.json", "--ledger", "elsewhere.db"]
    assert run(["finish", *STORES, "--quiet", *given, "--execute", *NAME]) == 3
    assert "a rollback has begun" in capsys.readouterr().out
    assert since() is None


@pytest.mark.parametrize("how", ["no JSON", "another schema", "edited", "another door"])
def test_a_file_that_is_no_verdict_on_cleanup_is_refused(opened, capsys, how):
    told = dict(opened)
    if how == "another schema":
        told["version"] = 2
    elif how == "edited":
        told["expires"] = told["issued"]
    elif how == "another door":
        told["door"] = "object-only"
    Path("verdict.json").write_text("{" if how == "no JSON" else json.dumps(told))
    assert run([*FINISH, "--verdict", "verdict.json", "--execute", *NAME]) == 2
    assert since() is None


def test_another_namespaces_verdict_is_refused(opened, reports, capsys):
    Path("verdict.json").write_text(json.dumps(opened))
    Path("other.ndjson").write_text(Path("sessions.ndjson").read_text())
    other = ["--source", "dump:other.ndjson", "--target", "sqlite:sessions.db", *OTHER, "--quiet"]
    words = ["finish", *other, "--verdict", "verdict.json", "--execute", "--name", "other.ndjson"]
    assert run(words) == 2
    assert "another source" in capsys.readouterr().out
    prefix = ["--prefix", "cache:"]
    assert run([*FINISH, *prefix, "--verdict", "verdict.json", "--execute", *NAME]) == 2
    assert "other prefixes" in capsys.readouterr().out
    assert since() is None


def test_evidence_that_was_edited_in_the_ledger_is_refused(opened, capsys):
    with closing(sqlite3.connect("gate.db")) as ledger:
        done = ledger.execute(
            "UPDATE evidence SET document = json_set(document, '$.keys', 8) WHERE kind = 'listing'"
        )
        assert done.rowcount == 2
        ledger.commit()
    assert run([*FINISH, "--execute", *NAME]) == 2
    assert "not what they were" in capsys.readouterr().out
    assert since() is None


def test_a_dump_has_no_end(reports, capsys):
    assert run(["finish", "--source", "dump:sessions.ndjson", "--target", "dump:sessions.ndjson"]) == 2
    assert "a dump cannot be finished" in capsys.readouterr().err


def test_it_names_no_session(opened, capfd):
    run(FINISH)
    run([*FINISH, "--execute", *NAME])
    told = capfd.readouterr()
    assert SECRET not in told.out + told.err
    assert os.path.exists("sessions.db")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("kv://account/namespace", "namespace"),
        ("kv+http://127.0.0.1:8787/SESSIONS", "SESSIONS"),
        ("wrangler:/home/me/shop#SESSIONS", "SESSIONS"),
        ("sqlite:/home/me/sessions.db", "sessions.db"),
        ("dump:sessions.ndjson", "sessions.ndjson"),
        ("do+https://bridge.example.com", "bridge.example.com"),
    ],
)
def test_a_store_is_called_by_the_last_part_of_its_address(address, name):
    assert name_of(address) == name


@pytest.mark.parametrize("more", [[], ["--execute", *NAME]])
def test_once_an_earlier_stage_was_heard_since_the_verdict_it_is_not_finished(
    opened, monkeypatch, capsys, more
):
    heard(monkeypatch, "object-first", opened["issued"]["unix"] + 1)
    assert run([*FINISH, *more]) == 1
    assert "a stage before object-only was at work since the verdict" in capsys.readouterr().err
    assert since() is None
    heard(monkeypatch, "object-first", opened["issued"]["unix"] - 3600)
    assert run([*FINISH, *more]) == 0


@pytest.mark.parametrize(("later", "exit_code"), [(100_000.0, 3), (0.0, 0)])
def test_who_answers_with_the_name_after_the_verdict_has_run_out_ends_nothing(opened, later, exit_code):
    clock = Ahead()
    settings = Settings(clock=clock, ledger=Path("gate.db"), environ={})

    def answer(name: str) -> str:
        clock.by = later
        return name

    stores = ("dump:sessions.ndjson", "sqlite:sessions.db", opened["prefixes"])
    wish = Finish(*stores, settings, True, answer)
    if exit_code:
        with pytest.raises(MigrateError, match="the verdict has run out"):
            finish(wish, lambda _: None)
    else:
        assert finish(wish, lambda _: None) == 0
    assert (since() is None) == bool(exit_code)
    clock.stop()
