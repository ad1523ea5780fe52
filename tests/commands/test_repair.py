"""The command line of repair: what it refuses before anything is opened, and how a time is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from migrate.formats import report
from migrate.main import run

STORES = ["--source", "dump:s.ndjson", "--target", "sqlite:t.db", "--quiet"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sessions(count: int) -> None:
    items = [
        {"key": f"spotify_session:planted-id-{n}", "value": "planted-value", "expiration": 2_000_000_000}
        for n in range(count)
    ]
    Path("s.ndjson").write_text("".join(json.dumps(one) + "\n" for one in items))


def missing() -> None:
    sessions(3)
    assert run(["export", *STORES]) == 0
    sessions(5)
    assert run(["verify", *STORES]) == 1


def repair(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    capsys.readouterr()
    code = run(["repair", *STORES, "--json", *words])
    out, err = capsys.readouterr()
    document = json.loads(out) if out else None
    if document is not None:
        report.validate(document, "repair-report")
        assert document["exit"] == code
    assert "planted-id" not in out + err
    assert "planted-value" not in out + err
    return code, document, err


def test_it_says_what_it_would_do_then_does_it(capsys: pytest.CaptureFixture[str]) -> None:
    missing()
    code, document, _ = repair(capsys)
    assert (code, document["dry_run"], document["tally"]["copied"]) == (0, True, 2)
    assert document["next"].endswith("--execute --name s.ndjson")
    code, document, err = repair(capsys, "--execute")
    assert (code, document) == (2, None)
    assert "the name is missing" in err
    code, document, _ = repair(capsys, "--execute", "--name", "s.ndjson")
    assert (code, document["check"]["verdict"], document["tally"]["copied"]) == (0, "clean", 2)
    assert run(["verify", *STORES]) == 0


def test_evidence_with_a_repair_in_it_is_still_judged(capsys: pytest.CaptureFixture[str]) -> None:
    missing()
    assert repair(capsys, "--execute", "--name", "s.ndjson")[0] == 0
    assert run(["evidence", "export", *STORES, "--output", "json=evidence.json"]) == 0
    history = report.read(Path("evidence.json"), "evidence")["history"]
    assert [one["what"] for one in history["passes"]] == ["export", "verify", "repair-missing"]
    assert run(["gate", "--for", "object-first", "--evidence", "evidence.json", "--quiet"]) == 3


def test_without_a_verify_there_is_nothing_to_go_by(capsys: pytest.CaptureFixture[str]) -> None:
    sessions(3)
    assert run(["export", *STORES]) == 0
    code, _, err = repair(capsys)
    assert code == 2
    assert "no verify of these stores has finished" in err
    assert "hint: kvferry verify --source dump:s.ndjson" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gone-since", "2026-11-20T06:41:00Z"], "--gone-since is for --tombstone-deleted only"),
        (["--tombstone-deleted", "--gone-since", "yesterday"], "is no time"),
        (["--tombstone-deleted"], "a snapshot cannot say what was deleted"),
    ],
)
def test_what_makes_no_sense_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    missing()
    code, _, err = repair(capsys, *words)
    assert code == 2
    assert said in err


def test_a_time_is_iso_8601_or_unix_seconds() -> None:
    import click

    from migrate.commands.repair import _time, command

    context, option = click.Context(command), command.params[0]
    assert _time(context, option, "2026-11-20T06:41:00Z") == 1_795_156_860.0
    assert _time(context, option, "2026-11-20T06:41:00") == 1_795_156_860.0
    assert _time(context, option, "1795156860") == 1_795_156_860.0
    assert _time(context, option, None) is None


def test_what_was_repaired_stands_in_bundles_status_and_report(capsys: pytest.CaptureFixture[str]) -> None:
    missing()
    repair(capsys, "--execute", "--name", "s.ndjson")
    assert run(["evidence", "export", *STORES, "--output", "json=bundle.json"]) == 0
    told = json.loads(Path("bundle.json").read_text())["history"]["passes"]
    assert [one["what"] for one in told] == ["export", "verify", "repair-missing"]
    assert run(["gate", "--for", "object-first", "--evidence", "bundle.json", "--json"]) == 3
    capsys.readouterr()
    run(["report", *STORES])
    assert "repair-missing" in capsys.readouterr().out
    run(["status", "--quiet"])
    assert "repair-missing" in capsys.readouterr().out
