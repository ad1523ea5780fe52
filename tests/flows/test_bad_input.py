from __future__ import annotations

import ctypes
import gzip
import json
import os
import resource
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrate.clock import SystemClock
from migrate.main import run
from migrate.stores.sqlite import SqliteSessions, SqliteTarget
from migrate.stores.sqlite.schema import VERSION
from tests.fake_api import ACCOUNT, TOKEN, FakeServer
from tests.flows.shell import KV, PREFIX, kvferry, variables

TARGET = "sqlite:sessions.db"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def lines(count: int) -> list[str]:
    return [
        json.dumps({"key": f"{PREFIX}{number:04d}", "value": f"v{number}", "expiration": 4_000_000_000})
        for number in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sessions.ndjson").write_text("\n".join(lines(20)) + "\n")
    return tmp_path


def refused(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    """One clear line and a hint, the exit code, and nothing else."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "defect" not in done.stderr
    problems = [line for line in done.stderr.splitlines() if line.startswith("kvferry: ")]
    assert len(problems) == 1, done.stderr
    for part in said:
        assert part in problems[0]
    assert done.stderr.splitlines()[-1].startswith("  hint: ")


def export(folder: Path, source: str = "dump:sessions.ndjson", target: str = TARGET, *more: str, **how: Any):  # type: ignore[no-untyped-def]
    return kvferry("export", "--source", source, "--target", target, "--quiet", *more, cwd=folder, **how)


def rows(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder / 'sessions.db'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM sessions").fetchone()[0])


# ---------------------------------------------------------------- sources


def test_a_malformed_line_is_named_before_the_target_is_touched(folder: Path) -> None:
    text = lines(20)
    text[6] = text[6].replace('"value"', '"vlaue"')
    (folder / "sessions.ndjson").write_text("\n".join(text))
    refused(export(folder), 2, "sessions.ndjson", "line 7")
    assert not (folder / "sessions.db").exists()


def test_a_key_that_is_there_twice_is_named_before_the_target_is_touched(folder: Path) -> None:
    text = [*lines(20), lines(20)[3]]
    (folder / "sessions.ndjson").write_text("\n".join(text))
    refused(export(folder), 2, "line 21", "line 4")
    assert not (folder / "sessions.db").exists()


def test_a_truncated_gzip_file_is_refused_before_the_target_is_touched(folder: Path) -> None:
    packed = gzip.compress("\n".join(lines(2000)).encode())
    (folder / "cut.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    refused(export(folder, "dump:cut.ndjson.gz"), 2)
    assert not (folder / "sessions.db").exists()


def test_a_bulk_get_without_its_key_list_is_refused(folder: Path) -> None:
    (folder / "values.json").write_text(json.dumps({f"{PREFIX}1": {"value": "v"}}))
    refused(export(folder, "dump:values.json"), 2, "does not say when this session expires")
    assert not (folder / "sessions.db").exists()


def test_a_dump_that_is_not_there(folder: Path) -> None:
    refused(export(folder, "dump:missing.ndjson"), 2, "missing.ndjson")


def test_a_namespace_that_does_not_exist(fake: FakeServer, folder: Path) -> None:
    wrong = f"kv://{ACCOUNT}/{'0' * 32}"
    refused(export(folder, wrong, env=variables(fake)), 2, "namespace")


def test_a_missing_token(fake: FakeServer, folder: Path) -> None:
    env = {name: value for name, value in variables(fake).items() if name != "CLOUDFLARE_API_TOKEN"}
    refused(export(folder, KV, env=env), 2, "token")
    assert not (folder / "sessions.db").exists()


def test_a_wrong_token(fake: FakeServer, folder: Path) -> None:
    env = variables(fake, CLOUDFLARE_API_TOKEN="wrong-token-that-opens-nothing")
    refused(export(folder, KV, env=env), 2)


@pytest.mark.parametrize("command", ["export", "verify"])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--rate", "0/300", "rate"),
        ("--rate", "fast", "rate"),
        ("--budget", "reads=many", "budget"),
        ("--budget", "wishes=3/day", "budget"),
        ("--source", "ftp://somewhere", ""),
        ("--target", "kv:", ""),
        ("--output", "nonsense", "--output"),
        ("--format", "xml", "format"),
    ],
)
def test_a_wrong_option_value(
    fake: FakeServer, folder: Path, command: str, option: str, value: str, said: str
) -> None:
    words = [command, "--source", KV, "--target", TARGET, option, value]
    with closing(SqliteTarget(folder / "sessions.db", clock=SystemClock())):
        pass
    done = kvferry(*words, cwd=folder, env=variables(fake))
    refused(done, 2, said)
    assert rows(folder) == 0


@pytest.mark.parametrize("words", [["--frobnicate"], ["--sweeps", "0"], ["--settle", "-1"], ["--limit", "x"]])
def test_an_option_that_does_not_exist_or_cannot_be(folder: Path, words: list[str]) -> None:
    done = export(folder, "dump:sessions.ndjson", TARGET, *words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert words[0] in done.stderr
    assert not (folder / "sessions.db").exists()


def test_an_alphabet_that_nobody_knows(folder: Path) -> None:
    refused(export(folder, "dump:sessions.ndjson", TARGET, "--partitions", "klingon"), 2, "klingon")


@pytest.mark.parametrize("text", ["{", '{"type": 3}', "[1]"])
def test_a_schema_that_is_none(folder: Path, text: str) -> None:
    (folder / "schema.json").write_text(text)
    refused(export(folder, "dump:sessions.ndjson", TARGET, "--schema", "schema.json"), 2, "schema.json")
    assert not (folder / "sessions.db").exists()


def test_one_store_as_both_sides(folder: Path) -> None:
    assert export(folder).returncode == 0
    for command in ("export", "verify"):
        done = kvferry(command, "--source", TARGET, "--target", "sqlite:./sessions.db", cwd=folder)
        refused(done, 2, "both source and target")
    assert rows(folder) == 20


# ---------------------------------------------------------------- targets


def test_a_database_that_is_not_ours_is_refused_and_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        db.execute("CREATE TABLE sessions (id)")
    before = (folder / "sessions.db").read_bytes()
    refused(export(folder), 2, "another program")
    assert (folder / "sessions.db").read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(folder: Path) -> None:
    (folder / "sessions.db").write_text("dear diary " * 100)
    refused(export(folder), 2, "no SQLite database")
    assert (folder / "sessions.db").read_text() == "dear diary " * 100


def test_a_database_from_a_newer_version_is_refused_and_left_alone(folder: Path) -> None:
    assert export(folder).returncode == 0
    with closing(sqlite3.connect(folder / "sessions.db")) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    refused(export(folder), 2, "newer kvferry")
    refused(kvferry("verify", "--source", "dump:sessions.ndjson", "--target", TARGET, cwd=folder), 2, "newer")
    assert rows(folder) == 20


def test_a_target_that_is_not_there_cannot_be_verified(folder: Path) -> None:
    done = kvferry("verify", "--source", "dump:sessions.ndjson", "--target", TARGET, cwd=folder)
    refused(done, 2, "no such file")
    assert not (folder / "sessions.db").exists()


@pytest.mark.parametrize("target", ["sqlite:no/such/folder/x.db", "dump:no/such/folder/x.ndjson"])
def test_a_folder_that_is_not_there(folder: Path, target: str) -> None:
    refused(export(folder, "dump:sessions.ndjson", target), 2, "no such folder")


@pytest.mark.parametrize(
    "target", ["dump:backup.txt", "dump:backup", "wrangler:.", "do+https://host.example"]
)
def test_a_target_that_cannot_be_one_is_refused_before_any_work(folder: Path, target: str) -> None:
    refused(export(folder, "dump:sessions.ndjson", target), 2)
    assert not list(folder.glob("*.partial"))


def test_a_locked_file_is_waited_for_and_then_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(folder).returncode == 0
    monkeypatch.chdir(folder)
    patience = SqliteTarget.__init__.__kwdefaults__
    assert patience["busy"] >= 5
    monkeypatch.setitem(patience, "busy", 0.1)
    with closing(sqlite3.connect(folder / "sessions.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        code = run(["export", "--source", "dump:sessions.ndjson", "--target", TARGET, "--quiet"])
    said = capsys.readouterr().err.splitlines()
    assert (code, len(said)) == (3, 2)
    assert "locked by another program" in said[0]
    assert "hint: " in said[1]
    assert rows(folder) == 20
    assert export(folder).returncode == 0


def test_a_dump_that_is_there_is_never_overwritten_unasked(folder: Path) -> None:
    (folder / "backup.ndjson").write_text("precious")
    refused(export(folder, "dump:sessions.ndjson", "dump:backup.ndjson"), 2, "complete already")
    assert (folder / "backup.ndjson").read_text() == "precious"
    assert export(folder, "dump:sessions.ndjson", "dump:backup.ndjson", "--fresh").returncode == 0
    assert len((folder / "backup.ndjson").read_text().splitlines()) == 20


@pytest.mark.parametrize("target", [TARGET, "dump:backup.ndjson"])
def test_a_full_disk_is_named_and_nothing_that_was_copied_is_lost(folder: Path, target: str) -> None:
    (folder / "sessions.ndjson").write_text(
        "\n".join(
            json.dumps({"key": f"{PREFIX}{number:05d}", "value": os.urandom(300).hex()})
            for number in range(8000)
        )
    )
    ledger = ("--ledger", str(folder / "elsewhere" / "ledger.db"))
    full = export(
        folder, "dump:sessions.ndjson", target, *ledger, preexec_fn=lambda: _file_size_at_most(3_000_000)
    )
    refused(full, 3)
    assert not (folder / "backup.ndjson").exists()
    done = export(folder, "dump:sessions.ndjson", target, "--json", *ledger)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["listed"] == 8000
    if target == TARGET:
        assert rows(folder) == 8000
    else:
        assert len((folder / "backup.ndjson").read_text().splitlines()) == 8000


def _file_size_at_most(size: int) -> None:
    """No file may grow beyond; Python ignores the signal that comes with it, so a write fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _not_almighty() -> None:
    """Take from root the right to write what its permissions forbid; other users have none to lose."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


@pytest.mark.parametrize("target", [TARGET, "dump:backup.ndjson"])
def test_a_folder_that_cannot_be_written_is_named(folder: Path, target: str) -> None:
    inside = folder / "inside"
    inside.mkdir()
    (folder / "sessions.ndjson").rename(inside / "sessions.ndjson")
    inside.chmod(0o555)
    elsewhere = ("--ledger", str(folder / "ledger.db"))
    how: dict[str, Any] = {"preexec_fn": _not_almighty}
    refused(export(inside, "dump:sessions.ndjson", target, *elsewhere, **how), 2, "cannot be created")
    refused(export(inside, "dump:sessions.ndjson", target, **how), 3, "ledger")
    assert [path.name for path in inside.iterdir()] == ["sessions.ndjson"]
    inside.chmod(0o755)


def test_a_store_that_cannot_be_written_is_named(folder: Path) -> None:
    inside = folder / "inside"
    inside.mkdir()
    assert export(folder, "dump:sessions.ndjson", "sqlite:inside/sessions.db").returncode == 0
    (inside / "sessions.db").chmod(0o444)
    inside.chmod(0o555)
    done = export(folder, "dump:sessions.ndjson", "sqlite:inside/sessions.db", preexec_fn=_not_almighty)
    refused(done, 2, "cannot be opened or written")
    inside.chmod(0o755)
    assert rows(inside) == 20


def test_the_token_given_here_is_what_the_fake_expects(fake: FakeServer, folder: Path) -> None:
    assert TOKEN in fake.api.tokens
    fake.api.namespace.put(f"{PREFIX}1", b"v", None, None)
    assert export(folder, KV, env=variables(fake)).returncode == 0
    sessions = SqliteSessions(folder / "sessions.db")
    assert sessions.get(f"{PREFIX}1") is not None
    sessions.close()
