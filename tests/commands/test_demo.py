from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate import demo
from migrate.core.record import Key
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
    assert {"sessions.ndjson", "sessions.db"} <= {path.name for path in kept.iterdir()}
    awkward = [json.loads(line) for line in (kept / "sessions.ndjson").read_text().splitlines()]
    assert sum("metadata" in item for item in awkward) == 1
    assert sum("base64" in item for item in awkward) == 1
    assert sum("expiration" not in item for item in awkward) == 1
    assert max(len(item["value"]) for item in awkward) == 1 << 20


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
    from migrate.errors import MigrateError

    monkeypatch.setattr(demo, "TAMPERED", Key("no such key"))
    with pytest.raises(MigrateError, match="exactly the row"):
        demo.run(lambda _: None, FakeClock(), tmp_path)
