from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from migrate import addresses, runner
from migrate.clock import SystemClock
from migrate.core.ports import Claim
from migrate.core.record import NEVER, Key, Record
from migrate.desk import Ended
from migrate.errors import ConfigError, Exit, StoreUnavailable
from migrate.opening import Settings
from migrate.staging import Staging
from migrate.stores.dump import write_dump
from migrate.stores.sqlite import SqliteSessions, SqliteTarget

PREFIX = "s:"
CLAIM = Claim("token", "me", "elsewhere", 1)


def sessions(count: int, value: bytes = b"v") -> list[Record]:
    return [Record(Key(f"{PREFIX}{number:03d}"), value, None, NEVER) for number in range(count)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(SystemClock(), ledger=tmp_path / "ledger.db", environ={}, cwd=tmp_path)


def backup(settings: Settings, **options: object) -> Ended:
    source, target = settings.cwd / "source.ndjson", settings.cwd / "backup.ndjson"
    return runner.export(
        f"dump:{source}",
        f"dump:{target}",
        settings=settings,
        prefixes=[PREFIX],
        **options,  # type: ignore[arg-type]
    )


def values(file: Path) -> list[str]:
    return [json.loads(line)["value"] for line in file.read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "backup" in path.name)


def test_a_dump_is_there_whole_and_private_and_its_staging_is_gone(
    tmp_path: Path, settings: Settings
) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    assert backup(settings).exit is Exit.CLEAN
    assert names(tmp_path) == ["backup.ndjson"]
    assert values(tmp_path / "backup.ndjson") == ["v"] * 30
    assert stat.S_IMODE((tmp_path / "backup.ndjson").stat().st_mode) == 0o600


def test_a_trial_leaves_no_dump_but_what_the_next_call_goes_on_from(
    tmp_path: Path, settings: Settings
) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    assert backup(settings, limit=10).exit is Exit.UNFINISHED
    assert names(tmp_path) == ["backup.ndjson.partial"]
    assert stat.S_IMODE((tmp_path / "backup.ndjson.partial").stat().st_mode) == 0o600
    ended = backup(settings)
    assert (ended.exit, ended.document["listed"], ended.document["sweep"]) == (Exit.CLEAN, 30, 1)
    assert names(tmp_path) == ["backup.ndjson"]


def test_fresh_writes_a_dump_anew_from_nothing(tmp_path: Path, settings: Settings) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    backup(settings)
    write_dump(tmp_path / "source.ndjson", sessions(10, b"w"), replace=True)
    with pytest.raises(ConfigError, match="complete already"):
        backup(settings)
    backup(settings, fresh=True, limit=3)
    assert values(tmp_path / "backup.ndjson") == ["v"] * 30
    assert backup(settings, fresh=True).exit is Exit.CLEAN
    assert values(tmp_path / "backup.ndjson") == ["w"] * 10
    assert names(tmp_path) == ["backup.ndjson"]


def test_a_dry_run_into_a_dump_counts_and_makes_nothing(tmp_path: Path, settings: Settings) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    ended = backup(settings, dry_run=True)
    assert (ended.exit, ended.document["tally"]["copied"]) == (Exit.UNFINISHED, 30)
    assert names(tmp_path) == []


def test_a_dump_that_lacks_what_could_not_be_read_is_not_written(tmp_path: Path, settings: Settings) -> None:
    keys = [{"name": f"{PREFIX}{number}"} for number in range(3)]
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    found = {f"{PREFIX}0": "v", f"{PREFIX}1": "clipped \ufffd", f"{PREFIX}2": "v"}
    (tmp_path / "values.json").write_text(json.dumps(found))
    source = f"dump:{tmp_path}/values.json?keys={tmp_path}/keys.json"
    target = f"dump:{tmp_path}/backup.ndjson"
    for sweep in (1, 2):
        ended = runner.export(source, target, settings=settings, prefixes=[PREFIX])
        assert (ended.exit, ended.document["tally"]["failed"]) == (Exit.UNFINISHED, 1)
        assert ended.document["sweep"] == sweep
        assert "is not written" in ended.document["note"]
        assert names(tmp_path) == ["backup.ndjson.partial"]
    with pytest.raises(ConfigError, match="no finished sweep"):
        runner.export(source, target, settings=settings, prefixes=[PREFIX], retry_quarantined=True)
    (tmp_path / "values.json").write_text(json.dumps({**found, f"{PREFIX}1": "well"}))
    with pytest.raises(ConfigError, match="another source"):
        runner.export(source, target, settings=settings, prefixes=[PREFIX])
    assert runner.export(source, target, settings=settings, prefixes=[PREFIX], fresh=True).exit is Exit.CLEAN
    assert values(tmp_path / "backup.ndjson") == ["v", "well", "v"]


def test_what_a_schema_keeps_out_of_a_dump_can_be_retried(tmp_path: Path, settings: Settings) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "integer"}')
    application = SqliteSessions(tmp_path / "source.db", prefix=PREFIX)
    for number in range(3):
        application.put(f"{number}", b"1")
    application.put("x", b'"bad"')

    def again(**options: Any) -> Ended:
        source, target = f"sqlite:{tmp_path}/source.db", f"dump:{tmp_path}/backup.ndjson"
        return runner.export(source, target, settings=settings, prefixes=[PREFIX], schema=schema, **options)

    assert again().exit is Exit.AGAINST
    assert values(tmp_path / "backup.ndjson") == ["1"] * 3
    assert names(tmp_path) == ["backup.ndjson", "backup.ndjson.partial"]
    with pytest.raises(ConfigError, match="quarantine"):
        again()
    assert again(retry_quarantined=True).exit is Exit.AGAINST
    application.put("x", b"2")
    application.close()
    assert again(retry_quarantined=True).exit is Exit.CLEAN
    assert values(tmp_path / "backup.ndjson") == ["1", "1", "1", "2"]
    assert names(tmp_path) == ["backup.ndjson"]


