from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.formats import report
from migrate.main import run
from tests.flows.shell import PREFIX

WORDS = ["--source", "dump:sessions.ndjson", "--target", "sqlite:sessions.db"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    items = [{"key": f"{PREFIX}{number:02d}", "value": "v"} for number in range(9)]
    (tmp_path / "sessions.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    return tmp_path


def status(capsys: pytest.CaptureFixture[str], *words: str) -> dict:  # type: ignore[type-arg]
    capsys.readouterr()
    assert run(["status", "--json", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    report.validate(document, "status")
    return dict(document)


def test_it_follows_a_migration_and_says_what_is_next(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", *WORDS, "--quiet", "--limit", "4"]) == 3
    first = status(capsys)
    assert first["next"].startswith("kvferry export ")
    assert first["runs"][0]["sweeps"][0]["state"] == "interrupted"
    assert run(["export", *WORDS, "--quiet"]) == 0
    second = status(capsys)
    assert second["next"].startswith("kvferry verify ")
    assert second["runs"][0]["sweeps"][0]["state"] == "complete"
    assert run(["verify", *WORDS, "--quiet"]) == 0
    third = status(capsys)
    assert third["runs"][0]["verifies"][0]["verdict"] == "clean"
    only = third["runs"][0]["run"]
    assert [one["run"] for one in status(capsys, "--run", only[:6])["runs"]] == [only]


def test_an_unfinished_retry_of_the_quarantine_is_what_is_next(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("schema.json").write_text('{"type": "integer"}')
    more = ["--schema", "schema.json", "--quiet"]
    assert run(["export", *WORDS, *more]) == 1
    assert run(["export", *WORDS, *more, "--retry-quarantined"]) == 1
    runs = status(capsys)["runs"]
    assert len(runs) == 2
    assert {len(one["sweeps"]) for one in runs} == {1}


def test_without_a_ledger_it_says_what_to_run_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status"]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("  hint: run kvferry")


def test_it_changes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["export", *WORDS, "--quiet"])
    before = (here / ".kvferry" / "ledger.db").read_bytes()
    status(capsys)
    assert (here / ".kvferry" / "ledger.db").read_bytes() == before


@pytest.mark.parametrize("target", ["do+https://operator:PLANTED@bridge.example.com", "PLANTED"])
def test_a_target_of_the_configuration_that_is_no_address_is_refused_and_not_repeated(
    here: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    assert run(["export", *WORDS, "--quiet"]) == 0
    Path("kvferry.toml").write_text(f'target = "{target}"\n')
    capsys.readouterr()
    assert run(["status"]) == 2
    told = capsys.readouterr()
    assert "address" in told.err
    assert "PLANTED" not in told.out + told.err
