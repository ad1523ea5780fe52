"""Rows that are older than kvferry, at the command line: what is said of them, and the exit codes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.formats import report
from migrate.main import run
from tests.fake_api import FakeServer
from tests.flows.shell import KV, PREFIX, kvferry, variables

WORDS = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]
UNSAID = "differ, and only you can say which store is right: --authority kv or --authority target"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of which three rows are older, two of them stale."""
    monkeypatch.chdir(tmp_path)
    items = [{"key": f"{PREFIX}{number:02d}", "value": f'{{"n":{number}}}'} for number in range(9)]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    assert run(["export", *WORDS, "--quiet"]) == 0
    aged(tmp_path)
    return tmp_path


def aged(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "sessions.db")) as db, db:
        older = "UPDATE sessions SET version = version + 1, origin = 'legacy'"
        db.execute(f"{older} WHERE key = '{PREFIX}03'")
        db.execute(f"{older}, value = x'7b7d', digest = NULL WHERE key IN ('{PREFIX}04', '{PREFIX}05')")


@pytest.fixture
def ask(here: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(command: str, *more: str) -> dict[str, Any]:
        capsys.readouterr()
        code = run([command, *WORDS, "--json", *more])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        report.validate(document, report.name_of(document))
        assert document["exit"] == code
        return document

    return call


@pytest.mark.parametrize(("word", "exit_"), [(None, 3), ("target", 0), ("kv", 3)])
def test_an_export_does_not_end_well_over_rows_of_which_nobody_knows_who_is_right(
    ask: Any, word: str | None, exit_: int
) -> None:
    document = ask("export", *(["--authority", word] if word else []))
    assert (document["exit"], document["tally"]["legacy"], document["authority"]) == (exit_, 2, word)
    assert (UNSAID in document["note"]) is (word is None)
    assert ("a snapshot replaces none" in document["note"]) is (word == "kv")
    assert document["next"].startswith("kvferry verify")
    assert (f"--authority {word}" in document["next"]) is (word is not None)


def test_a_verify_says_whose_word_it_goes_by(ask: Any) -> None:
    found = {word: ask("verify", *(["--authority", word] if word else [])) for word in (None, "kv", "target")}
    assert {word: one["exit"] for word, one in found.items()} == {None: 1, "kv": 1, "target": 0}
    assert {word: one["authority"] for word, one in found.items()} == {
        None: None,
        "kv": "kv",
        "target": "target",
    }
    assert {word: one["legacy_equal"] for word, one in found.items()} == dict.fromkeys(found, 1)
    assert len({one["configuration"] for one in found.values()}) == 3
    assert len({one["run"] for one in found.values()}) == 3
    assert [UNSAID in one["note"] for one in found.values()] == [True, False, False]
    assert found["kv"]["classes"]["legacy_stale"]["settled"] == 2
    assert found["target"]["classes"]["kv_behind"]["keys"] == 2


def test_the_configuration_says_it_for_both(here: Path, ask: Any) -> None:
    (here / "kvferry.toml").write_text('authority = "target"\n')
    assert ask("export")["authority"] == "target"
    document = ask("verify")
    assert (document["authority"], document["exit"]) == ("target", 0)
    assert ask("verify", "--authority", "kv")["authority"] == "kv"


def test_a_text_names_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["verify", *WORDS, "--authority", "kv"])
    out = capsys.readouterr().out
    assert "authority  kv is right about rows from before kvferry" in out
    assert "! legacy stale" in out
    assert "legacy equal 1: rows from before kvferry" in out
    run(["verify", *WORDS])
    assert f"2 rows from before kvferry {UNSAID}" in capsys.readouterr().out


def test_a_junit_report_names_the_word(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["verify", *WORDS, "--authority", "target", "--format", "junit"])
    assert '<property name="authority" value="target"' in capsys.readouterr().out


def test_from_kv_the_next_sweep_brings_them(fake: FakeServer, tmp_path: Path) -> None:
    for number in range(9):
        fake.api.namespace.put(f"{PREFIX}{number:02d}", b'{"n":%d}' % number)
    words = ("--source", KV, "--target", "sqlite:sessions.db", "--settle", "0", "--authority", "kv", "--json")

    def export(*more: str) -> dict[str, Any]:
        done = kvferry("export", *words, *more, cwd=tmp_path, env=variables(fake))
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == found["exit"], done.stderr
        return found

    assert export()["exit"] == 0
    aged(tmp_path)
    again = export()
    assert (again["exit"], again["tally"]["updated"], again["tally"]["legacy"]) == (0, 2, 0)
