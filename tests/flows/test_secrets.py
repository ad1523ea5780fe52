from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fake_api import ACCOUNT, NAMESPACE, TOKEN, Cut, Entry, FakeServer, Reply, Truncate, refuse_cursor
from tests.flows import shell
from tests.flows.shell import KV, PREFIX, kvferry, variables

SESSION = "planted-5e55104id-zzz"
VALUE = "planted-valu3-qqq"
LOGGED = (
    sys.executable,
    "-c",
    "import logging; logging.basicConfig(level=logging.DEBUG, filename='debug.log');"
    "from migrate.main import main; main()",
)
HOLDS_KEYS = re.compile(r"(ledger\.db|sessions\.db|backup\.ndjson(\.gz)?(\.partial)?)(-wal|-shm)?")
EXPORT = ("export", "--source", KV, "--target", "sqlite:sessions.db", "--rate", "100000/1", "--debug")
VERIFY = ("verify", *EXPORT[1:], "--settle", "0", "--rounds", "1")


@pytest.fixture
def seen(fake: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command, keeps what it says, and returns its exit code."""
    monkeypatch.setattr(shell, "COMMAND", LOGGED)
    minted: list[str] = []
    make = fake.api.cursors.make

    def noted(*what: str) -> str:
        minted.append(make(*what))
        return minted[-1]

    monkeypatch.setattr(fake.api.cursors, "make", noted)
    for number in range(1100):
        value = {"token": VALUE, "n": number}
        until = 4_000_000_000 + number
        entry = Entry(json.dumps(value).encode(), json.dumps({"m": VALUE}) if number % 3 else None, until)
        fake.api.namespace.put(f"{PREFIX}{SESSION}{number:04d}", entry.value, entry.metadata, until)
    fake.api.namespace.put(f"{PREFIX}{SESSION}-binary", b"\xff" + VALUE.encode(), None, None)
    said: list[str] = []

    def run(*words: str) -> int:
        done = kvferry(*words, cwd=tmp_path, env=variables(fake))
        said.extend((done.stdout, done.stderr))
        secrets = [SESSION, VALUE, TOKEN, *minted]
        texts = {"standard output": done.stdout, "standard error": done.stderr}
        for path in tmp_path.rglob("*"):
            assert not any(secret in path.name for secret in secrets), path
            if path.is_file() and not HOLDS_KEYS.fullmatch(path.name):
                texts[path.name] = path.read_text(errors="replace")
            elif path.is_file():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert "debug.log" in texts
        for where, text in texts.items():
            for secret in secrets:
                assert secret not in text, (where, text[max(0, text.find(secret) - 200) :][:400])
        return done.returncode

    assert run(*EXPORT, "--limit", "1") == 3
    assert minted, "there are cursors to look for"
    return run


def test_no_secret_leaves_a_run_that_goes_well(seen: Callable[..., int]) -> None:
    outputs = ("--output", "json=export.json", "--output", "text=export.txt")
    assert seen(*EXPORT, *outputs) == 0
    assert seen(*EXPORT, "--json", "--progress", "json") == 0
    outputs = ("--output", "json=verify.json", "--output", "junit=verify.xml")
    assert seen(*VERIFY, *outputs) == 0
    assert seen("status") == 0
    assert seen("status", "--json") == 0
    assert seen("export", "--source", KV, "--target", "dump:backup.ndjson.gz", "--rate", "100000/1") == 0


def test_no_secret_leaves_a_run_with_quarantine_failures_and_differences(
    fake: FakeServer, seen: Callable[..., int], tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text('{"type": "object", "properties": {"n": {"maximum": 1090}}}')
    assert seen(*EXPORT, "--schema", "schema.json", "--output", "json=export.json") == 1
    report = json.loads((tmp_path / "export.json").read_text())
    assert report["tally"]["quarantined"] == 10
    assert report["quarantined"]["samples"]
    for number in range(5):
        fake.api.namespace.put(f"{PREFIX}{SESSION}{number:04d}", VALUE.encode(), None, None)
    fake.api.namespace.put(f"{PREFIX}{SESSION}-new", VALUE.encode(), None, None)
    fake.api.namespace.delete(f"{PREFIX}{SESSION}0050")
    for fmt in ("text", "json", "junit"):
        assert seen(*VERIFY, "--format", fmt, "--output", f"{fmt}=verify.{fmt}") == 1
    assert seen(*VERIFY, "--recheck", "--exact") == 1
    assert seen("status", "--json") == 0


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        (refuse_cursor(), "list"),
        (Reply(403, 10000, "no"), "list"),
        (Reply(403, 10000, "no"), "bulk_get"),
        (Reply(400, 10001, f"the key {PREFIX}{SESSION}0001 is wrong"), ("bulk_get", "list")),
    ],
)
def test_no_secret_leaves_a_run_that_is_refused(
    fake: FakeServer, seen: Callable[..., int], fault: Reply, on: str | tuple[str, ...]
) -> None:
    fake.api.faults.add(fault, on=on)
    assert seen(*EXPORT) in (2, 3)
    assert seen(*VERIFY) in (2, 3)


@pytest.mark.parametrize("fault", [Cut(0.5), Truncate(0.5)])
def test_no_secret_leaves_a_run_whose_answers_break_off(
    fake: FakeServer, seen: Callable[..., int], fault: Cut | Truncate
) -> None:
    fake.api.faults.add(fault, on=("list", "bulk_get"), nth=(1, 4))
    assert seen(*EXPORT) == 0
    assert seen(*VERIFY) == 0


def test_no_secret_leaves_a_malformed_dump(seen: Callable[..., int], tmp_path: Path) -> None:
    good = {"key": f"{PREFIX}{SESSION}", "value": VALUE}
    for name, bad in {
        "backup.ndjson": json.dumps({**good, "expiraton": 1}),
        "backup.ndjson.partial": "",
    }.items():
        (tmp_path / name).write_text(json.dumps(good) + "\n" + bad + "\n")
        (tmp_path / name).chmod(0o600)
    assert seen("export", "--source", "dump:backup.ndjson", "--target", "sqlite:sessions.db") == 2
    (tmp_path / "backup.ndjson").write_text(json.dumps(good) + "\n" + json.dumps(good)[:-5])
    assert seen("export", "--source", "dump:backup.ndjson", "--target", "sqlite:sessions.db", "--debug") == 2


def test_a_secret_in_an_output_would_be_found(
    fake: FakeServer, seen: Callable[..., int], tmp_path: Path
) -> None:
    (tmp_path / "report.txt").write_text(f"look: {SESSION}")
    with pytest.raises(AssertionError, match=r"report\.txt"):
        seen("status")
    (tmp_path / "report.txt").unlink()
    (tmp_path / f"{VALUE}.txt").touch()
    with pytest.raises(AssertionError):
        seen("status")
    assert tuple(KV.removeprefix("kv://").split("/")) == (ACCOUNT, NAMESPACE)
