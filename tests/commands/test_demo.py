from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import migrate
from migrate.core.record import Key
from migrate.demo import story as demo
from migrate.errors import MigrateError
from tests.flows.shell import kvferry
from tests.flows.world import FakeClock


def test_it_finds_exactly_the_row_that_was_tampered_with_and_leaves_nothing(tmp_path: Path) -> None:
    done = kvferry("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert "verdict: clean" in done.stdout or "clean" in done.stdout
    assert "kvferry plan --source kv:" in done.stdout
    assert "Traceback" not in done.stderr


def test_it_keeps_its_files_when_asked_to(tmp_path: Path) -> None:
    done = kvferry("demo", "--keep", "kept", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "kept"
    assert {"worker", "sessions.ndjson", "sessions.db"} <= {path.name for path in kept.iterdir()}
    again = kvferry("demo", "--keep", "kept", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "worker is there already" in again.stderr
    awkward = [json.loads(line) for line in (kept / "sessions.ndjson").read_text().splitlines()]
    assert sum("metadata" in item for item in awkward) == 1
    assert sum("base64" in item for item in awkward) == 1
    assert sum("expiration" not in item for item in awkward) == 1
    assert max(len(item["value"]) for item in awkward) == 1 << 20


def test_it_begins_with_the_audit_that_it_says_it_typed(tmp_path: Path) -> None:
    done = kvferry("demo", "--keep", "kept", cwd=tmp_path)
    typed = kvferry("audit", "worker", "--no-cache", cwd=tmp_path / "kept")
    assert typed.returncode == 1
    first = done.stdout.split("\n2. ")[0]
    shown = first.split("$ kvferry audit worker\n")[1].split("\n\n   Text search")[0]
    assert [line.removeprefix("   ") for line in shown.splitlines()] == typed.stdout.splitlines()[:-1]
    assert typed.stdout.count("put-without-ttl") == 1
    assert "src/sessions.ts:21:9: reached from here without an expiration" in shown


def test_what_it_says_of_text_search_is_true() -> None:
    files = Path(migrate.__file__).with_name("sample_worker").joinpath("src").glob("*.ts")
    lines = [line for file in sorted(files) for line in file.read_text().splitlines()]
    assert not [line for line in lines if re.search("SESSIONS.*spotify_session", line)]
    assert not [line for line in lines if re.search(r"SESSIONS\??\.(get|put|delete|list)", line)]
    suspicious = [line for line in lines if ".put(" in line and "expirationTtl" not in line]
    assert ["SESSION_COVERS" in line for line in suspicious] == [True, False]


def test_it_fails_when_the_audit_does_not_find_what_is_in_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "IN_THE_WORKER", demo.IN_THE_WORKER[1:])
    with pytest.raises(MigrateError, match="sample Worker"):
        demo.run(lambda _: None, FakeClock(), tmp_path)


def test_its_story_is_told_without_a_session_id_or_a_value(tmp_path: Path) -> None:
    told: list[str] = []
    assert demo.run(told.append, FakeClock(), tmp_path) == 0
    text = "\n".join(told)
    for record in demo.samples(0):
        rest = record.key.removeprefix(demo.PREFIX)
        assert record.key not in text
        assert len(rest) < 6 or rest in ("binary", "metadata", "expired", "one-mebibyte") or rest not in text
    assert "user-43" not in text


def test_it_fails_when_the_verify_does_not_find_what_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "TAMPERED", Key("no such key"))
    with pytest.raises(MigrateError, match="exactly the row"):
        demo.run(lambda _: None, FakeClock(), tmp_path)