def test_a_dump_is_not_made_of_two_files(tmp_path: Path, settings: Settings) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    assert backup(settings, limit=10).exit is Exit.UNFINISHED
    write_dump(tmp_path / "source.ndjson", sessions(20, b"w"), replace=True)
    with pytest.raises(ConfigError, match="another source"):
        backup(settings)
    assert backup(settings, fresh=True).exit is Exit.CLEAN
    assert values(tmp_path / "backup.ndjson") == ["w"] * 20


def test_a_retry_never_makes_a_dump_of_half_a_listing(tmp_path: Path, settings: Settings) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    backup(settings, limit=10)
    with pytest.raises(ConfigError, match="no finished sweep"):
        backup(settings, retry_quarantined=True)
    assert names(tmp_path) == ["backup.ndjson.partial"]


def test_a_failure_while_the_dump_is_written_leaves_what_was_there_and_resumes(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(30))
    backup(settings)
    write_dump(tmp_path / "source.ndjson", sessions(20, b"w"), replace=True)

    def full(*_: object, **__: object) -> int:
        raise StoreUnavailable("the disk is full", "make room")

    with monkeypatch.context() as patch:
        patch.setattr("migrate.stores.dump.write_dump", full)
        ended = backup(settings, fresh=True)
    assert (ended.exit, ended.document["state"], ended.document["note"]) == (
        Exit.UNFINISHED,
        "unfinished",
        "the disk is full",
    )
    assert values(tmp_path / "backup.ndjson") == ["v"] * 30
    again = backup(settings)
    assert (again.exit, again.document["sweep"], again.document["listed"]) == (Exit.CLEAN, 1, 20)
    assert values(tmp_path / "backup.ndjson") == ["w"] * 20


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path, settings: Settings) -> None:
    write_dump(tmp_path / "source.ndjson", sessions(3))
    (tmp_path / "backup.ndjson.tmp-12345").write_text("sessions of long ago")
    assert backup(settings).exit is Exit.CLEAN
    assert names(tmp_path) == ["backup.ndjson"]


def test_fresh_does_not_throw_away_what_somebody_is_writing(tmp_path: Path) -> None:
    clock = SystemClock()
    target = addresses.parse(f"dump:{tmp_path}/backup.ndjson")
    running = SqliteTarget(tmp_path / "backup.ndjson.partial", clock=clock)
    running.acquire(CLAIM)
    staging = Staging.of(target, fresh=True, clock=clock)
    other = Claim("another token", "you", "here", 2)
    with pytest.raises(StoreUnavailable, match="me on elsewhere"), staging.open(other, dry_run=False):
        pass
    assert (tmp_path / "backup.ndjson.partial").exists()
    running.close()


@pytest.mark.parametrize(
    "text", ["kv:", "kv://a/b", "wrangler:.", "do+https://x.example", "dump:a.json?keys=b.json"]
)
def test_other_stores_cannot_be_the_target_of_an_export(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the target"):
        Staging.of(addresses.parse(text), fresh=False, clock=SystemClock())
